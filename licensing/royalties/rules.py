"""What of an order's money a payment brings to tax, fee and pool (docs/algorithms/statements.md, section 1)."""

from __future__ import annotations

from dataclasses import dataclass

from licensing.kernel import money

RULE_VERSION = "split-1"


@dataclass(frozen=True, slots=True)
class Charge:
    """Whole minor units: gross = tax + fee + pool."""

    tax_minor: int
    fee_minor: int
    pool_minor: int

    @property
    def gross_minor(self) -> int:
        """What was paid."""
        return self.tax_minor + self.fee_minor + self.pool_minor

    def minus(self, other: Charge) -> Charge:
        """Each part less the other's."""
        return Charge(
            self.tax_minor - other.tax_minor, self.fee_minor - other.fee_minor, self.pool_minor - other.pool_minor
        )


NOTHING = Charge(0, 0, 0)


def so_far(order: Charge, captured_minor: int) -> Charge:
    """Of an order's whole charge, what `captured_minor` (0 to its gross) has brought: exact when all is captured.

    Each part grows with `captured_minor` and never by more than it. Raises ValueError outside that range.
    """
    if not 0 <= captured_minor <= order.gross_minor:
        raise ValueError(f"{captured_minor} captured of an order of {order.gross_minor}")
    if captured_minor == 0:
        return NOTHING
    pool = money.floor_div(order.pool_minor * captured_minor, order.gross_minor)
    others = order.tax_minor + order.fee_minor
    tax = money.floor_div(order.tax_minor * (captured_minor - pool), others) if others else 0
    return Charge(tax, captured_minor - pool - tax, pool)


def charge(order: Charge, earlier: Charge, captured_minor: int) -> Charge:
    """What a payment of `captured_minor` brings after `earlier` runs; what exceeds the order is left out."""
    sum_now = min(order.gross_minor, earlier.gross_minor + captured_minor)
    return so_far(order, sum_now).minus(earlier)
