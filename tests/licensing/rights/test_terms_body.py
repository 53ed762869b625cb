"""What an offer says is checked to the last field: what is accepted never stops a clearance later."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.errors import Refused
from licensing.rights import terms
from licensing.rights.models import Terms
from tests import scenario

pytestmark = pytest.mark.django_db
FLAT = [{"kind": "flat", "amount_micro": 1}]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"commercial": "false"}, "/commercial"),
        ({"exclusive": "maybe"}, "/exclusive"),
        ({"exclusive": 1}, "/exclusive"),
        ({"title": "x" * 201}, "/title"),
        ({"title": ["x"]}, "/title"),
        ({"actions": "train"}, "/actions"),
        ({"actions": {"train": True}}, "/actions"),
        ({"outputs": "any"}, "/outputs"),
        ({"territories": "WORLD"}, "/territories"),
        ({"model_kinds": "any"}, "/model_kinds"),
        ({"training_window_days": 10**12}, "/training_days"),
        ({"copy_retention_days": True}, "/retention_days"),
        ({"distribution": "hosted"}, "/distribution"),
        ({"distribution": ["x" * 21]}, "/distribution"),
        ({"conditions": [{}]}, "/conditions"),
        ({"conditions": "attribution"}, "/conditions"),
        ({"currency": ["usd"]}, "/currency"),
        ({"approval": "released"}, "/approval"),
        ({"price": []}, "/price"),
        ({"price": {"rules": "free"}}, "/price"),
        ({"price": {"rules": [{"kind": "flat"}]}}, "/price"),
        ({"price": {"rules": [{"kind": "flat", "amount_micro": 10**15}]}}, "/price"),
        ({"price": {"rules": FLAT, "discount": 1}}, "/price"),
        ({"price": {"rules": FLAT, "minimum_per_work_micro": 10**18}}, "/price"),
        ({"price": {"rules": FLAT, "multipliers": {"commercial": "x"}}}, "/price"),
        ({"price": {"rules": FLAT, "multipliers": {"commercial": [1, 0]}}}, "/price"),
        ({"price": {"rules": FLAT, "multipliers": {"exclusive": [-1, 2]}}}, "/price"),
        ({"price": {"rules": FLAT, "multipliers": {"per_year": 1}}}, "/price"),
        ({"price": {"rules": FLAT, "multipliers": {"size": {"big": [1.5, 1]}}}}, "/price"),
        ({"price": {"rules": FLAT, "multipliers": None}}, "/price"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(change: dict[str, Any], pointer: str) -> None:
    of = scenario.publisher(works=1)
    with pytest.raises(Refused) as refused:
        terms.draft_terms(
            organisation=of.organisation, own_key="new", body=scenario.TERMS | change, actor=of.actor, at=scenario.now()
        )
    assert [reason.pointer for reason in refused.value.reasons] == [pointer]
    with scenario.unit(scenario.SYSTEM):
        assert not Terms.objects.filter(own_key="new").exists()


def test_the_widest_price_that_is_accepted_still_clears() -> None:
    of = scenario.publisher(works=1)
    steep = {"commercial": [10_000, 1], "per_year": True, "size": {"": [10_000, 1]}}
    for key, amount, times in (("dear", 10**14, steep), ("fine", 3, {"commercial": [10_000, 9_999]})):
        price = {"rules": [{"kind": "flat", "amount_micro": amount}], "multipliers": times}
        made = terms.draft_terms(
            organisation=of.organisation, own_key=key, body=scenario.TERMS | {"price": price}, actor=of.actor,
            at=scenario.now(),
        )  # fmt: skip
        terms.publish_terms(terms=made.terms, actor=of.actor, at=scenario.now())
        terms.assign_terms(
            terms=made.terms, target=scenario.Target("work", work=of.works[0]), actor=of.actor, at=scenario.now()
        )
    found = scenario.clearance(of)
    assert (found.counts["cleared"], found.total_micro) == (1, 3)
