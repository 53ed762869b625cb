"""The reference rule by example: each gate, route and approval once. What holds always is in tests/properties."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from licensing.clearing import facts as f
from licensing.clearing import rules
from licensing.clearing.boxes import END, Box
from licensing.clearing.facts import Claim, Offer, Price, Rights, Status, Use, WorkFacts
from licensing.kernel.territories import WORLD, mask

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
TODAY = AT.date().toordinal()
EVERYTHING = Box(2047, WORLD, 0, END)
USE = Use(
    box=Box(0b0100, mask(["DE", "US"]), TODAY, TODAY + 100), currency="usd", licensee="org_me", licensee_id=9,
    window_days=100, retention_days=100, survival="perpetual", model_kind=1, outputs=2,
)  # fmt: skip
OFFER = Offer(
    key=1, licensor=1, actions=2047, territories=WORLD, model_kinds=31, outputs=7, start=0, end=END,
    training_days=None, retention_days=None, survival="perpetual", audience="any", audience_organisation=None,
    commercial=True, distribution=frozenset(), exclusive=False, conditions=(), manual=False, currency="usd",
    price=Price(flat=7_000_000),
)  # fmt: skip
OWNER = Claim(1, f.WHOLE, EVERYTHING, f.ROOT | f.CONSENTED)
RIGHTS = Rights(claims=(OWNER,), offers=(OFFER,))


def decided(
    rights: Rights = RIGHTS, use: Use = USE, *, flags: int = 0, underlying: tuple[WorkFacts | None, ...] = ()
) -> rules.Decision:
    return rules.decide(WorkFacts("wrk", flags, rights, {}, underlying), use, AT)


def test_one_owner_with_one_offer_clears_at_its_price() -> None:
    found = decided()
    assert (found.outcome, found.kind, found.price_micro) == ("cleared", "terms", 7_000_000)
    assert found.assurance == "asserted"
    assert found.licensed == (rules.Licensed(0, f.WHOLE, 1),)
    verified = replace(RIGHTS, claims=(replace(OWNER, flags=OWNER.flags | f.VERIFIED),))
    assert decided(verified).assurance == "verified"


@pytest.mark.parametrize("bit", f.GATES)
def test_a_gate_the_use_cares_for_refuses(bit: int) -> None:
    found = decided(use=replace(USE, gates=bit), flags=bit)
    assert (found.outcome, found.reasons, found.price_micro) == ("refused", (f.GATES[bit],), None)
    assert decided(use=replace(USE, gates=0), flags=bit).outcome == "cleared"


def test_a_form_the_use_excludes_refuses() -> None:
    poem = 1 << f.FORM_SHIFT + f.FORMS.index("poem")
    assert decided(use=replace(USE, gates=poem), flags=poem).reasons == ("content_form_excluded",)


@pytest.mark.parametrize("bit", f.NOTES)
def test_a_note_does_not_refuse(bit: int) -> None:
    found = decided(flags=bit)
    assert (found.outcome, found.notes) == ("cleared", (f.NOTES[bit],))


def test_a_price_above_the_maximum_refuses() -> None:
    found = decided(use=replace(USE, max_price_micro=6_999_999))
    assert (found.outcome, found.reasons) == ("refused", ("price_above_maximum",))


def test_nobody_prepared_anything() -> None:
    found = decided(Rights())
    assert (found.outcome, found.reasons) == ("refused", ("no_claim",))
    assert set(found.considered) == {"status_unknown"}


def test_free_in_one_territory_and_licensed_in_the_other_is_mixed() -> None:
    found = decided(replace(RIGHTS, status=Status(mask(["DE"]), 0, TODAY)))
    assert (found.outcome, found.kind, found.price_micro) == ("cleared", "mixed", 7_000_000)
    assert "protected_in_territory" in found.considered


def test_free_everywhere_needs_no_offer() -> None:
    found = decided(Rights(status=Status(WORLD, 0, TODAY, declared=True)))
    assert (found.kind, found.price_micro, found.assurance, found.licensed) == ("public_domain", 0, "", ())


def test_an_offer_by_hand_and_use_in_the_past_need_approval() -> None:
    by_hand = replace(RIGHTS, offers=(replace(OFFER, manual=True),))
    past = replace(USE, box=USE.box._replace(start=TODAY - 5))
    assert decided(by_hand).reasons == ("approval_required",)
    assert decided(use=past).reasons == ("past_use",)
    assert decided(by_hand, past).reasons == ("approval_required", "past_use")
    named = replace(OFFER, audience="named", audience_organisation=9)
    assert decided(replace(RIGHTS, offers=(named,)), past).reasons == ("past_use",)
    answer = replace(named, released=(past.box.start, past.box.end))
    assert decided(replace(RIGHTS, offers=(answer,)), past).outcome == "cleared"


def test_a_translation_clears_only_with_its_original() -> None:
    good = WorkFacts("original", 0, RIGHTS)
    assert decided(flags=f.UNDERLYING, underlying=(good,)).outcome == "cleared"
    bad: list[tuple[WorkFacts | None, ...]] = [
        (),
        (None,),
        (good, replace(good, rights=Rights())),
        (replace(good, flags=f.WITHDRAWN),),
        (replace(good, rights=replace(RIGHTS, offers=(replace(OFFER, manual=True),))),),
        (replace(good, flags=f.UNDERLYING),),
    ]
    for underlying in bad:
        assert decided(flags=f.UNDERLYING, underlying=underlying).reasons == ("underlying_not_cleared",)


def test_offers_that_fit_in_different_places_are_both_taken() -> None:
    here, there = replace(OFFER, territories=mask(["DE"])), replace(OFFER, key=2, territories=mask(["US"]))
    found = decided(replace(RIGHTS, offers=(here, there)))
    assert {one.offer for one in found.licensed} == {1, 2}


def test_every_reason_says_where_it_holds() -> None:
    rights = replace(RIGHTS, offers=(), licences=(f.Licence(EVERYTHING, 2, f.COVERS),))
    found = decided(rights)
    assert found.reasons == ("licence_unproven", "no_terms")
    assert found.cells["no_terms"] == (USE.box,)
