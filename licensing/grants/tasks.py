"""Jobs of grants: an id in, one service call."""

from __future__ import annotations

from datetime import datetime

from accounts.unit import Actor
from licensing.grants import services
from licensing.jobs import registry


@registry.handler("grants.issue", queue="default")
def issue(subject: str, actor: Actor, at: datetime) -> None:
    """Issue the grant of a secured order."""
    services.issue(order_id=subject, actor=actor, at=at)
