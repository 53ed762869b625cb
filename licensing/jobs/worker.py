"""The one Celery task: claim a job, do it under a lease, end it. Every commit in between proves the claim (trust.md 1).

The lease only decides who tries; the fencing token decides whose work counts. A worker that slept through its lease may
go on computing, but its next commit finds another token and is rolled back.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db import Error, connection

from accounts import audit
from accounts.errors import Refused
from accounts.unit import SYSTEM, Actor, fenced, unit
from licensing.jobs import doorbell, held, registry, rules
from licensing.jobs.held import Cancelled, Held, LeaseLost, checkpoint, cursor, progress
from licensing.jobs.models import Job
from licensing.kernel import ids

__all__ = ["actor_of", "checkpoint", "claim", "cursor", "perform", "progress", "run"]

log = logging.getLogger(__name__)

# `attempts` is counted here and not at the end, so that work which kills its worker is counted too.
_CLAIM = """
UPDATE licensing_job SET status = 'running', attempts = attempts + 1, token = %(token)s,
  lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE id = %(id)s AND NOT cancel_requested AND attempts < max_attempts
  AND ((status = 'ready' AND due_at <= clock_timestamp())
       OR (status = 'running' AND lease_until < clock_timestamp()))
RETURNING public_id, kind, subject, actor, organisation_id, livemode, attempts, max_attempts, cursor, progress_done,
  progress_total, progress_unit, transaction_timestamp()
"""
_END = """
UPDATE licensing_job SET status = %(status)s, token = NULL, lease_until = NULL, last_error = %(error)s,
  progress_done = %(done)s, progress_total = %(total)s, progress_unit = %(unit)s, rings = 0,
  due_at = CASE WHEN %(status)s = 'ready' THEN clock_timestamp() + %(pause)s ELSE due_at END,
  ring_at = CASE WHEN %(status)s = 'ready' THEN clock_timestamp() + %(pause)s ELSE ring_at END,
  finished_at = CASE WHEN %(status)s = 'ready' THEN NULL ELSE clock_timestamp() END
WHERE id = %(id)s AND token = %(token)s AND status = 'running'
"""


@shared_task(  # type: ignore[untyped-decorator]  # celery has no types
    name=doorbell.TASK, acks_late=True, reject_on_worker_lost=True, ignore_result=True
)
def run(job_id: int) -> None:
    """Do job `job_id` if it is due and free; a ring too many finds nothing to claim and ends here."""
    job = claim(job_id)
    if job is not None:
        perform(job)


def lease_seconds() -> int:
    """Length of a lease: JOB_LEASE_SECONDS of the settings, for tests and for very slow databases."""
    return int(settings.JOB_LEASE_SECONDS)


def actor_of(name: str, organisation_id: int | None, *, livemode: bool) -> Actor:
    """The actor a job works as: the name of who asked for it, with the system's role, in its own organisation only.

    Jobs of the system, and those of no organisation, see all.
    """
    everywhere = name == SYSTEM.name or organisation_id is None
    return Actor(name, organisation_id, livemode, frozenset({"system"}), scope="all" if everywhere else "own")


def claim(job_id: int) -> Held | None:
    """Take the job by compare-and-set, or return None: not due, held by a living worker, or ended."""
    token, lease = uuid.uuid4(), lease_seconds()
    with unit(SYSTEM), connection.cursor() as sql:
        sql.execute(_CLAIM, {"id": job_id, "token": token, "lease": lease})
        row = sql.fetchone()
    if row is None:
        return None
    public_id, kind, subject, name, organisation_id, livemode, attempts, most, where, done, total, what, at = row
    actor = actor_of(name, organisation_id, livemode=livemode)
    stored = held.loaded(where)
    named = ids.encode(Job.PREFIX, public_id)
    return Held(job_id, named, kind, subject, actor, at, token, attempts, most, lease, stored, done, total, what)


def perform(job: Held) -> None:
    """Run the handler of a claimed job under its lease and write how it ended. Raises nothing a handler raised."""
    try:
        kind = registry.get(job.kind)
        with renewed(job), held.holding(job), fenced(partial(held.prove, job)):
            kind.call(job.subject, job.actor, job.at)
    except LeaseLost as lost:
        log.warning("%s; this attempt is rolled back", lost)
    except Cancelled:
        _end(job, "cancelled", "")
    except Exception as error:  # noqa: BLE001  # whatever a handler raises is this job's failure, not the worker's
        _failed(job, error)
    else:
        _end(job, "done", "")


def _failed(job: Held, error: Exception) -> None:
    refused = isinstance(error, Refused) and not error.retryable
    dead = rules.exhausted(job.attempts, job.max_attempts, refused=refused)
    level = logging.ERROR if dead else logging.WARNING
    told = f"{type(error).__name__}: {error}"[:2000]
    about = (job.name, job.kind, job.subject, job.attempts, told)
    log.log(level, "%s (%s %s) failed, attempt %s: %s", *about, exc_info=error)
    _end(job, "dead" if dead else "ready", told)


def _end(job: Held, status: str, error: str) -> None:
    """Write the end if the job is still ours; when even that fails the lease runs out and the relay takes over."""
    pause = rules.retry_pause(job.attempts)
    values: dict[str, Any] = {"id": job.id, "token": job.token, "status": status, "error": error, "pause": pause}
    values |= {"done": job.done, "total": job.total, "unit": job.unit}
    try:
        with unit(SYSTEM), connection.cursor() as sql:
            sql.execute(_END, values)
            if sql.rowcount != 1:
                log.warning("%s (%s) was taken over before it could end as %s", job.name, job.kind, status)
            elif status == "dead":
                after = {"attempts": job.attempts, "error": error}
                audit.record(actor=SYSTEM, act="job.dead", subject=job.name, at=job.at, after=after)
    except Error:
        log.exception("the end of %s (%s) could not be written: its lease will run out", job.name, job.kind)


@contextmanager
def renewed(job: Held) -> Iterator[None]:
    """Keep the lease alive from a thread with its own connection, every third of its length."""
    over = threading.Event()
    thread = threading.Thread(target=_renew, args=(job, over), name=f"lease {job.name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _renew(job: Held, over: threading.Event) -> None:
    try:
        while not over.wait(job.lease_seconds / 3):
            try:
                held.renew(job)
            except LeaseLost:
                return  # the next commit of the work finds out by itself
            except Error:
                log.warning("the lease of %s could not be renewed; trying again", job.name)
                connection.close()
    finally:
        connection.close()
