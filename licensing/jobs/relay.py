"""The only clock: rings for what is due, takes back what a dead worker held, buries what never succeeds (trust.md 1).

Any number of relays may run; each row is handled by one of them (FOR UPDATE SKIP LOCKED).
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection, transaction

from accounts import audit
from accounts.unit import SYSTEM, now, system, unit
from licensing.jobs import doorbell, registry, rules, services
from licensing.jobs.models import Job
from licensing.kernel import ids

BATCH = 500

log = logging.getLogger(__name__)

# The pauses are those of rules.ring_pause, spelled for the database.
_DUE = """
UPDATE licensing_job SET rings = rings + 1,
  ring_at = %(at)s + make_interval(secs => least(%(first)s * 2 ^ least(rings, 20), %(longest)s))
WHERE id IN (SELECT id FROM licensing_job WHERE status = 'ready' AND ring_at <= %(at)s
             ORDER BY ring_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED)
RETURNING id, queue
"""
_EXPIRED = """
SELECT id, public_id, attempts >= max_attempts, cancel_requested, attempts FROM licensing_job
WHERE status = 'running' AND lease_until < %(at)s ORDER BY lease_until LIMIT %(batch)s FOR UPDATE SKIP LOCKED
"""
# Without its token the old holder, should it still breathe, can commit nothing more.
_RELEASE = """
UPDATE licensing_job SET status = %(status)s, token = NULL, lease_until = NULL, rings = 0, ring_at = %(at)s,
  last_error = CASE WHEN last_error = '' THEN 'the worker vanished' ELSE last_error END,
  finished_at = CASE WHEN %(status)s = 'ready' THEN NULL ELSE %(at)s END
WHERE id = ANY(%(ids)s)
"""


@dataclass(slots=True)
class Tick:
    """What one round did."""

    rung: int = 0
    released: int = 0
    dead: int = 0
    made: int = 0

    def as_json(self) -> dict[str, int]:
        """The counts by name."""
        return asdict(self)


@dataclass(slots=True)
class Relay:
    """One relay: the kinds it makes by itself, and which slots of them it has made, so that a round asks little."""

    kinds: list[registry.Kind] = field(default_factory=registry.periodic)
    slots: dict[str, int] = field(default_factory=dict)

    def tick(self) -> Tick:
        """One round: periodic work, expired leases, then everything due. Returns at once when there is nothing."""
        done = Tick()
        with unit(SYSTEM):
            at = now()
            made = self._periodic(at)
            _expired(at, done)
            _due(at, done)
        # Remembered only after the commit: a round that failed makes its slots again.
        self.slots.update(made)
        done.made = len(made)
        return done

    def _periodic(self, at: datetime) -> dict[str, int]:
        made: dict[str, int] = {}
        for kind in self.kinds:
            slot = rules.slot(at, kind.every or timedelta(days=1))
            if self.slots.get(kind.name) == slot:
                continue
            key = f"{kind.name}:{slot}"
            services.enqueue(kind=kind.name, subject=str(slot), actor=system(), at=at, dedupe_key=key)
            made[kind.name] = slot
        return made


def _due(at: datetime, done: Tick) -> None:
    with connection.cursor() as sql:
        values: dict[str, Any] = {"at": at, "batch": BATCH, "first": rules.RING_FIRST, "longest": rules.RING_LONGEST}
        sql.execute(_DUE, values)
        found = [(int(job_id), str(queue)) for job_id, queue in sql.fetchall()]
    done.rung = len(found)
    if found:
        transaction.on_commit(partial(doorbell.ring, found))


def _expired(at: datetime, done: Tick) -> None:
    with connection.cursor() as sql:
        sql.execute(_EXPIRED, {"at": at, "batch": BATCH})
        rows = sql.fetchall()
        groups: dict[str, list[int]] = {"ready": [], "dead": [], "cancelled": []}
        for job_id, public_id, spent, stopped, attempts in rows:
            status = "cancelled" if stopped else "dead" if spent else "ready"
            groups[status].append(job_id)
            if status == "dead":
                _alarm(ids.encode(Job.PREFIX, public_id), attempts, at)
        for status, chosen in groups.items():
            if chosen:
                sql.execute(_RELEASE, {"status": status, "at": at, "ids": chosen})
    done.released, done.dead = len(groups["ready"]), len(groups["dead"])


def _alarm(name: str, attempts: int, at: datetime) -> None:
    log.error("%s is dead: its worker vanished in each of %s attempts", name, attempts)
    audit.record(actor=SYSTEM, act="job.dead", subject=name, at=at, after={"attempts": attempts})
