"""What is issued cannot change, whoever asks the database."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.unit import SYSTEM, unit
from licensing.orders.models import Quote
from licensing.payments.models import Refund
from tests import scenario

pytestmark = pytest.mark.django_db

CHANGES = [
    "UPDATE licensing_quote SET total_minor = total_minor + 1, works_minor = works_minor + 1",
    "UPDATE licensing_quote SET body = '{}'", "DELETE FROM licensing_quote",
    "UPDATE licensing_quoteline SET price_micro = 1", "DELETE FROM licensing_quoteline",
    "UPDATE licensing_quoteshare SET share_ppm = 1", "UPDATE licensing_order SET total_minor = 1",
    "DELETE FROM licensing_order", "UPDATE licensing_grant SET works_count = 0", "DELETE FROM licensing_grant",
    "UPDATE licensing_certificate SET document = '\\x00'", "DELETE FROM licensing_certificate",
    "UPDATE licensing_termsversion SET currency = 'eur'", "DELETE FROM licensing_grantwork",
    "DELETE FROM licensing_claim", "DELETE FROM licensing_payment",
]  # fmt: skip


@pytest.fixture
def sale(db: None) -> None:
    scenario.granted(scenario.publisher(works=1))


@pytest.mark.usefixtures("sale")
@pytest.mark.parametrize("change", CHANGES)
def test_issued_rows_cannot_change(change: str) -> None:
    with unit(SYSTEM), pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)


def test_a_status_may_still_move() -> None:
    scenario.quote(scenario.publisher(works=1))
    with unit(SYSTEM):
        assert Quote.objects.update(status="expired") == 1


def test_refunds_never_exceed_what_was_captured() -> None:
    payment = scenario.captured(scenario.publisher(works=1))
    with unit(SYSTEM):
        for number, amount in enumerate((payment.captured_minor - 5, 5)):
            _refund(payment.pk, amount, number)
        with pytest.raises(IntegrityError), transaction.atomic():
            _refund(payment.pk, 1, 9)
        assert Refund.objects.count() == 2


def _refund(payment: int, amount: int, number: int) -> None:
    at = scenario.now()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO licensing_refund (public_id, created_at, organisation_id, livemode, payment_id, stripe_id,"
            " amount_minor, currency, reason, status) SELECT licet_uuid7(%s), %s, organisation_id, false, id, %s, %s,"
            " 'usd', '', 'pending' FROM licensing_payment WHERE id = %s",
            [at, at, f"re_{number}", amount, payment],
        )
