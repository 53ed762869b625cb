"""The only place in licensing that speaks to Stripe, always through the `stripe` library.

Every call takes an explicit `Gateway` and, when it writes, our own idempotency key, which the caller has stored
before (table stripe_call). Results are values: an `Outcome` is ok, declined, retry or definite_error as the table in
the design of payments says; nothing of the library's exceptions leaves this module. The library never retries by
itself (`max_network_retries` 0): retrying is a decision about money and belongs to durable rows.

Amounts are integers in minor units of a lower-case ISO 4217 currency. Bodies are parsed with `parse_float=str`, so
that no float of Stripe's (only `exchange_rate` is one) ever enters a row.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

import requests
import stripe

if TYPE_CHECKING:
    from stripe.params import (
        PaymentIntentConfirmParams,
        PaymentIntentCreateParams,
        PaymentIntentListParams,
        RefundCreateParams,
    )
    from stripe.params.checkout import SessionCreateParams, SessionListParams

API_VERSION = "2026-10-28.endive"
SIGNATURE_TOLERANCE_SECONDS = 300
PAGE_SIZE = 100
ORDER_KEY = "licet_order"
CALL_KEY = "licet_call"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
EXPAND_INTENT = ["latest_charge.balance_transaction"]
EXPAND_SESSION = ["payment_intent.latest_charge.balance_transaction"]

# The library would keep an identifier of the machine in the user's home folder.
stripe.enable_telemetry = False

Json = dict[str, Any]
T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Gateway:
    """How to reach Stripe: secret key, address, patience in seconds and the library's own retries (0: ours only)."""

    api_key: str = field(repr=False)
    api_base: str = "https://api.stripe.com"
    timeout: int = 20
    max_network_retries: int = 0


class Kind(StrEnum):
    """What a call came to. The caller's next step depends on nothing else."""

    OK = "ok"
    DECLINED = "declined"
    RETRY = "retry"
    DEFINITE_ERROR = "definite_error"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a call is not ok. `state_unknown`: an effect may exist; look it up before sending under another key."""

    code: str
    message: str
    http_status: int | None
    state_unknown: bool
    decline_code: str | None = None
    param: str | None = None
    request_id: str | None = None
    raw: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """A call's result: `value` when `kind` is ok, otherwise `problem`."""

    kind: Kind
    value: T | None = None
    problem: Problem | None = None

    def map(self, change: Callable[[T], U]) -> Outcome[U]:
        """The same outcome with its value changed; problems pass through."""
        if self.value is None:
            return Outcome(self.kind, None, self.problem)
        return Outcome(self.kind, change(self.value), self.problem)

    def unwrap(self) -> T:
        """The value of an ok outcome; ValueError with Stripe's message otherwise."""
        if self.value is None:
            raise ValueError(f"{self.kind}: {self.problem}")
        return self.value


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """A PaymentIntent with its charge and balance transaction.

    `fee_minor`, `settled_minor` and `settled_currency` are those of the balance transaction (another currency than
    the payment's when Stripe converts) and None until Stripe has attached it, which may be after the success event.
    """

    id: str
    status: str
    amount_minor: int
    currency: str
    captured_minor: int
    refunded_minor: int
    charge_id: str | None
    balance_transaction_id: str | None
    fee_minor: int | None
    settled_minor: int | None
    settled_currency: str | None
    available_on: datetime | None
    client_secret: str | None
    failure_code: str | None
    order_id: str | None
    call_key: str | None
    livemode: bool
    raw: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A Checkout Session: `url` while open, `payment` once a PaymentIntent exists (only when fetched, not listed)."""

    id: str
    status: str
    payment_status: str
    amount_minor: int
    currency: str
    url: str | None
    payment_intent_id: str | None
    payment: PaymentFacts | None
    expires_at: datetime
    order_id: str | None
    call_key: str | None
    livemode: bool
    raw: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class RefundFacts:
    """A refund; `status` is pending, requires_action, succeeded, failed or canceled. A succeeded one can fail later."""

    id: str
    status: str
    amount_minor: int
    currency: str
    charge_id: str | None
    payment_intent_id: str | None
    balance_transaction_id: str | None
    failure_reason: str | None
    call_key: str | None
    raw: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a hosted Checkout page; `amount_minor` is for one piece."""

    name: str
    amount_minor: int
    quantity: int = 1


