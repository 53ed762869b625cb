"""The queue's own work."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts import chain, idempotency
from accounts.unit import Actor, unit
from licensing.jobs import registry
from licensing.jobs.models import Job

HEARTBEAT_KEPT = timedelta(hours=1)
PERIODIC_KEPT = timedelta(days=30)


@registry.handler("heartbeat", every=timedelta(seconds=30))
def heartbeat(subject: str, actor: Actor, at: datetime) -> None:
    """Travel through the queue: that it ends is the news. Old ones are cleared away."""
    with unit(actor):
        Job.objects.filter(kind="heartbeat", status="done", finished_at__lt=at - HEARTBEAT_KEPT).delete()


@registry.handler("audit.chain", every=timedelta(minutes=1))
def audit_chain(subject: str, actor: Actor, at: datetime) -> None:
    """Link the audit rows of finished transactions; once an hour also look behind the last link."""
    chain.link(actor=actor, everything=int(subject) % 60 == 0)


@registry.handler("tidy", every=timedelta(days=1))
def tidy(subject: str, actor: Actor, at: datetime) -> None:
    """Take away what is kept for a while only: answers to requests, and periodic jobs that are done."""
    idempotency.purge(actor=actor, at=at)
    with unit(actor):
        kinds = [kind.name for kind in registry.periodic()]
        Job.objects.filter(kind__in=kinds, status="done", finished_at__lt=at - PERIODIC_KEPT).delete()
