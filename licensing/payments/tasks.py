"""Jobs of payments: an id in, one service call."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.unit import Actor
from licensing.jobs import registry
from licensing.payments import settlement, unpaid


@registry.handler("hooks.stripe", queue="hooks")
def handle(subject: str, actor: Actor, at: datetime) -> None:
    """Do what a stored webhook event asks for."""
    settlement.handle(event_pk=int(subject), actor=actor, at=at)


@registry.handler("payments.settle", queue="hooks")
def settle(subject: str, actor: Actor, at: datetime) -> None:
    """Fetch one payment's truth and post what is new."""
    settlement.settle(payment_id=subject, actor=actor, at=at)


@registry.handler("payments.poll", queue="hooks", every=timedelta(minutes=1))
def poll(subject: str, actor: Actor, at: datetime) -> None:
    """Look after payments whose webhook may be lost."""
    settlement.poll(actor=actor, at=at)


@registry.handler("payments.unpaid", queue="hooks", every=timedelta(hours=1))
def look_for_unpaid(subject: str, actor: Actor, at: datetime) -> None:
    """Look for orders nobody has paid in time."""
    unpaid.look(actor=actor, at=at)


@registry.handler("payments.give_up", queue="hooks")
def give_up(subject: str, actor: Actor, at: datetime) -> None:
    """Give up an order nobody has paid in time."""
    unpaid.give_up(order_id=subject, actor=actor, at=at)
