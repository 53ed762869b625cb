"""Job handlers of clearing."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.unit import Actor, unit
from licensing.clearing import approvals, services
from licensing.clearing.models import Clearance
from licensing.jobs import registry


@registry.handler(services.DECIDE, queue="default")
def decide(subject: str, actor: Actor, at: datetime) -> None:
    """Decide a large clearance (clr_...)."""
    services.decide(clearance_id=subject, actor=actor, at=at)


@registry.handler("clearing.give_up", queue="default", every=timedelta(minutes=1))
def give_up(subject: str, actor: Actor, at: datetime) -> None:
    """Fail the clearances whose job will not come back."""
    services.give_up(actor=actor, at=at)


@registry.handler("approvals.expire", queue="default")
def expire_approvals(subject: str, actor: Actor, at: datetime) -> None:
    """Close the approvals of a clearance that nobody answered by their due date."""
    with unit(actor):
        clearance = Clearance.objects.get(public_id=Clearance.decode(subject))
    approvals.expire(clearance=clearance, actor=actor, at=at)
