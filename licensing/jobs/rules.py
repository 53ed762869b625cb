"""How pauses grow, which queue a kind belongs to: pure arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

QUEUES = ("default", "intake", "royalties", "delivery", "hooks")

MAX_ATTEMPTS = 12
REFUSED_ATTEMPTS = 3
"""A refusal that is not retryable will hardly become a yes: a person is called earlier."""

RING_FIRST, RING_LONGEST = 5, 60
RETRY_FIRST, RETRY_LONGEST = 2, 3600

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def queue_of(kind: str) -> str:
    """The queue of a kind by its capability, e.g. ``delivery.build`` -> ``delivery``; others go to ``default``."""
    capability = kind.partition(".")[0]
    return capability if capability in QUEUES else "default"


def ring_pause(rings: int) -> timedelta:
    """Pause after ring number `rings` (1 = the first): 5 s doubling to 60 s, so a backlog is not rung to death."""
    return _growing(RING_FIRST, RING_LONGEST, rings)


def retry_pause(attempts: int) -> timedelta:
    """Pause after failed attempt number `attempts` (1 = the first): 2 s doubling to one hour."""
    return _growing(RETRY_FIRST, RETRY_LONGEST, attempts)


def exhausted(attempts: int, max_attempts: int, *, refused: bool) -> bool:
    """Whether a job that failed `attempts` times is dead; `refused`: by a Refused that is not retryable."""
    return attempts >= (min(max_attempts, REFUSED_ATTEMPTS) if refused else max_attempts)


def slot(at: datetime, every: timedelta) -> int:
    """Number of the period of length `every` (whole seconds) that `at` falls into, counted from 1970."""
    return (at - _EPOCH) // every


def _growing(first: int, longest: int, times: int) -> timedelta:
    return timedelta(seconds=min(first * 2 ** min(max(times - 1, 0), 20), longest))
