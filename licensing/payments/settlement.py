"""What Stripe reports: kept once in the inbox, then settled by fetching the truth; any order, any number of times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

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
from licensing.payments import calls, gateway, services
from licensing.payments.facts import PaymentFacts, SessionFacts
from licensing.payments.models import Payment, WebhookEvent

RULE_VERSION = "capture-1"
LOOK_AGAIN = timedelta(minutes=2)
LATER_HOURLY = timedelta(days=1)
"""A payment nobody has finished for so long is looked after once an hour only."""
RELEVANT = ("payment_intent.", "checkout.session.", "charge.")
UNBOOKED = ("charge.refund", "charge.dispute.", "refund.")
"""Money that goes back. Nothing here books it yet, so such an event waits for a person and is never called handled."""
SETTLED = ("captured", "refunded", "suspense", "cancelled")


def receive(*, endpoint: str, payload: bytes, signature: str, secrets: Sequence[str], at: datetime) -> WebhookEvent:
    """Verify and store an event once per (endpoint, account, event id) and ring for it; the answer is always quick.

    An event of the other mode than our key's is kept as ignored. Raises Refused("signature_invalid"): a body that is
    not proven to be Stripe's is not trusted and not kept.
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
        if new and actor.livemode != calls.configured().livemode:
            states.advance(row, "ignored", actor=actor, at=at, handled_at=at)
        elif new:
            jobs.enqueue(
                kind="hooks.stripe", subject=str(row.pk), queue="hooks", actor=actor, at=at,
                dedupe_key=f"hooks.stripe:{row.pk}",
            )  # fmt: skip
    return row


def handle(*, event_pk: int, actor: Actor, at: datetime) -> None:
    """Do what a stored event asks for. An object nobody here knows is parked: the job tries again, then a person looks.

    Raises Refused("object_unknown", retryable), or Refused("movement_unbooked") for money that goes back.
    """
    with unit(actor):
        event = WebhookEvent.objects.get(pk=event_pk)
        WebhookEvent.objects.filter(pk=event_pk).update(attempts=event.attempts + 1)
        if event.status in ("handled", "ignored"):
            return
        if not event.type.startswith((*RELEVANT, *UNBOOKED)):
            states.advance(event, "ignored", actor=actor, at=at, handled_at=at)
            return
        payment, unbooked = _payment_of(event), event.type.startswith(UNBOOKED)
        if (payment is None or unbooked) and event.status == "received":
            states.advance(event, "parked", actor=actor, at=at)
    if unbooked:
        said = f"{event.type} {event.object_id}: money goes back at Stripe and no entry says so; book it by hand."
        raise Refused("movement_unbooked", said)
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
    if payment.status in SETTLED:
        return payment
    if payment.stripe_id is None and payment.session_id is None:
        payment = services.resume(payment=payment, actor=actor, at=at)
        if payment.status == "failed":
            return payment
    facts, over = _fetch(payment)
    with unit(actor):
        held = Payment.objects.select_for_update().get(pk=payment.pk)
        if held.status in SETTLED:
            return held
        if facts is not None:
            apply(held, facts, actor=actor, at=at)
        if over and held.status not in SETTLED:
            states.advance(held, "cancelled", actor=actor, at=at)
        return held


def _fetch(payment: Payment) -> tuple[PaymentFacts | None, bool]:
    """The facts of the intent (None before anybody tried to pay), and whether its hosted page is over for good.

    A page is used once: where the money it announced, such as a bank debit, fails later, nobody can pay there again.
    """
    known = calls.configured()
    session: SessionFacts | None = None
    facts: PaymentFacts | None = None
    if payment.session_id:
        outcome = gateway.fetch_checkout_session(known, payment.session_id)
        session, problem = outcome.value, outcome.problem
        facts = session.payment if session else None
    else:
        fetched = gateway.fetch_payment_intent(known, str(payment.stripe_id))
        facts, problem = fetched.value, fetched.problem
    if problem is not None:
        raise Refused(
            "payment_unknown", f"Stripe did not answer for {payment.name_id}: {problem.message}", retryable=True
        )
    failed = facts is not None and facts.status == "requires_payment_method"
    over = session is not None and (session.status == "expired" or (session.status == "complete" and failed))
    return facts, over


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
    elif facts.status == "canceled" and payment.status not in ("failed", "cancelled"):
        states.advance(payment, "cancelled", actor=actor, at=at)


def _capture(payment: Payment, facts: PaymentFacts, actor: Actor, at: datetime) -> None:
    """Post the charge and Stripe's fee; money that does not fit its order waits in suspense and grants nothing."""
    order = Order.objects.select_for_update().get(pk=payment.order_id)
    fits = (facts.captured_minor, facts.currency) == (payment.amount_minor, payment.currency)
    fits = fits and order.status == "placed"
    if payment.status in ("unknown", "created", "failed"):
        states.advance(payment, "pending", actor=actor, at=at)
    states.advance(
        payment, "captured" if fits else "suspense", actor=actor, at=at, captured_at=facts.paid_at or at,
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
    """Booked today, as it really happened; where Stripe has exchanged the money, each currency balances by itself."""
    gross, fee = facts.captured_minor * money.MICRO, (facts.fee_minor or 0) * money.MICRO
    against = f"order_clearing:{order.name_id}" if order else f"buyer_suspense:{payment.name_id}"
    lines = [ledger.Line(against, -gross)]
    kept = facts.settled_currency or facts.currency
    if kept == facts.currency:
        lines.append(ledger.Line("stripe_pending", gross))
    else:
        exchanged, arrived = f"fx_clearing:{payment.name_id}", (facts.settled_minor or 0) * money.MICRO
        lines += [ledger.Line(exchanged, gross), ledger.Line(exchanged, -arrived, kept)]
        lines.append(ledger.Line("stripe_pending", arrived, kept))
    if fee:
        lines += [ledger.Line("stripe_fee_expense", fee, kept), ledger.Line("stripe_pending", -fee, kept)]
    ledger.post(
        idem_key=f"capture:{payment.name_id}", kind="capture", lines=lines, currency=facts.currency,
        livemode=payment.livemode, effective_date=at.date(), occurred_at=facts.paid_at or at, source=payment.name_id,
        actor=actor, at=at, rule_version=RULE_VERSION,
    )  # fmt: skip


def poll(*, actor: Actor, at: datetime) -> int:
    """Make a settle job for every payment that has been open for two minutes: a webhook or an answer may be lost.

    Those older than a day are looked after once an hour. Returns how many.
    """
    slot = int(at.timestamp()) // int(LOOK_AGAIN.total_seconds())
    with unit(actor):
        waiting = Payment.objects.filter(status__in=[*services.UNSENT, "pending"], created_at__lt=at - LOOK_AGAIN)
        if slot % (timedelta(hours=1) // LOOK_AGAIN):
            waiting = waiting.filter(created_at__gte=at - LATER_HOURLY)
        due = list(waiting.order_by("id"))
        for payment in due:
            whose = system(livemode=payment.livemode, organisation_id=payment.organisation_id)
            jobs.enqueue(
                kind="payments.settle", subject=payment.name_id, queue="hooks", actor=whose, at=at, max_attempts=2,
                dedupe_key=f"payments.settle:{payment.name_id}:{slot}",
            )  # fmt: skip
        return len(due)
