"""Settling: what Stripe reports is posted once; money that does not fit waits in suspense and grants nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from datetime import timedelta

import pytest

from accounts.errors import Refused
from accounts.unit import SYSTEM, unit
from licensing.events.models import DomainEvent
from licensing.jobs.models import Job
from licensing.ledger.models import LedgerEntry, LedgerLine
from licensing.orders.models import Order
from licensing.payments import calls, rules, settlement
from licensing.payments.facts import Kind, Outcome, PaymentFacts, Problem
from licensing.payments.gateway import Gateway
from licensing.payments.models import Payment, StripeCall, WebhookEvent
from tests import scenario
from tests.licensing.payments.asking import answer, ok, start
from tests.licensing.payments.books import balances

pytestmark = pytest.mark.django_db
MICRO = 1_000_000


@pytest.fixture
def order() -> Order:
    return scenario.order(scenario.publisher())


def test_a_captured_payment_secures_the_order(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    due = order.total_minor
    answer(monkeypatch, ok(scenario.paid(due, status="requires_payment_method")), ok(scenario.paid(due)))
    payment = start(order)
    assert payment.status == "pending"
    for _ in range(3):
        settlement.settle(payment_id=payment.name_id, actor=SYSTEM, at=scenario.now())
    fee = due * 29 // 1000 + 30
    with unit(SYSTEM):
        assert Order.objects.get().status == "secured"
        assert LedgerEntry.objects.count() == 1
        assert DomainEvent.objects.filter(kind="order.secured").count() == 1
        assert balances() == {
            "stripe_pending": (due - fee) * MICRO, f"order_clearing:{order.name_id}": -due * MICRO,
            "stripe_fee_expense": fee * MICRO,
        }  # fmt: skip


@pytest.mark.parametrize("changes", [{"captured_minor": 1}, {"currency": "eur"}])
def test_money_that_does_not_fit_waits(
    monkeypatch: pytest.MonkeyPatch, order: Order, changes: dict[str, object]
) -> None:
    due = order.total_minor
    answer(monkeypatch, ok(scenario.paid(due)), ok(scenario.paid(due, **changes)))
    payment = start(order)
    settlement.settle(payment_id=payment.name_id, actor=SYSTEM, at=scenario.now())
    with unit(SYSTEM):
        assert Payment.objects.get().status == "suspense"
        assert Order.objects.get().status == "placed"
        assert f"buyer_suspense:{payment.name_id}" in balances()


def test_a_second_open_payment_is_refused(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    answer(monkeypatch, ok(scenario.paid(order.total_minor)))
    first = start(order)
    assert start(order).pk == first.pk
    with pytest.raises(Refused) as refused:
        start(order, "another")
    assert refused.value.code == "payment_exists"
    with unit(SYSTEM):
        assert (Payment.objects.count(), StripeCall.objects.count()) == (1, 1)


def test_no_answer_resumes_under_the_same_key(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    silence: Outcome[PaymentFacts] = Outcome(Kind.RETRY, None, Problem("no_answer", "timeout", None, True))
    asked = answer(monkeypatch, silence, ok(scenario.paid(order.total_minor)))
    with pytest.raises(Refused) as refused:
        start(order)
    assert (refused.value.code, refused.value.retryable) == ("payment_unknown", True)
    assert start(order).status == "pending"
    assert asked[0] == asked[1]
    with unit(SYSTEM):
        assert StripeCall.objects.get().status == "answered"


def test_a_definite_no_says_why_and_lets_another_try(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    no: Outcome[PaymentFacts] = Outcome(
        Kind.DEFINITE_ERROR, None, Problem("amount_too_small", "too small", 400, False)
    )
    answer(monkeypatch, no, ok(scenario.paid(order.total_minor)))
    with pytest.raises(Refused, match="too small") as refused:
        start(order)
    assert refused.value.code == "payment_refused"
    assert start(order, "again").status == "pending"


def test_an_unknown_fee_is_waited_for(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    due = order.total_minor
    answer(monkeypatch, ok(scenario.paid(due)), ok(scenario.paid(due, fee_minor=None)))
    payment = start(order)
    with pytest.raises(Refused) as refused:
        settlement.settle(payment_id=payment.name_id, actor=SYSTEM, at=scenario.now())
    assert refused.value.retryable
    with unit(SYSTEM):
        assert not LedgerEntry.objects.exists()
        assert Payment.objects.get().status == "pending"


def test_a_webhook_that_is_not_stripes_is_not_kept() -> None:
    with pytest.raises(Refused) as refused:
        settlement.receive(
            endpoint="platform", payload=b"{}", signature="t=1,v1=00", secrets=["whsec_x"], at=scenario.now()
        )
    assert refused.value.code == "signature_invalid"


def test_the_books_say_when_the_buyer_really_paid(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    due, charged = order.total_minor, scenario.now() - timedelta(hours=5)
    answer(monkeypatch, ok(scenario.paid(due)), ok(scenario.paid(due, paid_at=charged)))
    settlement.settle(payment_id=start(order).name_id, actor=SYSTEM, at=scenario.now())
    with unit(SYSTEM):
        entry = LedgerEntry.objects.get()
        assert (entry.occurred_at, entry.effective_date) == (charged, scenario.now().date())
        assert Payment.objects.get().captured_at == charged


def test_what_stripe_exchanged_is_booked_in_both_currencies(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    due = order.total_minor
    kept = {"settled_minor": 900, "settled_currency": "eur", "fee_minor": 20}
    answer(monkeypatch, ok(scenario.paid(due)), ok(scenario.paid(due, **kept)))
    payment = start(order)
    settlement.settle(payment_id=payment.name_id, actor=SYSTEM, at=scenario.now())
    with unit(SYSTEM):
        assert Payment.objects.get().status == "captured"
        found = {(line.account.code, line.currency_id): 0 for line in LedgerLine.objects.all()}
        for line in LedgerLine.objects.select_related("account"):
            found[line.account.code, line.currency_id] += line.amount
    exchange = f"fx_clearing:{payment.name_id}"
    assert found == {
        (f"order_clearing:{order.name_id}", "usd"): -due * MICRO, (exchange, "usd"): due * MICRO,
        (exchange, "eur"): -900 * MICRO, ("stripe_pending", "eur"): 880 * MICRO,
        ("stripe_fee_expense", "eur"): 20 * MICRO,
    }  # fmt: skip


def test_a_key_of_the_other_mode_takes_no_payment(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    monkeypatch.setattr(calls, "configured", lambda: Gateway("sk_live_x"))
    asked = answer(monkeypatch)
    with pytest.raises(Refused) as refused:
        start(order)
    assert (refused.value.code, asked) == ("mode_not_configured", [])
    with unit(SYSTEM):
        assert not Payment.objects.exists()


def received(**changes: object) -> WebhookEvent:
    event = {
        "id": "evt_1", "object": "event", "type": "charge.refunded", "livemode": False,
        "data": {"object": {"id": "ch_1", "object": "charge", "payment_intent": "pi_1"}},
    } | changes  # fmt: skip
    payload = json.dumps(event).encode()
    moment = int(time.time())
    signed = hmac.new(b"whsec_x", f"{moment}.".encode() + payload, hashlib.sha256).hexdigest()
    return settlement.receive(
        endpoint="platform", payload=payload, signature=f"t={moment},v1={signed}", secrets=["whsec_x"],
        at=scenario.now(),
    )  # fmt: skip


def test_an_event_of_the_other_mode_is_kept_as_ignored() -> None:
    event = received(livemode=True, type="payment_intent.succeeded")
    with unit(SYSTEM):
        assert WebhookEvent.objects.get(pk=event.pk).status == "ignored"
        assert not Job.objects.filter(kind="hooks.stripe").exists()


def test_money_that_goes_back_waits_for_a_person(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    due = order.total_minor
    answer(monkeypatch, ok(scenario.paid(due)), ok(scenario.paid(due)))
    settlement.settle(payment_id=start(order).name_id, actor=SYSTEM, at=scenario.now())
    event = received()
    with pytest.raises(Refused) as refused:
        settlement.handle(event_pk=event.pk, actor=SYSTEM, at=scenario.now())
    assert (refused.value.code, refused.value.retryable) == ("movement_unbooked", False)
    with unit(SYSTEM):
        assert WebhookEvent.objects.get(pk=event.pk).status == "parked"
        assert LedgerEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (5_000, "isk", "currency_not_chargeable"), (5_000, "ugx", "currency_not_chargeable"),
        (5_000, "mga", "currency_not_chargeable"), (5_005, "kwd", "amount_not_chargeable"),
        (100_000_000, "usd", "above_maximum_charge"), (49, "usd", "below_minimum_charge"),
        (499, "bhd", "amount_not_chargeable"), (490, "bhd", "below_minimum_charge"),
        (49, "jpy", "below_minimum_charge"),
        (5_010, "kwd", None), (50, "usd", None), (99_999_999, "jpy", None), (1, "clp", None),
    ],
)  # fmt: skip
def test_what_one_card_payment_may_be(amount: int, currency: str, code: str | None) -> None:
    refusal = rules.unchargeable(amount, currency)
    assert (refusal and refusal.code) == code
