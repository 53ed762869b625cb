"""What is known about the queues."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import Count

from licensing.jobs.models import Job

RELAY_LAG_LIMIT = 60
HEARTBEAT_LIMIT = 90

_HEALTH = """
SELECT coalesce(floor(extract(epoch FROM clock_timestamp() - (
           SELECT min(ring_at) FROM licensing_job WHERE status = 'ready'))), 0)::bigint,
       floor(extract(epoch FROM clock_timestamp() - (
           SELECT max(finished_at) FROM licensing_job WHERE kind = 'heartbeat' AND status = 'done')))::bigint,
       (SELECT count(*) FROM licensing_job WHERE status = 'dead')
"""


def health() -> dict[str, Any]:
    """Facts for /readyz: {relay_lag_seconds, heartbeat_age_seconds (None: never), dead, ok}.

    Lag: how long the oldest ring is overdue (0 when none is). Heartbeat: the last one that went through the queue and
    back. `ok`: lag < 60 s and heartbeat < 90 s (trust.md 1). Needs an open unit.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HEALTH)
        lag, beat, dead = cursor.fetchone()
    lag = max(lag, 0)
    ok = lag < RELAY_LAG_LIMIT and beat is not None and beat < HEARTBEAT_LIMIT
    return {"relay_lag_seconds": lag, "heartbeat_age_seconds": beat, "dead": dead, "ok": ok}


def counts() -> dict[str, int]:
    """How many jobs there are in each status, every status named. Needs an open unit."""
    found = dict.fromkeys(Job.STATES.all, 0)
    for status, number in Job.objects.values_list("status").annotate(number=Count("id")).order_by("status"):
        found[status] = number
    return found


def recent(*, status: str | None = None, kind: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """The newest jobs first, as plain facts; times are RFC 3339 text. Needs an open unit."""
    found = Job.objects.order_by("-id")
    if status:
        found = found.filter(status=status)
    if kind:
        found = found.filter(kind=kind)
    return [facts(job) for job in found[:limit]]


def facts(job: Job) -> dict[str, Any]:
    """One job as the commands and the API print it."""
    return {
        "id": job.name_id,
        "kind": job.kind,
        "subject": job.subject,
        "queue": job.queue,
        "status": job.status,
        "attempts": job.attempts,
        "max_attempts": job.max_attempts,
        "created_at": job.created_at.isoformat(),
        "due_at": job.due_at.isoformat(),
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
        "progress": {"done": job.progress_done, "total": job.progress_total, "unit": job.progress_unit},
        "last_error": job.last_error or None,
    }
