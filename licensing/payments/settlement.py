"""What Stripe reports: kept once in the inbox, then settled by fetching the truth; any order, any number of times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Sum

from accounts import audit, states
from accounts.errors import Refused
from accounts.unit import Actor, system, unit
from licensing.events import services as events
from licensing.jobs import services as jobs
from licensing.kernel import money
from licensing.ledger import services as ledger
from licensing.orders import services as orders
from licensing.orders.models import Order
from licensing.payments import calls, gateway
from licensing.payments.facts import PaymentFacts
from licensing.payments.models import Payment, WebhookEvent

RULE_VERSION = "capture-1"
LOOK_AGAIN = timedelta(minutes=2)
RELEVANT = ("payment_intent.", "checkout.session.", "charge.")


def receive(*, endpoint: str, payload: bytes, signature: str, secrets: Sequence[str], at: datetime) -> WebhookEvent:
    """Verify and store an event once per (endpoint, account, event id) and ring for it; the answer is always quick.

    Raises Refused("signature_invalid"): a body that is not proven to be Stripe's is not trusted and not kept.
    """
    try:
        event = gateway.verify_event(payload, signature, secrets)
    except gateway.BadSignature as wrong:
        raise Refused("signature_invalid", f"This webhook is not proven to come from Stripe: {wrong}.") from None
    actor = system(livemode=bool(event.get("livemode")))
    thing: dict[str, Any] = (event.get("data") or {}).get("object") or {}
    with unit(actor):
        row, new = WebhookEvent.objects.get_or_create(
            endpoint=endpoint, account=event.get("account") or "", event_id=str(event["id"]),
            defaults={
                "type": str(event.get("type")), "api_version": event.get("api_version") or "", "raw": event,
                "object_id": str(thing.get("id", "")), "livemode": actor.livemode, "received_at": at,
            },
        )  # fmt: skip
        if new:
            jobs.enqueue(
                kind="hooks.stripe", subject=str(row.pk), queue="hooks", actor=actor, at=at,
                dedupe_key=f"hooks.stripe:{row.pk}",
            )  # fmt: skip
    return row


def handle(*, event_pk: int, actor: Actor, at: datetime) -> None:
    """Do what a stored event asks for. An object nobody here knows is parked;
    the job tries again, then a person looks.
    """
    with unit(actor):
        event = WebhookEvent.objects.get(pk=event_pk)
        WebhookEvent.objects.filter(pk=event_pk).update(attempts=event.attempts + 1)
        if event.status in ("handled", "ignored"):
            return
        if not event.type.startswith(RELEVANT):
            states.advance(event, "ignored", actor=actor, at=at, handled_at=at)
            return
        payment = _payment_of(event)
        if payment is None and event.status == "received":
            states.advance(event, "parked", actor=actor, at=at)
    if payment is None:
        raise Refused("object_unknown", f"{event.type} {event.object_id} is of no payment here.", retryable=True)
    whose = system(livemode=payment.livemode, organisation_id=payment.organisation_id)
    settle(payment_id=payment.name_id, actor=whose, at=at)
    with unit(actor):
        states.advance(WebhookEvent.objects.get(pk=event_pk), "handled", actor=actor, at=at, handled_at=at)


def _payment_of(event: WebhookEvent) -> Payment | None:
    thing = event.raw["data"]["object"]
    named = (thing.get("metadata") or {}).get("licet_payment")
    intent = thing.get("payment_intent") if thing.get("object") != "payment_intent" else thing.get("id")
    known = Payment.objects.filter(livemode=event.livemode)
    for column, value in (("stripe_id", intent), ("session_id", thing.get("id"))):
        if isinstance(value, str) and (found := known.filter(**{column: value}).first()):
            return found
    return _by_name(named, event.livemode)


def _by_name(named: object, livemode: bool) -> Payment | None:
    """An event that overtook the answer to our own call: its object carries our payment's id."""
    if not isinstance(named, str):
        return None
    try:
        key = Payment.decode(named)
    except ValueError:
        return None
    return Payment.objects.filter(public_id=key, livemode=livemode).first()


def settle(*, payment_id: str, actor: Actor, at: datetime) -> Payment:
    """Fetch the payment's present truth and post what is new of it, in causal order; nothing when nothing is new.

    Never call it inside a unit. Raises Refused("payment_unknown", retryable) when Stripe does not answer.
    """
    with unit(actor):
        payment = Payment.objects.get(public_id=Payment.decode(payment_id))
    if payment.status in ("captured", "refunded", "suspense"):
        return payment
    facts = _fetch(payment)
    with unit(actor):
        held = Payment.objects.select_for_update().get(pk=payment.pk)
        if facts is not None and held.status not in ("captured", "refunded", "suspense"):
            apply(held, facts, actor=actor, at=at)
        return held


