"""What a payment brings to tax, fee and pool: never negative, and exact once everything is captured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licensing.royalties.rules import NOTHING, Charge, charge, so_far

MINOR = st.integers(0, 10**6)


@given(tax=MINOR, fee=MINOR, pool=MINOR, payments=st.lists(st.integers(1, 10**6), max_size=8))
def test_any_payments_close_the_order(tax: int, fee: int, pool: int, payments: list[int]) -> None:
    order, done = Charge(tax, fee, pool), NOTHING
    for amount in [*payments, order.gross_minor + 1]:
        part = charge(order, done, amount)
        assert min(part.tax_minor, part.fee_minor, part.pool_minor) >= 0
        assert part.gross_minor == min(amount, order.gross_minor - done.gross_minor)
        sums = (getattr(done, name) + getattr(part, name) for name in ("tax_minor", "fee_minor", "pool_minor"))
        done = Charge(*sums)
    assert done == order


def test_a_half_brings_half_of_each() -> None:
    assert so_far(Charge(20, 10, 70), 50) == Charge(10, 5, 35)


def test_a_pool_alone_has_no_tax_and_no_fee() -> None:
    assert so_far(Charge(0, 0, 7), 3) == Charge(0, 0, 3)


@pytest.mark.parametrize("captured", [-1, 101])
def test_more_than_the_order_is_refused(captured: int) -> None:
    with pytest.raises(ValueError, match="captured of an order of 100"):
        so_far(Charge(20, 10, 70), captured)
