"""The arithmetic of pauses, queues and slots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from licensing.jobs import rules


@pytest.mark.parametrize(("rings", "seconds"), [(0, 5), (1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (10**9, 60)])
def test_rings_grow_apart(rings: int, seconds: int) -> None:
    assert rules.ring_pause(rings) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 2), (2, 4), (11, 2048), (12, 3600)])
def test_retries_grow_apart(attempts: int, seconds: int) -> None:
    assert rules.retry_pause(attempts) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("attempts", "most", "refused", "dead"),
    [(11, 12, False, False), (12, 12, False, True), (2, 12, True, False), (3, 12, True, True), (1, 1, True, True)],
)
def test_when_a_job_is_dead(attempts: int, most: int, refused: bool, dead: bool) -> None:
    assert rules.exhausted(attempts, most, refused=refused) is dead


@pytest.mark.parametrize(
    ("kind", "queue"), [("delivery.build", "delivery"), ("grants.issue", "default"), ("dispatch", "default")]
)
def test_the_capability_chooses_the_queue(kind: str, queue: str) -> None:
    assert rules.queue_of(kind) == queue


def test_slots_are_numbered_from_1970() -> None:
    minute = timedelta(minutes=1)
    assert rules.slot(datetime(1970, 1, 1, 0, 1, 59, tzinfo=UTC), minute) == 1
    assert rules.slot(datetime(1970, 1, 1, 0, 2, tzinfo=UTC), minute) == 2
