"""Attempts to get a yes that nobody gave: each must be refused, and for the reason that is named. No database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from licensing.clearing import facts as f
from licensing.clearing import rules
from licensing.clearing.boxes import END, Box
from licensing.kernel.territories import WORLD, mask
from licensing.rights import vocabulary

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TODAY = AT.date().toordinal()
ALL = vocabulary.ALL_LEAVES
EVERYTHING = Box(ALL, WORLD, 0, END)
MINE, TRAIN = vocabulary.mask(["mine"]), vocabulary.mask(["train"])
GOOD = f.ROOT | f.CONSENTED
OWN, STRANGER = 1, 2
OFFER = f.Offer(
    key=1, licensor=OWN, actions=ALL, territories=WORLD, model_kinds=31, outputs=7, start=0, end=END,
    training_days=None, retention_days=None, survival="perpetual", audience="any", audience_organisation=None,
    commercial=True, distribution=frozenset(), exclusive=False, conditions=(), manual=False, currency="usd",
    price=f.Price(flat=10**6),
)  # fmt: skip
USE = f.Use(
    box=Box(TRAIN, mask(["DE", "CN"]), TODAY, TODAY + 365), currency="usd", licensee="org_me", licensee_id=9,
    window_days=365, retention_days=365, survival="perpetual", model_kind=1, outputs=2,
)  # fmt: skip


def root(**more: Any) -> f.Claim:
    said: dict[str, Any] = {"licensor": OWN, "ppm": f.WHOLE, "box": EVERYTHING, "flags": GOOD}
    return f.Claim(**said | more)


def answer(rights: f.Rights, use: f.Use = USE, flags: int = 0, under: tuple[Any, ...] = ()) -> tuple[str, ...]:
    decision = rules.decide(f.WorkFacts("wrk", flags, rights, {}, under), use, AT)
    return (decision.outcome, *decision.reasons)


def rights(*claims: f.Claim, offers: tuple[f.Offer, ...] = (OFFER,), **more: Any) -> f.Rights:
    return f.Rights(claims=claims, offers=offers, **more)


def test_the_plain_case_clears() -> None:
    assert answer(rights(root())) == ("cleared",)


@pytest.mark.parametrize(
    ("box", "code"),
    [
        (Box(ALL, WORLD, TODAY + 1, END), "claim_period"),
        (Box(ALL, WORLD, 0, TODAY + 364), "claim_period"),
        (Box(ALL, WORLD, 0, TODAY), "claim_period"),
        (Box(ALL, mask(["WORLD", "-CN"]), 0, END), "claim_territory"),
        (Box(ALL, mask(["EU"]), 0, END), "claim_territory"),
        (Box(MINE, WORLD, 0, END), "no_claim"),
        (Box(TRAIN & ~vocabulary.mask(["fine_tune"]), WORLD, 0, END), "no_claim"),
    ],
)
def test_a_claim_one_day_territory_or_leaf_short_refuses(box: Box, code: str) -> None:
    assert answer(rights(root(box=box))) == ("refused", code)


def test_the_last_day_of_a_half_open_claim_is_enough() -> None:
    assert answer(rights(root(box=Box(ALL, WORLD, TODAY, TODAY + 365)))) == ("cleared",)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"actions": MINE}, "action_not_offered"),
        ({"actions": TRAIN & ~vocabulary.mask(["fine_tune"])}, "action_not_offered"),
        ({"territories": mask(["WORLD", "-DE"])}, "territory_not_offered"),
        ({"end": TODAY}, "period_not_offered"),
        ({"start": TODAY + 1}, "period_not_offered"),
        ({"training_days": 364}, "period_not_offered"),
        ({"retention_days": 364}, "retention_not_offered"),
        ({"survival": "until_end"}, "survival_not_offered"),
        ({"commercial": False}, "audience_not_offered"),
        ({"audience": "named", "audience_organisation": 8}, "audience_not_offered"),
        ({"audience": "named", "audience_organisation": None}, "audience_not_offered"),
        ({"audience": "nonsense"}, "audience_not_offered"),
        ({"outputs": 1}, "output_not_offered"),
        ({"model_kinds": 2}, "model_kind_not_offered"),
        ({"price": f.Price(needs=-1)}, "price_missing"),
        ({"price": f.Price(tokens=1, needs=4)}, "price_missing"),
        ({"currency": "eur"}, "currency_unavailable"),
    ],
)
def test_an_offer_short_of_the_use_refuses(change: dict[str, Any], code: str) -> None:
    assert answer(rights(root(), offers=(replace(OFFER, **change),))) == ("refused", code)


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ((root(ppm=999_999),), "control_incomplete"),
        ((root(flags=f.ROOT),), "claim_unproven"),
        ((root(flags=GOOD | f.HOLDER_UNKNOWN),), "unknown_holder"),
        ((root(part="text"),), "control_incomplete"),
        ((root(), root(ppm=1)), "claim_contested"),
        ((root(flags=GOOD | f.CONTESTED),), "claim_contested"),
        ((f.Claim(OWN, f.WHOLE, EVERYTHING, f.CONSENTED, -1),), "no_claim"),
        ((root(flags=GOOD | f.FOREIGN),), "assurance_too_low"),
    ],
    ids=["one ppm missing", "no consent", "holder unknown", "a part only", "one ppm too much", "contested",
         "parent ended", "a stranger alone"],
)  # fmt: skip
def test_claims_that_do_not_carry_a_licence_refuse(claims: tuple[f.Claim, ...], code: str) -> None:
    assert answer(rights(*claims)) == ("refused", code)


class TestStrangers:
    """Anybody may claim somebody else's work; that alone must not sell it, free it or take it over."""

    theirs = replace(OFFER, key=2, licensor=STRANGER)

    def test_alone_a_strangers_claim_counts_once_verified(self) -> None:
        foreign = root(licensor=STRANGER, flags=GOOD | f.FOREIGN)
        assert answer(rights(foreign, offers=(self.theirs,))) == ("refused", "assurance_too_low")
        sure = replace(foreign, flags=foreign.flags | f.VERIFIED)
        assert answer(rights(sure, offers=(self.theirs,))) == ("cleared",)

    def test_strangers_do_not_vouch_for_each_other(self) -> None:
        one = root(licensor=STRANGER, flags=GOOD | f.FOREIGN)
        other = root(licensor=3, flags=GOOD | f.FOREIGN)
        both = (self.theirs, replace(OFFER, key=3, licensor=3))
        use = replace(USE, accepts_contested=True)
        assert answer(rights(one, other, offers=both), use)[0] == "refused"

    def test_a_co_holder_of_a_work_its_house_claims_a_part_of_counts(self) -> None:
        house = root(ppm=600_000)
        other = root(licensor=STRANGER, ppm=400_000, flags=GOOD | f.FOREIGN)
        assert answer(rights(house, other, offers=(OFFER, self.theirs))) == ("cleared",)
        assert answer(rights(house, other)) == ("refused", "no_terms")

    def test_a_stranger_does_not_stand_for_all(self) -> None:
        house = root(ppm=600_000)
        other = root(licensor=STRANGER, ppm=1, flags=GOOD | f.FOREIGN | f.ONE_STOP)
        assert answer(rights(house, other, offers=(OFFER, self.theirs))) == ("refused", "control_incomplete")

    def test_a_strangers_licence_frees_nothing(self) -> None:
        foreign = root(licensor=STRANGER, flags=GOOD | f.FOREIGN)
        free = f.Licence(EVERYTHING, STRANGER, f.COVERS)
        assert "licence_unproven" in answer(rights(foreign, offers=(), licences=(free,)))


