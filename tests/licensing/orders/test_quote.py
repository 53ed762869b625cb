"""Quoting and accepting: what is frozen, what is refused, what stays unchanged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from accounts.errors import Refused
from accounts.unit import SYSTEM, unit
from licensing.catalogue.models import Contributor, Party, Work
from licensing.kernel import digests, money, territories
from licensing.kernel.periods import Period
from licensing.orders import rules
from licensing.orders import services as orders
from licensing.orders.models import Order, Quote, QuoteLine, QuoteShare
from licensing.rights import services as rights
from licensing.rights import splits, terms
from licensing.rights.models import Claim, Encumbrance, SplitVersion
from licensing.rights.scopes import Target
from tests import scenario

pytestmark = pytest.mark.django_db


def test_a_quote_freezes_prices_shares_and_splits() -> None:
    made = scenario.quote(scenario.publisher(works=3))
    with unit(SYSTEM):
        lines = list(QuoteLine.objects.filter(quote=made))
        assert [line.price_micro for line in lines] == [12_345_678_901] * 3
        assert QuoteShare.objects.filter(line__quote=made, share_ppm=1_000_000).count() == 3
        assert SplitVersion.objects.get().frozen_at == made.created_at
    assert (made.works_count, made.works_minor, made.total_minor) == (3, 37_037, 37_037)
    assert made.sha256 == digests.of_json(made.body)


def test_the_fee_is_contained_in_the_price() -> None:
    at = scenario.now()
    orders.set_fee(livemode=False, currency="usd", fee=rules.Fee(150_000), actor=SYSTEM, at=at)
    made = scenario.quote(scenario.publisher(), at=at)
    assert (made.works_minor, made.fee_minor, made.total_minor) == (37_037, 5_556, 37_037)


@pytest.mark.parametrize(
    ("flat", "minimum", "works_minor"),
    [(12_345_678_901, 37_036, 37_037), (12_345_678_901, 50_000, 50_000), (1, 2_500, 2_500), (0, 7, 7), (0, 0, 0)],
)
def test_an_order_costs_at_least_what_its_terms_ask(
    monkeypatch: pytest.MonkeyPatch, flat: int, minimum: int, works_minor: int
) -> None:
    price = {"rules": [{"kind": "flat", "amount_micro": flat}], "minimum_per_order_minor": minimum}
    monkeypatch.setitem(scenario.TERMS, "price", price)
    made = scenario.quote(scenario.publisher(works=3))
    with unit(SYSTEM):
        prices = sorted(QuoteLine.objects.filter(quote=made).values_list("price_micro", flat=True))
    assert max(prices) - min(prices) <= 1
    added = max(0, minimum * 1_000_000 - 3 * flat)
    assert sum(prices) == 3 * flat + added
    assert (made.works_minor, made.body["minimum_micro"]) == (works_minor, str(added))


def test_a_minimum_is_of_the_works_under_its_terms_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    price = {"rules": [{"kind": "flat", "amount_micro": 3_000_000}], "minimum_per_order_minor": 100}
    monkeypatch.setitem(scenario.TERMS, "price", price)
    shelf = scenario.publisher(works=3)
    dear = scenario.TERMS | {"price": {"rules": [{"kind": "flat", "amount_micro": 999_000_000}]}}
    version = terms.draft_terms(
        organisation=shelf.organisation, own_key="dear", body=dear, actor=shelf.actor, at=scenario.now()
    )
    terms.publish_terms(terms=version.terms, actor=shelf.actor, at=scenario.now())
    target = Target("work", work=shelf.works[0])
    terms.assign_terms(terms=version.terms, target=target, actor=shelf.actor, at=scenario.now())
    made = scenario.quote(shelf)
    with unit(SYSTEM):
        found = dict(QuoteLine.objects.filter(quote=made).values_list("work_id", "price_micro"))
    assert [found[work.pk] for work in shelf.works] == [999_000_000, 50_000_000, 50_000_000]


def test_a_sum_that_cannot_be_divided_exactly_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    price = {"rules": [{"kind": "flat", "amount_micro": 10**14}]}
    monkeypatch.setitem(scenario.TERMS, "price", price)
    monkeypatch.setattr(money, "POOL_MAX_MINOR", 10**8)
    with pytest.raises(Refused) as refused:
        scenario.quote(scenario.publisher(works=2))
    assert refused.value.code == "quote_too_large"
    with unit(SYSTEM):
        assert not Quote.objects.exists()


@pytest.mark.parametrize("minimum", [money.POOL_MAX_MINOR + 1, 10**14])
def test_a_minimum_beyond_every_sum_is_refused_as_too_large(monkeypatch: pytest.MonkeyPatch, minimum: int) -> None:
    price = {"rules": [{"kind": "flat", "amount_micro": 1}], "minimum_per_order_minor": minimum}
    monkeypatch.setitem(scenario.TERMS, "price", price)
    with pytest.raises(Refused) as refused:
        scenario.quote(scenario.publisher(works=1))
    assert refused.value.code == "quote_too_large"
    with unit(SYSTEM):
        assert not Quote.objects.exists()


def test_the_same_key_returns_the_same_quote() -> None:
    decided = scenario.clearance(scenario.publisher())
    buyer = scenario.buyer_of(decided)
    first = orders.quote(clearance=decided, idem="k", actor=buyer, at=scenario.now())
    assert orders.quote(clearance=decided, idem="k", actor=buyer, at=scenario.now()) == first
    with unit(SYSTEM):
        assert Quote.objects.count() == 1


def test_works_can_be_left_out() -> None:
    shelf = scenario.publisher(works=3)
    decided = scenario.clearance(shelf)
    made = orders.quote(
        clearance=decided, exclude=[shelf.works[0].pk], actor=scenario.buyer_of(decided), at=scenario.now()
    )
    assert made.works_count == 2


def test_nothing_cleared_is_refused() -> None:
    decided = scenario.clearance(scenario.publisher(), actions=["ground"])
    with pytest.raises(Refused, match="nothing to quote") as refused:
        orders.quote(clearance=decided, actor=scenario.buyer_of(decided), at=scenario.now())
    assert refused.value.code == "nothing_cleared"
    with unit(SYSTEM):
        assert not Quote.objects.exists()


def test_a_work_owned_in_parts_of_the_world_is_not_quoted() -> None:
    shelf = scenario.publisher(works=1)
    claim = shelf.claim
    assert claim is not None
    with unit(SYSTEM):
        Claim.objects.filter(pk=claim.pk).update(territories=territories.mask(["DE"]))
    at, heirs = scenario.now(), shelf.parties[1]
    other = rights.declare_claim(
        organisation=shelf.organisation, holder=heirs, target=Target("catalogue", catalogue=shelf.catalogue),
        basis="inheritance", control_ppm=1_000_000, actions=claim.actions, territories=territories.mask(["CN"]),
        period=rights.as_period(claim.period), author_consent="not_needed", warranty={"text": "ours"}, signer="Heirs",
        actor=shelf.actor, at=at,
    )  # fmt: skip
    splits.set_split(
        claim=other, parts=[splits.Part(heirs, 1_000_000, "heir")], valid=rights.as_period(claim.period), document="",
        actor=shelf.actor, at=at,
    )  # fmt: skip
    decided = scenario.clearance(shelf)
    assert decided.counts["cleared"] == 1
    with pytest.raises(Refused) as refused:
        orders.quote(clearance=decided, actor=scenario.buyer_of(decided), at=at)
    assert refused.value.code == "shares_unclear"
    assert [reason.seen for reason in refused.value.reasons] == [shelf.works[0].name_id]
    with unit(SYSTEM):
        assert not Quote.objects.exists()


def test_an_order_is_placed_once() -> None:
    made = scenario.quote(scenario.publisher())
    buyer = scenario.buyer_of(made.clearance)
    order = orders.place(quote=made, idem="a", actor=buyer, at=scenario.now())
    assert orders.place(quote=made, idem="a", actor=buyer, at=scenario.now()) == order
    with pytest.raises(Refused) as refused:
        orders.place(quote=made, idem="b", actor=buyer, at=scenario.now())
    assert refused.value.code == "quote_used"
    with unit(SYSTEM):
        assert Order.objects.count() == 1
        given = Encumbrance.objects.filter(source=order.name_id)
        assert given.count() == 3
        window = made.clearance.use.body["training_window"]
        assert {(str(one.period.lower), str(one.period.upper)) for one in given} == {(window["from"], window["until"])}


def test_an_expired_quote_is_refused() -> None:
    made = scenario.quote(scenario.publisher())
    late = made.expires_at + timedelta(seconds=1)
    with pytest.raises(Refused) as refused:
        orders.place(quote=made, idem="a", actor=scenario.buyer_of(made.clearance), at=late)
    assert refused.value.code == "quote_expired"
    orders.expire(quote=made, actor=scenario.buyer_of(made.clearance), at=late)
    with unit(SYSTEM):
        assert Quote.objects.get().status == "expired"
        assert not Order.objects.exists()


def _withhold(shelf: scenario.Publisher) -> None:
    claim = shelf.claim
    assert claim is not None
    rights.reserve(
        organisation=shelf.organisation, kind="withhold", target=Target("work", work=shelf.works[0]),
        actions=claim.actions, territories=claim.territories, period=rights.as_period(claim.period), signal="",
        evidence={}, actor=shelf.actor, at=scenario.now(),
    )  # fmt: skip


def _withhold_later_elsewhere(shelf: scenario.Publisher) -> None:
    """From a day within the window on, and where only the model goes."""
    assert shelf.claim is not None
    rights.reserve(
        organisation=shelf.organisation, kind="withhold", target=Target("work", work=shelf.works[0]),
        actions=shelf.claim.actions, territories=territories.mask(["US"]),
        period=Period(scenario.now().date() + timedelta(days=100), None), signal="", evidence={}, actor=shelf.actor,
        at=scenario.now(),
    )  # fmt: skip


def _withhold_by_a_party(shelf: scenario.Publisher) -> None:
    author = shelf.parties[1]
    with unit(SYSTEM):
        Contributor.objects.filter(work=shelf.works[0]).update(party=author)
        Party.objects.filter(pk=author.pk).update(verified_at=scenario.now())
    assert shelf.claim is not None
    rights.reserve(
        organisation=shelf.organisation, kind="withhold", target=Target("party", party=author),
        actions=shelf.claim.actions, territories=shelf.claim.territories, period=Period(None, None), signal="",
        evidence={}, by_author=True, actor=shelf.actor, at=scenario.now(),
    )  # fmt: skip


def _sold_to_another(shelf: scenario.Publisher) -> None:
    """Exclusively, for a time that begins within the window."""
    assert shelf.claim is not None
    period = Period(scenario.now().date() + timedelta(days=300), None)
    rights.encumber(
        work_ids=[shelf.works[0].pk], actions=shelf.claim.actions, territories=territories.mask(["US"]), period=period,
        exclusive=True, source="a contract", actor=shelf.actor, at=scenario.now(),
    )  # fmt: skip


def _court_order(shelf: scenario.Publisher) -> None:
    with unit(SYSTEM):
        Work.objects.filter(pk=shelf.works[0].pk).update(court_order=True)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_withhold, "withheld"), (_withhold_later_elsewhere, "withheld"), (_withhold_by_a_party, "withheld_by_author"),
        (_sold_to_another, "exclusive_elsewhere"), (_court_order, "court_order"),
    ],
)  # fmt: skip
def test_what_cannot_wait_is_checked_at_acceptance(change: Callable[[scenario.Publisher], None], code: str) -> None:
    shelf = scenario.publisher()
    made = scenario.quote(shelf, model_territories=["DE", "US"])
    change(shelf)
    with pytest.raises(Refused) as refused:
        orders.place(quote=made, idem="a", actor=scenario.buyer_of(made.clearance), at=scenario.now())
    assert refused.value.code == "works_dropped_out"
    assert [(reason.code, reason.seen) for reason in refused.value.reasons] == [(code, shelf.works[0].name_id)]
    with unit(SYSTEM):
        assert Quote.objects.get().status == "issued"
        assert not Order.objects.exists()


@pytest.mark.parametrize(
    "price",
    [
        {"rules": [{"kind": "flat", "amount_micro": 10**14 + 1}]},
        {"rules": [{"kind": "flat", "amount_micro": 10**14}, {"kind": "per_image", "amount_micro": 1}]},
        {"rules": [{"kind": "free"}], "minimum_per_order_minor": 10**14 + 1},
    ],
)
def test_no_price_is_too_large_to_be_computed(monkeypatch: pytest.MonkeyPatch, price: dict[str, object]) -> None:
    monkeypatch.setitem(scenario.TERMS, "price", price)
    with pytest.raises(Refused) as refused:
        scenario.publisher(works=1)
    assert "at most 100000000000000" in refused.value.reasons[0].message
