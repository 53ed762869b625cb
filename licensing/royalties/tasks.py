"""Jobs of royalties: an id in, one service call."""

from __future__ import annotations

from datetime import datetime

from accounts.unit import Actor
from licensing.jobs import registry
from licensing.royalties import services


@registry.handler("royalties.allocate")
def allocate(subject: str, actor: Actor, at: datetime) -> None:
    """Divide a captured payment (pay_...) of a granted order."""
    services.allocate(payment_id=subject, actor=actor, at=at)
