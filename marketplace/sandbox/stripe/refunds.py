"""Refunds, among them such that fail or wait. Source: Stripe, Refunds; Testing (refund cards)."""

from __future__ import annotations

from typing import Any

from marketplace.sandbox.stripe import objects, reading
from marketplace.sandbox.stripe.errors import Json, invalid
from marketplace.sandbox.stripe.params import choice, integer, metadata, text
from marketplace.sandbox.stripe.payments import emit
from marketplace.sandbox.stripe.store import Unit

CREATE: dict[str, Any] = {
    **reading.EXPAND,
    "amount": integer,
    "charge": text,
    "metadata": metadata,
    "payment_intent": text,
    "reason": choice("duplicate", "fraudulent", "requested_by_customer"),
}
LIST: dict[str, Any] = {**reading.CURSOR, "charge": text, "created": reading.CREATED, "payment_intent": text}


def create(unit: Unit, values: Json) -> Json:
    """POST /v1/refunds: at once succeeded, or as the card of the charge behaves."""
    paid = _charge(unit, values)
    left = paid["amount_captured"] - paid["amount_refunded"]
    amount = values.get("amount", left)
    if left == 0:
        raise invalid(f"Charge {paid['id']} has already been refunded.", code="charge_already_refunded", saved=True)
    if amount <= 0:
        raise invalid("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount > left:
        raise invalid(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
            param="amount",
            saved=True,
        )
    behaviour = unit.private(paid["id"])["refund"]
    given = {"amount": amount, "metadata": values.get("metadata", {}), "reason": values.get("reason")}
    made = objects.refund(unit.at, paid, given)
    if behaviour == "pending":
        made.update(status="pending", pending_reason="processing")
    made["balance_transaction"] = _move(unit, made, "refund", -amount)
    paid["amount_refunded"] += amount
    paid["refunded"] = paid["amount_refunded"] == paid["amount_captured"]
    unit.put(paid)
    unit.put(made, behaviour=behaviour)
    emit(unit, "refund.created", made)
    emit(unit, "charge.refunded", paid)
    return made


def _charge(unit: Unit, values: Json) -> Json:
    if "charge" in values:
        return unit.get("charge", values["charge"], "charge", in_path=False)
    if "payment_intent" not in values:
        raise invalid("One of the following params should be provided for this request: payment_intent or charge.")
    intent = unit.get("payment_intent", values["payment_intent"], "payment_intent", in_path=False)
    if intent["status"] != "succeeded":
        raise invalid(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
    return unit.get("charge", intent["latest_charge"])


def _move(unit: Unit, made: Json, kind: str, amount: int) -> str:
    movement = objects.balance_transaction(
        unit.at, {"description": None, **made}, kind=kind, amount=amount, fee=0, available_on=unit.at
    )
    return str(unit.put(movement)["id"])


def fail(unit: Unit, ident: str, reason: str = "expired_or_canceled_card") -> Json:
    """The bank sends a refund back: the money returns to the balance, the charge counts as unrefunded again."""
    made = unit.get("refund", ident)
    if made["status"] not in {"succeeded", "pending"}:
        raise invalid(f"Refund {ident} has a status of {made['status']}")
    paid = unit.get("charge", made["charge"])
    made.update(status="failed", failure_reason=reason)
    made.pop("pending_reason", None)
    made["failure_balance_transaction"] = _move(unit, made, "refund_failure", made["amount"])
    paid["amount_refunded"] -= made["amount"]
    paid["refunded"] = False
    unit.put(paid)
    unit.put(made, behaviour="done")
    emit(unit, "refund.updated", made)
    emit(unit, "refund.failed", made)
    return made


def settle_waiting(unit: Unit) -> int:
    """What the bank decides later: waiting refunds succeed, those of the failing card fail; how many."""
    waiting = [
        (row["id"], unit.private(row["id"])["behaviour"])
        for row in unit.all("refund")
        if row["status"] in {"pending", "succeeded"}
    ]
    moved = 0
    for ident, behaviour in waiting:
        if behaviour == "fails_later":
            fail(unit, ident)
        elif behaviour == "pending":
            made = unit.get("refund", ident)
            made["status"] = "succeeded"
            made.pop("pending_reason")
            unit.put(made, behaviour="done")
            emit(unit, "refund.updated", made)
        moved += behaviour in {"fails_later", "pending"}
    return moved


def list_refunds(unit: Unit, values: Json) -> Json:
    """GET /v1/refunds."""
    found = (
        row
        for row in unit.all("refund")
        if values.get("charge") in {None, row["charge"]}
        and values.get("payment_intent") in {None, row["payment_intent"]}
        and reading.created(row, values.get("created"))
    )
    return reading.rows(unit, "/v1/refunds", found, values)
