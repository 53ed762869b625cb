"""Orders nobody pays: nothing can be paid for them any more at Stripe, then their works are free for others."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from accounts.unit import Actor, system, unit
from licensing.jobs import services as jobs
from licensing.orders import rules
from licensing.orders import services as orders
from licensing.orders.models import Order
from licensing.payments import calls, gateway, services, settlement
from licensing.payments.models import Payment


def look(*, actor: Actor, at: datetime) -> int:
    """Make a job, once a day, for every order that is unpaid since rules.PAY_WITHIN. Returns how many there are."""
    with unit(actor):
        due = list(Order.objects.filter(status="placed", created_at__lte=at - rules.PAY_WITHIN).order_by("id"))
        for order in due:
            jobs.enqueue(
                kind="payments.give_up", subject=order.name_id, queue="hooks", at=at,
                actor=system(livemode=order.livemode, organisation_id=order.organisation_id),
                dedupe_key=f"payments.give_up:{order.name_id}:{at.date()}",
            )  # fmt: skip
        return len(due)


def give_up(*, order_id: str, actor: Actor, at: datetime) -> None:
    """Close what is open of an order at Stripe and cancel the order; one that is paid meanwhile, or on its way, stays.

    Never call it inside a unit. Raises Refused("payment_unknown", retryable) while Stripe does not answer.
    """
    with unit(actor):
        order = Order.objects.get(public_id=Order.decode(order_id))
        payment = _open(order).first()
    if payment is not None:
        payment = settlement.settle(payment_id=payment.name_id, actor=actor, at=at)
    if payment is not None and payment.status == "pending":
        _close(payment, actor, at)
        settlement.settle(payment_id=payment.name_id, actor=actor, at=at)
    with unit(actor):
        held = Order.objects.select_for_update().get(pk=order.pk)
        if not _open(held).exists():
            orders.cancel(order=held, actor=actor, at=at)


def _open(order: Order) -> QuerySet[Payment]:
    return Payment.objects.filter(order=order, status__in=[*services.UNSENT, "pending"])


def _close(payment: Payment, actor: Actor, at: datetime) -> None:
    """Ask Stripe to take no money any more; it refuses for money that has come or is on its way."""
    with unit(actor):
        call = calls.write_down(
            key=f"{payment.name_id}:close:{at.date()}", subject=f"{payment.name_id}:close", method="close",
            params={"object": payment.session_id or payment.stripe_id}, at=at,
        )  # fmt: skip
    outcome: services.Asked = (
        gateway.expire_checkout_session(calls.configured(), key=call.key, session=payment.session_id)
        if payment.session_id
        else gateway.cancel_payment_intent(calls.configured(), key=call.key, payment_intent=str(payment.stripe_id))
    )
    calls.answered(call=call, outcome=outcome, actor=actor, at=at)