class TestWhatIsUnderneath:
    """A translation clears with its original, or when a claim over every asked cell includes it."""

    refused = (f.WorkFacts("original", 0, f.Rights()),)

    def test_the_original_stops_it(self) -> None:
        assert "underlying_not_cleared" in answer(rights(root()), flags=f.UNDERLYING, under=self.refused)
        assert "underlying_not_cleared" in answer(rights(root()), flags=f.UNDERLYING, under=(None,))
        assert "underlying_not_cleared" in answer(rights(root()), flags=f.UNDERLYING)

    def test_a_claim_that_includes_it_must_reach_every_cell(self) -> None:
        whole = root(flags=GOOD | f.INCLUDES)
        assert answer(rights(whole), flags=f.UNDERLYING, under=self.refused) == ("cleared",)
        for box in (Box(ALL, WORLD, 0, TODAY + 364), Box(ALL, mask(["DE"]), 0, END), Box(MINE, WORLD, 0, END)):
            part = root(ppm=1, box=box, flags=GOOD | f.INCLUDES)
            found = answer(rights(root(ppm=999_999), part), flags=f.UNDERLYING, under=self.refused)
            assert "underlying_not_cleared" in found, box

    @pytest.mark.parametrize("flags", [f.ROOT | f.INCLUDES, GOOD | f.INCLUDES | f.FOREIGN])
    def test_nor_does_an_unproven_or_a_strangers_claim_include_it(self, flags: int) -> None:
        free = f.Licence(EVERYTHING, OWN, f.COVERS | f.FIRST_HAND)
        found = answer(rights(root(flags=flags), licences=(free,)), flags=f.UNDERLYING, under=self.refused)
        assert found == ("refused", "underlying_not_cleared")


