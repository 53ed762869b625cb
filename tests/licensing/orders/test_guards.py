"""What is issued cannot change, whoever asks the database."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.identity import fresh
from accounts.unit import SYSTEM, unit
from licensing.orders.models import Quote
from licensing.payments.models import Dispute, Refund
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
    "UPDATE licensing_payment SET amount_minor = 1", "UPDATE licensing_payment SET currency = 'eur'",
    "UPDATE licensing_payment SET captured_minor = captured_minor + 1", "UPDATE licensing_payment SET stripe_id = 'x'",
    "UPDATE licensing_payment SET captured_minor = 0", "UPDATE licensing_payment SET livemode = true",
    "UPDATE licensing_splitversion SET document = 'another'", "DELETE FROM licensing_splitversion",
    "UPDATE licensing_splitpart SET ppm = 1", "DELETE FROM licensing_splitpart",
]  # fmt: skip


def test_issued_rows_cannot_change() -> None:
    scenario.granted(scenario.publisher(works=1))
    assert [change for change in CHANGES if not _refused(change)] == []


def _refused(change: str) -> bool:
    try:
        with unit(SYSTEM), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)
    except IntegrityError:
        return True
    return False


def test_a_status_may_still_move() -> None:
    scenario.quote(scenario.publisher(works=1))
    with unit(SYSTEM):
        assert Quote.objects.update(status="expired") == 1


def test_what_was_asked_and_received_stays() -> None:
    with unit(SYSTEM), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO licensing_stripecall (key, subject, method, params, params_hash, status, first_sent_at)"
            " VALUES ('pay_1:1', 'pay_1', 'm', '{}', 'h', 'stored', now())"
        )
        cursor.execute(
            "INSERT INTO licensing_webhookevent (endpoint, account, event_id, type, api_version, object_id, livemode,"
            " raw, status, attempts, received_at)"
            " VALUES ('p', '', 'evt', 't', '', 'o', false, '{}', 'received', 0, now())"
        )
        for table, change in (
            ("stripecall", "params = '[1]'"), ("stripecall", "key = 'other'"), ("webhookevent", "raw = '[1]'"),
            ("webhookevent", "livemode = true"),
        ):  # fmt: skip
            for statement in (f"UPDATE licensing_{table} SET {change}", f"DELETE FROM licensing_{table}"):
                with pytest.raises(IntegrityError), transaction.atomic():
                    cursor.execute(statement)
        cursor.execute("UPDATE licensing_stripecall SET status = 'unknown', response = '{}'")
        cursor.execute("UPDATE licensing_webhookevent SET status = 'parked', attempts = 1")


LOOSE = """
WITH v AS (
  INSERT INTO licensing_splitversion (public_id, created_at, claim_id, number, valid, territories, actions, document,
    approved_by, territory_set, action_set)
  SELECT gen_random_uuid(), now(), claim_id, 9, '[1990-01-01,1991-01-01)', territories, actions, '', '', '{}', '{}'
  FROM licensing_splitversion RETURNING id
) INSERT INTO licensing_splitpart (version_id, part_no, role, ppm) SELECT id, 1, 'unallocated', 1000000 FROM v
"""
QUOTED = """
INSERT INTO licensing_quoteshare (line_id, claim_id, organisation_id, share_ppm, terms_version_id, split_version_id)
SELECT line_id, claim_id + 1, organisation_id, 1, terms_version_id,
  (SELECT id FROM licensing_splitversion WHERE number = 9)
FROM licensing_quoteshare
"""


def test_a_share_of_a_loose_split_is_not_quoted() -> None:
    scenario.quote(scenario.publisher(works=1))
    with unit(SYSTEM), connection.cursor() as cursor:
        cursor.execute(LOOSE)
        with pytest.raises(IntegrityError, match="quoted but not frozen"), transaction.atomic():
            cursor.execute(QUOTED)


def test_an_unknown_currency_is_no_money() -> None:
    scenario.granted(scenario.publisher(works=1))
    for table in ("quote", "payment", "order", "clearance"):
        with unit(SYSTEM), pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE licensing_{table} SET currency = 'xyz'")


def test_refunds_never_exceed_what_was_captured() -> None:
    payment = scenario.captured(scenario.publisher(works=1))
    with unit(SYSTEM):
        for number, amount in enumerate((payment.captured_minor - 5, 5)):
            _refund(payment.pk, amount, number)
        with pytest.raises(IntegrityError), transaction.atomic():
            _refund(payment.pk, 1, 9)
        with pytest.raises(IntegrityError), transaction.atomic():
            _refund(payment.pk, -1, 9)
        Refund.objects.filter(stripe_id="re_1").update(status="failed")
        with pytest.raises(IntegrityError), transaction.atomic():
            _refund(payment.pk, 5, 9, currency="eur")
        with pytest.raises(IntegrityError), transaction.atomic():
            Refund.objects.filter(stripe_id="re_1").delete()
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE licensing_payment AS SELECT id, 1000000000::bigint AS captured_minor,"
                           " 'usd' AS currency FROM licensing_payment")  # fmt: skip
        with pytest.raises(IntegrityError), transaction.atomic():
            _refund(payment.pk, 6, 9)
        assert Refund.objects.count() == 2


def test_only_a_lost_dispute_is_money_gone() -> None:
    payment = scenario.captured(scenario.publisher(works=1))
    at = scenario.now()
    with unit(SYSTEM):
        dispute = Dispute.objects.create(
            public_id=fresh(at), created_at=at, organisation_id=payment.organisation_id, livemode=False,
            payment=payment, stripe_id="dp_1", amount_minor=payment.captured_minor, currency=payment.currency,
        )  # fmt: skip
        _refund(payment.pk, 5, 1)
        with pytest.raises(IntegrityError), transaction.atomic():
            Dispute.objects.filter(pk=dispute.pk).update(status="lost")


def _refund(payment: int, amount: int, number: int, currency: str = "usd") -> None:
    at = scenario.now()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO licensing_refund (public_id, created_at, organisation_id, livemode, payment_id, stripe_id,"
            " amount_minor, currency, reason, status) SELECT licet_uuid7(%s), %s, organisation_id, false, id, %s, %s,"
            " %s, '', 'pending' FROM public.licensing_payment WHERE id = %s",
            [at, at, f"re_{number}", amount, currency, payment],
        )
