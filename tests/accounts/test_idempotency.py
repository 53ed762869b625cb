"""The store of answers under real concurrency: one works, the others wait or replay; a lost worker is followed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from accounts import idempotency
from accounts.errors import Refused
from accounts.idempotency import Answer, Lease, Request
from accounts.models import IdempotencyRecord
from accounts.unit import SYSTEM, unit
from licensing.catalogue.models import Party
from licensing.jobs import tasks
from tests import cast as casting
from tests.cast import AT, Cast
from tests.support.databases import Committed

ASKED = Request("POST", "/v1/parties", "one", "f" * 64, "catalogue.write")
SECONDS = timedelta(seconds=1)


def done(text: bytes) -> Answer:
    return Answer(201, {"Content-Type": "application/json"}, text)


def at_once(number: int, work: Callable[[int], Any]) -> list[Any]:
    """Run `work` in threads that begin together, each with a connection of its own."""
    gate = threading.Barrier(number)

    def one(place: int) -> Any:
        try:
            gate.wait(timeout=20)
            return work(place)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


@pytest.fixture
def cast(committed: Committed) -> Cast:
    return casting.hire("publisher", "developer")


def test_of_two_requests_at_once_one_works(cast: Cast) -> None:
    def begin(_: int) -> str:
        try:
            found = idempotency.begin(request=ASKED, actor=cast.publisher.actor, at=AT)
        except Refused as refused:
            return refused.code
        return type(found).__name__

    for turn in range(5):
        found = sorted(at_once(6, begin))
        assert found == ["Lease", *["idempotency_in_flight"] * 5], turn
        with unit(SYSTEM):
            IdempotencyRecord.objects.all().delete()


def test_the_same_post_from_many_threads_makes_one_row(cast: Cast) -> None:
    body = {"key": "lin", "kind": "person", "name": "Lin"}
    answers = at_once(6, lambda _: cast.publisher.post("parties", body, idem="same"))
    assert {answer.status for answer in answers} <= {201, 409}
    assert any(answer.status == 201 for answer in answers)
    assert len({answer.content for answer in answers if answer.status == 201}) == 1
    for answer in answers:
        assert answer.status == 201 or (answer.code == "idempotency_in_flight" and "Retry-After" in answer.headers)
    with unit(SYSTEM):
        assert Party.objects.count() == 1


def test_an_expired_lease_is_taken_over_and_the_late_answer_is_not_kept(cast: Cast) -> None:
    actor = cast.publisher.actor
    first = idempotency.begin(request=ASKED, actor=actor, at=AT)
    assert isinstance(first, Lease)
    with pytest.raises(Refused) as refused:
        idempotency.begin(request=ASKED, actor=actor, at=AT + 59 * SECONDS)
    assert refused.value.code == "idempotency_in_flight"
    second = idempotency.begin(request=ASKED, actor=actor, at=AT + 61 * SECONDS)
    assert isinstance(second, Lease)
    idempotency.finish(lease=first, answer=done(b"late"), rights=(), actor=actor)
    idempotency.forget(lease=first, actor=actor)
    with pytest.raises(Refused):
        idempotency.begin(request=ASKED, actor=actor, at=AT + 62 * SECONDS)
    idempotency.finish(lease=second, answer=done(b"right"), rights=(), actor=actor)
    kept = idempotency.begin(request=ASKED, actor=actor, at=AT + timedelta(days=29))
    assert isinstance(kept, Answer)
    assert kept.body == b"right"


def test_one_of_many_takes_an_expired_lease_over(cast: Cast) -> None:
    idempotency.begin(request=ASKED, actor=cast.publisher.actor, at=AT)

    def begin(place: int) -> str:
        try:
            idempotency.begin(request=ASKED, actor=cast.publisher.actor, at=AT + (61 + place) * SECONDS)
        except Refused as refused:
            return refused.code
        return "lease"

    assert at_once(4, begin).count("lease") == 1


def test_organisation_mode_path_and_key_tell_requests_apart(cast: Cast) -> None:
    actor = cast.publisher.actor
    idempotency.begin(request=ASKED, actor=actor, at=AT)
    for other in (replace(ASKED, path="/v1/uses"), replace(ASKED, key="two")):
        assert isinstance(idempotency.begin(request=other, actor=actor, at=AT), Lease)
    assert isinstance(idempotency.begin(request=ASKED, actor=cast.developer.actor, at=AT), Lease)
    with pytest.raises(Refused) as refused:
        idempotency.begin(request=replace(ASKED, fingerprint="0" * 64), actor=actor, at=AT)
    assert refused.value.code == "idempotency_conflict"


def test_a_path_longer_than_any_of_ours_is_told_apart_too(cast: Cast) -> None:
    actor = cast.publisher.actor
    one, two = (replace(ASKED, path="/v1/keys/" + "x" * 400 + end) for end in ("a", "b"))
    lease = idempotency.begin(request=one, actor=actor, at=AT)
    assert isinstance(lease, Lease)
    assert isinstance(idempotency.begin(request=two, actor=actor, at=AT), Lease)
    idempotency.finish(lease=lease, answer=done(b"one"), rights=(), actor=actor)
    assert isinstance(idempotency.begin(request=one, actor=actor, at=AT), Answer)


def test_answers_are_kept_for_thirty_days_and_no_longer(cast: Cast) -> None:
    actor = cast.publisher.actor
    lease = idempotency.begin(request=ASKED, actor=actor, at=AT)
    assert isinstance(lease, Lease)
    idempotency.finish(lease=lease, answer=done(b"one"), rights=(), actor=actor)
    assert idempotency.purge(actor=SYSTEM, at=AT + timedelta(days=30)) == 0
    assert isinstance(idempotency.begin(request=ASKED, actor=actor, at=AT + timedelta(days=30)), Answer)
    tasks.tidy("1", SYSTEM, AT + timedelta(days=30) + SECONDS)
    with unit(SYSTEM):
        assert not IdempotencyRecord.objects.exists()