class TestGraph:
    def test_an_exclusive_derivation_suspends_its_parent_there(self) -> None:
        child = f.Claim(3, f.WHOLE, Box(ALL, mask(["CN"]), 0, END), f.CONSENTED | f.EXCLUSIVE, 0)
        assert answer(rights(root(), child)) == ("refused", "no_terms")
        elsewhere = replace(child, box=Box(ALL, mask(["US"]), 0, END))
        assert answer(rights(root(), elsewhere)) == ("cleared",)

    def test_a_child_acts_only_where_its_parent_does(self) -> None:
        parent = root(licensor=5, box=Box(ALL, mask(["DE"]), 0, END))
        child = f.Claim(OWN, f.WHOLE, EVERYTHING, f.CONSENTED, 0)
        assert answer(rights(parent, child)) == ("refused", "claim_territory")

    def test_authority_over_a_part_of_the_share_is_not_enough(self) -> None:
        child = f.Claim(OWN, 999_999, EVERYTHING, f.CONSENTED, 0)
        assert answer(rights(root(licensor=5), child)) == ("refused", "no_terms")

    def test_two_exclusive_children_of_one_share_are_a_contest(self) -> None:
        children = [f.Claim(OWN, f.WHOLE, EVERYTHING, f.CONSENTED | f.EXCLUSIVE, 0) for _ in range(2)]
        assert answer(rights(root(), *children)) == ("refused", "claim_contested")

    def test_every_contestant_must_offer(self) -> None:
        use = replace(USE, accepts_contested=True)
        rival = root(licensor=3)
        assert answer(rights(root(), rival), use) == ("refused", "claim_contested", "no_terms")
        theirs = replace(OFFER, key=2, licensor=3)
        assert answer(rights(root(), rival, offers=(OFFER, theirs)), use) == ("cleared",)
        assert answer(rights(root(), rival, offers=(OFFER, theirs))) == ("refused", "claim_contested")
        withheld = (f.Withhold(EVERYTHING),)
        assert answer(rights(root(), rival, offers=(OFFER, theirs), withholds=withheld), use)[0] == "refused"


