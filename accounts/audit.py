"""The append-only log: who did what to which object, before and after, when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import AuditRow
from accounts.unit import Actor

request_id: ContextVar[str] = ContextVar("licet_request_id", default="")


@dataclass(frozen=True, slots=True)
class Change:
    """What an act did to one object: `subject` is a public id, `organisation_id` whose log it belongs to (None: the
    actor's).
    """

    subject: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    organisation_id: int | None = None


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
    """`record_all` for one object."""
    record_all(actor=actor, act=act, changes=[Change(subject, before, after, organisation_id)], at=at)


def record_all(*, actor: Actor, act: str, changes: Iterable[Change], at: datetime) -> None:
    """Write a row per object in the caller's transaction. The job `audit.chain` chains them later (trust.md 4)."""
    AuditRow.objects.bulk_create(
        [
            AuditRow(
                organisation_id=actor.organisation_id if change.organisation_id is None else change.organisation_id,
                livemode=actor.livemode, actor=actor.name, act=act, subject=change.subject,
                before=None if change.before is None else dict(change.before),
                after=None if change.after is None else dict(change.after),
                request_id=request_id.get(), at=at,
            )
            for change in changes
        ],
        batch_size=1000,
    )  # fmt: skip
