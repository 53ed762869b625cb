"""The only clock: it rings, takes back, buries, and makes what is periodic; any number of relays may run."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import psycopg
import pytest
import redis
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import AuditRow
from accounts.unit import now, system, unit
from licensing import tasks  # noqa: F401  # registers heartbeat and audit.chain
from licensing.jobs import queries, registry, services, worker
from licensing.jobs.models import Job
from licensing.jobs.relay import Relay
from tests.licensing.jobs import kinds  # noqa: F401  # registers the kinds of the tests
from tests.support.databases import Committed

ACTOR = system()
PERIODIC = {kind.name for kind in registry.periodic()}


def _job(kind: str = "test.effect", subject: str = "s", **change: object) -> int:
    with unit(ACTOR):
        at = now()
        job = services.enqueue(kind=kind, subject=subject, actor=ACTOR, at=at, dedupe_key=f"{kind}:{subject}", **change)  # type: ignore[arg-type]
    assert job is not None
    return int(job.pk)


def _set(sql: str, *values: object) -> None:
    with unit(ACTOR), connection.cursor() as cursor:
        cursor.execute(f"UPDATE licensing_job SET {sql}", list(values))


def _quiet() -> Relay:
    """A relay that makes nothing by itself: where an hour begins between two rounds, only the test's jobs are there."""
    return Relay(kinds=[])


def _rung(committed: Committed) -> int:
    with redis.Redis.from_url(committed.redis_url) as client:
        return int(client.llen("default"))  # type: ignore[arg-type]


def test_a_lost_ring_is_rung_again_with_growing_pauses(committed: Committed) -> None:
    relay = _quiet()
    job_id = _job()
    with redis.Redis.from_url(committed.redis_url) as client:
        client.flushdb()
    assert relay.tick().rung == 0
    gaps = []
    for _ in range(6):
        _set("ring_at = clock_timestamp() - interval '1 ms'")
        assert relay.tick().rung == 1
        assert relay.tick().rung == 0
        with unit(ACTOR):
            job = Job.objects.get(pk=job_id)
            gaps.append(round((job.ring_at - now()).total_seconds()))
    assert gaps == [10, 20, 40, 60, 60, 60]
    assert _rung(committed) == 6


def test_work_of_the_future_is_rung_when_it_is_due(committed: Committed) -> None:
    relay = _quiet()
    _job(due_at=datetime(2999, 1, 1, tzinfo=UTC))
    assert relay.tick().rung == 0
    _set("due_at = clock_timestamp(), ring_at = clock_timestamp()")
    assert relay.tick().rung == 1


def test_an_expired_lease_is_taken_back_and_rung(committed: Committed) -> None:
    relay = _quiet()
    job_id = _job()
    held = worker.claim(job_id)
    assert held is not None
    assert relay.tick().released == 0
    _set("lease_until = clock_timestamp() - interval '1 second'")
    done = relay.tick()
    assert (done.released, done.rung) == (1, 1)
    with unit(ACTOR):
        job = Job.objects.get()
        assert (job.status, job.token, job.last_error) == ("ready", None, "the worker vanished")
    worker.perform(held)
    with unit(ACTOR):
        assert not AuditRow.objects.filter(act="test.effect").exists()


def test_work_that_kills_every_worker_dies_with_an_alarm(committed: Committed) -> None:
    relay = _quiet()
    job_id = _job(max_attempts=2)
    for expected in ("ready", "dead"):
        assert worker.claim(job_id) is not None
        _set("lease_until = clock_timestamp() - interval '1 second'")
        relay.tick()
        with unit(ACTOR):
            job = Job.objects.get()
            assert job.status == expected
    with unit(ACTOR):
        assert AuditRow.objects.get(act="job.dead").subject == job.name_id
        assert queries.counts() == {"ready": 0, "running": 0, "done": 0, "dead": 1, "cancelled": 0}
    assert relay.tick().rung == 0


