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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import stripe

from licensing.payments import facts
from licensing.payments.facts import Json, Kind, Outcome, PaymentFacts, Problem, RefundFacts, SessionFacts

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
REPLAYED_ERROR = 500  # saved and replayed for its key; 502 to 504 come from before the API and are not
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
EXPAND_INTENT = ["latest_charge.balance_transaction"]
EXPAND_SESSION = ["payment_intent.latest_charge.balance_transaction"]

# The library would keep an identifier of the machine in the user's home folder.
stripe.enable_telemetry = False


@dataclass(frozen=True, slots=True)
class Gateway:
    """How to reach Stripe: secret key, address, patience in seconds, retries of the library itself (0: ours only)."""

    api_key: str = field(repr=False)
    api_base: str = "https://api.stripe.com"
    timeout: int = 20
    max_network_retries: int = 0

    @property
    def livemode(self) -> bool:
        """Whether the key moves real money (sk_live_, rk_live_)."""
        return "_live_" in self.api_key


class BadSignature(Exception):
    """A webhook that is not proven to come from Stripe: wrong secret, stale, or no readable event."""


def create_payment_intent(
    gateway: Gateway,
    *,
    key: str,
    amount_minor: int,
    currency: str,
    order_id: str,
    metadata: Mapping[str, str],
) -> Outcome[PaymentFacts]:
    """Ask for `amount_minor` of an order; the buyer confirms with `client_secret`. Source: API, PaymentIntents."""
    params: PaymentIntentCreateParams = {
        "amount": amount_minor,
        "currency": currency,
        "automatic_payment_methods": {"enabled": True},
        "transfer_group": order_id,
        "metadata": facts.metadata(metadata, order_id, key),
        "expand": EXPAND_INTENT,
    }
    return _call(gateway, lambda client: client.v1.payment_intents.create(params, {"idempotency_key": key})).map(
        facts.payment
    )


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
    ).map(facts.payment)


def cancel_payment_intent(gateway: Gateway, *, key: str, payment_intent: str) -> Outcome[PaymentFacts]:
    """Make an unpaid PaymentIntent unpayable; definite_error `payment_intent_unexpected_state` once it is paid."""
    return _call(
        gateway,
        lambda client: client.v1.payment_intents.cancel(
            payment_intent,
            {"cancellation_reason": "abandoned", "expand": EXPAND_INTENT},
            {"idempotency_key": key},
        ),
    ).map(facts.payment)


def create_checkout_session(
    gateway: Gateway,
    *,
    key: str,
    lines: Sequence[facts.Line],
    currency: str,
    order_id: str,
    success_url: str,
    cancel_url: str,
    metadata: Mapping[str, str],
) -> Outcome[SessionFacts]:
    """A hosted page for an order. `success_url` may hold {CHECKOUT_SESSION_ID}. Source: API, Checkout Sessions."""
    known = facts.metadata(metadata, order_id, key)
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
    return _call(gateway, lambda client: client.v1.checkout.sessions.create(params, {"idempotency_key": key})).map(
        facts.session
    )


def expire_checkout_session(gateway: Gateway, *, key: str, session: str) -> Outcome[SessionFacts]:
    """Close an open page for good; definite_error when it is complete or expired already."""
    return _call(
        gateway,
        lambda client: client.v1.checkout.sessions.expire(
            session, {"expand": EXPAND_SESSION}, {"idempotency_key": key}
        ),
    ).map(facts.session)


def fetch_payment_intent(gateway: Gateway, payment_intent: str) -> Outcome[PaymentFacts]:
    """The present truth about a payment, with charge and balance transaction."""
    return _call(
        gateway, lambda client: client.v1.payment_intents.retrieve(payment_intent, {"expand": EXPAND_INTENT})
    ).map(facts.payment)


def fetch_checkout_session(gateway: Gateway, session: str) -> Outcome[SessionFacts]:
    """The present truth about a hosted page, with its payment when there is one."""
    return _call(gateway, lambda client: client.v1.checkout.sessions.retrieve(session, {"expand": EXPAND_SESSION})).map(
        facts.session
    )


def refund(gateway: Gateway, *, key: str, payment_intent: str, amount: int, reason: str) -> Outcome[RefundFacts]:
    """Pay `amount` minor units back. `reason`: duplicate, fraudulent or requested_by_customer."""
    params: RefundCreateParams = {
        "payment_intent": payment_intent,
        "amount": amount,
        "reason": reason,
        "metadata": {facts.CALL_KEY: key},
    }
    return _call(gateway, lambda client: client.v1.refunds.create(params, {"idempotency_key": key})).map(facts.refund)


