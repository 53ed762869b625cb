"""Contract 2: the stand-in's answers are the library's resources, and look like Stripe's published examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import stripe

from licensing.payments import facts, gateway
from licensing.payments.gateway import Gateway
from marketplace.sandbox.stripe.process import StandIn
from tests.marketplace.sandbox import contract
from tests.marketplace.sandbox.receiver import SECRET

FIXTURES = Path(__file__).resolve().parents[4] / "shared" / "data" / "stripe" / "fixtures3.json"
CANNOT_PAY = {"source"}  # legacy fields that current API versions no longer send for card payments
ONLY_IF_ASKED = {"charge": {"refunds"}}


@pytest.fixture(scope="module")
def answers(standin: StandIn) -> dict[str, Any]:
    """One example of every resource the stand-in gives, by name."""
    reach = Gateway("sk_test_contract", standin.url)
    api = gateway.client(reach).v1
    paid = _paid(reach, "answers", "pm_card_visa")
    refund = gateway.refund(reach, key="answers:r", payment_intent=paid.id, amount=100, reason="duplicate").unwrap()
    session = gateway.create_checkout_session(
        reach,
        key="answers:s",
        lines=[facts.Line("Licence", 700)],
        currency="jpy",
        order_id="ord_answers",
        success_url="https://example.org/ok",
        cancel_url="https://example.org/no",
        metadata={},
    ).unwrap()
    failing = _paid(reach, "answers-f", "pm_card_refundFail")
    failed = gateway.refund(reach, key="answers:f", payment_intent=failing.id, amount=50, reason="duplicate").unwrap()
    standin.post(f"fail_refund/{failed.id}")
    charge = api.charges.retrieve(paid.charge_id or "", {"expand": ["refunds", "balance_transaction"]})
    lined = api.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]})
    return {
        "payment_intent": paid.raw,
        "charge": _json(charge),
        "balance_transaction": paid.raw["latest_charge"]["balance_transaction"],
        "refund": refund.raw,
        "failed refund": gateway.fetch_refund(reach, failed.id).unwrap().raw,
        "checkout.session": _json(lined),
        "customer": _json(api.customers.create({"email": "a@example.org"}, {"idempotency_key": "answers:c"})),
        "event": gateway.list_events(reach, since=facts.moment(0)).unwrap()[0],
    }


def _paid(reach: Gateway, name: str, card: str) -> facts.PaymentFacts:
    made = gateway.create_payment_intent(
        reach, key=f"{name}:1", amount_minor=5000, currency="usd", order_id="ord_answers", metadata={}
    ).unwrap()
    return gateway.confirm_payment_intent(
        reach, key=f"{name}:2", payment_intent=made.id, payment_method=card, return_url="https://example.org/"
    ).unwrap()


def _json(thing: stripe.StripeObject) -> Any:
    assert thing.last_response is not None
    return json.loads(thing.last_response.body)


NAMES = [
    "payment_intent",
    "charge",
    "balance_transaction",
    "refund",
    "failed refund",
    "checkout.session",
    "customer",
    "event",
]


@pytest.mark.parametrize("name", NAMES)
def test_answers_fit_the_resources_of_the_library(answers: dict[str, Any], name: str) -> None:
    assert contract.answer_problems(answers[name]) == []


@pytest.mark.parametrize("name", NAMES)
def test_answers_look_like_the_published_examples(answers: dict[str, Any], name: str) -> None:
    if not FIXTURES.exists():
        pytest.skip("Stripe's examples (fixtures3.json) are not beside this checkout")
    answer = answers[name]
    example = json.loads(FIXTURES.read_text())["resources"][answer["object"]]
    assert set(example) - set(answer) - CANNOT_PAY - ONLY_IF_ASKED.get(answer["object"], set()) == set()
    differing = [
        key
        for key, value in example.items()
        if not (answer.get(key) is None or value is None)
        and type(answer[key]) is not type(value)
        and not (isinstance(answer[key], dict) and isinstance(value, str))
    ]
    assert differing == []


def test_a_broken_answer_is_noticed(answers: dict[str, Any]) -> None:
    broken = {**answers["payment_intent"], "status": "paid", "amount": "5000", "colour": "red"}
    del broken["livemode"]
    charge = {**broken["latest_charge"], "balance_transaction": {"object": "balance_transaction"}}
    broken["latest_charge"] = {**charge, "billing_details": {"shade": None}}
    deep = contract.answer_problems(broken["latest_charge"])
    found = "\n".join(contract.answer_problems(broken) + deep)
    assert all(name in found for name in ("status", "amount", "colour", "livemode", "shade", "fee"))


def test_errors_fit_the_library(standin: StandIn, reach: Gateway) -> None:
    made = gateway.create_payment_intent(
        reach, key="err:1", amount_minor=5000, currency="usd", order_id="ord_err", metadata={}
    ).unwrap()
    refused = gateway.confirm_payment_intent(
        reach,
        key="err:2",
        payment_intent=made.id,
        payment_method="pm_card_chargeDeclinedInsufficientFunds",
        return_url="https://example.org/",
    )
    assert refused.problem is not None
    assert set(refused.problem.raw) <= set(stripe.ErrorObject.__annotations__)
    assert contract.answer_problems(refused.problem.raw["payment_intent"]) == []
    assert SECRET not in json.dumps(refused.problem.raw)
