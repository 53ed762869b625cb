"""Who may do what: one table, right -> role -> predicate over (actor, scope). The matrix of trust.md section 2."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from accounts.errors import Reason, Refused
from accounts.unit import Actor


@dataclass(frozen=True, slots=True)
class Scope:
    """What a right is asked for, as plain data: the owner, and facts such as "draft" and "over_cap".

    `sellers` are the rights-holder organisations whose works are in it ("sold works" of the matrix). `guarded` are the
    things, as (kind, internal id), on which a right given to one person opens it. `member` is the person it acts as.
    """

    organisation: int | None = None
    sellers: frozenset[int] = frozenset()
    facts: frozenset[str] = frozenset()
    guarded: frozenset[tuple[str, int]] = frozenset()
    member: int | None = None


Predicate = Callable[[Actor, Scope], bool]
_passed: ContextVar[list[tuple[str, Scope]] | None] = ContextVar("licet_rights_passed", default=None)


def everyone(actor: Actor, scope: Scope) -> bool:  # noqa: ARG001 -- one signature for all predicates
    """A: any object of any organisation."""
    return True


def own(actor: Actor, scope: Scope) -> bool:
    """The object belongs to the actor's organisation."""
    return actor.organisation_id is not None and scope.organisation == actor.organisation_id


def own_within_cap(actor: Actor, scope: Scope) -> bool:
    """Own, and the amount fits under what is left of the key's spend cap; a key without a cap has no limit."""
    return own(actor, scope) and "over_cap" not in scope.facts


def own_mine(actor: Actor, scope: Scope) -> bool:
    """Own, and it acts as this very member: their API keys."""
    return own(actor, scope) and scope.member is not None and scope.member == actor.user_id


def own_asked(actor: Actor, scope: Scope) -> bool:
    """Own, and asked for by a member: what follows from it, such as dividing a payment, is not theirs to stop."""
    return own(actor, scope) and "asked" in scope.facts


def sold(actor: Actor, scope: Scope) -> bool:
    """A work of the actor's organisation is part of it."""
    return actor.organisation_id in scope.sellers


PUBLIC = "anonymous"
DEVELOPERS = ("developer", "developer_admin")
PUBLISHERS = ("publisher_editor", "publisher_finance")
HOUSE = ("auditor", "operator")
MEMBERS = (*DEVELOPERS, *PUBLISHERS, *HOUSE)


def _row(*cells: tuple[tuple[str, ...], Predicate]) -> Mapping[str, Predicate]:
    return {role: predicate for roles, predicate in cells for role in roles}


RIGHTS: Mapping[str, Mapping[str, Predicate]] = {
    "public.read": _row(((PUBLIC, *MEMBERS), everyone)),
    "terms.read": _row(((*DEVELOPERS, *HOUSE), everyone), (PUBLISHERS, own)),
    "catalogue.read": _row((HOUSE, everyone), (PUBLISHERS, own)),
    "catalogue.write": _row((("publisher_editor",), own)),
    "rights.read": _row((HOUSE, everyone), (PUBLISHERS, own)),
    "claims.propose": _row((PUBLISHERS, own)),
    "claims.write": _row((("publisher_finance",), own)),
    "claims.verify": _row((("operator",), everyone)),
    "splits.propose": _row((PUBLISHERS, own)),
    "splits.write": _row((("publisher_finance",), own)),
    "proposals.decide": _row((("publisher_finance",), own)),
    "terms.propose": _row((PUBLISHERS, own)),
    "terms.publish": _row((("publisher_finance",), own)),
    "uses.write": _row((DEVELOPERS, own)),
    "clear": _row((DEVELOPERS, own)),
    "clearances.read": _row((DEVELOPERS, own), (HOUSE, everyone)),
    "approvals.answer": _row((PUBLISHERS, own)),
    "orders.place": _row((DEVELOPERS, own_within_cap)),
    "orders.read": _row((DEVELOPERS, own), (PUBLISHERS, sold), (HOUSE, everyone)),
    "releases.download": _row((DEVELOPERS, own)),
    "releases.manifest": _row(((*DEVELOPERS,), own), (HOUSE, everyone)),
    "statements.read": _row((("publisher_finance",), own), (HOUSE, everyone)),
    "statements.draft": _row((("publisher_finance",), own)),
    "allocations.read": _row((("publisher_finance",), sold), (HOUSE, everyone)),
    "ledger.read": _row((HOUSE, everyone)),
    "jobs.read": _row(((*DEVELOPERS, *PUBLISHERS), own), (HOUSE, everyone)),
    "jobs.cancel": _row(((*DEVELOPERS, *PUBLISHERS), own_asked), (("operator",), everyone)),
    "audit.read": _row((("developer", "developer_admin", *PUBLISHERS), own), (HOUSE, everyone)),
    "keys.write": _row(
        (("developer", *PUBLISHERS), own_mine), (("developer_admin",), own), (("operator",), everyone)
    ),
    "guests.write": _row((("developer_admin", "publisher_finance"), own), (("operator",), everyone)),
    "organisation.read": _row(((*DEVELOPERS, *PUBLISHERS), own), (HOUSE, everyone)),
    "organisation.write": _row((("developer_admin",), own), (("operator",), everyone)),
}
"""Right -> role -> predicate. A role without a cell sees nothing: the answer is 404."""


