"""Claims, leases and fences, with the handlers of tests/licensing/jobs/kinds.py done in this process."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from accounts import audit
from accounts.models import AuditRow, Organisation
from accounts.unit import now, system, unit
from licensing.jobs import held, registry, services, worker
from licensing.jobs.models import Job
from tests.licensing.jobs import kinds
from tests.support.databases import Committed

ACTOR = system()


def _job(kind: str, subject: str = "s", **change: object) -> int:
    with unit(ACTOR):
        at = now()
        job = services.enqueue(kind=kind, subject=subject, actor=ACTOR, at=at, dedupe_key=f"{kind}:{subject}", **change)  # type: ignore[arg-type]
    assert job is not None
    return int(job.pk)


def _read(job_id: int) -> Job:
    with unit(ACTOR):
        return Job.objects.get(pk=job_id)


def _set(job_id: int, sql: str) -> None:
    with unit(ACTOR), connection.cursor() as cursor:
        cursor.execute(f"UPDATE licensing_job SET {sql} WHERE id = %s", [job_id])


def _effects() -> list[str]:
    with unit(ACTOR):
        return list(AuditRow.objects.filter(act="test.effect").order_by("id").values_list("subject", flat=True))


def _expire(job_id: int) -> None:
    _set(job_id, "lease_until = clock_timestamp() - interval '1 second'")


def _claimed(job_id: int) -> held.Held:
    found = worker.claim(job_id)
    assert found is not None
    return found


def test_a_job_is_done_once_however_often_it_is_rung(committed: Committed) -> None:
    job_id = _job("test.effect")
    for _ in range(3):
        worker.run(job_id)
    job = _read(job_id)
    assert _effects() == ["s"]
    assert (job.status, job.attempts, job.token, job.lease_until) == ("done", 1, None, None)
    assert job.finished_at is not None


def test_only_one_of_eight_claims_wins(committed: Committed) -> None:
    job_id = _job("test.effect")
    won: list[held.Held] = []

    def attempt() -> None:
        try:
            found = worker.claim(job_id)
            if found:
                won.append(found)
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert _read(job_id).attempts == 1


def test_a_job_of_the_future_is_not_claimed(committed: Committed) -> None:
    with unit(ACTOR):
        later = now() + timedelta(hours=1)
    assert worker.claim(_job("test.effect", due_at=later)) is None


def test_an_expired_lease_is_taken_over_and_the_old_holder_is_fenced(committed: Committed) -> None:
    job_id = _job("test.effect")
    old = _claimed(job_id)
    assert worker.claim(job_id) is None
    _expire(job_id)
    new = _claimed(job_id)
    worker.perform(old)  # woke up late: its effect is rolled back and it ends nothing
    assert _effects() == []
    assert _read(job_id).status == "running"
    worker.perform(new)
    worker.perform(old)
    job = _read(job_id)
    assert (_effects(), job.status, job.attempts) == (["s"], "done", 2)


def test_the_old_holder_is_fenced_after_the_new_one_is_done(committed: Committed) -> None:
    job_id = _job("test.effect")
    old = _claimed(job_id)
    _expire(job_id)
    worker.perform(_claimed(job_id))
    worker.perform(old)
    assert (_effects(), _read(job_id).status) == (["s"], "done")


def test_a_failure_rolls_back_waits_longer_each_time_and_dies(committed: Committed) -> None:
    job_id = _job("test.fails", max_attempts=3)
    pauses = []
    for attempt in (1, 2, 3):
        worker.run(job_id)
        job = _read(job_id)
        assert (job.attempts, job.last_error) == (attempt, "ZeroDivisionError: s")
        with unit(ACTOR):
            pauses.append(round((job.due_at - now()).total_seconds()) if job.status == "ready" else job.status)
        assert worker.claim(job_id) is None  # not before its pause is over
        _set(job_id, "due_at = clock_timestamp()")
    assert pauses == [2, 4, "dead"]
    assert _effects() == []
    with unit(ACTOR):
        assert AuditRow.objects.get(act="job.dead").subject == _read(job_id).name_id


@pytest.mark.parametrize(("subject", "status"), [("never", "dead"), ("later", "ready")])
def test_a_refusal_calls_a_person_earlier_unless_it_may_pass(committed: Committed, subject: str, status: str) -> None:
    job_id = _job("test.refuses", subject)
    for _ in range(3):
        _set(job_id, "due_at = clock_timestamp()")
        worker.run(job_id)
    job = _read(job_id)
    assert (job.status, job.attempts, job.last_error) == (status, 3, "Refused: It cannot be.")


def test_a_kind_nobody_handles_waits_for_one_who_does(committed: Committed) -> None:
    job_id = _job("test.unknown")
    worker.run(job_id)
    job = _read(job_id)
    assert (job.status, job.last_error) == ("ready", "LookupError: no imported module handles test.unknown")


def test_a_checkpoint_counts_with_its_batch_only(committed: Committed, tmp_path: Path) -> None:
    job_id = _job("test.batches", str(tmp_path))
    (tmp_path / "open").touch()
    job = _claimed(job_id)
    with held.holding(job), pytest.raises(ZeroDivisionError), unit(job.actor):
        worker.checkpoint(5)
        raise ZeroDivisionError
    assert _read(job_id).cursor is None
    with held.holding(job):
        worker.checkpoint(4)
    _expire(job_id)
    worker.run(job_id)
    found = _read(job_id)
    assert _effects() == ["batch 4", "batch 5"]
    assert (found.status, found.cursor, found.progress_done, found.progress_total) == ("done", 6, 6, 6)
    with held.holding(job), pytest.raises(held.LeaseLost):
        worker.checkpoint(9)


def test_a_running_job_stops_at_its_next_commit_when_cancelled(committed: Committed) -> None:
    job_id = _job("test.effect")
    job = _claimed(job_id)
    services.cancel(job=_read(job_id), actor=ACTOR, at=job.at)
    worker.perform(job)
    assert (_read(job_id).status, _effects()) == ("cancelled", [])
    with held.holding(job), pytest.raises(held.Cancelled):
        worker.progress(1, 2, "works")


def test_the_lease_is_renewed_from_a_thread_while_a_long_transaction_is_open(
    committed: Committed, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed = threading.Event()
    real = held.renew

    def renew(job: held.Held) -> None:
        real(job)
        renewed.set()

    monkeypatch.setattr(held, "renew", renew)
    monkeypatch.setattr(worker, "lease_seconds", lambda: 1)
    job_id = _job("test.effect")
    job = _claimed(job_id)
    before = _read(job_id).lease_until
    with worker.renewed(job), unit(job.actor):
        audit.record(actor=job.actor, act="test.effect", subject="long", at=job.at)
        job.done = 7
        assert renewed.wait(30)
    found = _read(job_id)
    assert found.lease_until is not None
    assert before is not None
    assert found.lease_until > before
    assert found.progress_done == 7


def test_outside_a_job_progress_and_checkpoint_do_nothing(committed: Committed) -> None:
    worker.progress(1, 2, "works")
    worker.checkpoint(1)
    assert worker.cursor() is None


def test_a_handler_works_as_who_asked_within_its_organisation(committed: Committed) -> None:
    with unit(ACTOR):
        at = now()
        organisation = Organisation.objects.create(
            public_id="01890000-0000-7000-8000-000000000001", created_at=at, slug="a", name="A"
        )
    person = worker.actor_of("usr_1", organisation.pk, livemode=True)
    assert (person.scope, person.organisation_id, person.livemode, person.roles) == (
        "own",
        organisation.pk,
        True,
        frozenset({"system"}),
    )
    assert worker.actor_of("system", organisation.pk, livemode=False).scope == "all"
    assert worker.actor_of("command", None, livemode=False).scope == "all"


def test_the_kinds_of_the_tests_are_registered() -> None:
    assert registry.get("test.effect").call is kinds.plain
