"""Start a payment: store, call, store; resume one whose answer was lost. What Stripe reports is in `settlement.py`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from accounts import audit, states
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.unit import Actor, unit
from licensing.orders.models import Order
from licensing.payments import calls, gateway, rules
from licensing.payments.facts import Kind, Line, Outcome, PaymentFacts, SessionFacts
from licensing.payments.models import Payment, StripeCall

METHODS = ("payment_intent", "checkout")
UNSENT = ("created", "unknown")
"""States of a payment whose object at Stripe is not known: it may or may not exist."""
CLOCKS_APART = timedelta(minutes=10)

Asked = Outcome[PaymentFacts] | Outcome[SessionFacts]
Facts = TypeVar("Facts", PaymentFacts, SessionFacts)


def start(
    *, order: Order, method: str, idem: str, success_url: str, cancel_url: str, actor: Actor, at: datetime
) -> Payment:
    """Begin to pay an order by a PaymentIntent or a hosted Checkout page. Never call it inside a unit: Stripe is asked
    between two of them, so that a crash at any point is resumed by the same call with the same `idem`.

    Raises Refused("method_unknown"), ("order_cancelled"), ("order_paid"), ("payment_exists"), ("mode_not_configured"),
    one of rules.unchargeable, ("payment_refused") with Stripe's words, or ("payment_unknown", retryable).
    """
    with unit(actor):
        payment, call = _write_down(order, method, idem, success_url, cancel_url, actor, at)
    if payment.status in UNSENT:
        payment, outcome = _send(payment, call, actor, at)
        if payment.status in (*UNSENT, "failed"):
            raise _refusal(payment, outcome)
    return payment


def resume(*, payment: Payment, actor: Actor, at: datetime) -> Payment:
    """Bring a payment whose call was stored but never answered to an end: found, made, or refused by Stripe.

    For the poller, after a crash or a timeout nobody repeated. Never call it inside a unit. Raises
    Refused("payment_unknown", retryable) while Stripe does not answer.
    """
    with unit(actor):
        call = StripeCall.objects.filter(subject=payment.name_id).latest("id")
    held, outcome = _send(payment, call, actor, at)
    if held.status in UNSENT:
        raise _refusal(held, outcome)
    return held


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
    last = StripeCall.objects.filter(subject=payment.name_id).order_by("id").last()
    call = calls.write_down(
        key=last.key if last else f"{payment.name_id}:1", subject=payment.name_id, method=payment.method,
        params=params, at=at,
    )  # fmt: skip
    return payment, call


def _check_payable(order: Order) -> None:
    if order.status == "cancelled":
        raise Refused("order_cancelled", f"{order.name_id} was not paid in time; ask for a new quote.")
    if order.status != "placed":
        seen = order.status
        raise Refused("order_paid", f"{order.name_id} is {seen}.", [Reason("order_paid", "", "/order", seen, "placed")])
    if Payment.objects.filter(order=order, status__in=[*UNSENT, "pending"]).exists():
        raise Refused("payment_exists", f"A payment of {order.name_id} is open already; pay that one.")
    if calls.configured().livemode != order.livemode:
        seen = "live" if order.livemode else "test"
        raise Refused("mode_not_configured", f"{order.name_id} is in {seen} mode, the key of Stripe is not.")
    refusal = rules.unchargeable(order.total_minor, order.currency)
    if refusal is not None:
        raise refusal


def _send(payment: Payment, call: StripeCall, actor: Actor, at: datetime) -> tuple[Payment, Asked]:
    """Ask Stripe under the stored key and write down the answer; the same key finds the same object again."""
    outcome = _look_up_or_ask(payment, call, actor, at)
    with unit(actor):
        held = Payment.objects.select_for_update().get(pk=payment.pk)
        if held.status not in UNSENT:
            return held, outcome
        if outcome.value is not None:
            states.advance(held, "pending", actor=actor, at=at, **_found(outcome.value))
        elif not outcome.state_unknown:
            states.advance(held, "failed", actor=actor, at=at)
        elif held.status == "created":
            states.advance(held, "unknown", actor=actor, at=at)
    return held, outcome


def _look_up_or_ask(payment: Payment, call: StripeCall, actor: Actor, at: datetime) -> Asked:
    """The outcome of the call, or of the next attempt under another key where the first has provably done nothing."""
    answer = str((call.response or {}).get("kind", ""))
    if rules.must_look_up(answer=answer, age=at - call.first_sent_at):
        found = _look_up(payment, call, at)
        if found is not None:
            if found.value is not None:
                calls.answered(call=call, outcome=found, actor=actor, at=at)
            return found
        with unit(actor):
            number = int(call.key.rpartition(":")[2]) + 1
            call = calls.write_down(
                key=f"{payment.name_id}:{number}", subject=call.subject, method=call.method, params=call.params, at=at
            )
    outcome = _ask(payment, call)
    calls.answered(call=call, outcome=outcome, actor=actor, at=at)
    return outcome


def _look_up(payment: Payment, call: StripeCall, at: datetime) -> Asked | None:
    """What this call made, by our own reference in it, or why that cannot be said; None: proven to be nothing."""
    known = calls.configured()
    order, since, until = call.params["order"], call.first_sent_at - CLOCKS_APART, at + CLOCKS_APART
    if payment.method == "payment_intent":
        return _mine(gateway.list_by_reference(known, order_id=order, since=since, until=until), call)
    return _mine(gateway.list_sessions_by_reference(known, order_id=order, since=since, until=until), call)


def _mine(listed: Outcome[tuple[Facts, ...]], call: StripeCall) -> Outcome[Facts] | None:
    if listed.value is None:
        return Outcome(Kind.RETRY, None, listed.problem)
    return next((Outcome(Kind.OK, one) for one in listed.value if one.call_key == call.key), None)


def _ask(payment: Payment, call: StripeCall) -> Asked:
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


def _refusal(payment: Payment, outcome: Outcome[Any]) -> Refused:
    said = outcome.problem.message if outcome.problem else "no answer"
    if payment.status in UNSENT:
        return Refused(
            "payment_unknown", f"Stripe did not answer for {payment.name_id}; it is being looked up.", retryable=True
        )
    reason = Reason(outcome.problem.code if outcome.problem else "no_answer", said, "/payment")
    return Refused("payment_refused", f"Stripe refused {payment.name_id}: {said}", [reason])
