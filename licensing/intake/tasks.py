"""Job handlers of intake: the public id of an import in, one service call."""

from __future__ import annotations

from datetime import datetime

from accounts.unit import Actor
from licensing.intake import queries, services
from licensing.jobs import registry


@registry.handler("intake.validate", queue="intake")
def validate(subject: str, actor: Actor, at: datetime) -> None:
    """Give every record of the file an outcome."""
    services.validate(import_id=subject, actor=actor, at=at)


@registry.handler("intake.commit", queue="intake")
def commit(subject: str, actor: Actor, at: datetime) -> None:
    """Put the good records into the catalogue."""
    services.commit(record_import=queries.find(subject, actor=actor), actor=actor, at=at)
