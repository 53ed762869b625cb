"""Rights that let something pass are noted for the one who asked for them, and for nobody else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from accounts import permissions
from accounts.errors import Refused
from accounts.permissions import Scope
from accounts.unit import SYSTEM, Actor

MEMBER = Actor("key_1", 1, roles=frozenset({"developer"}))
OWN = Scope(1)


def test_what_passes_is_noted_where_it_was_asked_and_nowhere_else() -> None:
    with permissions.noted() as outer:
        permissions.check(MEMBER, "clear", OWN)
        permissions.check(MEMBER, "clear", OWN)
        permissions.check(SYSTEM, "ledger.read", Scope())
        assert not permissions.may(MEMBER, "clear", Scope(2))
        with ThreadPoolExecutor(1) as pool:
            pool.submit(permissions.check, MEMBER, "orders.read", OWN).result()
        with permissions.noted() as inner:
            permissions.check(MEMBER, "uses.write", OWN)
    permissions.check(MEMBER, "jobs.read", OWN)
    assert (outer, inner) == ([("clear", OWN)], [("uses.write", OWN)])


def test_nothing_is_noted_after_a_request_that_broke() -> None:
    with pytest.raises(Refused), permissions.noted() as passed:
        permissions.check(MEMBER, "clear", Scope(2))
    permissions.check(MEMBER, "clear", OWN)
    assert passed == []