def fetch_refund(gateway: Gateway, refund_id: str) -> Outcome[RefundFacts]:
    """The present truth about a refund."""
    return _call(gateway, lambda client: client.v1.refunds.retrieve(refund_id)).map(facts.refund)


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
        lambda client, after: client.v1.payment_intents.list({**params, "starting_after": after} if after else params),
    )
    return pages.map(lambda rows: tuple(facts.payment(row) for row in rows if facts.concerns(row, order_id)))


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
    return pages.map(lambda rows: tuple(facts.session(row) for row in rows if facts.concerns(row, order_id)))


def list_refunds(gateway: Gateway, *, payment_intent: str) -> Outcome[tuple[RefundFacts, ...]]:
    """All refunds of a payment, newest first; `call_key` names the call that made each."""
    return _pages(
        gateway,
        lambda client, after: client.v1.refunds.list(
            {"payment_intent": payment_intent, "limit": PAGE_SIZE, "starting_after": after}
            if after
            else {"payment_intent": payment_intent, "limit": PAGE_SIZE}
        ),
    ).map(lambda rows: tuple(facts.refund(row) for row in rows))


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


def _call(gateway: Gateway, send: Callable[[stripe.StripeClient], stripe.StripeObject]) -> Outcome[Json]:
    try:
        answer = send(client(gateway))
    except stripe.StripeError as error:
        return _failure(error)
    return Outcome(Kind.OK, _body(answer))


def _pages(gateway: Gateway, send: Callable[[stripe.StripeClient, str], stripe.StripeObject]) -> Outcome[list[Json]]:
    rows: list[Json] = []
    more = True
    while more:
        after = rows[-1]["id"] if rows else ""
        page = _call(gateway, functools.partial(_send_page, send, after))
        if page.value is None:
            return Outcome(page.kind, None, page.problem)
        rows.extend(page.value["data"])
        more = page.value["has_more"]
    return Outcome(Kind.OK, rows)


def _send_page(
    send: Callable[[stripe.StripeClient, str], stripe.StripeObject], after: str, client: stripe.StripeClient
) -> stripe.StripeObject:
    return send(client, after)


def _body(answer: stripe.StripeObject) -> Json:
    """The answer's own text, parsed without floats (the library's object has already made some)."""
    if answer.last_response is None:
        raise TypeError("an answer of the API carries its response")
    body: Json = json.loads(answer.last_response.body, parse_float=str)
    return body


def _failure(error: stripe.StripeError) -> Outcome[Any]:
    """Which outcome an exception of the library stands for. Source: Stripe, Error codes and Idempotent requests."""
    said = error.json_body.get("error") if isinstance(error.json_body, dict) else None
    raw: Json = said if isinstance(said, dict) else {}
    status = error.http_status
    kind = Kind.DEFINITE_ERROR
    if isinstance(error, stripe.CardError):
        kind = Kind.DECLINED
    elif not raw or status in {409, 429} or (status or 0) > REPLAYED_ERROR:
        kind = Kind.RETRY
    problem = Problem(
        code=raw.get("code") or raw.get("type") or "no_answer",
        message=str(raw.get("message") or error.user_message or error),
        http_status=status,
        state_unknown=kind is Kind.RETRY or status == REPLAYED_ERROR or raw.get("type") == "idempotency_error",
        decline_code=raw.get("decline_code"),
        param=raw.get("param"),
        request_id=error.request_id,
        raw=raw,
    )
    return Outcome(kind, None, problem)


def client(gateway: Gateway) -> stripe.StripeClient:
    """The library's client for a configuration: one per process, so connections are kept and never cross a fork."""
    return _connected(gateway, os.getpid())


@functools.lru_cache(maxsize=16)
def _connected(gateway: Gateway, _pid: int) -> stripe.StripeClient:
    session = None
    if urlsplit(gateway.api_base).hostname in LOOPBACK:
        session = requests.Session()
        session.trust_env = False  # a proxy of the environment cannot reach this machine's own ports
    return stripe.StripeClient(
        gateway.api_key,
        stripe_version=API_VERSION,
        base_addresses={"api": gateway.api_base},
        max_network_retries=gateway.max_network_retries,
        http_client=stripe.RequestsClient(timeout=gateway.timeout, session=session),
    )
