"""Start a payment: store, call, store. What Stripe reports afterwards is settled in `settlement.py`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts import audit, states
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.unit import Actor, unit
from licensing.kernel import money
from licensing.orders.models import Order
from licensing.payments import calls, gateway
from licensing.payments.facts import Kind, Line, Outcome, PaymentFacts, SessionFacts
from licensing.payments.models import Payment, StripeCall

METHODS = ("payment_intent", "checkout")
LARGEST_MINOR = 99_999_999  # a PaymentIntent takes 8 digits; beyond it an invoice by bank transfer is needed
SMALLEST_MINOR = {"usd": 50, "eur": 50, "gbp": 30, "cny": 350, "hkd": 400, "jpy": 50}


def start(
    *, order: Order, method: str, idem: str, success_url: str, cancel_url: str, actor: Actor, at: datetime
) -> Payment:
    """Begin to pay an order by a PaymentIntent or a hosted Checkout page. Never call it inside a unit: Stripe is asked
    between two of them, so that a crash at any point is resumed by the same call with the same `idem`.

    Raises Refused("method_unknown"), ("order_paid"), ("payment_exists"), ("above_maximum_charge"),
    ("below_minimum_charge"), ("payment_refused") with Stripe's words, or ("payment_unknown", retryable).
    """
    with unit(actor):
        payment, call = _write_down(order, method, idem, success_url, cancel_url, actor, at)
    if payment.status in ("created", "unknown"):
        payment = _send(payment, call, actor, at)
    return payment


def _write_down(
    order: Order, method: str, idem: str, success_url: str, cancel_url: str, actor: Actor, at: datetime
) -> tuple[Payment, StripeCall]:
    if method not in METHODS:
        reason = Reason("method_unknown", "How to pay.", "/method", method, ", ".join(METHODS))
        raise Refused("method_unknown", f"There is no way to pay called {method}.", [reason])
    held = Order.objects.select_for_update().get(pk=order.pk)
    payment = Payment.objects.filter(order=held, idem=idem).first()
    if payment is None:
        _check_payable(held)
        payment = Payment.objects.create(
            public_id=fresh(at), created_at=at, organisation_id=held.organisation_id, livemode=held.livemode,
            order=held, idem=idem, method=method, amount_minor=held.total_minor, currency=held.currency,
        )  # fmt: skip
        audit.record(
            actor=actor, act="payment.started", subject=payment.name_id, at=at,
            after={"order": held.name_id, "amount_minor": held.total_minor, "currency": held.currency},
        )  # fmt: skip
    params = {
        "order": held.name_id, "amount_minor": str(payment.amount_minor), "currency": payment.currency,
        "success_url": success_url, "cancel_url": cancel_url,
    }  # fmt: skip
    call = calls.write_down(
        key=f"{payment.name_id}:1", subject=payment.name_id, method=payment.method, params=params, at=at
    )
    return payment, call


def _check_payable(order: Order) -> None:
    if order.status != "placed":
        seen = order.status
        raise Refused("order_paid", f"{order.name_id} is {seen}.", [Reason("order_paid", "", "/order", seen, "placed")])
    if Payment.objects.filter(order=order, status__in=["created", "pending", "unknown"]).exists():
        raise Refused("payment_exists", f"A payment of {order.name_id} is open already; pay or cancel that one.")
    shown = str(order.total_minor)
    if order.total_minor > LARGEST_MINOR:
        reason = Reason("above_maximum_charge", "Pay by invoice.", "/order", shown, f"at most {LARGEST_MINOR}")
        raise Refused("above_maximum_charge", "This is more than one card payment may be.", [reason])
    least = SMALLEST_MINOR.get(order.currency, 10 ** money.exponent(order.currency) // 2)
    if order.total_minor < least:
        reason = Reason("below_minimum_charge", "Too little for a card.", "/order", shown, f"at least {least}")
        raise Refused("below_minimum_charge", "This is less than one card payment may be.", [reason])


def _send(payment: Payment, call: StripeCall, actor: Actor, at: datetime) -> Payment:
    """Ask Stripe under the stored key and write down the answer; the same key finds the same object again."""
    outcome = _ask(payment, call)
    calls.answered(call=call, outcome=outcome, actor=actor, at=at)
    with unit(actor):
        held = Payment.objects.select_for_update().get(pk=payment.pk)
        if held.status not in ("created", "unknown"):
            return held
        if outcome.value is not None:
            states.advance(held, "pending", actor=actor, at=at, **_found(outcome.value))
            return held
        unknown = outcome.kind is Kind.RETRY or (outcome.problem is not None and outcome.problem.state_unknown)
        if unknown and held.status == "created":
            states.advance(held, "unknown", actor=actor, at=at)
        elif not unknown:
            states.advance(held, "failed", actor=actor, at=at)
    _refuse(held, outcome, unknown=unknown)
    return held


def _ask(payment: Payment, call: StripeCall) -> Outcome[PaymentFacts] | Outcome[SessionFacts]:
    sent: Mapping[str, str] = call.params
    known = {"licet_payment": payment.name_id}
    if payment.method == "payment_intent":
        return gateway.create_payment_intent(
            calls.configured(), key=call.key, amount_minor=int(sent["amount_minor"]), currency=sent["currency"],
            order_id=sent["order"], metadata=known,
        )  # fmt: skip
    return gateway.create_checkout_session(
        calls.configured(), key=call.key, lines=[Line(f"Licet {sent['order']}", int(sent["amount_minor"]))],
        currency=sent["currency"], order_id=sent["order"], success_url=sent["success_url"],
        cancel_url=sent["cancel_url"], metadata=known,
    )  # fmt: skip


def _found(value: PaymentFacts | SessionFacts) -> dict[str, Any]:
    if isinstance(value, PaymentFacts):
        return {"stripe_id": value.id, "client_secret": value.client_secret or ""}
    return {"session_id": value.id, "hosted_url": value.url or "", "stripe_id": value.payment_intent_id}


def _refuse(payment: Payment, outcome: Outcome[Any], *, unknown: bool) -> None:
    said = outcome.problem.message if outcome.problem else "no answer"
    if unknown:
        raise Refused(
            "payment_unknown", f"Stripe did not answer for {payment.name_id}; it is being looked up.", retryable=True
        )
    reason = Reason(outcome.problem.code if outcome.problem else "no_answer", said, "/payment")
    raise Refused("payment_refused", f"Stripe refused {payment.name_id}: {said}", [reason])