class TestOpenLicences:
    @pytest.mark.parametrize(
        ("flags", "starts", "code"),
        [
            (f.FIRST_HAND, 0, "layer_not_covered"),
            (f.COVERS, 0, "licence_unproven"),
            (f.COVERS | f.FIRST_HAND, TODAY + 1, "licence_unproven"),
            (f.COVERS | f.FIRST_HAND | f.NON_COMMERCIAL, 0, "non_commercial_only"),
            (f.COVERS | f.FIRST_HAND | f.ACADEMIC, 0, "academic_only"),
            (f.COVERS | f.FIRST_HAND | f.NO_DERIVATIVES, 0, "no_derivatives"),
            (f.COVERS | f.FIRST_HAND | f.SHARE_ALIKE, 0, "share_alike_not_accepted"),
            (f.COVERS | f.FIRST_HAND | f.UNPARSED, 0, "licence_unparsed"),
        ],
    )
    def test_what_a_licence_does_not_give(self, flags: int, starts: int, code: str) -> None:
        licence = f.Licence(Box(ALL, WORLD, starts, END), OWN, flags)
        assert code in answer(f.Rights(licences=(licence,)))

    def test_no_derivatives_lets_mining_pass(self) -> None:
        licence = f.Licence(EVERYTHING, OWN, f.COVERS | f.FIRST_HAND | f.NO_DERIVATIVES)
        use = replace(USE, box=USE.box._replace(actions=MINE))
        assert answer(f.Rights(licences=(licence,)), use) == ("cleared",)

    def test_the_holder_proves_a_licence_only_by_a_proven_claim(self) -> None:
        licence = f.Licence(EVERYTHING, OWN, f.COVERS)
        assert answer(rights(root(), offers=(), licences=(licence,))) == ("cleared",)
        unproven = rights(root(flags=f.ROOT), offers=(), licences=(licence,))
        assert answer(unproven) == ("refused", "claim_unproven", "licence_unproven")


class TestPublicDomain:
    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (f.Status(mask(["DE"]), 0, TODAY, True), "protected_in_territory"),
            (f.Status(WORLD, 0, TODAY + 1, True), "status_unknown"),
            (f.Status(mask(["DE"]), mask(["CN"]), TODAY, True), "status_unknown"),
        ],
    )
    def test_free_in_one_place_or_later_is_not_free(self, status: f.Status, code: str) -> None:
        assert code in answer(f.Rights(status=status))


class TestThePast:
    past = replace(USE, box=USE.box._replace(start=TODAY - 1))

    @pytest.mark.parametrize("audience", [("any", None), ("named", 9)])
    def test_no_offer_made_beforehand_releases_the_past(self, audience: tuple[str, int | None]) -> None:
        offer = replace(OFFER, audience=audience[0], audience_organisation=audience[1])
        assert answer(rights(root(), offers=(offer,)), self.past) == ("needs_approval", "past_use")

    @pytest.mark.parametrize(
        ("begins", "ends", "found"),
        [
            (-1, 0, ("cleared",)),
            (-1, 5, ("cleared",)),
            (0, 0, ("refused", "period_not_offered")),
            (-1, -1, ("refused", "period_not_offered")),
            (-400, -300, ("refused", "period_not_offered")),
        ],
    )
    def test_the_holders_answer_does_for_the_days_he_was_asked_about(
        self, begins: int, ends: int, found: tuple[str, ...]
    ) -> None:
        days = (TODAY + begins, USE.box.end + ends)
        offer = replace(OFFER, audience="named", audience_organisation=9, released=days)
        assert answer(rights(root(), offers=(offer,)), self.past) == found


def test_a_price_above_what_anybody_pays_is_no_bargain() -> None:
    dear = replace(OFFER, price=f.Price(flat=2 * f.CEILING))
    assert answer(rights(root(), offers=(dear,))) == ("refused", "price_above_maximum")


def test_an_encumbrance_ends_with_its_day_and_not_before() -> None:
    def held(until: datetime | None) -> tuple[str, ...]:
        return answer(rights(root(), encumbrances=(f.Encumbrance(EVERYTHING, True, "org_other", until),)))

    assert held(None) == ("refused", "exclusive_elsewhere")
    assert held(datetime.combine(date(2026, 11, 22), AT.timetz().replace(minute=1))) == (
        "refused", "exclusive_elsewhere",
    )  # fmt: skip
    assert held(AT) == ("cleared",)
