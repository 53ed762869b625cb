"""Putting work into the queue of record, and taking it out again."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import partial

from django.db import transaction

from accounts import identity, states
from accounts.errors import Refused
from accounts.unit import Actor, Unit, current, unit
from licensing.jobs import doorbell, registry, rules
from licensing.jobs.models import Job

_INSERT = """
INSERT INTO licensing_job (public_id, created_at, organisation_id, livemode, actor, kind, subject, queue, max_attempts,
  due_at, ring_at, rings, dedupe_key, status, attempts, progress_done, progress_unit, last_error, cancel_requested)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'ready', 0, 0, '', '', false)
ON CONFLICT (dedupe_key) DO NOTHING RETURNING *
"""


def enqueue(
    *,
    kind: str,
    subject: str,
    actor: Actor,
    at: datetime,
    dedupe_key: str,
    queue: str | None = None,
    due_at: datetime | None = None,
    organisation_id: int | None = None,
    max_attempts: int = rules.MAX_ATTEMPTS,
) -> Job | None:
    """Write one job in the caller's transaction and ring for it after the commit; None if `dedupe_key` exists.

    `queue` defaults to the kind's. `due_at` in the future: the relay rings then. The job runs under `actor`'s name for
    `organisation_id` (default: the actor's) in the actor's mode. Without an open unit it opens one.
    """
    due = due_at or at
    now = due <= at
    whose = organisation_id if organisation_id is not None else actor.organisation_id
    values: list[object] = [identity.fresh(at), at, whose, actor.livemode, actor.name, kind, subject]
    values += [queue or registry.queue_of(kind), max_attempts]
    values += [due, at + rules.ring_pause(1) if now else due, 1 if now else 0, dedupe_key]
    with _joined(actor):
        for job in Job.objects.raw(_INSERT, values):
            if now:
                transaction.on_commit(partial(doorbell.ring, [(job.pk, job.queue)]))
            return job
    return None


def cancel(*, job: Job, actor: Actor, at: datetime) -> None:
    """Stop a job: at once when it waits; at its next progress, checkpoint or commit when it runs.

    Raises Refused("state_conflict") when it has ended.
    """
    with unit(actor):
        held = Job.objects.select_for_update().get(pk=job.pk)
        if held.status == "running":
            Job.objects.filter(pk=job.pk).update(cancel_requested=True)
            return
        states.advance(held, "cancelled", actor=actor, at=at, finished_at=at)


def revive(*, job: Job, actor: Actor, at: datetime) -> None:
    """Give a dead job a fresh set of attempts, starting now. Raises Refused("state_conflict") for any other."""
    with unit(actor):
        held = Job.objects.select_for_update().get(pk=job.pk)
        if held.status != "dead":
            raise Refused("state_conflict", f"{held.name_id} is {held.status}, not dead.")
        fresh = {"attempts": 0, "due_at": at, "ring_at": at, "rings": 0, "finished_at": None, "cancel_requested": False}
        states.advance(held, "ready", actor=actor, at=at, **fresh)


def _joined(actor: Actor) -> AbstractContextManager[Unit | None]:
    """The caller's transaction, whoever holds it: a service may leave work for another actor."""
    return nullcontext(current()) if current() is not None else unit(actor)
