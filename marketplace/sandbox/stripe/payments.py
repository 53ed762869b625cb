"""Customers, PaymentIntents, charges and their money. Source: Stripe, PaymentIntents lifecycle; Testing."""

from __future__ import annotations

from typing import Any

from marketplace.sandbox.stripe import objects, reading
from marketplace.sandbox.stripe.cards import CARDS, MESSAGES, Card
from marketplace.sandbox.stripe.errors import ApiError, Json, invalid
from marketplace.sandbox.stripe.params import Need, boolean, choice, currency, integer, metadata, text
from marketplace.sandbox.stripe.store import Unit, identifier

FEE_PERMILLE = 29
FEE_FIXED = 30
DAY = 86_400
AVAILABLE_AFTER_DAYS = 2
MAX_AMOUNT = 99_999_999
MINIMUM = {"gbp": 30, "hkd": 400, "dkk": 250, "nok": 300, "sek": 300, "mxn": 1000, "czk": 1500, "huf": 17500}
DEFAULT_MINIMUM = 50
ZERO_DECIMAL = frozenset(
    {
        "bif",
        "clp",
        "djf",
        "gnf",
        "jpy",
        "kmf",
        "krw",
        "mga",
        "pyg",
        "rwf",
        "ugx",
        "vnd",
        "vuv",
        "xaf",
        "xof",
        "xpf",
    }
)
PAYABLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})

CREATE_CUSTOMER: dict[str, Any] = {
    **reading.EXPAND,
    "description": text,
    "email": text,
    "metadata": metadata,
    "name": text,
    "phone": text,
}
CREATE_INTENT: dict[str, Any] = {
    **reading.EXPAND,
    "amount": Need(integer),
    "automatic_payment_methods": {"enabled": Need(boolean), "allow_redirects": choice("always", "never")},
    "capture_method": choice("automatic", "automatic_async"),
    "confirm": boolean,
    "currency": Need(currency),
    "customer": text,
    "description": text,
    "metadata": metadata,
    "payment_method": text,
    "receipt_email": text,
    "return_url": text,
    "statement_descriptor_suffix": text,
    "transfer_group": text,
}
CONFIRM_INTENT: dict[str, Any] = {
    **reading.EXPAND,
    "payment_method": text,
    "receipt_email": text,
    "return_url": text,
}
CANCEL_INTENT: dict[str, Any] = {
    **reading.EXPAND,
    "cancellation_reason": choice("abandoned", "duplicate", "fraudulent", "requested_by_customer"),
}
LIST_INTENTS: dict[str, Any] = {**reading.CURSOR, "created": reading.CREATED, "customer": text}


def emit(unit: Unit, kind: str, item: Json) -> None:
    """Record an event about an object as it now is; it is delivered once the request is committed."""
    unit.put(objects.event(unit.at, kind, item, request=unit.request, key=unit.key))


def create_customer(unit: Unit, values: Json) -> Json:
    """POST /v1/customers."""
    values.pop("expand", None)
    made = unit.put(objects.customer(unit.at, values))
    emit(unit, "customer.created", made)
    return made


def create(unit: Unit, values: Json) -> Json:
    """POST /v1/payment_intents; with `confirm` it is charged in the same request."""
    check_amount(values["amount"], values["currency"])
    if "customer" in values:
        unit.get("customer", values["customer"], "customer", in_path=False)
    confirm_now, method = (values.pop("confirm", False), values.pop("payment_method", None))
    return_url = values.pop("return_url", None)
    values.pop("expand", None)
    values.setdefault("automatic_payment_methods", {"enabled": True}).setdefault("allow_redirects", "always")
    if method is not None:
        card_of(method)
    made = objects.payment_intent(unit.at, values)
    if method is not None:
        made.update(payment_method=_attach(unit, made["id"], method), status="requires_confirmation")
    unit.put(made)
    emit(unit, "payment_intent.created", made)
    return confirm(unit, made, method, return_url) if confirm_now else made


def check_amount(amount: int, code: str) -> None:
    """Stripe's limits per payment: a minimum by currency and eight digits."""
    if amount < MINIMUM.get(code, DEFAULT_MINIMUM):
        raise invalid(
            f"Amount must be at least {MINIMUM.get(code, DEFAULT_MINIMUM)} {code} in minor units",
            code="amount_too_small",
            param="amount",
        )
    if amount > MAX_AMOUNT:
        raise invalid("Amount must be no more than 99999999", code="amount_too_large", param="amount")


def card_of(method: str) -> Card:
    """The test card behind a payment method; ApiError resource_missing."""
    if method not in CARDS:
        raise invalid(f"No such PaymentMethod: '{method}'", code="resource_missing", param="payment_method")
    return CARDS[method]


def _attach(unit: Unit, intent: str, method: str) -> str:
    """A payment method of its own for the intent; which test card it is stays private."""
    fresh = identifier("pm")
    unit.hidden[intent] = {**unit.private(intent), "card": method}
    return fresh


def confirm_request(unit: Unit, values: Json, ident: str) -> Json:
    """POST /v1/payment_intents/{id}/confirm."""
    intent = unit.get("payment_intent", ident, "intent")
    if values.get("receipt_email"):
        intent["receipt_email"] = values["receipt_email"]
    return confirm(unit, intent, values.get("payment_method"), values.get("return_url"))


