"""Money: whole numbers of one currency, and nothing else."""

from __future__ import annotations

from decimal import Decimal

import pytest

from licensing.kernel import money
from licensing.kernel.money import MICRO, Money


def test_adds_and_subtracts_one_currency() -> None:
    """Sums keep the currency."""
    assert Money(150, "usd") + Money(50, "usd") == Money(200, "usd")
    assert Money(150, "usd") - Money(200, "usd") == Money(-50, "usd")
    assert -Money(150, "usd") == Money(-150, "usd")
    assert Money(3, "jpy").micro == 3 * MICRO


def test_never_mixes_currencies() -> None:
    """Two currencies have no sum."""
    with pytest.raises(ValueError, match="usd and eur cannot be mixed"):
        Money(1, "usd") + Money(1, "eur")
    with pytest.raises(ValueError, match="usd and eur cannot be mixed"):
        Money(1, "usd") - Money(1, "eur")


@pytest.mark.parametrize("amount", [1.0, True, "1", None, Decimal(1)])
def test_refuses_an_amount_that_is_not_whole(amount: object) -> None:
    """Not even a float that looks whole."""
    with pytest.raises(TypeError, match="whole number"):
        Money(amount, "usd")  # type: ignore[arg-type] # the wrong type is the test


@pytest.mark.parametrize(("currency", "digits"), [("usd", 2), ("jpy", 0), ("kwd", 3), ("cny", 2), ("isk", 0)])
def test_knows_the_digits_of_iso_4217(currency: str, digits: int) -> None:
    """Yen have no cents, dinars have thousandths."""
    assert money.exponent(currency) == digits


@pytest.mark.parametrize("currency", ["USD", "xxx", "", "us", "clf", "bgn "])
def test_refuses_an_unknown_currency(currency: str) -> None:
    """Also the right letters in the wrong case, and units with four digits."""
    with pytest.raises(ValueError, match="unknown currency"):
        Money(1, currency)


def test_the_table_is_of_iso_4217_codes() -> None:
    """Three lower-case letters each; 0 and 3 digits are the exceptions ISO lists."""
    assert all(len(code) == 3 and code.isalpha() and code.islower() for code in money.EXPONENTS)
    digits = list(money.EXPONENTS.values())
    assert (digits.count(0), digits.count(3), digits.count(2)) == (16, 7, 134)


@pytest.mark.parametrize(
    ("numerator", "denominator", "nearest", "below"),
    [(5, 2, 3, 2), (4, 3, 1, 1), (5, 3, 2, 1), (-5, 2, -2, -3), (-1, 3, 0, -1), (0, 7, 0, 0)],
)
def test_rounds_as_said(numerator: int, denominator: int, nearest: int, below: int) -> None:
    """A half goes up, also below zero; floor goes down, also below zero."""
    assert money.half_up(numerator, denominator) == nearest
    assert money.floor_div(numerator, denominator) == below


@pytest.mark.parametrize("denominator", [0, -1])
def test_refuses_a_denominator_that_is_not_positive(denominator: int) -> None:
    """Neither rounding has a meaning there."""
    with pytest.raises(ValueError, match="must be positive"):
        money.half_up(1, denominator)
    with pytest.raises(ValueError, match="must be positive"):
        money.floor_div(1, denominator)


def test_carries_the_fraction_forward() -> None:
    """The carry is never negative, so a debt floors to the larger debt."""
    assert money.whole(2_500_000) == (2, 500_000)
    assert money.whole(-500_000) == (-1, 500_000)


def test_reads_whole_minor_units_only() -> None:
    """Nothing is coerced: what is refused is named."""
    assert money.parse_minor(0) == 0
    assert money.parse_minor(12_345) == 12_345
    for wrong, seen in ((-1, "int '-1'"), (1.0, "float '1.0'"), ("7", "str '7'"), (True, "bool 'True'")):
        with pytest.raises(ValueError, match=seen):
            money.parse_minor(wrong)
