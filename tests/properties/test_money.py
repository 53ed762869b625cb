"""Money: rounding against exact fractions, and what is no amount is refused."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licensing.kernel import money
from licensing.kernel.money import MICRO, Money

CURRENCIES = st.sampled_from(sorted(money.EXPONENTS))
NOT_AMOUNTS = st.one_of(
    st.booleans(),
    st.floats(),
    st.text(),
    st.none(),
    st.decimals(),
    st.fractions(),
    st.integers(max_value=-1),
    st.lists(st.integers()),
)


@given(NOT_AMOUNTS)
def test_refuses_what_is_no_amount(value: object) -> None:
    """Floats, booleans, texts and negatives, also those that look whole."""
    with pytest.raises(ValueError, match="an amount is"):
        money.parse_minor(value)


@given(st.integers(min_value=0))
def test_keeps_what_is_an_amount(value: int) -> None:
    """Any size, unchanged."""
    assert money.parse_minor(value) == value


@given(st.integers(), st.integers(min_value=1))
def test_rounds_to_the_nearest(numerator: int, denominator: int) -> None:
    """Within a half, and a half goes up; floor is below by less than one."""
    exact = Fraction(numerator, denominator)
    assert money.half_up(numerator, denominator) == floor(exact + Fraction(1, 2))
    assert 0 <= exact - money.floor_div(numerator, denominator) < 1


@given(st.integers())
def test_the_carry_is_below_one_minor_unit(micro: int) -> None:
    """Nothing is lost between whole units and the fraction."""
    units, carry = money.whole(micro)
    assert units * MICRO + carry == micro
    assert 0 <= carry < MICRO


@given(st.integers(), st.integers(), CURRENCIES)
def test_sums_are_exact(first: int, second: int, currency: str) -> None:
    """Adding and taking away again changes nothing."""
    a, b = Money(first, currency), Money(second, currency)
    assert a + b - b == a
    assert a + -a == Money(0, currency)
    assert (a + b).micro == a.micro + b.micro


@given(CURRENCIES, CURRENCIES)
def test_currencies_never_mix(one: str, other: str) -> None:
    """Not even for zero."""
    if one != other:
        with pytest.raises(ValueError, match="cannot be mixed"):
            Money(0, one) + Money(0, other)
