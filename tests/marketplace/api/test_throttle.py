"""Limits are exact under parallel requests, told in headers, and money waits when nobody can count."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import redis
from django.conf import settings as django_settings
from pytest_django import Settings

from marketplace import env
from marketplace.api import throttle
from tests.cast import Cast, Person

PARALLEL = 64
WINDOWS = 5


def few(settings: Settings, **changes: int) -> None:
    settings.RATE_LIMITS = {**django_settings.RATE_LIMITS, **changes}


def test_a_limit_is_exact_under_parallel_requests(settings: Settings, db: None) -> None:
    few(settings, write=10)
    for _ in range(WINDOWS):
        who = uuid4().hex
        with ThreadPoolExecutor(PARALLEL) as pool:
            counted = list(pool.map(lambda _, who=who: throttle.count("write", who), range(PARALLEL)))  # type: ignore[misc]  # bound
        assert sum(one is not None and one.left >= 0 for one in counted) == 10


def test_the_headers_say_what_is_left_and_when_it_ends(settings: Settings, cast: Cast) -> None:
    few(settings, read=2)
    first = cast.publisher.get("parties")
    assert first.headers["RateLimit-Policy"] == '"read";q=2;w=60'
    assert first.headers["RateLimit"].startswith('"read";r=1;t=')
    assert cast.publisher.get("parties").status == 200
    refused = cast.publisher.get("parties")
    assert (refused.status, refused.code, refused.json["retryable"]) == (429, "throttled", True)
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert cast.publisher.post("parties", {}).status == 400  # writes are counted apart
    assert cast.colleague.get("parties").status == 200  # and others are not held up


def test_guessed_keys_are_counted_by_address(settings: Settings, db: None) -> None:
    few(settings, anonymous=3)
    address = {"X-Forwarded-For": f"198.51.100.1, {uuid4().hex}"}
    settings.BEHIND_PROXY = True
    answers = [Person(f"lk_test_{number}").get("parties", **address) for number in range(4)]
    assert [answer.status for answer in answers] == [401, 401, 401, 429]


def test_without_redis_reads_pass_and_money_is_refused(settings: Settings, cast: Cast) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert cast.developer.get("orders").status == 200
    assert cast.publisher.post("parties", {"key": "a", "kind": "person", "name": "A"}).status == 201
    refused = cast.developer.post("orders", {"quote": "qte_0"}, idem="k")
    assert (refused.status, refused.code, refused.json["retryable"]) == (503, "unavailable", True)


def test_a_count_ends_with_its_window(settings: Settings, db: None) -> None:
    few(settings, read=1)
    who = uuid4().hex
    throttle.count("read", who)
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        left = client.pttl(f"licet:rate:read:{who}")
    assert 0 < int(left) <= throttle.WINDOW * 1000  # type: ignore[arg-type]  # redis types every answer as awaitable too


def test_limits_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_LIMITS", "b=5")
    assert env.limits("SOME_LIMITS", "a=1,b=2") == {"a": 1, "b": 5}
    for wrong in ("c=1", "a=x", "a"):
        monkeypatch.setenv("SOME_LIMITS", wrong)
        with pytest.raises(env.ImproperlyConfigured):
            env.limits("SOME_LIMITS", "a=1,b=2")
