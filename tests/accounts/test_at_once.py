"""In parallel: a spend cap holds, and the same proposal is one."""

from __future__ import annotations

from typing import Any

from accounts import countersign
from accounts import services as accounts
from accounts.models import ApiKey, AuditRow
from accounts.unit import SYSTEM, unit
from tests import cast as casting
from tests.accounts.test_idempotency import at_once
from tests.cast import AT
from tests.support.databases import Committed


def test_orders_in_parallel_are_counted_one_after_the_other(committed: Committed) -> None:
    person = casting.hire("developer").developer
    assert person.user is not None
    assert person.organisation is not None
    key, _ = accounts.issue_key(
        user=person.user, organisation=person.organisation, livemode=False, scopes=["*"], actor=SYSTEM, at=AT,
        limits=accounts.Limits(spend_cap_minor=1_000, spend_currency="usd"),
    )  # fmt: skip

    def order(_: int) -> bool:
        with unit(SYSTEM):
            fits = accounts.room_for(key_id=key.pk, amount_minor=300, currency="usd")
            if fits:
                accounts.count_spending(key_id=key.pk, amount_minor=300)
        return fits

    assert at_once(8, order).count(True) == 3
    with unit(SYSTEM):
        assert ApiKey.objects.get(pk=key.pk).spent_minor == 900


def test_the_same_proposal_from_many_threads_is_one(committed: Committed) -> None:
    person = casting.hire("publisher").publisher
    asked: dict[str, Any] = {"right": "splits.write", "subject": "clm_1", "payload": {"a": 1}, "reason": ""}
    found = at_once(6, lambda _: countersign.propose(**asked, actor=person.actor, at=AT).pk)
    assert len(set(found)) == 1
    with unit(SYSTEM):
        assert AuditRow.objects.filter(act="countersign.proposed").count() == 1
