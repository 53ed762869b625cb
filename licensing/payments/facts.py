"""What Stripe's answers mean to us: outcomes of calls and facts about payments, sessions and refunds. Pure values.

The readers take Stripe's JSON as parsed by the gateway (no float in it) and keep it whole in `raw`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

ORDER_KEY = "licet_order"
CALL_KEY = "licet_call"

Json = dict[str, Any]
T = TypeVar("T")
U = TypeVar("U")


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

    @property
    def state_unknown(self) -> bool:
        """Whether the call may have had an effect that its answer does not tell."""
        return self.kind is Kind.RETRY or (self.problem is not None and self.problem.state_unknown)

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
    `paid_at` is when the buyer was charged.
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
    paid_at: datetime | None = None


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


def metadata(own: Mapping[str, str], order_id: str, call_key: str) -> dict[str, str]:
    """The metadata of an object we create: the caller's own, and what finds it again by order and by call."""
    return {**own, ORDER_KEY: order_id, CALL_KEY: call_key}


def concerns(raw: Json, order_id: str) -> bool:
    """Whether an object of Stripe's was made for this order."""
    return (raw.get("metadata") or {}).get(ORDER_KEY) == order_id


def payment(raw: Json) -> PaymentFacts:
    """Facts of a PaymentIntent; charge and balance transaction where they are expanded."""
    charge = raw.get("latest_charge")
    details: Json = charge if isinstance(charge, dict) else {}
    balance = details.get("balance_transaction")
    settled: Json = balance if isinstance(balance, dict) else {}
    available = settled.get("available_on")
    known = raw.get("metadata") or {}
    return PaymentFacts(
        id=raw["id"],
        status=raw["status"],
        amount_minor=raw["amount"],
        currency=raw["currency"],
        captured_minor=raw["amount_received"],
        refunded_minor=details.get("amount_refunded", 0),
        charge_id=_id(charge),
        balance_transaction_id=_id(balance),
        fee_minor=settled.get("fee"),
        settled_minor=settled.get("amount"),
        settled_currency=settled.get("currency"),
        available_on=None if available is None else moment(available),
        client_secret=raw.get("client_secret"),
        failure_code=(raw.get("last_payment_error") or {}).get("code"),
        order_id=known.get(ORDER_KEY),
        call_key=known.get(CALL_KEY),
        livemode=raw["livemode"],
        raw=raw,
        paid_at=moment(details["created"]) if "created" in details else None,
    )


def session(raw: Json) -> SessionFacts:
    """Facts of a Checkout Session; its payment where it is expanded."""
    intent = raw.get("payment_intent")
    known = raw.get("metadata") or {}
    return SessionFacts(
        id=raw["id"],
        status=raw["status"],
        payment_status=raw["payment_status"],
        amount_minor=raw["amount_total"],
        currency=raw["currency"],
        url=raw.get("url"),
        payment_intent_id=_id(intent),
        payment=payment(intent) if isinstance(intent, dict) else None,
        expires_at=moment(raw["expires_at"]),
        order_id=known.get(ORDER_KEY),
        call_key=known.get(CALL_KEY),
        livemode=raw["livemode"],
        raw=raw,
    )


def refund(raw: Json) -> RefundFacts:
    """Facts of a refund."""
    return RefundFacts(
        id=raw["id"],
        status=raw["status"],
        amount_minor=raw["amount"],
        currency=raw["currency"],
        charge_id=_id(raw.get("charge")),
        payment_intent_id=_id(raw.get("payment_intent")),
        balance_transaction_id=_id(raw.get("balance_transaction")),
        failure_reason=raw.get("failure_reason"),
        call_key=(raw.get("metadata") or {}).get(CALL_KEY),
        raw=raw,
    )


def _id(value: Json | str | None) -> str | None:
    """The id of a field that Stripe gives as an id or, expanded, as the object."""
    return value["id"] if isinstance(value, dict) else value


def moment(seconds: int) -> datetime:
    """A time of Stripe's: Unix seconds as an aware UTC datetime."""
    return datetime.fromtimestamp(seconds, tz=UTC)
