"""Jobs of orders: an id in, one service call."""

from __future__ import annotations

from datetime import datetime

from accounts.unit import Actor, unit
from licensing.jobs import registry
from licensing.kernel import ids
from licensing.orders import services
from licensing.orders.models import Quote


@registry.handler("quotes.expire", queue="default")
def expire(subject: str, actor: Actor, at: datetime) -> None:
    """End a quote whose time has come."""
    with unit(actor):
        quote = Quote.objects.get(public_id=ids.decode("qte", subject))
        services.expire(quote=quote, actor=actor, at=at)
