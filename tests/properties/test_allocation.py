"""The SQL that divides equals the oracle byte for byte, on both of its arithmetic paths, whatever is sold."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.unit import unit
from licensing.kernel import money, split
from licensing.royalties import queries, recompute, services
from licensing.royalties.models import Allocation, AllocationRun, WorkAllocation
from tests.licensing.royalties.sales import ACTOR, AT, WHOLE, Owned, Sold, contest, sell, settle_constraints

pytestmark = pytest.mark.django_db


def cut_whole(pieces: int) -> st.SearchStrategy[tuple[int, ...]]:
    """`pieces` positive integers that sum to a million."""
    inner = st.lists(st.integers(1, WHOLE - 1), min_size=pieces - 1, max_size=pieces - 1, unique=True)
    return inner.map(sorted).map(lambda cuts: tuple(b - a for a, b in zip([0, *cuts], [*cuts, WHOLE], strict=True)))


@st.composite
def owned(draw: st.DrawFn, share: int) -> Owned:
    ppms = draw(
        st.one_of(st.just((WHOLE,)), st.just((333_333, 333_333, 333_334)), st.integers(1, 4).flatmap(cut_whole))
    )
    payees = draw(st.lists(st.one_of(st.none(), st.integers(0, 2)), min_size=len(ppms), max_size=len(ppms)))
    return Owned(share, tuple(zip(payees, ppms, strict=True)))


@st.composite
def works(draw: st.DrawFn) -> list[Sold]:
    # The large prices need numeric, the small ones bigint; 9 of them stay below the largest pool.
    price = st.one_of(st.just(0), st.sampled_from([1, 7, 100, 990_000]), st.integers(0, 10**18))
    found = []
    for amount in draw(st.lists(price, min_size=1, max_size=9)):
        shares = draw(st.one_of(st.just((WHOLE,)), st.integers(1, 3).flatmap(cut_whole)))
        found.append(Sold(amount, tuple(draw(owned(share)) for share in shares)))
    return found


class Undo(Exception):
    """Ends a trial; nothing of it stays."""


def check(sold: Sequence[Sold], minor: int, held: dict[int, int]) -> None:
    sale = sell(sold, works_minor=minor)
    for work, guaranteed in {number % len(sold): ppm for number, ppm in held.items()}.items():
        contest(sale.works[work], [(claim, guaranteed) for claim in sale.claims[work]])
    run = services.allocate(payment_id=sale.payments[0].name_id, actor=ACTOR, at=AT)
    settle_constraints()
    rows = list(recompute.rows(run, recompute.inputs(run)))
    assert (run.input_hash, run.output_hash) == (split.input_hash(rows), split.output_hash(rows))
    assert [one.field for one in queries.differences(run)] == []
    check_sums(run)


def check_sums(run: AllocationRun) -> None:
    parts: dict[int, int] = {}
    for work, amount in Allocation.objects.filter(run=run).values_list("work_id", "amount"):
        parts[work] = parts.get(work, 0) + amount
    level = dict(WorkAllocation.objects.filter(run=run).values_list("work_id", "amount"))
    assert parts == level
    assert sum(parts.values()) == run.pool_micro


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sold=works(),
    minor=st.one_of(st.integers(1, 50), st.integers(1, money.POOL_MAX_MINOR)),
    held=st.dictionaries(st.integers(0, 8), st.integers(0, WHOLE), max_size=2),
)
def test_sql_equals_the_oracle(sold: list[Sold], minor: int, held: dict[int, int]) -> None:
    with unit(ACTOR), pytest.raises(Undo), transaction.atomic():
        check(sold, minor, held)
        raise Undo
