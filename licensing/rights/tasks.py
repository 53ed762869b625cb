"""Jobs of rights."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.unit import Actor
from licensing.jobs import registry
from licensing.rights import copyright as copyright_facts


@registry.handler("rights.copyright", queue="default", every=timedelta(days=1))
def catch_up(subject: str, actor: Actor, at: datetime) -> None:
    """Let what a year's end has freed be free."""
    copyright_facts.catch_up(actor=actor, at=at)
