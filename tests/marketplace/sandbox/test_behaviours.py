"""Contract 3: documented behaviours of Stripe's API, each a row of one table.

Runs against the stand-in, and with STRIPE_TEST_KEY set against Stripe's own test mode as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import stripe

from licensing.payments import gateway
from licensing.payments.gateway import API_VERSION, Gateway
from marketplace.sandbox.stripe.process import StandIn

Json = dict[str, Any]
INTENT: Json = {"amount": 2500, "currency": "usd"}
RETURN: Json = {"return_url": "https://example.org/back"}
STATES = "payment_intent_unexpected_state"


@dataclass(frozen=True)
class Wire:
    """Raw requests through the library: the parsed body of an answer, or of an error, with its status."""

    client: stripe.StripeClient

    def post(self, path: str, key: str | None = None, **params: Any) -> tuple[int, Json]:
        return self._ask("post", path, {**params, "idempotency_key": key or str(uuid4())})[:2]

    def get(self, path: str, **params: Any) -> tuple[int, Json]:
        return self._ask("get", path, params)[:2]

    def headers(self, path: str, key: str, **params: Any) -> Json:
        return self._ask("post", path, {**params, "idempotency_key": key})[2]

    def _ask(self, method: str, path: str, params: Json) -> tuple[int, Json, Json]:
        try:
            answer = self.client.raw_request(method, path, **params)
        except stripe.StripeError as error:
            said = error.json_body if isinstance(error.json_body, dict) else {}
            return error.http_status or 0, said["error"], _lower(error.headers)
        return answer.code, answer.data, _lower(answer.headers)

    def paid(self, card: str = "pm_card_visa", **params: Any) -> Json:
        status, intent = self.post(
            "/v1/payment_intents", **INTENT, **RETURN, payment_method=card, confirm=True, **params
        )
        assert status == 200, intent
        return intent

    def session(self, **params: Any) -> Json:
        line = {"price_data": {"currency": "usd", "unit_amount": 900, "product_data": {"name": "A"}}, "quantity": 2}
        urls: Json = {"success_url": "https://example.org/ok", "cancel_url": "https://example.org/no"}
        status, made = self.post("/v1/checkout/sessions", mode="payment", line_items=[line], **urls, **params)
        assert status == 200, made
        return made


def _lower(headers: Any) -> Json:
    return {name.lower(): value for name, value in headers.items()}


@pytest.fixture(params=["stand-in", "Stripe test mode"])
def wire(request: pytest.FixtureRequest, standin: StandIn) -> Wire:
    key = os.environ.get("STRIPE_TEST_KEY")
    if request.param == "stand-in":
        return Wire(gateway.client(Gateway("sk_test_behaviour", standin.url)))
    if not key:
        pytest.skip("STRIPE_TEST_KEY is not set")
    return Wire(gateway.client(Gateway(key)))


def replays_the_first_answer(wire: Wire) -> None:
    key = str(uuid4())
    first, second = (wire.post("/v1/payment_intents", key, **INTENT) for _ in range(2))
    assert first == second
    assert wire.headers("/v1/payment_intents", key, **INTENT)["idempotent-replayed"] == "true"


def refuses_a_key_with_other_parameters(wire: Wire) -> None:
    key = str(uuid4())
    wire.post("/v1/payment_intents", key, **INTENT)
    status, error = wire.post("/v1/payment_intents", key, amount=2600, currency="usd")
    assert (status, error["type"]) == (400, "idempotency_error")


def saves_a_decline(wire: Wire) -> None:
    key = str(uuid4())
    params = {**INTENT, **RETURN, "payment_method": "pm_card_chargeDeclined", "confirm": True}
    first, second = (wire.post("/v1/payment_intents", key, **params) for _ in range(2))
    assert first == second
    assert first[0] == 402
    assert (first[1]["type"], first[1]["code"]) == ("card_error", "card_declined")
    assert first[1]["decline_code"] == "generic_decline"
    assert first[1]["payment_intent"]["status"] == "requires_payment_method"
    assert wire.get(f"/v1/charges/{first[1]['charge']}")[1]["status"] == "failed"


def does_not_save_what_failed_validation(wire: Wire) -> None:
    key = str(uuid4())
    assert wire.post("/v1/payment_intents", key, amount="many", currency="usd")[0] == 400
    assert wire.post("/v1/payment_intents", key, **INTENT)[0] == 200


def names_an_unknown_parameter(wire: Wire) -> None:
    status, error = wire.post("/v1/payment_intents", **INTENT, colour="red")
    assert (status, error["code"], error["param"]) == (400, "parameter_unknown", "colour")


def names_a_missing_parameter(wire: Wire) -> None:
    status, error = wire.post("/v1/payment_intents", amount=2500)
    assert (status, error["code"], error["param"]) == (400, "parameter_missing", "currency")


def refuses_an_unknown_currency(wire: Wire) -> None:
    status, error = wire.post("/v1/payment_intents", amount=2500, currency="zzz")
    assert (status, error["param"]) == (400, "currency")


def says_404_for_an_unknown_object(wire: Wire) -> None:
    status, error = wire.get("/v1/payment_intents/pi_unknown")
    assert (status, error["code"]) == (404, "resource_missing")


def bounds_the_amount(wire: Wire) -> None:
    assert wire.post("/v1/payment_intents", amount=1, currency="usd")[1]["code"] == "amount_too_small"
    assert wire.post("/v1/payment_intents", amount=10**8, currency="usd")[1]["code"] == "amount_too_large"


def needs_a_return_url_for_automatic_methods(wire: Wire) -> None:
    made = wire.post("/v1/payment_intents", **INTENT, automatic_payment_methods={"enabled": True})[1]
    path = f"/v1/payment_intents/{made['id']}/confirm"
    assert wire.post(path, payment_method="pm_card_visa")[0] == 400
    assert wire.post(path, payment_method="pm_card_visa", **RETURN)[1]["status"] == "succeeded"


def pays_once(wire: Wire) -> None:
    paid = wire.paid()
    again = wire.post(f"/v1/payment_intents/{paid['id']}/confirm", **RETURN, payment_method="pm_card_visa")
    cancelled = wire.post(f"/v1/payment_intents/{paid['id']}/cancel")
    assert [(status, error["code"]) for status, error in (again, cancelled)] == [(400, STATES)] * 2
    assert paid["amount_received"] == INTENT["amount"]


def pays_after_a_decline(wire: Wire) -> None:
    made = wire.post("/v1/payment_intents", **INTENT)[1]
    path = f"/v1/payment_intents/{made['id']}/confirm"
    assert wire.post(path, payment_method="pm_card_chargeDeclinedInsufficientFunds", **RETURN)[0] == 402
    assert wire.post(path, payment_method="pm_card_visa", **RETURN)[1]["status"] == "succeeded"


def never_pays_what_is_cancelled(wire: Wire) -> None:
    made = wire.post("/v1/payment_intents", **INTENT)[1]
    gone = wire.post(f"/v1/payment_intents/{made['id']}/cancel", cancellation_reason="abandoned")[1]
    assert (gone["status"], gone["cancellation_reason"]) == ("canceled", "abandoned")
    status, error = wire.post(f"/v1/payment_intents/{made['id']}/confirm", **RETURN, payment_method="pm_card_visa")
    assert (status, error["code"]) == (400, STATES)


def expands_charge_and_balance_transaction(wire: Wire) -> None:
    paid = wire.paid()
    plain = wire.get(f"/v1/payment_intents/{paid['id']}")[1]
    full = wire.get(f"/v1/payment_intents/{paid['id']}", expand=["latest_charge.balance_transaction"])[1]
    assert isinstance(plain["latest_charge"], str)
    assert full["latest_charge"]["id"] == plain["latest_charge"]
    movement = full["latest_charge"]["balance_transaction"]
    assert movement["net"] == movement["amount"] - movement["fee"]
    assert wire.get(f"/v1/payment_intents/{paid['id']}", expand=["currency"])[0] == 400


def keeps_metadata(wire: Wire) -> None:
    made = wire.post("/v1/payment_intents", **INTENT, metadata={"订单": "值 & = [x]", "n": "1"})[1]
    assert wire.get(f"/v1/payment_intents/{made['id']}")[1]["metadata"] == {"订单": "值 & = [x]", "n": "1"}


def refunds_up_to_what_is_left(wire: Wire) -> None:
    paid = wire.paid()
    first = wire.post("/v1/refunds", payment_intent=paid["id"], amount=1000)[1]
    assert (first["status"], first["amount"], first["charge"]) == ("succeeded", 1000, paid["latest_charge"])
    assert wire.post("/v1/refunds", payment_intent=paid["id"], amount=1501)[0] == 400
    assert wire.post("/v1/refunds", payment_intent=paid["id"])[1]["amount"] == 1500
    status, error = wire.post("/v1/refunds", payment_intent=paid["id"], amount=1)
    assert (status, error["code"]) == (400, "charge_already_refunded")
    assert wire.get(f"/v1/charges/{paid['latest_charge']}")[1]["refunded"] is True
    listed = wire.get("/v1/refunds", payment_intent=paid["id"])[1]["data"]
    assert [row["amount"] for row in listed] == [1500, 1000]


def pages_newest_first(wire: Wire) -> None:
    ids = [wire.post("/v1/payment_intents", **INTENT)[1]["id"] for _ in range(3)]
    first = wire.get("/v1/payment_intents", limit=2)[1]
    assert [row["id"] for row in first["data"]] == [ids[2], ids[1]]
    assert first["has_more"] is True
    second = wire.get("/v1/payment_intents", limit=1, starting_after=ids[1])[1]
    assert [row["id"] for row in second["data"]] == [ids[0]]
    back = wire.get("/v1/payment_intents", limit=1, ending_before=ids[1])[1]
    assert [row["id"] for row in back["data"]] == [ids[2]]


def filters_by_creation(wire: Wire) -> None:
    made = wire.post("/v1/payment_intents", **INTENT)[1]
    newer = wire.get("/v1/payment_intents", created={"gte": made["created"]}, limit=100)[1]["data"]
    older = wire.get("/v1/payment_intents", created={"lt": made["created"]}, limit=100)[1]["data"]
    assert made["id"] in {row["id"] for row in newer}
    assert made["id"] not in {row["id"] for row in older}


def opens_a_hosted_page(wire: Wire) -> None:
    made = wire.session(client_reference_id="ord_1", expand=["line_items"])
    shown = (made["status"], made["payment_status"], made["payment_intent"], made["ui_mode"], made["amount_total"])
    assert shown == ("open", "unpaid", None, "hosted_page", 1800)
    assert made["url"].startswith("http")
    assert [(row["quantity"], row["amount_total"]) for row in made["line_items"]["data"]] == [(2, 1800)]


def expires_a_hosted_page_once(wire: Wire) -> None:
    made = wire.session()
    gone = wire.post(f"/v1/checkout/sessions/{made['id']}/expire")[1]
    assert (gone["status"], gone["url"]) == ("expired", None)
    assert wire.post(f"/v1/checkout/sessions/{made['id']}/expire")[0] == 400


def tells_what_happened(wire: Wire) -> None:
    paid = wire.paid()
    events = wire.get("/v1/events", type="payment_intent.succeeded", limit=20)[1]["data"]
    told = [event for event in events if event["data"]["object"]["id"] == paid["id"]]
    assert len(told) == 1
    assert (told[0]["api_version"], told[0]["request"]["idempotency_key"] is not None) == (API_VERSION, True)


def answers_in_the_pinned_version(wire: Wire) -> None:
    assert wire.headers("/v1/payment_intents", str(uuid4()), **INTENT)["stripe-version"] == API_VERSION


def refuses_a_wrong_key(wire: Wire) -> None:
    assert wire.get("/v1/payment_intents", api_key="sk_wrong_1")[0] == 401


TABLE = (
    replays_the_first_answer,
    refuses_a_key_with_other_parameters,
    saves_a_decline,
    does_not_save_what_failed_validation,
    names_an_unknown_parameter,
    names_a_missing_parameter,
    refuses_an_unknown_currency,
    says_404_for_an_unknown_object,
    bounds_the_amount,
    needs_a_return_url_for_automatic_methods,
    pays_once,
    pays_after_a_decline,
    never_pays_what_is_cancelled,
    expands_charge_and_balance_transaction,
    keeps_metadata,
    refunds_up_to_what_is_left,
    pages_newest_first,
    filters_by_creation,
    opens_a_hosted_page,
    expires_a_hosted_page_once,
    tells_what_happened,
    answers_in_the_pinned_version,
    refuses_a_wrong_key,
)


@pytest.mark.parametrize("behaviour", TABLE, ids=lambda behaviour: behaviour.__name__)
def test_documented_behaviour(wire: Wire, behaviour: Callable[[Wire], None]) -> None:
    behaviour(wire)
