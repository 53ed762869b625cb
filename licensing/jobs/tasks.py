"""The queue's own work."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts import chain
from accounts.unit import Actor, unit
from licensing.jobs import registry
from licensing.jobs.models import Job

HEARTBEAT_KEPT = timedelta(hours=1)


@registry.handler("heartbeat", every=timedelta(seconds=30))
def heartbeat(subject: str, actor: Actor, at: datetime) -> None:
    """Travel through the queue: that it ends is the news. Old ones are cleared away."""
    with unit(actor):
        Job.objects.filter(kind="heartbeat", status="done", finished_at__lt=at - HEARTBEAT_KEPT).delete()


@registry.handler("audit.chain", every=timedelta(minutes=1))
def audit_chain(subject: str, actor: Actor, at: datetime) -> None:
    """Link the audit rows of finished transactions; once an hour also look behind the last link."""
    chain.link(actor=actor, everything=int(subject) % 60 == 0)
