"""Dividing: sums exact, each within one micro, order without effect, refunds exact, oracle whole."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from licensing.kernel import apportion, split
from licensing.kernel.money import MICRO, POOL_MAX_MINOR
from licensing.kernel.split import PartShare, Remaining, WorkWeight

AMOUNTS = st.integers(0, 30) | st.integers(0, POOL_MAX_MINOR * MICRO)
WEIGHTS = st.lists(st.integers(0, 4) | st.integers(0, 10**15), min_size=1, max_size=12)
RUNS = st.uuids()
SHUFFLES = st.randoms(use_true_random=False)
RUN = UUID(int=1)


def ties_of(run: UUID, count: int) -> list[bytes]:
    """Make the ties of works numbered 1..count."""
    return [apportion.tie(run, UUID(int=number), 0) for number in range(1, count + 1)]


def by_definition(amount: int, weights: list[int], ties: list[bytes]) -> list[int]:
    """Divide by exact fractions and one full ordering by remainder, then tie."""
    used = weights if any(weights) else [1] * len(weights)
    exact = [Fraction(amount * weight, sum(used)) for weight in used]
    floors = [share.numerator // share.denominator for share in exact]
    order = sorted(range(len(used)), key=lambda row: (floors[row] - exact[row], ties[row]))
    bumped = set(order[: amount - sum(floors)])
    return [floor + (row in bumped) for row, floor in enumerate(floors)]


@given(AMOUNTS, WEIGHTS, RUNS)
def test_equals_the_method_in_its_plain_form(amount: int, weights: list[int], run: UUID) -> None:
    """Reading ties only across the cut changes nothing."""
    ties = ties_of(run, len(weights))
    shares = apportion.divide(amount, weights, ties)
    assert [share.amount for share in shares] == by_definition(amount, weights, ties)


@given(AMOUNTS, WEIGHTS, RUNS)
def test_sums_and_nearness(amount: int, weights: list[int], run: UUID) -> None:
    """The parts are the whole; each is less than one from exact; equals differ by one at most."""
    shares = apportion.divide(amount, weights, ties_of(run, len(weights)))
    total = sum(share.weight for share in shares)
    assert sum(share.amount for share in shares) == amount
    for share in shares:
        assert abs(share.amount - Fraction(amount * share.weight, total)) < 1
        assert share.weight > 0 or share.amount == 0
        for other in shares:
            assert share.weight != other.weight or abs(share.amount - other.amount) <= 1
            assert share.weight <= other.weight or share.amount >= other.amount


@given(AMOUNTS, WEIGHTS, RUNS)
def test_each_share_explains_itself(amount: int, weights: list[int], run: UUID) -> None:
    """Everything stored follows from amount, weight, sum of weights and rank."""
    shares = apportion.divide(amount, weights, ties_of(run, len(weights)))
    total = sum(share.weight for share in shares)
    for share in shares:
        assert (share.q, share.r) == divmod(amount, total)
        assert share.floor * total + share.remainder == amount * share.weight
        assert share.bumped is (share.rank <= share.cut_rank)
        assert share.amount == share.floor + share.bumped
        assert share.remainder > 0 or not share.bumped
        larger = sum(other.remainder > share.remainder for other in shares)
        assert larger < share.rank <= larger + sum(other.remainder == share.remainder for other in shares)
    assert sum(share.bumped for share in shares) == shares[0].cut_rank


@given(AMOUNTS, WEIGHTS, RUNS, SHUFFLES)
def test_order_does_not_matter(amount: int, weights: list[int], run: UUID, random: Random) -> None:
    """Rows in another order get the same shares, also where a tie decides."""
    ties = ties_of(run, len(weights))
    order = list(range(len(weights)))
    random.shuffle(order)
    shares = apportion.divide(amount, weights, ties)
    shuffled = apportion.divide(amount, [weights[row] for row in order], [ties[row] for row in order])
    assert shuffled == [shares[row] for row in order]


@given(AMOUNTS, WEIGHTS, st.integers(1, 1000))
def test_scale_of_weights_does_not_matter(amount: int, weights: list[int], factor: int) -> None:
    """So weights may be divided by their greatest common divisor."""
    ties = ties_of(RUN, len(weights))
    small = apportion.divide(amount, weights, ties)
    large = apportion.divide(amount, [weight * factor for weight in weights], ties)
    assert [(share.amount, share.rank) for share in small] == [(share.amount, share.rank) for share in large]


@given(st.lists(AMOUNTS, min_size=1, max_size=8), st.data())
def test_any_sequence_of_refunds_is_exact(remaining: list[int], data: st.DataObject) -> None:
    """Never more than remains, never below zero, and taking the rest leaves zeros."""
    for number in range(data.draw(st.integers(0, 4))):
        amount = data.draw(st.integers(0, sum(remaining)))
        taken = apportion.take_back(amount, remaining, ties_of(UUID(int=number), len(remaining)))
        assert sum(share.amount for share in taken) == amount
        assert all(0 <= share.amount <= left for share, left in zip(taken, remaining, strict=True))
        remaining = [left - share.amount for share, left in zip(taken, remaining, strict=True)]
    rest = apportion.take_back(sum(remaining), remaining, ties_of(RUN, len(remaining)))
    assert [share.amount for share in rest] == remaining


@st.composite
def ppm(draw: st.DrawFn, most: int) -> list[int]:
    """Any way to cut 1,000,000 into up to `most` parts."""
    cuts = sorted(draw(st.lists(st.integers(0, split.WHOLE), max_size=most - 1)))
    return [high - low for low, high in zip([0, *cuts], [*cuts, split.WHOLE], strict=True)]


@st.composite
def sales(draw: st.DrawFn) -> tuple[list[WorkWeight], dict[UUID, list[PartShare]]]:
    """Make some works with one to three claims, each of one to four parts."""
    works, parts = [], {}
    for number in range(1, draw(st.integers(1, 5)) + 1):
        work = UUID(int=number)
        works.append(WorkWeight(work, draw(st.integers(0, 3) | st.integers(0, 10**12))))
        parts[work] = [
            PartShare(UUID(int=100 * number + claim), UUID(int=claim), place, UUID(int=place), share, claim_ppm)
            for claim, claim_ppm in enumerate(draw(ppm(3)), start=1)
            for place, share in enumerate(draw(ppm(4)), start=1)
        ]
    return works, parts


@given(RUNS, AMOUNTS, sales(), SHUFFLES)
def test_an_allocation_sums_per_run_and_work(
    run: UUID,
    pool: int,
    sale: tuple[list[WorkWeight], dict[UUID, list[PartShare]]],
    random: Random,
) -> None:
    """And gives the same rows and hashes whatever order works and parts come in."""
    works, parts = sale
    rows = list(split.allocate(run, pool, works, parts))
    assert sum(row.amount for row in rows) == pool
    divided = split.divide_works(run, pool, works)
    for work, _ in works:
        own = [row for row in rows if row.work == work]
        assert sum(row.amount for row in own) == divided[work].amount
        assert sum(row.weight for row in own) in (10**6, 10**12)
        assert [row.part_no for row in own] == list(range(1, len(own) + 1))
    shuffled = random.sample(works, len(works))
    mixed = {work: random.sample(own, len(own)) for work, own in parts.items()}
    again = list(split.allocate(run, pool, shuffled, mixed))
    assert sorted(again, key=lambda row: (row.work, row.part_no)) == rows
    assert split.input_hash(again) == split.input_hash(rows)
    assert split.output_hash(again) == split.output_hash(rows)


@given(AMOUNTS.filter(bool), sales())
def test_another_amount_is_another_output(
    pool: int, sale: tuple[list[WorkWeight], dict[UUID, list[PartShare]]]
) -> None:
    """One micro less: same input hash, other output hash."""
    works, parts = sale
    more = list(split.allocate(RUN, pool, works, parts))
    less = list(split.allocate(RUN, pool - 1, works, parts))
    assert split.input_hash(more) == split.input_hash(less)
    assert split.output_hash(more) != split.output_hash(less)


@given(AMOUNTS, sales(), st.data())
def test_refunds_of_an_allocation_close_at_zero(
    pool: int, sale: tuple[list[WorkWeight], dict[UUID, list[PartShare]]], data: st.DataObject
) -> None:
    """Two partial refunds and the rest, through works and parts."""
    works, parts = sale
    left = [Remaining(row.work, row.part_no, row.amount) for row in split.allocate(RUN, pool, works, parts)]
    for number in range(3):
        total = sum(row.amount for row in left)
        amount = total if number == 2 else data.draw(st.integers(0, total))
        taken = split.take_back(UUID(int=number), amount, left)
        assert sum(row.amount for row in taken) == amount
        assert all(0 <= gone.amount <= row.amount for gone, row in zip(taken, left, strict=True))
        left = [row._replace(amount=row.amount - gone.amount) for gone, row in zip(taken, left, strict=True)]
    assert {row.amount for row in left} == {0}