def test_a_cancelled_job_of_a_dead_worker_is_not_begun_again(committed: Committed) -> None:
    relay = _quiet()
    worker.claim(_job())
    _set("cancel_requested = true, lease_until = clock_timestamp() - interval '1 second'")
    relay.tick()
    with unit(ACTOR):
        assert Job.objects.get().status == "cancelled"


def test_two_relays_never_ring_for_the_same_row(committed: Committed) -> None:
    relay = _quiet()
    first, second = _job(subject="a"), _job(subject="b")
    _set("ring_at = clock_timestamp() - interval '1 second'")
    with psycopg.connect(committed.database_url) as other:
        other.execute("SELECT 1 FROM licensing_job WHERE id = %s FOR UPDATE", [first])
        assert relay.tick().rung == 1
        with unit(ACTOR):
            assert Job.objects.get(pk=second).rings == 2
            assert Job.objects.get(pk=first).rings == 1
    assert relay.tick().rung == 1


def test_periodic_work_is_made_once_per_slot_by_any_number_of_relays(committed: Committed) -> None:
    relays = [Relay(), Relay()]
    for relay in relays * 2:
        relay.tick()
    with unit(ACTOR):
        slots = list(Job.objects.filter(kind__in=PERIODIC).values_list("kind", "subject"))
    assert len(slots) == len(set(slots))
    assert {kind for kind, _ in slots} == PERIODIC >= {"heartbeat", "audit.chain"}


def test_health_sees_the_relay_and_a_heartbeat_that_travelled(committed: Committed) -> None:
    with unit(ACTOR):
        assert queries.health() == {"relay_lag_seconds": 0, "heartbeat_age_seconds": None, "dead": 0, "ok": False}
    Relay().tick()
    with unit(ACTOR):
        beats = list(Job.objects.filter(kind="heartbeat").values_list("pk", flat=True))
    for job_id in beats:
        worker.run(job_id)
    with unit(ACTOR):
        health = queries.health()
        assert health["ok"] is True
        assert health["heartbeat_age_seconds"] in range(60)
    _set("ring_at = clock_timestamp() - interval '2 minutes'")
    with unit(ACTOR):
        assert queries.health()["relay_lag_seconds"] in range(119, 180)
        assert queries.health()["ok"] is False


def test_old_heartbeats_are_cleared_away(committed: Committed) -> None:
    worker.run(_job("heartbeat", "1"))
    _set("finished_at = finished_at - interval '2 hours'")
    last = _job("heartbeat", "2")
    worker.run(last)
    with unit(ACTOR):
        assert list(Job.objects.values_list("pk", flat=True)) == [last]


def test_periodic_jobs_that_are_done_are_kept_for_thirty_days(committed: Committed) -> None:
    for kind in ("audit.chain", "test.effect"):
        worker.run(_job(kind, "1"))
    _set("finished_at = finished_at - interval '31 days'")
    for kind in ("audit.chain", "tidy"):
        worker.run(_job(kind, "2"))
    with unit(ACTOR):
        left = list(Job.objects.order_by("id").values_list("kind", "subject", "status"))
    assert left == [("test.effect", "1", "done"), ("audit.chain", "2", "done"), ("tidy", "2", "done")]


def test_the_commands_print_their_keys(committed: Committed) -> None:
    job_id = _job()
    out = io.StringIO()
    call_command("relay", "--once", "--json", stdout=out)
    assert set(json.loads(out.getvalue())) == {"rung", "released", "dead", "made"}
    out = io.StringIO()
    call_command("jobs", "--json", "--kind", "test.effect", stdout=out)
    found = json.loads(out.getvalue())
    assert found["counts"]["ready"] == 1 + len(PERIODIC)
    assert [job["subject"] for job in found["jobs"]] == ["s"]
    name = found["jobs"][0]["id"]
    out = io.StringIO()
    call_command("jobs", "--cancel", name, "--status", "cancelled", stdout=out)
    assert name in out.getvalue()
    with unit(ACTOR):
        assert Job.objects.get(pk=job_id).status == "cancelled"
    with pytest.raises(CommandError, match=r"The queue is not well: .*heartbeat_age_seconds"):
        call_command("jobs", "--check", stdout=out)
