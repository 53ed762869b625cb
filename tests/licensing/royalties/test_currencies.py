"""Money of 0, 2 and 3 digits from the quote to the statement: the same integers, nothing lost on the way."""

from __future__ import annotations

from datetime import date

import pytest

from accounts.models import Organisation
from accounts.unit import SYSTEM, unit
from licensing.grants import services as grants
from licensing.ledger import queries as books
from licensing.ledger import verify
from licensing.orders import rules
from licensing.orders import services as orders
from licensing.orders.models import TaxRate
from licensing.royalties import queries, services, statements
from tests import scenario

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("currency", ["jpy", "usd", "kwd"])
def test_every_currency_closes_to_zero(monkeypatch: pytest.MonkeyPatch, currency: str) -> None:
    monkeypatch.setitem(scenario.TERMS, "currency", currency)
    at = scenario.now()
    orders.set_fee(livemode=False, currency=currency, fee=rules.Fee(33_333, 1), actor=SYSTEM, at=at)
    with unit(SYSTEM):
        TaxRate.objects.create(livemode=False, jurisdiction="", ppm=77_777, starts=date(2020, 1, 1), source="tests")
    shelf = scenario.publisher(works=3, parts=(333_333, 666_667))
    payment = scenario.captured(shelf, at=at)
    with unit(SYSTEM):
        Organisation.objects.filter(slug="brindle").update(country="DE")  # moved since the quote
    grants.issue(order_id=payment.order.name_id, actor=SYSTEM, at=at)
    run = services.allocate(payment_id=payment.name_id, actor=SYSTEM, at=at)
    assert (run.currency, run.gross_minor) == (currency, payment.captured_minor)
    assert (run.tax_minor, run.fee_minor) == (2_881, 1_236)
    first = at.date().replace(day=1)
    ends = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    made = [
        statements.draft(payee=party, currency=currency, starts=first, ends=ends, actor=SYSTEM, at=at)
        for party in shelf.parties
    ]
    assert sum(one.closing for one in made) == run.pool_micro
    with unit(SYSTEM):
        assert books.imbalance() == {currency: 0}
        assert verify.verify().ok
        assert queries.audit_splits() == {"runs": 1, "differences": []}
        assert books.balance("tax_payable:none", currency, livemode=False) == -2_881_000_000
        for code in ("order_clearing", "royalty_pool"):
            assert books.balance(f"{code}:{payment.order.name_id}", currency, livemode=False) == 0
