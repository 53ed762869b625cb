"""What must hold of `decide` whatever the rights are (domain.md 4, Properties). No database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from licensing.clearing import facts as f
from licensing.clearing import rules
from licensing.clearing.boxes import END, Box, common, regions
from licensing.kernel.territories import WORLD, mask

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TODAY = AT.date().toordinal()
EXAMPLES = settings(max_examples=400, deadline=None, derandomize=True)

MASKS = [WORLD, mask(["EU"]), mask(["DE"]), mask(["US"]), mask(["WORLD", "-US"])]
ACTIONS = [2047, 0b1110, 0b0100, 0b1011]


def one_of_each(*fields: Sequence[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """One value of every field, the first ones simplest. Drawn at once: what takes Hypothesis its time is drawing."""
    return st.sampled_from(list(product(*fields)))


def mostly(all_of_it: int, others: Sequence[int]) -> list[int]:
    """Half the whole, half any of the others."""
    return [all_of_it] * len(others) + list(others)


masks = st.sampled_from(MASKS)
actions = st.sampled_from(ACTIONS)
boxes = one_of_each(
    mostly(2047, ACTIONS), mostly(WORLD, MASKS), [0, 0, 0, TODAY + 50], [END, END, END, TODAY + 200]
).map(lambda drawn: Box(*drawn))
GOOD = f.ROOT | f.CONSENTED


somewhere = one_of_each(range(1, 10), (1, 2), mostly(2047, ACTIONS), mostly(WORLD, MASKS))
ways = one_of_each([None, None, 100], [False, True], [(), ("attribution",)], [False, False, True])
terms = one_of_each(
    [0, 10**6, 7 * 10**6], [0, 0, 0, 4, -1], [None, None, None, (TODAY - 9, TODAY + 100), (TODAY - 9, TODAY + 99)]
)


def offer_of(where: tuple[Any, ...], way: tuple[Any, ...], term: tuple[Any, ...]) -> f.Offer:
    """An offer of one of two licensors: for some actions and places, in some way, for a price."""
    key, licensor, bits, places = where
    training_days, exclusive, conditions, manual = way
    flat, needs, released = term
    return f.Offer(
        key=key, licensor=licensor, actions=bits, territories=places, model_kinds=31, outputs=7, start=0, end=END,
        training_days=training_days, retention_days=None, survival="perpetual", audience="any",
        audience_organisation=None, commercial=True, distribution=frozenset(), exclusive=exclusive,
        conditions=conditions, manual=manual, currency="usd", price=f.Price(flat=flat, tokens=0, needs=needs),
        released=released,
    )


offers = st.builds(offer_of, somewhere, ways, terms)
says = one_of_each(
    [f.CONSENTED, f.CONSENTED, 0, f.CONSENTED | f.VERIFIED], [0, 0, f.EXCLUSIVE], [0, 0, 0, f.ONE_STOP],
    [0, 0, f.FOREIGN], [f.WHOLE, f.WHOLE, 600_000, 400_000], [1, 2],
)  # fmt: skip
# Half no parent, half any of the claims before.
parents = [st.sampled_from([None] * max(place, 1) + list(range(place))) for place in range(4)]


@st.composite
def claims(draw: st.DrawFn) -> tuple[f.Claim, ...]:
    """One to four claims; derived ones hang on an earlier one."""
    found: list[f.Claim] = []
    for place in range(draw(st.integers(1, 4))):
        parent = draw(parents[place])
        flags, exclusive, stop, foreign, ppm, licensor = draw(says)
        flags |= stop | foreign | (f.ROOT if parent is None else exclusive)
        found.append(f.Claim(licensor, ppm, draw(boxes), flags, parent))
    return tuple(found)


wild_rights = st.builds(
    f.Rights,
    claims=claims(),
    withholds=st.lists(st.builds(f.Withhold, boxes, st.booleans()), max_size=1).map(tuple),
    reserves=st.lists(boxes, max_size=1).map(tuple),
    encumbrances=st.lists(st.builds(f.Encumbrance, boxes, st.booleans()), max_size=1).map(tuple),
    conflicts=st.just(()),
    licences=st.lists(
        st.builds(
            f.Licence, boxes, st.integers(1, 2), st.sampled_from([f.COVERS, f.COVERS | f.FIRST_HAND, f.FIRST_HAND])
        ),
        max_size=1,
    ).map(tuple),
    status=st.one_of(st.none(), st.builds(f.Status, masks, st.just(0), st.just(TODAY))),
    offers=st.lists(offers, max_size=4, unique_by=lambda offer: offer.key).map(tuple),
    known=st.just(0),
)
EVERYTHING = Box(2047, WORLD, 0, END)
# Mostly one owner with everything: otherwise nothing random ever clears by terms.
derived = st.builds(
    f.Claim, st.integers(1, 2), st.just(f.WHOLE), st.just(EVERYTHING), st.just(f.CONSENTED), st.just(0)
)
owners = st.lists(derived, max_size=2).map(lambda more: (f.Claim(1, f.WHOLE, EVERYTHING, GOOD), *more))  # fmt: skip
calm_rights = st.builds(
    f.Rights, claims=owners,
    offers=st.lists(offers, min_size=1, max_size=4, unique_by=lambda offer: offer.key).map(tuple),
    status=st.one_of(st.none(), st.builds(f.Status, masks, st.just(0), st.just(TODAY))),
)  # fmt: skip
# one_of would take the same strategy once, however often it is named.
all_rights = st.sampled_from([calm_rights, calm_rights, wild_rights]).flatmap(lambda kind: kind)
uses = one_of_each(
    ACTIONS, MASKS, [False, True], [False, False, True], [False, False, True]
).map(lambda drawn: use_of(*drawn))


def use_of(bits: int, where: int, accepts_contested: bool, exclusive: bool, needs_verified: bool) -> f.Use:
    """A use of a hundred days from today."""
    return f.Use(
        box=Box(bits, where, TODAY, TODAY + 100), currency="usd", licensee="org_me", licensee_id=9, window_days=100,
        retention_days=100, survival="perpetual", model_kind=1, outputs=2, accepts_contested=accepts_contested,
        exclusive=exclusive, needs_verified=needs_verified,
    )


def decide(rights: f.Rights, use: f.Use) -> rules.Decision:
    return rules.decide(f.WorkFacts("wrk", 0, rights, {}), use, AT)


def refused(rights: f.Rights, use: f.Use) -> bool:
    return decide(rights, use).outcome == "refused"


@EXAMPLES
@given(all_rights, uses, boxes, st.booleans())
def test_a_withhold_never_clears(rights: f.Rights, use: f.Use, box: Box, by_author: bool) -> None:
    more = replace(rights, withholds=(*rights.withholds, f.Withhold(box, by_author)))
    assert not refused(rights, use) or refused(more, use)


@EXAMPLES
@given(all_rights, uses, boxes, st.lists(st.integers(0, 3), max_size=3))
def test_a_conflict_never_clears(rights: f.Rights, use: f.Use, box: Box, members: list[int]) -> None:
    live = tuple(place for place in members if place < len(rights.claims))
    more = replace(rights, conflicts=(f.Conflict(box, live),))
    assert not refused(rights, use) or refused(more, use)


@EXAMPLES
@given(all_rights, uses, boxes, st.integers(1, 2))
def test_a_rival_above_the_whole_never_clears(rights: f.Rights, use: f.Use, box: Box, licensor: int) -> None:
    use = replace(use, accepts_contested=False)
    rival = f.Claim(licensor, f.WHOLE, box, GOOD)
    roots = [claim for claim in rights.claims if claim.parent is None and common(claim.box, box)]
    assume(roots)
    rest = [
        part for part in regions(box, [claim.box for claim in roots]) if not any(common(part, c.box) for c in roots)
    ]
    assume(not any(common(part, use.box) for part in rest))  # elsewhere it is the first claim, not a rival
    assert not refused(rights, use) or refused(replace(rights, claims=(*rights.claims, rival)), use)


@EXAMPLES
@given(all_rights, uses, st.data())
def test_less_evidence_never_clears(rights: f.Rights, use: f.Use, data: st.DataObject) -> None:
    assume(refused(rights, use))
    place = data.draw(st.integers(0, len(rights.claims) - 1))
    unproven = replace(rights.claims[place], flags=rights.claims[place].flags & ~(f.CONSENTED | f.VERIFIED))
    poorer = [
        replace(rights, claims=(*rights.claims[:place], unproven, *rights.claims[place + 1 :])),
        replace(rights, licences=()),
        replace(rights, status=None),
        replace(rights, offers=rights.offers[1:]),
        replace(rights, offers=()),
    ]
    assert all(refused(less, use) for less in poorer)


@EXAMPLES
@given(all_rights, uses)
def test_a_lost_licensor_never_clears(rights: f.Rights, use: f.Use) -> None:
    """The last claim is nobody's parent. Rivals and exclusive derivations are restrictions, not evidence."""
    last = rights.claims[-1]
    total = sum(claim.ppm for claim in rights.claims if claim.parent is None)
    assume(total <= f.WHOLE and not last.flags & f.EXCLUSIVE)
    assert not refused(rights, use) or refused(replace(rights, claims=rights.claims[:-1]), use)


