"""Fetch inside the caller's scope first: what is not there and what may not be seen give the same 404."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import QuerySet

from accounts.base import Named
from accounts.errors import Refused
from accounts.unit import Actor

Row = TypeVar("Row", bound=Named)


def by_id(rows: QuerySet[Row], name: str) -> Row:
    """The row of `rows` with this public id. Raises Refused("not_found"), also for the id of another kind of thing."""
    try:
        key = rows.model.decode(name)
    except ValueError:
        raise _nothing(name) from None
    found = rows.filter(public_id=key).first()
    if found is None:
        raise _nothing(name)
    return found


def visible(rows: QuerySet[Row], actor: Actor) -> QuerySet[Row]:
    """The rows of the actor's mode and, unless it reads everything, of its organisation."""
    rows = rows.filter(livemode=actor.livemode)
    return rows if actor.scope == "all" else rows.filter(organisation_id=actor.organisation_id)


def _nothing(name: str) -> Refused:
    return Refused("not_found", f"There is no {name[:60]} here that you may see.")
