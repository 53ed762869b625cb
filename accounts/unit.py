"""The transaction every piece of database work runs in, reads too, and who it runs for.

A unit is one transaction with the tenant set for row-level security: `app.org`, `app.livemode` and `app.scope`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from django.db import connection, transaction

from accounts.errors import Refused

SETTINGS = ("app.org", "app.livemode", "app.scope")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: passed into every service, written into every audit row.

    `roles` are the member's roles in `organisation_id`; `scopes` limit an API key (None: a person, unlimited);
    `scope` "all" reads every organisation and is for operators, auditors and the system itself. `guest_of` are rights
    on single things of other organisations.
    """

    name: str
    organisation_id: int | None = None
    livemode: bool = False
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] | None = None
    user_id: int | None = None
    key_id: int | None = None
    scope: Literal["own", "all"] = "own"
    guest_of: frozenset[tuple[str, str, int]] = frozenset()  # (right, kind, internal id): accounts.guests

    @property
    def tenant(self) -> int:
        """The organisation acted for. Raises Refused("organisation_needed") for a person who is a member of none."""
        if self.organisation_id is None:
            raise Refused("organisation_needed", "Only members of an organisation can do this.")
        return self.organisation_id


def system(*, livemode: bool = False, organisation_id: int | None = None) -> Actor:
    """The system itself: look-ups before the actor is known, the relay, jobs nobody asked for."""
    return Actor("system", organisation_id, livemode, frozenset({"system"}), scope="all")


SYSTEM = system()


@dataclass(slots=True)
class Unit:
    """The unit that is open now; callables in `before_commit` run last inside its transaction."""

    actor: Actor
    before_commit: list[Callable[[], None]] = field(default_factory=list)


_current: ContextVar[Unit | None] = ContextVar("licet_unit", default=None)
_fences: ContextVar[tuple[Callable[[], None], ...]] = ContextVar("licet_fences", default=())


def current() -> Unit | None:
    """The open unit, or None: tests refuse queries outside one."""
    return _current.get()


@contextmanager
def unit(actor: Actor) -> Iterator[Unit]:
    """Open a transaction for `actor`, or join the one the same actor already holds.

    Raises RuntimeError when a unit of another actor, organisation or mode is open: nobody works in another's name.
    """
    held = _current.get()
    if held is not None:
        if held.actor != actor:
            raise RuntimeError(f"a unit of {held.actor.name} is open; {actor.name} cannot work inside it")
        yield held
        return
    opened = Unit(actor, list(_fences.get()))
    nested = connection.in_atomic_block
    with transaction.atomic():
        token = _current.set(opened)
        try:
            organisation = "" if actor.organisation_id is None else str(actor.organisation_id)
            _write_settings((organisation, "true" if actor.livemode else "false", actor.scope))
            yield opened
            for call in opened.before_commit:
                call()
            if nested:  # the transaction goes on, and outside of a unit nobody is asking
                _write_settings(("", "", ""))
        finally:
            _current.reset(token)


@contextmanager
def fenced(check: Callable[[], None]) -> Iterator[None]:
    """Run `check` at the end of every unit opened inside: a worker proves there that it still holds its job."""
    token = _fences.set((*_fences.get(), check))
    try:
        yield
    finally:
        _fences.reset(token)


@contextmanager
def unfenced() -> Iterator[None]:
    """Prove no job in the units opened inside: for work under one snapshot, in which the renewed lease cannot be
    written, and whose effect is taken once by a row of its own.
    """
    token = _fences.set(())
    try:
        yield
    finally:
        _fences.reset(token)


def now() -> datetime:
    """The database's time of this transaction: the `at` of doors and job claims. Needs an open unit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT transaction_timestamp()")
        value: datetime = cursor.fetchone()[0]
    return value


def _write_settings(values: tuple[str, str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config(%s, %s, true), set_config(%s, %s, true), set_config(%s, %s, true)",
            [text for pair in zip(SETTINGS, values, strict=True) for text in pair],
        )
