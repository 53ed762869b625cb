"""The job this worker holds: what a handler may say about its progress, and the proof that it is still ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.backends.utils import CursorWrapper

from accounts.unit import SYSTEM, Actor, current, unit


class LeaseLost(Exception):
    """Somebody else holds the job now: whatever is open must be rolled back."""


class Cancelled(Exception):
    """A person asked the job to stop."""


@dataclass(slots=True)
class Held:
    """A claimed job. `at` is the database's time of the claim; `token` fences every commit."""

    id: int
    name: str
    kind: str
    subject: str
    actor: Actor
    at: datetime
    token: UUID
    attempts: int
    max_attempts: int
    lease_seconds: int
    cursor: Any = None
    done: int = 0
    total: int | None = None
    unit: str = ""
    cancel: bool = False


_held: ContextVar[Held | None] = ContextVar("licet_held_job", default=None)

# clock_timestamp(): the lease counts from now, not from the start of a long transaction.
_PROVE = """
UPDATE licensing_job SET lease_until = clock_timestamp() + make_interval(secs => %s),
  progress_done = %s, progress_total = %s, progress_unit = %s
WHERE id = %s AND token = %s AND status = 'running' RETURNING cancel_requested
"""
_CHECKPOINT = "UPDATE licensing_job SET cursor = %s::jsonb WHERE id = %s AND token = %s AND status = 'running'"


def prove(job: Held) -> None:
    """Extend the lease in the open transaction; its rows are written only if that works.

    Raises LeaseLost when another worker or the relay took the job, Cancelled when a person stopped it.
    """
    with connection.cursor() as cursor:
        _prove(job, cursor)
    if job.cancel:
        raise Cancelled(job.kind)


def renew(job: Held) -> None:
    """Extend the lease in a transaction of its own. Raises LeaseLost."""
    with unit(SYSTEM), connection.cursor() as cursor:
        _prove(job, cursor)


def _prove(job: Held, cursor: CursorWrapper) -> None:
    cursor.execute(_PROVE, [job.lease_seconds, job.done, job.total, job.unit, job.id, job.token])
    row = cursor.fetchone()
    if row is None:
        raise LeaseLost(f"{job.name} ({job.kind}) belongs to somebody else now")
    job.cancel = bool(row[0])


@contextmanager
def holding(job: Held) -> Iterator[None]:
    """Make `job` the one that progress, checkpoint and cursor speak about."""
    token = _held.set(job)
    try:
        yield
    finally:
        _held.reset(token)


def progress(done: int, total: int | None, unit: str) -> None:
    """Say how far the work is, e.g. ``progress(300, 1000, "works")``; shown from the next commit or renewal on.

    Raises Cancelled when a person asked to stop. Outside a job it does nothing.
    """
    job = _held.get()
    if job is None:
        return
    job.done, job.total, job.unit = done, total, unit[:20]
    if job.cancel:
        raise Cancelled(job.kind)


def checkpoint(value: Any) -> None:
    """Store where to go on after a crash (JSON), in the open unit: it counts if and only if the batch commits.

    Without an open unit it commits by itself. Raises LeaseLost. Outside a job it does nothing.
    """
    job = _held.get()
    if job is None:
        return
    if current() is None:
        with unit(job.actor):
            _checkpoint(job, value)
    else:
        _checkpoint(job, value)


def _checkpoint(job: Held, value: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_CHECKPOINT, [json.dumps(value), job.id, job.token])
        if cursor.rowcount != 1:
            raise LeaseLost(f"{job.name} ({job.kind}) belongs to somebody else now")


def loaded(stored: Any) -> Any:
    """A jsonb value as a raw cursor gives it (Django leaves it as text) in Python's types."""
    return json.loads(stored) if isinstance(stored, str) else stored


def cursor() -> Any:
    """What the last committed checkpoint of an earlier attempt stored, or None."""
    job = _held.get()
    return None if job is None else job.cursor
