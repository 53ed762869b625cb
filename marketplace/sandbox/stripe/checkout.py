"""Checkout Sessions and what the hosted page does to them. Source: Stripe, Checkout Sessions."""

from __future__ import annotations

from typing import Any

from marketplace.sandbox.stripe import objects, payments, reading
from marketplace.sandbox.stripe.errors import Json, invalid
from marketplace.sandbox.stripe.params import Need, choice, currency, integer, metadata, text
from marketplace.sandbox.stripe.store import Unit

DAY = 86_400
SHORTEST = 1800
MAX_LINES = 100
CREATE: dict[str, Any] = {
    **reading.EXPAND,
    "cancel_url": text,
    "client_reference_id": text,
    "customer": text,
    "customer_email": text,
    "expires_at": integer,
    "line_items": Need(
        [
            {
                "price_data": Need(
                    {
                        "currency": Need(currency),
                        "product_data": Need({"name": Need(text), "description": text, "metadata": metadata}),
                        "unit_amount": Need(integer),
                    }
                ),
                "quantity": Need(integer),
            }
        ]
    ),
    "locale": choice("auto", "en", "zh"),
    "metadata": metadata,
    "mode": Need(choice("payment")),
    "payment_intent_data": {
        "description": text,
        "metadata": metadata,
        "receipt_email": text,
        "transfer_group": text,
    },
    "success_url": Need(text),
    "ui_mode": choice("hosted_page"),
}
LIST: dict[str, Any] = {
    **reading.CURSOR,
    "created": reading.CREATED,
    "customer": text,
    "payment_intent": text,
    "status": choice("open", "complete", "expired"),
}


def create(unit: Unit, values: Json) -> Json:
    """POST /v1/checkout/sessions."""
    items = _line_items(unit, values.pop("line_items"))
    total = sum(item["amount_total"] for item in items)
    payments.check_amount(total, items[0]["currency"])
    if "customer" in values:
        unit.get("customer", values["customer"], "customer", in_path=False)
    expires = values.pop("expires_at", unit.at + DAY)
    if not unit.at + SHORTEST <= expires <= unit.at + DAY:
        raise invalid("`expires_at` must be between 30 minutes and 24 hours from now", param="expires_at")
    intent_data = values.pop("payment_intent_data", {})
    values.pop("expand", None)
    amounts = {"amount_subtotal": total, "amount_total": total, "currency": items[0]["currency"]}
    made = objects.checkout_session(unit.at, {**values, **amounts, "expires_at": expires})
    made["url"] = f"{unit.base_url}/c/pay/{made['id']}"
    return unit.put(made, line_items=items, intent=intent_data)


def _line_items(unit: Unit, wanted: list[Json]) -> list[Json]:
    if not 1 <= len(wanted) <= MAX_LINES:
        raise invalid(f"`line_items` takes 1 to {MAX_LINES} items", param="line_items")
    items = []
    for number, line in enumerate(wanted):
        price = line["price_data"]
        if price["unit_amount"] < 0 or line["quantity"] < 1:
            raise invalid("Invalid non-negative integer", param=f"line_items[{number}]")
        if price["currency"] != wanted[0]["price_data"]["currency"]:
            raise invalid("All line items must have the same currency", param=f"line_items[{number}]")
        items.append(
            objects.line_item(
                unit.at,
                price["product_data"]["name"],
                price["unit_amount"],
                line["quantity"],
                price["currency"],
            )
        )
    return items


def retrieve(unit: Unit, _values: Json, ident: str) -> Json:
    """GET /v1/checkout/sessions/{id}."""
    return current(unit, unit.get("checkout.session", ident, "session"))


def current(unit: Unit, session: Json) -> Json:
    """The session as of now: an open one whose time is over expires here."""
    if session["status"] == "open" and session["expires_at"] <= unit.at:
        return _close(unit, session)
    return session


def _close(unit: Unit, session: Json) -> Json:
    session.update(status="expired", url=None)
    unit.put(session)
    payments.emit(unit, "checkout.session.expired", session)
    if session["payment_intent"] is not None:
        payments.cancel(unit, {"cancellation_reason": None}, session["payment_intent"])
    return session


def expire(unit: Unit, _values: Json, ident: str) -> Json:
    """POST /v1/checkout/sessions/{id}/expire."""
    session = current(unit, unit.get("checkout.session", ident, "session"))
    if session["status"] != "open":
        raise invalid(
            f"Only Checkout Sessions with a status in ['open'] can be expired. This Checkout Session has a status of"
            f" {session['status']}.",
            saved=True,
        )
    return _close(unit, session)


def expire_due(unit: Unit) -> int:
    """Expire every open session whose time is over; how many."""
    due = [
        row["id"] for row in unit.all("checkout.session") if row["status"] == "open" and row["expires_at"] <= unit.at
    ]
    for ident in due:
        current(unit, unit.get("checkout.session", ident))
    return len(due)


def pay(unit: Unit, session: Json, method: str, email: str | None) -> Json:
    """The buyer presses Pay: the session is complete, or ApiError 402 and it stays open with its PaymentIntent."""
    if session["status"] != "open":
        return session
    if session["payment_intent"] is None:
        intent = _intent(unit, session)
        session["payment_intent"] = intent["id"]
        unit.put(session)
    else:
        intent = unit.get("payment_intent", session["payment_intent"])
    payments.confirm(unit, intent, method, session["success_url"])
    session.update(status="complete", payment_status="paid", url=None)
    session["customer_details"] = {
        **dict.fromkeys(("business_name", "individual_name", "name", "phone", "tax_ids")),
        "address": dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state")),
        "email": email or session["customer_email"],
        "tax_exempt": "none",
    }
    unit.put(session)
    payments.emit(unit, "checkout.session.completed", session)
    return session


def _intent(unit: Unit, session: Json) -> Json:
    given = unit.private(session["id"])["intent"]
    values = {
        "amount": session["amount_total"],
        "currency": session["currency"],
        "customer": session["customer"],
    }
    intent = unit.put(objects.payment_intent(unit.at, {**values, **given}))
    payments.emit(unit, "payment_intent.created", intent)
    return intent


def list_sessions(unit: Unit, values: Json) -> Json:
    """GET /v1/checkout/sessions."""
    wanted = {key: values[key] for key in ("customer", "payment_intent", "status") if key in values}
    found = (
        row
        for row in unit.all("checkout.session")
        if reading.created(row, values.get("created")) and all(row[key] == value for key, value in wanted.items())
    )
    return reading.rows(unit, "/v1/checkout/sessions", found, values)


def list_line_items(unit: Unit, values: Json, ident: str) -> Json:
    """GET /v1/checkout/sessions/{id}/line_items."""
    session = unit.get("checkout.session", ident, "session")
    return reading.rows(
        unit, f"/v1/checkout/sessions/{ident}/line_items", unit.private(session["id"])["line_items"], values
    )