def _fetch(payment: Payment) -> PaymentFacts | None:
    """The facts of the intent, through the hosted page where there is one; None before anybody tried to pay."""
    known = calls.configured()
    if payment.session_id:
        outcome = gateway.fetch_checkout_session(known, payment.session_id)
        if outcome.value is not None:
            return outcome.value.payment
        problem = outcome.problem
    elif payment.stripe_id:
        fetched = gateway.fetch_payment_intent(known, payment.stripe_id)
        if fetched.value is not None:
            return fetched.value
        problem = fetched.problem
    else:
        raise Refused("payment_unknown", f"{payment.name_id} has no object at Stripe yet.", retryable=True)
    said = problem.message if problem else "no answer"
    raise Refused("payment_unknown", f"Stripe did not answer for {payment.name_id}: {said}", retryable=True)


def apply(payment: Payment, facts: PaymentFacts, *, actor: Actor, at: datetime) -> None:
    """Post what is new in `facts` of a payment that the caller holds locked, inside the caller's unit.

    Raises Refused("payment_unknown", retryable) while Stripe has not said what it keeps.
    """
    if payment.stripe_id is None:
        Payment.objects.filter(pk=payment.pk).update(stripe_id=facts.id)
        payment.stripe_id = facts.id
    if facts.status == "succeeded":
        if facts.fee_minor is None:
            raise Refused("payment_unknown", f"Stripe's fee on {payment.name_id} is not known yet.", retryable=True)
        _capture(payment, facts, actor, at)
    elif facts.status == "canceled" and payment.status != "failed":
        states.advance(payment, "cancelled", actor=actor, at=at)


def _capture(payment: Payment, facts: PaymentFacts, actor: Actor, at: datetime) -> None:
    """Post the charge and Stripe's fee; money that does not fit its order waits in suspense and grants nothing."""
    order = Order.objects.select_for_update().get(pk=payment.order_id)
    fits = (facts.captured_minor, facts.currency) == (payment.amount_minor, payment.currency)
    fits = fits and order.status == "placed"
    if payment.status in ("unknown", "created", "failed"):
        states.advance(payment, "pending", actor=actor, at=at)
    states.advance(
        payment, "captured" if fits else "suspense", actor=actor, at=at, captured_at=at,
        captured_minor=facts.captured_minor, fee_minor=facts.fee_minor, facts=facts.raw,
        balance_transaction=facts.balance_transaction_id or "",
    )  # fmt: skip
    _post(payment, facts, order if fits else None, actor, at)
    if not fits:
        after = {"captured_minor": facts.captured_minor, "currency": facts.currency, "order": order.status}
        audit.record(actor=actor, act="payment.does_not_fit", subject=payment.name_id, at=at, after=after)
        return
    events.emit(
        "payment.captured", payment.name_id, actor=actor, at=at, organisation_id=payment.organisation_id,
        livemode=payment.livemode,
    )  # fmt: skip
    captured = Payment.objects.filter(order=order, status="captured").aggregate(sum=Sum("captured_minor"))["sum"]
    if captured == order.total_minor:
        orders.secure(order=order, actor=actor, at=at)


def _post(payment: Payment, facts: PaymentFacts, order: Order | None, actor: Actor, at: datetime) -> None:
    gross, fee = facts.captured_minor * money.MICRO, (facts.fee_minor or 0) * money.MICRO
    against = f"order_clearing:{order.name_id}" if order else f"buyer_suspense:{payment.name_id}"
    lines = [ledger.Line("stripe_pending", gross), ledger.Line(against, -gross)]
    if fee:
        lines += [ledger.Line("stripe_fee_expense", fee), ledger.Line("stripe_pending", -fee)]
    ledger.post(
        idem_key=f"capture:{payment.name_id}", kind="capture", lines=lines, currency=facts.currency,
        livemode=payment.livemode, effective_date=at.date(), occurred_at=at, source=payment.name_id, actor=actor,
        at=at, rule_version=RULE_VERSION,
    )  # fmt: skip


def poll(*, actor: Actor, at: datetime) -> int:
    """Make a settle job for every payment that has been open for two minutes: a webhook may be lost.
    Returns how many.
    """
    with unit(actor), transaction.atomic():
        waiting = Payment.objects.filter(status__in=["pending", "unknown"], created_at__lt=at - LOOK_AGAIN)
        slot = int(at.timestamp()) // int(LOOK_AGAIN.total_seconds())
        for payment in waiting.order_by("id")[:1000]:
            whose = system(livemode=payment.livemode, organisation_id=payment.organisation_id)
            jobs.enqueue(
                kind="payments.settle", subject=payment.name_id, queue="hooks", actor=whose, at=at, max_attempts=2,
                dedupe_key=f"payments.settle:{payment.name_id}:{slot}",
            )  # fmt: skip
        return len(waiting)
