"""Writing a job: in the caller's transaction, once per key, rung after the commit and never a reason to fail."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.db import transaction
from kombu import pools

from accounts.errors import Refused
from accounts.models import AuditRow
from accounts.unit import Actor, system, unit
from licensing.jobs import doorbell, registry, services
from licensing.jobs.models import Job
from marketplace.celery import app
from tests.support.databases import Committed

ACTOR = system()
AT = datetime(2026, 3, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _loud() -> Iterator[None]:
    doorbell.listen()
    yield
    doorbell.listen()


def _enqueue(key: str = "k", **change: object) -> Job | None:
    values = {"kind": "delivery.build", "subject": "grt_1", "actor": ACTOR, "at": AT, "dedupe_key": key} | change
    return services.enqueue(**values)  # type: ignore[arg-type]


def _rung(committed: Committed, queue: str) -> list[list[int]]:
    with redis.Redis.from_url(committed.redis_url) as client:
        return [json.loads(message)["headers"]["argsrepr"] for message in client.lrange(queue, 0, -1)]


def test_a_job_is_rung_on_its_queue_after_the_commit(committed: Committed) -> None:
    with unit(ACTOR):
        job = _enqueue()
        assert job is not None
        assert _rung(committed, "delivery") == []
    assert _rung(committed, "delivery") == [f"[{job.pk}]"]
    assert (job.queue, job.status, job.attempts, job.rings, job.due_at) == ("delivery", "ready", 0, 1, AT)


def test_a_job_of_a_transaction_that_rolls_back_never_was(committed: Committed) -> None:
    with pytest.raises(ZeroDivisionError), unit(ACTOR):
        _enqueue()
        raise ZeroDivisionError
    assert _rung(committed, "delivery") == []
    with unit(ACTOR):
        assert not Job.objects.exists()


def test_the_same_key_is_one_job(committed: Committed) -> None:
    assert _enqueue() is not None
    assert _enqueue(kind="other", subject="x") is None
    with unit(ACTOR):
        assert Job.objects.get().kind == "delivery.build"
    assert len(_rung(committed, "delivery")) == 1


def test_work_of_the_future_is_not_rung(committed: Committed) -> None:
    later = AT + timedelta(hours=1)
    job = _enqueue(due_at=later)
    assert job is not None
    assert (job.due_at, job.ring_at, job.rings) == (later, later, 0)
    assert _rung(committed, "delivery") == []


def test_a_broker_that_is_away_is_logged_and_asked_again_later(
    committed: Committed, caplog: pytest.LogCaptureFixture
) -> None:
    before = app.conf.broker_url
    app.conf.broker_url = "redis+socket:///nowhere/redis.sock"
    pools.reset()
    app._after_fork()
    try:
        with caplog.at_level(logging.WARNING):
            assert _enqueue("a") is not None
            assert _enqueue("b") is not None
    finally:
        app.conf.broker_url = before
        pools.reset()
        app._after_fork()
    assert len([record for record in caplog.records if "was not rung" in record.message]) == 1
    with unit(ACTOR):
        assert Job.objects.count() == 2


@pytest.mark.django_db
def test_a_job_keeps_whose_it_is_and_may_be_left_for_another_actor() -> None:
    person = Actor("usr_1", None, livemode=True)
    with unit(ACTOR):
        job = _enqueue(actor=person, queue="hooks")
    assert job is not None
    assert (job.actor, job.livemode, job.queue, job.organisation_id) == ("usr_1", True, "hooks", None)


@pytest.mark.django_db
def test_a_waiting_job_is_cancelled_at_once_and_an_ended_one_refuses() -> None:
    job = _enqueue()
    assert job is not None
    services.cancel(job=job, actor=ACTOR, at=AT)
    with unit(ACTOR):
        assert Job.objects.get().status == "cancelled"
        assert AuditRow.objects.get(subject=job.name_id).act == "job.cancelled"
    for act in (services.cancel, services.revive):
        with pytest.raises(Refused, match="cancelled"):
            act(job=job, actor=ACTOR, at=AT)


@pytest.mark.django_db
def test_a_dead_job_gets_new_attempts() -> None:
    job = _enqueue()
    assert job is not None
    with unit(ACTOR), transaction.atomic():
        Job.objects.update(status="dead", attempts=12, last_error="x")
    services.revive(job=job, actor=ACTOR, at=AT + timedelta(days=1))
    with unit(ACTOR):
        found = Job.objects.get()
    assert (found.status, found.attempts, found.ring_at) == ("ready", 0, AT + timedelta(days=1))


def test_a_kind_has_one_handler_and_a_known_queue() -> None:
    registry.handler("test.once")(_named)
    with pytest.raises(ValueError, match="already has"):
        registry.handler("test.once")(_other)
    with pytest.raises(ValueError, match="not a queue"):
        registry.handler("test.elsewhere", queue="elsewhere")
    with pytest.raises(LookupError, match="no imported module"):
        registry.get("test.nobody")


def _named(subject: str, actor: Actor, at: datetime) -> None: ...


def _other(subject: str, actor: Actor, at: datetime) -> None: ...
