"""Settling: what Stripe reports is posted once; money that does not fit waits in suspense and grants nothing."""

from __future__ import annotations

import pytest

from accounts.errors import Refused
from accounts.unit import SYSTEM, Actor, unit
from licensing.events.models import DomainEvent
from licensing.ledger.models import LedgerEntry
from licensing.orders.models import Order
from licensing.payments import gateway, services, settlement
from licensing.payments.facts import Kind, Outcome, PaymentFacts, Problem
from licensing.payments.models import Payment, StripeCall
from tests import scenario
from tests.licensing.payments.books import balances

pytestmark = pytest.mark.django_db
MICRO = 1_000_000


@pytest.fixture
def order() -> Order:
    return scenario.order(scenario.publisher())


def answer(monkeypatch: pytest.MonkeyPatch, *outcomes: Outcome[PaymentFacts]) -> list[dict[str, object]]:
    """Let the gateway return these outcomes, one a call, and write down what it was asked."""
    asked: list[dict[str, object]] = []
    waiting = list(outcomes)

    def create(_: object, **sent: object) -> Outcome[PaymentFacts]:
        asked.append(sent)
        return waiting.pop(0)

    def fetch(_: object, name: str) -> Outcome[PaymentFacts]:
        asked.append({"fetch": name})
        return waiting.pop(0)

    monkeypatch.setattr(gateway, "create_payment_intent", create)
    monkeypatch.setattr(gateway, "fetch_payment_intent", fetch)
    return asked


def start(order: Order, idem: str = "k") -> Payment:
    buyer = Actor("usr_buyer", order.organisation_id, roles=frozenset({"developer_admin"}))
    return services.start(
        order=order, method="payment_intent", idem=idem, success_url="", cancel_url="", actor=buyer,
        at=scenario.now(),
    )  # fmt: skip


def ok(facts: PaymentFacts) -> Outcome[PaymentFacts]:
    return Outcome(Kind.OK, facts)


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
