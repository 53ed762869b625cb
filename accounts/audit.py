"""The append-only log: who did what to which object, before and after, when."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from accounts.models import AuditRow
from accounts.unit import Actor

request_id: ContextVar[str] = ContextVar("licet_request_id", default="")


def record(
    *,
    actor: Actor,
    act: str,
    subject: str,
    at: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    organisation_id: int | None = None,
) -> None:
    """Write one row in the caller's transaction. It is chained later by the `audit.chain` job (trust.md 4).

    `subject` is a public id; `organisation_id` whose log it belongs to (default: the actor's).
    """
    AuditRow.objects.create(
        organisation_id=organisation_id if organisation_id is not None else actor.organisation_id,
        livemode=actor.livemode,
        actor=actor.name,
        act=act,
        subject=subject,
        before=dict(before) if before is not None else None,
        after=dict(after) if after is not None else None,
        request_id=request_id.get(),
        at=at,
    )
