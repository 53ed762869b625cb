"""Contract 1: what our gateway sends, and what the stand-in takes, is in the installed library's parameter types."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
from stripe._api_version import _ApiVersion

from licensing.payments import facts, gateway
from licensing.payments.gateway import Gateway
from marketplace.sandbox.stripe import objects, params, routes
from marketplace.sandbox.stripe.process import StandIn
from tests.marketplace.sandbox import contract

TYPES = {
    ("POST", "/v1/customers"): "CustomerCreateParams",
    ("GET", "/v1/customers"): "CustomerListParams",
    ("GET", "/v1/customers/{id}"): "CustomerRetrieveParams",
    ("POST", "/v1/payment_intents"): "PaymentIntentCreateParams",
    ("GET", "/v1/payment_intents"): "PaymentIntentListParams",
    ("GET", "/v1/payment_intents/{id}"): "PaymentIntentRetrieveParams",
    ("POST", "/v1/payment_intents/{id}/confirm"): "PaymentIntentConfirmParams",
    ("POST", "/v1/payment_intents/{id}/cancel"): "PaymentIntentCancelParams",
    ("GET", "/v1/charges"): "ChargeListParams",
    ("GET", "/v1/charges/{id}"): "ChargeRetrieveParams",
    ("GET", "/v1/balance_transactions"): "BalanceTransactionListParams",
    ("GET", "/v1/balance_transactions/{id}"): "BalanceTransactionRetrieveParams",
    ("POST", "/v1/refunds"): "RefundCreateParams",
    ("GET", "/v1/refunds"): "RefundListParams",
    ("GET", "/v1/refunds/{id}"): "RefundRetrieveParams",
    ("POST", "/v1/checkout/sessions"): "SessionCreateParams",
    ("GET", "/v1/checkout/sessions"): "SessionListParams",
    ("GET", "/v1/checkout/sessions/{id}"): "SessionRetrieveParams",
    ("POST", "/v1/checkout/sessions/{id}/expire"): "SessionExpireParams",
    ("GET", "/v1/checkout/sessions/{id}/line_items"): "SessionLineItemListParams",
    ("GET", "/v1/events"): "EventListParams",
    ("GET", "/v1/events/{id}"): "EventRetrieveParams",
}
DAY = timedelta(days=1)


def test_api_version_is_pinned() -> None:
    assert gateway.API_VERSION == objects.API_VERSION == _ApiVersion.CURRENT == "2026-10-28.endive"
    assert stripe.VERSION == "16.1.0"


def test_every_route_has_its_type() -> None:
    assert {(route.method, route.path) for route in routes.ROUTES} == set(TYPES)


@pytest.mark.parametrize("route", routes.ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_stand_in_takes_nothing_stripe_does_not(route: routes.Route) -> None:
    typed = contract.params(TYPES[route.method, route.path])
    unknown = [text for text in contract.request_problems(_example(route.spec), typed) if "unknown" in text]
    assert unknown == []


def test_every_request_of_the_gateway_is_typed(standin: StandIn, reach: Gateway) -> None:
    before = standin.get("truth")
    first = standin.get("log")["lines"][-1:]
    _call_everything(reach)
    lines = [
        line for line in standin.get(f"log?after={first[0]['n'] if first else 0}")["lines"] if line["op"] == "request"
    ]
    called = {(line["method"], line["route"]) for line in lines}
    problems = {
        f"{line['method']} {line['route']}": contract.request_problems(
            line["params"], contract.params(TYPES[line["method"], line["route"]])
        )
        for line in lines
    }
    assert called == {
        key for key in TYPES if not key[1].startswith(("/v1/customers", "/v1/charges", "/v1/balance"))
    } - {
        ("GET", "/v1/events/{id}"),
        ("GET", "/v1/checkout/sessions/{id}/line_items"),
    }
    assert {name: found for name, found in problems.items() if found} == {}
    assert all(line["idempotency_key"] for line in lines if line["method"] == "POST")
    assert standin.get("truth")["charges_succeeded"] == before["charges_succeeded"] + 1


def _call_everything(reach: Gateway) -> None:
    made = gateway.create_payment_intent(
        reach, key="typed:1", amount_minor=2000, currency="usd", order_id="ord_typed", metadata={"quote": "quo_1"}
    ).unwrap()
    gateway.confirm_payment_intent(
        reach, key="typed:2", payment_intent=made.id, payment_method="pm_card_visa", return_url="https://example.org/"
    ).unwrap()
    back = gateway.refund(
        reach, key="typed:3", payment_intent=made.id, amount=500, reason="requested_by_customer"
    ).unwrap()
    spare = gateway.create_payment_intent(
        reach, key="typed:4", amount_minor=2000, currency="usd", order_id="ord_typed", metadata={}
    ).unwrap()
    gateway.cancel_payment_intent(reach, key="typed:5", payment_intent=spare.id).unwrap()
    session = gateway.create_checkout_session(
        reach,
        key="typed:6",
        lines=[facts.Line("Licence", 1500, 2)],
        currency="eur",
        order_id="ord_typed",
        success_url="https://example.org/ok?session={CHECKOUT_SESSION_ID}",
        cancel_url="https://example.org/no",
        metadata={},
    ).unwrap()
    gateway.fetch_checkout_session(reach, session.id).unwrap()
    gateway.expire_checkout_session(reach, key="typed:7", session=session.id).unwrap()
    gateway.fetch_payment_intent(reach, made.id).unwrap()
    gateway.fetch_refund(reach, back.id).unwrap()
    now = datetime.now(UTC)
    gateway.list_by_reference(reach, order_id="ord_typed", since=now - DAY, until=now + DAY).unwrap()
    gateway.list_sessions_by_reference(reach, order_id="ord_typed", since=now - DAY, until=now + DAY).unwrap()
    gateway.list_refunds(reach, payment_intent=made.id).unwrap()
    gateway.list_events(reach, since=now - DAY).unwrap()


def _example(spec: Any) -> Any:
    """A request with every name a spec takes."""
    if isinstance(spec, params.Need):
        return _example(spec.spec)
    if isinstance(spec, params.Either):
        return _example(spec.spec)
    if isinstance(spec, Mapping):
        return {name: _example(inner) for name, inner in spec.items()}
    return [_example(spec[0])] if isinstance(spec, list) else "x"
