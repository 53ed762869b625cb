"""Stripe's answers to a payment, scripted at the gateway."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.unit import Actor
from licensing.orders.models import Order
from licensing.payments import gateway, services
from licensing.payments.facts import Kind, Outcome, PaymentFacts, Problem, SessionFacts
from licensing.payments.models import Payment
from tests import scenario

SILENCE: Outcome[Any] = Outcome(Kind.RETRY, None, Problem("no_answer", "timeout", None, True))
SAVED_500: Outcome[Any] = Outcome(Kind.DEFINITE_ERROR, None, Problem("api_error", "sorry", 500, True))
CALLS = (
    "create_payment_intent", "fetch_payment_intent", "list_by_reference", "create_checkout_session",
    "fetch_checkout_session", "list_sessions_by_reference", "cancel_payment_intent", "expire_checkout_session",
)  # fmt: skip


def answer(monkeypatch: pytest.MonkeyPatch, *outcomes: Outcome[Any]) -> list[dict[str, object]]:
    """Let the gateway return these outcomes, one a call whichever it is, and write down what it was asked."""
    asked: list[dict[str, object]] = []
    waiting = list(outcomes)

    def reply(name: str) -> Any:
        def call(_: object, *given: object, **sent: object) -> Outcome[Any]:
            asked.append({"call": name, "given": given, **sent})
            return waiting.pop(0)

        return call

    for name in CALLS:
        monkeypatch.setattr(gateway, name, reply(name))
    return asked


def start(order: Order, idem: str = "k", method: str = "payment_intent") -> Payment:
    buyer = Actor("usr_buyer", order.organisation_id, roles=frozenset({"developer_admin"}))
    return services.start(
        order=order, method=method, idem=idem, success_url="", cancel_url="", actor=buyer, at=scenario.now()
    )  # fmt: skip


def ok(facts: PaymentFacts) -> Outcome[PaymentFacts]:
    return Outcome(Kind.OK, facts)


def session(status: str, name: str = "cs_1", payment: PaymentFacts | None = None) -> Outcome[SessionFacts]:
    """A hosted page; its `payment_status` is of no interest to us."""
    facts = SessionFacts(
        name, status, "unpaid", 1, "usd", None, None, payment, scenario.now(), None, None, False, {}
    )  # fmt: skip
    return Outcome(Kind.OK, facts)
