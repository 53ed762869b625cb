"""What a quote costs: rounding, fee and tax. No database."""

from __future__ import annotations

import pytest

from licensing.kernel import money
from licensing.orders import rules
from licensing.orders.rules import Fee, Totals

CENT = money.MICRO


@pytest.mark.parametrize(
    ("micro", "fee", "tax_ppm", "expected"),
    [
        (0, Fee(150_000, min_minor=500), 200_000, Totals(0, 0, 0)),
        (10_000 * CENT, None, 0, Totals(10_000, 0, 0)),
        (10_000 * CENT, Fee(150_000), 200_000, Totals(10_000, 1_500, 2_000)),
        (CENT // 2 - 1, Fee(150_000), 0, Totals(0, 0, 0)),
        (CENT // 2, Fee(150_000), 500_000, Totals(1, 0, 1)),  # halves go up: 0.5 cents, and half a cent of tax
        (10_000 * CENT, Fee(150_000, fixed_minor=30), 0, Totals(10_000, 1_530, 0)),
        (10_000 * CENT, Fee(150_000, max_minor=1_000), 0, Totals(10_000, 1_000, 0)),
        (10_000 * CENT, Fee(0, min_minor=200), 0, Totals(10_000, 200, 0)),
        (100 * CENT, Fee(0, min_minor=200), 0, Totals(100, 100, 0)),  # nobody pays to sell
    ],
)
def test_totals(micro: int, fee: Fee | None, tax_ppm: int, expected: Totals) -> None:
    found = rules.totals(works_micro=micro, fee=fee, tax_ppm=tax_ppm)
    assert found == expected
    assert found.total_minor == expected.works_minor + expected.tax_minor


def test_sums_that_cannot_be_divided_are_refused() -> None:
    with pytest.raises(ValueError, match="never negative"):
        rules.totals(works_micro=-1, fee=None, tax_ppm=0)
    most = money.POOL_MAX_MINOR
    assert rules.totals(works_micro=most * CENT, fee=None, tax_ppm=0).works_minor == most
    with pytest.raises(ValueError, match="at most"):
        rules.totals(works_micro=(most + 1) * CENT, fee=None, tax_ppm=0)
