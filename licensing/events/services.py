"""Saying what happened, in the transaction in which it happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from accounts import identity
from accounts.unit import Actor, current
from licensing.events import names
from licensing.events.models import DomainEvent
from licensing.jobs import services as jobs


def emit(
    name: str,
    subject: str,
    *,
    actor: Actor,
    at: datetime,
    organisation_id: int | None,
    livemode: bool,
    data: Mapping[str, Any] | None = None,
) -> DomainEvent:
    """Write the event and one `dispatch` job beside it; `licensing.flow` says what follows from it.

    `subject` is the public id it is about, `organisation_id` whose event it is (None: the house's). Needs an open
    unit. Raises ValueError for a name that is not in `events.names`, RuntimeError outside a unit.
    """
    if name not in names.NAMES:
        raise ValueError(f"{name!r} is not in licensing.events.names.NAMES: add it there with a sentence")
    if current() is None:
        raise RuntimeError(f"{name} must be emitted inside the unit in which it happens")
    event = DomainEvent.objects.create(
        public_id=identity.fresh(at),
        created_at=at,
        organisation_id=organisation_id,
        livemode=livemode,
        kind=name,
        subject=subject,
        actor=actor.name,
        data=dict(data or {}),
    )
    whose = replace(actor, organisation_id=organisation_id, livemode=livemode)
    key = f"dispatch:{event.name_id}"
    jobs.enqueue(kind="dispatch", subject=event.name_id, actor=whose, at=at, dedupe_key=key)
    return event
