"""Real Celery workers over real Redis: killed, robbed of their messages, poisoned. Nothing is lost, nothing doubled."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from django.db import connection

from accounts.models import AuditRow
from accounts.unit import now, system, unit
from licensing.jobs import services
from licensing.jobs.models import Job
from licensing.jobs.relay import Relay
from tests.support.databases import Committed

ACTOR = system()
ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 60.0


@contextmanager
def _worker(committed: Committed, *, processes: int = 1) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that knows the kinds of the tests; the whole group is killed at the end."""
    command = [sys.executable, "-m", "celery", "--skip-checks", "-A", "marketplace", "worker"]
    command += ["--include", "tests.licensing.jobs.kinds", "--concurrency", str(processes), "--queues", "default"]
    command += ["--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    log = (committed.folder / "worker.log").open("ab")
    worker = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **committed.environment, "JOB_LEASE_SECONDS": "3"},
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        yield worker
    except BaseException as error:
        error.add_note((committed.folder / "worker.log").read_text(errors="replace")[-4000:])
        raise
    finally:
        _kill(worker)
        log.close()


def _kill(worker: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def _jobs(kind: str, subjects: list[str], **change: object) -> None:
    with unit(ACTOR):
        at = now()
        for number, subject in enumerate(subjects):
            key = f"{kind}:{number}"
            services.enqueue(kind=kind, subject=subject, actor=ACTOR, at=at, dedupe_key=key, **change)  # type: ignore[arg-type]


def _until(met: Callable[[], bool], relay: Relay | None) -> None:
    """Let the relay work until the condition is met; its pauses are shortened, its rules are not."""
    deadline = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < deadline, "it never came to rest"
        if relay is not None:
            with unit(ACTOR), connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE licensing_job SET ring_at = least(ring_at, clock_timestamp() + interval '0.5 s'),"
                    " due_at = least(due_at, clock_timestamp() + interval '0.5 s') WHERE status = 'ready'"
                )
            relay.tick()
        time.sleep(0.1)


def _left(kind: str) -> int:
    with unit(ACTOR):
        return Job.objects.filter(kind=kind).exclude(status__in=["done", "dead"]).count()


def _effects() -> list[str]:
    with unit(ACTOR):
        return sorted(AuditRow.objects.filter(act="test.effect").values_list("subject", flat=True))


def test_kill_9_in_the_middle_of_a_job_loses_and_doubles_nothing(committed: Committed) -> None:
    folder = committed.folder / "gate"
    folder.mkdir()
    _jobs("test.batches", [str(folder)])
    relay = Relay()
    with _worker(committed) as first:
        _until((folder / "at_gate").exists, relay)
        _kill(first)
    assert _effects() == ["batch 0", "batch 1", "batch 2"]
    (folder / "open").touch()
    with _worker(committed):
        _until(lambda: _left("test.batches") == 0, relay)
    assert _effects() == [f"batch {number}" for number in range(6)]
    with unit(ACTOR):
        job = Job.objects.get(kind="test.batches")
        assert (job.status, job.attempts, job.cursor, job.progress_done) == ("done", 2, 6, 6)


def test_a_worker_that_slept_through_its_lease_commits_nothing(committed: Committed) -> None:
    folder = committed.folder / "gate"
    folder.mkdir()
    _jobs("test.batches", [str(folder)])
    relay = Relay()
    with _worker(committed) as sleeper:
        _until((folder / "at_gate").exists, relay)
        os.killpg(sleeper.pid, signal.SIGSTOP)
        (folder / "open").touch()
        with _worker(committed):
            _until(lambda: _left("test.batches") == 0, relay)
            done = _effects()
            os.killpg(sleeper.pid, signal.SIGCONT)
            log = committed.folder / "worker.log"
            _until(lambda: "this attempt is rolled back" in log.read_text(errors="replace"), None)
    assert done == _effects() == [f"batch {number}" for number in range(6)]


def test_flushall_in_the_middle_is_healed_by_the_relay(committed: Committed) -> None:
    subjects = [f"{number:02}" for number in range(40)]
    _jobs("test.effect", subjects)
    relay = Relay()
    with redis.Redis.from_url(committed.redis_url) as client:
        assert client.llen("default") == 40
        client.flushdb()
        with _worker(committed, processes=2):
            _until(lambda: len(_effects()) >= 5, relay)
            client.flushdb()
            _until(lambda: _left("test.effect") == 0, relay)
    assert _effects() == subjects
    with unit(ACTOR):
        assert set(Job.objects.filter(kind="test.effect").values_list("status", flat=True)) == {"done"}


def test_work_that_kills_its_worker_dies_and_the_rest_goes_on(committed: Committed) -> None:
    _jobs("test.poison", ["x"], max_attempts=2)
    _jobs("test.effect", ["a", "b"])
    relay = Relay()
    with _worker(committed):
        _until(lambda: _left("test.poison") == 0 and _left("test.effect") == 0, relay)
    with unit(ACTOR):
        job = Job.objects.get(kind="test.poison")
        assert (job.status, job.attempts, job.last_error) == ("dead", 2, "the worker vanished")
        assert AuditRow.objects.filter(act="job.dead", subject=job.name_id).count() == 1
    assert _effects() == ["a", "b"]
