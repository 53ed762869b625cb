"""How many requests a minute: counted by one atomic script in Redis, told in RateLimit headers.

Without Redis reads pass and money is refused (trust.md 3): a limit nobody can count must not be a way to spend.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Final

import redis
from django.conf import settings
from rest_framework.request import Request

from accounts.errors import Reason, Refused
from marketplace.api.auth import address_of

WINDOW: Final = 60
"""Seconds; a window begins with its first request."""
SCRIPT: Final = """
local used = redis.call('INCR', KEYS[1])
if used == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return {used, redis.call('PTTL', KEYS[1])}
"""
SECONDS_FOR_REDIS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Count:
    """What is left of a limit, and in how many seconds the window ends."""

    policy: str
    limit: int
    left: int
    seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers); Retry-After when nothing is left."""
        found = {
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w={WINDOW}',
            "RateLimit": f'"{self.policy}";r={max(self.left, 0)};t={self.seconds}',
        }
        return found | ({"Retry-After": str(self.seconds)} if self.left < 0 else {})


def count(policy: str, who: str) -> Count | None:
    """Count a request of `who` under a policy of settings.RATE_LIMITS; `left` is below 0 when it is one too many.

    None when Redis does not answer. Raises Refused("unavailable") then for the policy `money`.
    """
    limit = settings.RATE_LIMITS[policy]
    try:
        script = _client(settings.REDIS_URL).register_script(SCRIPT)
        found: Any = script(keys=[f"licet:rate:{policy}:{who}"], args=[WINDOW])
    except redis.RedisError:
        if policy == "money":
            raise Refused("unavailable", "Nothing can be bought for the moment; try again.", retryable=True) from None
        return None
    used, milliseconds = int(found[0]), int(found[1])
    return Count(policy, limit, limit - used, max(-(-milliseconds // 1000), 1))


def check(counted: Count | None) -> None:
    """Raises Refused("throttled") when a count is over its limit."""
    if counted is not None and counted.left < 0:
        seen = f"more than {counted.limit} in {WINDOW} s"
        reason = Reason("throttled", "Wait for the next window.", "", seen, f"{counted.limit} in {WINDOW} s")
        raise Refused(
            "throttled", f"Too many requests; the window ends in {counted.seconds} s.", [reason], retryable=True
        )


def caller(request: Request, name: str) -> str:
    """Whose requests are counted together: a key or person by its id, everybody else by address."""
    return address_of(request) if name == "anonymous" else name


@functools.lru_cache(maxsize=8)
def _client(url: str) -> redis.Redis:
    wait = SECONDS_FOR_REDIS
    return redis.Redis.from_url(url, socket_timeout=wait, socket_connect_timeout=wait)
