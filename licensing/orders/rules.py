"""What a quote costs: totals, the platform's fee, tax. Integers in and out; each rounding is half up and named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from licensing.kernel import money

RULE_VERSION = "quote-2"
PPM = 1_000_000
VALID_FOR = timedelta(days=14)
PAY_WITHIN = timedelta(days=14)
"""An order nobody has paid for so long is given up: its works must not be kept from others for ever."""


@dataclass(frozen=True, slots=True)
class Fee:
    """The operator's fee: `ppm` of the works' price plus `fixed_minor`, at least `min_minor`, at most `max_minor`."""

    ppm: int
    fixed_minor: int = 0
    min_minor: int = 0
    max_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Whole minor units: works + tax = total; the fee is contained in works, so works - fee is the royalty pool."""

    works_minor: int
    fee_minor: int
    tax_minor: int

    @property
    def total_minor(self) -> int:
        """What the licensee pays."""
        return self.works_minor + self.tax_minor


def totals(*, works_micro: int, fee: Fee | None, tax_ppm: int) -> Totals:
    """Round the sum of the lines once (half up), then take the fee out of it and put the tax on it, once per order.

    The fee never exceeds the works' price: nobody pays to sell. Raises ValueError for a negative sum or one that is too
    large to divide exactly (money.POOL_MAX_MINOR).
    """
    if works_micro < 0:
        raise ValueError("a sum of prices is never negative")
    works = money.half_up(works_micro, money.MICRO)
    if works > money.POOL_MAX_MINOR:
        raise ValueError(f"one order may cost at most {money.POOL_MAX_MINOR} minor units")
    return Totals(works, min(works, _fee(works, fee)), money.half_up(works * tax_ppm, PPM))


def _fee(works_minor: int, fee: Fee | None) -> int:
    if fee is None or works_minor == 0:
        return 0
    asked = money.half_up(works_minor * fee.ppm, PPM) + fee.fixed_minor
    return max(fee.min_minor, asked if fee.max_minor is None else min(asked, fee.max_minor))
