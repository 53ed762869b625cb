"""Jobs of delivery: an id in, one service call."""

from __future__ import annotations

from datetime import datetime

from accounts.unit import Actor
from licensing.delivery import services
from licensing.jobs import registry


@registry.handler("delivery.build", queue="delivery")
def build(subject: str, actor: Actor, at: datetime) -> None:
    """Plan the first release of a grant."""
    services.build(grant_id=subject, actor=actor, at=at)


@registry.handler("delivery.shard", queue="delivery")
def shard(subject: str, actor: Actor, at: datetime) -> None:
    """Build one shard."""
    services.build_shard(shard_id=subject, actor=actor, at=at)


@registry.handler("delivery.seal", queue="delivery")
def seal(subject: str, actor: Actor, at: datetime) -> None:
    """Write the manifest and make the release ready."""
    services.seal(release_id=subject, actor=actor, at=at)