class BadSignature(Exception):
    """A webhook that is not proven to come from Stripe: wrong secret, stale, or no readable event."""


def create_payment_intent(
    gateway: Gateway, *, key: str, amount_minor: int, currency: str, order_id: str, metadata: Mapping[str, str]
) -> Outcome[PaymentFacts]:
    """Ask for `amount_minor` of an order; the buyer confirms with `client_secret`. Source: API, PaymentIntent create."""
    params: PaymentIntentCreateParams = {
        "amount": amount_minor,
        "currency": currency,
        "automatic_payment_methods": {"enabled": True},
        "transfer_group": order_id,
        "metadata": _metadata(metadata, order_id, key),
        "expand": EXPAND_INTENT,
    }
    return _call(
        gateway, lambda client: client.v1.payment_intents.create(params, {"idempotency_key": key})
    ).map(_payment)


def confirm_payment_intent(
    gateway: Gateway, *, key: str, payment_intent: str, payment_method: str, return_url: str
) -> Outcome[PaymentFacts]:
    """Charge a payment method the buyer has given; a declined card is the outcome `declined`."""
    params: PaymentIntentConfirmParams = {
        "payment_method": payment_method,
        "return_url": return_url,
        "expand": EXPAND_INTENT,
    }
    return _call(
        gateway,
        lambda client: client.v1.payment_intents.confirm(payment_intent, params, {"idempotency_key": key}),
    ).map(_payment)


def cancel_payment_intent(gateway: Gateway, *, key: str, payment_intent: str) -> Outcome[PaymentFacts]:
    """Make an unpaid PaymentIntent unpayable; definite_error `payment_intent_unexpected_state` once it is paid."""
    return _call(
        gateway,
        lambda client: client.v1.payment_intents.cancel(
            payment_intent, {"cancellation_reason": "abandoned", "expand": EXPAND_INTENT}, {"idempotency_key": key}
        ),
    ).map(_payment)


def create_checkout_session(
    gateway: Gateway,
    *,
    key: str,
    lines: Sequence[Line],
    currency: str,
    order_id: str,
    success_url: str,
    cancel_url: str,
    metadata: Mapping[str, str],
) -> Outcome[SessionFacts]:
    """A hosted page for an order. `success_url` may hold {CHECKOUT_SESSION_ID}. Source: API, Checkout Session create."""
    known = _metadata(metadata, order_id, key)
    params: SessionCreateParams = {
        "mode": "payment",
        "line_items": [
            {
                "price_data": {
                    "currency": currency,
                    "unit_amount": line.amount_minor,
                    "product_data": {"name": line.name},
                },
                "quantity": line.quantity,
            }
            for line in lines
        ],
        "client_reference_id": order_id,
        "success_url": success_url,
        "cancel_url": cancel_url,
        "metadata": known,
        "payment_intent_data": {"metadata": known, "transfer_group": order_id},
        "expand": EXPAND_SESSION,
    }
    return _call(
        gateway, lambda client: client.v1.checkout.sessions.create(params, {"idempotency_key": key})
    ).map(_session)


def expire_checkout_session(gateway: Gateway, *, key: str, session: str) -> Outcome[SessionFacts]:
    """Close an open page for good; definite_error when it is complete or expired already."""
    return _call(
        gateway,
        lambda client: client.v1.checkout.sessions.expire(
            session, {"expand": EXPAND_SESSION}, {"idempotency_key": key}
        ),
    ).map(_session)


def fetch_payment_intent(gateway: Gateway, payment_intent: str) -> Outcome[PaymentFacts]:
    """The present truth about a payment, with charge and balance transaction."""
    return _call(
        gateway, lambda client: client.v1.payment_intents.retrieve(payment_intent, {"expand": EXPAND_INTENT})
    ).map(_payment)


def fetch_checkout_session(gateway: Gateway, session: str) -> Outcome[SessionFacts]:
    """The present truth about a hosted page, with its payment when there is one."""
    return _call(
        gateway, lambda client: client.v1.checkout.sessions.retrieve(session, {"expand": EXPAND_SESSION})
    ).map(_session)


