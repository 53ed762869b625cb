"""The only writer of a status."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Model

from accounts import audit
from accounts.errors import Reason, Refused
from accounts.unit import Actor
from licensing.kernel.states import States


def advance(obj: Model, to: str, *, actor: Actor, at: datetime, **also: Any) -> None:
    """Move `obj` to state `to`, writing the fields in `also` with it, and leave an audit row.

    The step is a compare-and-set on the state the caller saw. Raises Refused("state_conflict") when the model's
    `STATES` has no such step or somebody else moved the row first; nothing is changed then.
    """
    table: States = type(obj).STATES  # type: ignore[attr-defined]  # every model with a status declares its table
    was: str = obj.status  # type: ignore[attr-defined]  # as above
    name = str(getattr(obj, "name_id", f"{type(obj).__name__}:{obj.pk}"))
    reason = Reason("state_conflict", f"{name} is {was}", "/status", was, to)
    if not table.allows(was, to):
        raise Refused("state_conflict", f"{name} is {was}; it cannot become {to}.", [reason])
    rows = type(obj)._base_manager.filter(pk=obj.pk, status=was).update(status=to, **also)
    if rows != 1:
        raise Refused("state_conflict", f"{name} was changed by somebody else.", [reason], retryable=True)
    for field, value in {"status": to, **also}.items():
        setattr(obj, field, value)
    act = f"{table.name}.{to}"
    audit.record(
        actor=actor, act=act, subject=name, at=at, before={"status": was}, after={"status": to},
        organisation_id=getattr(obj, "organisation_id", None),
    )  # fmt: skip