def check(actor: Actor, right: str, scope: Scope) -> None:
    """Let `actor` do `right` on something with `scope`, or refuse.

    Raises Refused("not_found") when no role of the actor has the right at all or the object is foreign,
    Refused("scope_missing") when the API key lacks the scope, and Refused("forbidden") when the object is the
    actor's own but a fact about it (a spend cap, a frozen draft) stands in the way. KeyError for a right that is in
    no row.
    """
    cells = RIGHTS[right]
    if actor.roles == frozenset({"system"}):
        return
    if actor.scopes is not None and not actor.scopes & {right, "*"}:
        reason = Reason("scope_missing", f"This key has no scope {right}.", "", ", ".join(sorted(actor.scopes)), right)
        raise Refused("scope_missing", f"This key lacks the scope {right}.", [reason])
    held = [cells[role] for role in (*actor.roles, PUBLIC) if role in cells]
    guest = any((right, kind, number) in actor.guest_of for kind, number in scope.guarded)
    if guest or any(predicate(actor, scope) for predicate in held):
        _note(right, scope)
        return
    if held and own(actor, scope):
        facts = ", ".join(sorted(scope.facts)) or "none"
        raise Refused(
            "forbidden", f"Your role may not do this now ({right}).", [Reason("forbidden", right, seen=facts)]
        )
    raise Refused("not_found", "There is nothing here under this id that you may see.")


@contextmanager
def noted() -> Iterator[list[tuple[str, Scope]]]:
    """Collect what `check` lets pass inside: who wants the same answer again needs the same rights."""
    passed: list[tuple[str, Scope]] = []
    token = _passed.set(passed)
    try:
        yield passed
    finally:
        _passed.reset(token)


def _note(right: str, scope: Scope) -> None:
    passed = _passed.get()
    if passed is not None and (right, scope) not in passed:
        passed.append((right, scope))


def listing(actor: Actor, *kinds: str) -> Scope:
    """The scope of a list: the actor's own organisation, with what its works brought, and all things of these kinds it
    is a guest of.
    """
    own = actor.organisation_id
    guarded = frozenset((kind, number) for _, kind, number in actor.guest_of if kind in kinds)
    return Scope(own, frozenset(() if own is None else (own,)), guarded=guarded)


def guest_ids(actor: Actor, right: str, kind: str) -> list[int]:
    """Internal ids of the things of a kind on which a right was given to the actor."""
    return sorted(number for held, what, number in actor.guest_of if (held, what) == (right, kind))


def own_ids(actor: Actor, right: str) -> list[int]:
    """Organisations whose rows a list of this right shows: the actor's own if one of its roles has the right, and those
    it is a guest of.
    """
    own = actor.organisation_id
    mine = actor.roles == frozenset({"system"}) or any(role in RIGHTS[right] for role in actor.roles)
    return [*([own] if mine and own is not None else []), *guest_ids(actor, right, "organisation")]


def may(actor: Actor, right: str, scope: Scope) -> bool:
    """Say whether `check` would pass, for pages that show or hide a button."""
    try:
        check(actor, right, scope)
    except Refused:
        return False
    return True
