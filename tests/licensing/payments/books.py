"""Reading the books in tests."""

from __future__ import annotations

from django.db.models import Sum

from licensing.ledger.models import LedgerLine


def balances() -> dict[str, int]:
    """Account code -> micro balance, without zero ones; checks that everything sums to zero first."""
    rows = LedgerLine.objects.values_list("account__code", "currency_id").annotate(sum=Sum("amount"))
    per_currency: dict[str, int] = {}
    for _, currency, amount in rows:
        per_currency[currency] = per_currency.get(currency, 0) + int(amount)
    assert not any(per_currency.values()), per_currency
    return {code: int(amount) for code, _, amount in rows if amount}