def refund(gateway: Gateway, *, key: str, payment_intent: str, amount: int, reason: str) -> Outcome[RefundFacts]:
    """Pay `amount` minor units back. `reason`: duplicate, fraudulent or requested_by_customer."""
    params: RefundCreateParams = {
        "payment_intent": payment_intent,
        "amount": amount,
        "reason": reason,
        "metadata": {CALL_KEY: key},
    }
    return _call(gateway, lambda client: client.v1.refunds.create(params, {"idempotency_key": key})).map(_refund)


def fetch_refund(gateway: Gateway, refund_id: str) -> Outcome[RefundFacts]:
    """The present truth about a refund."""
    return _call(gateway, lambda client: client.v1.refunds.retrieve(refund_id)).map(_refund)


def list_by_reference(
    gateway: Gateway, *, order_id: str, since: datetime, until: datetime
) -> Outcome[tuple[PaymentFacts, ...]]:
    """All PaymentIntents of an order created in [since, until], newest first: proof of absence after a definite 5xx.

    A list and not a search, because Stripe's search index lags and so proves nothing about what is missing.
    """
    params: PaymentIntentListParams = {
        "created": {"gte": int(since.timestamp()), "lte": int(until.timestamp())},
        "limit": PAGE_SIZE,
        "expand": ["data.latest_charge.balance_transaction"],
    }
    pages = _pages(
        gateway,
        lambda client, after: client.v1.payment_intents.list(
            {**params, "starting_after": after} if after else params
        ),
    )
    return pages.map(lambda rows: tuple(_payment(row) for row in rows if _ours(row, order_id)))


def list_sessions_by_reference(
    gateway: Gateway, *, order_id: str, since: datetime, until: datetime
) -> Outcome[tuple[SessionFacts, ...]]:
    """All Checkout Sessions of an order created in [since, until], newest first; `payment` is not filled in."""
    params: SessionListParams = {
        "created": {"gte": int(since.timestamp()), "lte": int(until.timestamp())},
        "limit": PAGE_SIZE,
    }
    pages = _pages(
        gateway,
        lambda client, after: client.v1.checkout.sessions.list(
            {**params, "starting_after": after} if after else params
        ),
    )
    return pages.map(lambda rows: tuple(_session(row) for row in rows if _ours(row, order_id)))


def list_refunds(gateway: Gateway, *, payment_intent: str) -> Outcome[tuple[RefundFacts, ...]]:
    """All refunds of a payment, newest first; `call_key` names the call that made each."""
    return _pages(
        gateway,
        lambda client, after: client.v1.refunds.list(
            {"payment_intent": payment_intent, "limit": PAGE_SIZE, "starting_after": after}
            if after
            else {"payment_intent": payment_intent, "limit": PAGE_SIZE}
        ),
    ).map(lambda rows: tuple(_refund(row) for row in rows))


def list_events(gateway: Gateway, *, since: datetime) -> Outcome[tuple[Json, ...]]:
    """All events since a moment, newest first, for the backfill after a webhook outage. Stripe keeps 30 days."""
    created = int(since.timestamp())
    return _pages(
        gateway,
        lambda client, after: client.v1.events.list(
            {"created": {"gte": created}, "limit": PAGE_SIZE, "starting_after": after}
            if after
            else {"created": {"gte": created}, "limit": PAGE_SIZE}
        ),
    ).map(tuple)


def verify_event(payload: bytes, signature: str, secrets: Sequence[str]) -> Json:
    """The event in a webhook's body, proven by `Stripe-Signature` under one of the endpoint's secrets.

    Raises BadSignature for a wrong or stale signature and for a body that is no event. Source: Stripe, Webhooks.
    """
    if not any(_signed(payload, signature, secret) for secret in secrets):
        raise BadSignature("no secret of this endpoint verifies the signature")
    try:
        event = json.loads(payload, parse_float=str)
    except ValueError as error:
        raise BadSignature("the signed body is not JSON") from error
    if not isinstance(event, dict) or event.get("object") not in {"event", "v2.core.event"}:
        raise BadSignature("the signed body is not an event")
    return event


def _signed(payload: bytes, signature: str, secret: str) -> bool:
    if not signature.isascii():
        return False
    try:
        stripe.WebhookSignature.verify_header(payload, signature, secret, SIGNATURE_TOLERANCE_SECONDS)
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False
    return True