def confirm(unit: Unit, intent: Json, method: str | None, return_url: str | None) -> Json:
    """Charge the intent's card: succeeded with charge and balance, or ApiError 402 with the attempt kept."""
    if intent["status"] not in PAYABLE:
        raise unexpected(intent, "confirm")
    automatic = intent["automatic_payment_methods"]
    if automatic and automatic["enabled"] and automatic["allow_redirects"] == "always" and not return_url:
        raise invalid(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of"
            " these payment methods might redirect your customer off of your page, you must provide a `return_url`."
        )
    chosen = method or unit.private(intent["id"]).get("card")
    if chosen is None:
        raise invalid(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
            saved=True,
        )
    card = card_of(chosen)
    if method is not None:
        intent["payment_method"] = _attach(unit, intent["id"], method)
    made = objects.charge(unit.at, intent, card, intent["payment_method"])
    if card.code is not None:
        raise _decline(unit, intent, made, card, card.code)
    return _succeed(unit, intent, made, card)


def unexpected(intent: Json, verb: str) -> ApiError:
    """The intent's state does not allow the act."""
    error = invalid(
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
        code="payment_intent_unexpected_state",
        saved=True,
    )
    error.error["payment_intent"] = intent
    return error


def _decline(unit: Unit, intent: Json, made: Json, card: Card, code: str) -> ApiError:
    failed = objects.failed_charge(made, code, MESSAGES[code], card.decline_code)
    error: Json = {
        "type": "card_error",
        "code": code,
        "charge": failed["id"],
        "message": MESSAGES[code],
        "payment_method": objects.payment_method(unit.at, intent["payment_method"], card),
        "doc_url": f"https://docs.stripe.com/error-codes/{code.replace('_', '-')}",
    }
    if card.decline_code is not None:
        error["decline_code"] = card.decline_code
    intent.update(
        status="requires_payment_method",
        last_payment_error=error,
        latest_charge=failed["id"],
        payment_method=None,
    )
    unit.put(failed)
    unit.put(intent)
    emit(unit, "charge.failed", failed)
    emit(unit, "payment_intent.payment_failed", intent)
    more = {key: value for key, value in error.items() if key not in {"type", "message", "code"}}
    return ApiError(402, "card_error", MESSAGES[code], code=code, saved=True, more={**more, "payment_intent": intent})


def _succeed(unit: Unit, intent: Json, made: Json, card: Card) -> Json:
    late = unit.late_balance
    if not late:
        made["balance_transaction"] = _settle(unit, made, card)
    intent.update(
        status="succeeded",
        amount_received=intent["amount"],
        latest_charge=made["id"],
        last_payment_error=None,
        next_action=None,
    )
    unit.put(made, refund=card.refund, at_once=card.available_at_once)
    unit.put(intent)
    emit(unit, "charge.succeeded", made)
    emit(unit, "payment_intent.succeeded", intent)
    return intent


def _settle(unit: Unit, made: Json, card: Card) -> str:
    available = unit.at if card.available_at_once else (unit.at // DAY + AVAILABLE_AFTER_DAYS) * DAY
    movement = objects.balance_transaction(
        unit.at,
        made,
        kind="charge",
        amount=made["amount"],
        fee=fee(made["amount"], made["currency"]),
        available_on=available,
    )
    return str(unit.put(movement)["id"])


def fee(amount: int, code: str) -> int:
    """2.9 % rounded half up plus 30 minor units (plus nothing where a currency has no minor unit)."""
    return (amount * FEE_PERMILLE + 500) // 1000 + (0 if code in ZERO_DECIMAL else FEE_FIXED)


def settle_late(unit: Unit) -> int:
    """Attach the balance transactions that were held back, each with `charge.updated`; how many there were."""
    waiting = [
        row["id"] for row in unit.all("charge") if row["status"] == "succeeded" and not row["balance_transaction"]
    ]
    for ident in waiting:
        made = unit.get("charge", ident)
        at_once = unit.private(ident)["at_once"]
        made["balance_transaction"] = _settle(unit, made, Card("", available_at_once=at_once))
        unit.put(made)
        emit(unit, "charge.updated", made)
    return len(waiting)


def cancel(unit: Unit, values: Json, ident: str) -> Json:
    """POST /v1/payment_intents/{id}/cancel."""
    intent = unit.get("payment_intent", ident, "intent")
    if intent["status"] not in PAYABLE:
        raise unexpected(intent, "cancel")
    intent.update(status="canceled", canceled_at=unit.at, cancellation_reason=values.get("cancellation_reason", None))
    unit.put(intent)
    emit(unit, "payment_intent.canceled", intent)
    return intent


def list_intents(unit: Unit, values: Json) -> Json:
    """GET /v1/payment_intents."""
    found = (
        row
        for row in unit.all("payment_intent")
        if reading.created(row, values.get("created")) and values.get("customer") in {None, row["customer"]}
    )
    return reading.rows(unit, "/v1/payment_intents", found, values)