@EXAMPLES
@given(all_rights, uses, actions, masks, st.integers(0, 300))
def test_a_wider_use_never_clears(rights: f.Rights, use: f.Use, more: int, where: int, days: int) -> None:
    box = use.box
    wider = replace(use, box=Box(box.actions | more, box.territories | where, box.start, box.end + days))
    assert not refused(rights, use) or refused(rights, wider)


@EXAMPLES
@given(all_rights, uses, boxes, st.integers(1, 2), st.data())
def test_a_mandate_beside_its_principal_never_refuses(
    rights: f.Rights, use: f.Use, box: Box, licensor: int, data: st.DataObject
) -> None:
    parent = data.draw(st.integers(0, len(rights.claims) - 1))
    assume(not rights.conflicts)
    principal = rights.claims[parent]
    mandate = f.Claim(licensor, principal.ppm, box, data.draw(st.sampled_from([0, f.CONSENTED])), parent)
    assert refused(rights, use) or not refused(replace(rights, claims=(*rights.claims, mandate)), use)


@EXAMPLES
@given(all_rights, uses, st.randoms(use_true_random=False))
def test_order_does_not_matter(rights: f.Rights, use: f.Use, dice: object) -> None:
    order = list(range(len(rights.claims)))
    dice.shuffle(order)  # type: ignore[attr-defined]  # Hypothesis types its Random as object
    place = {old: new for new, old in enumerate(order)}
    claims_now = tuple(
        replace(
            rights.claims[old],
            parent=None if rights.claims[old].parent is None else place[rights.claims[old].parent or 0],
        )
        for old in order
    )
    turned = replace(rights, claims=claims_now, offers=rights.offers[::-1])
    one, other = decide(rights, use), decide(turned, use)
    same = ("outcome", "kind", "reasons", "considered", "notes", "price_micro", "assurance")
    assert [getattr(one, name) for name in same] == [getattr(other, name) for name in same]
    assert {lic.offer for lic in one.licensed} == {lic.offer for lic in other.licensed}


@EXAMPLES
@given(boxes, st.lists(boxes, max_size=5))
def test_regions_add_up_to_the_whole_and_never_overlap(whole: Box, knives: list[Box]) -> None:
    parts = regions(whole, knives)
    size = sum(p.actions.bit_count() * p.territories.bit_count() * (p.end - p.start) for p in parts)
    assert size == whole.actions.bit_count() * whole.territories.bit_count() * (whole.end - whole.start)
    assert not any(common(a, b) for i, a in enumerate(parts) for b in parts[:i])
    assert all(common(p, k) in (None, p) for p in parts for k in knives)
