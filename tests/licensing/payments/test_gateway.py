"""The gateway against the running stand-in: every outcome of the table in the design of payments, as a value."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from licensing.payments import facts, gateway
from licensing.payments.facts import Kind, Outcome, PaymentFacts
from licensing.payments.gateway import BadSignature, Gateway
from marketplace.sandbox.stripe import webhooks
from marketplace.sandbox.stripe.process import StandIn

BACK = "https://example.org/back"
DAY = timedelta(days=1)
EVENT = b'{"id":"evt_1","object":"event","data":{"object":{"exchange_rate":1.25}}}'


@pytest.fixture
def reach(standin: StandIn) -> Gateway:
    standin.post("faults")
    return Gateway("sk_test_gateway", standin.url, timeout=10)


def _create(reach: Gateway, key: str | None = None, order: str = "ord_g", amount: int = 2500) -> Outcome[PaymentFacts]:
    return gateway.create_payment_intent(
        reach, key=key or str(uuid4()), amount_minor=amount, currency="usd", order_id=order, metadata={"quote": "q"}
    )


def _confirm(reach: Gateway, intent: str, card: str = "pm_card_visa", key: str | None = None) -> Outcome[PaymentFacts]:
    return gateway.confirm_payment_intent(
        reach, key=key or str(uuid4()), payment_intent=intent, payment_method=card, return_url=BACK
    )


def _of_order(reach: Gateway, order: str) -> tuple[PaymentFacts, ...]:
    now = datetime.now(UTC)
    return gateway.list_by_reference(reach, order_id=order, since=now - DAY, until=now + DAY).unwrap()


def test_a_payment_gives_whole_facts(reach: Gateway) -> None:
    made = _create(reach, key="facts:1", order="ord_facts").unwrap()
    assert (made.status, made.captured_minor, made.charge_id, made.fee_minor) == (
        "requires_payment_method",
        0,
        None,
        None,
    )
    paid = _confirm(reach, made.id).unwrap()
    assert (paid.status, paid.captured_minor, paid.settled_minor, paid.settled_currency) == (
        "succeeded",
        2500,
        2500,
        "usd",
    )
    assert paid.fee_minor == 103  # 2.9 % of 2500 = 72.5, half up, and 30
    assert (paid.order_id, paid.call_key, paid.livemode) == ("ord_facts", "facts:1", False)
    assert paid.available_on is not None
    assert paid.available_on > datetime.now(UTC)
    assert gateway.fetch_payment_intent(reach, paid.id).unwrap() == paid


def test_a_declined_card_is_a_value(reach: Gateway, standin: StandIn) -> None:
    made = _create(reach).unwrap()
    before = standin.get("truth")["charges_succeeded"]
    outcome = _confirm(reach, made.id, "pm_card_chargeDeclinedInsufficientFunds")
    assert (outcome.kind, outcome.value) == (Kind.DECLINED, None)
    assert outcome.problem is not None
    said = (outcome.problem.code, outcome.problem.decline_code, outcome.problem.state_unknown)
    assert said == ("card_declined", "insufficient_funds", False)
    assert standin.get("truth")["charges_succeeded"] == before
    assert gateway.fetch_payment_intent(reach, made.id).unwrap().failure_code == "card_declined"
    with pytest.raises(ValueError, match="declined"):
        outcome.unwrap()


def test_the_same_key_has_one_effect(reach: Gateway) -> None:
    order = f"ord_{uuid4()}"
    assert _create(reach, "once", order).unwrap() == _create(reach, "once", order).unwrap()
    other = _create(reach, "once", order, amount=2600)
    assert other.kind is Kind.DEFINITE_ERROR
    assert other.problem is not None
    assert (other.problem.code, other.problem.state_unknown) == ("idempotency_error", True)
    assert len(_of_order(reach, order)) == 1


def test_what_stripe_refuses_is_definite(reach: Gateway) -> None:
    too_small = _create(reach, amount=1)
    unknown = gateway.fetch_payment_intent(reach, "pi_unknown")
    wrong_key = gateway.fetch_payment_intent(Gateway("sk_bad", reach.api_base), "pi_unknown")
    problems = [outcome.problem for outcome in (too_small, unknown, wrong_key)]
    assert [outcome.kind for outcome in (too_small, unknown, wrong_key)] == [Kind.DEFINITE_ERROR] * 3
    assert [(p.http_status, p.state_unknown) for p in problems if p] == [(400, False), (404, False), (401, False)]
    assert [p.code for p in problems if p][:2] == ["amount_too_small", "resource_missing"]


@pytest.mark.parametrize(("fault", "effects"), [("500", 0), ("500_after_effect", 1)])
def test_a_saved_500_stays_and_only_a_list_tells_the_effect(
    reach: Gateway, standin: StandIn, fault: str, effects: int
) -> None:
    order, key = f"ord_{uuid4()}", str(uuid4())
    standin.post("faults", requests=[{"kind": fault}])
    first, again = _create(reach, key, order), _create(reach, key, order)
    assert [outcome.kind for outcome in (first, again)] == [Kind.DEFINITE_ERROR] * 2
    assert first.problem is not None
    assert (first.problem.http_status, first.problem.state_unknown) == (500, True)
    assert [row.call_key for row in _of_order(reach, order)] == [key] * effects


def test_a_lost_answer_is_found_again_with_the_same_key(reach: Gateway, standin: StandIn) -> None:
    order, key = f"ord_{uuid4()}", str(uuid4())
    standin.post("faults", requests=[{"kind": "drop"}])
    lost = _create(reach, key, order)
    assert lost.kind is Kind.RETRY
    assert lost.problem is not None
    assert (lost.problem.http_status, lost.problem.state_unknown) == (None, True)
    found = _create(reach, key, order).unwrap()
    assert [row.id for row in _of_order(reach, order)] == [found.id]


def test_a_rate_limit_is_retried_with_the_same_key(reach: Gateway, standin: StandIn) -> None:
    key = str(uuid4())
    standin.post("faults", requests=[{"kind": "429"}])
    refused = _create(reach, key)
    assert refused.kind is Kind.RETRY
    assert refused.problem is not None
    assert refused.problem.http_status == 429
    assert _create(reach, key).kind is Kind.OK


def test_a_timeout_is_retried_with_the_same_key(reach: Gateway, standin: StandIn) -> None:
    order, key = f"ord_{uuid4()}", str(uuid4())
    standin.post("faults", requests=[{"kind": "delay", "milliseconds": 2500}])
    hasty = Gateway(reach.api_key, reach.api_base, timeout=1)
    assert _create(hasty, key, order).kind is Kind.RETRY
    outcome = _until_not_in_use(reach, key, order)
    assert [row.id for row in _of_order(reach, order)] == [outcome.unwrap().id]


def _until_not_in_use(reach: Gateway, key: str, order: str) -> Outcome[PaymentFacts]:
    """The stand-in still executes the first request: 409 until it is done, as at Stripe."""
    deadline = time.monotonic() + 30
    while (outcome := _create(reach, key, order)).kind is Kind.RETRY and time.monotonic() < deadline:
        assert outcome.problem is not None
        assert (outcome.problem.http_status, outcome.problem.code) == (409, "idempotency_key_in_use")
        time.sleep(0.05)
    return outcome


def test_no_answer_at_all_is_retried() -> None:
    outcome = _create(Gateway("sk_test_nobody", "http://127.0.0.1:9", timeout=2))
    assert outcome.kind is Kind.RETRY
    assert outcome.problem is not None
    assert outcome.problem.state_unknown


def test_eight_confirmations_at_once_charge_once(reach: Gateway, standin: StandIn) -> None:
    made = _create(reach).unwrap()
    before = standin.get("truth")["charges_succeeded"]
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda number: _confirm(reach, made.id, key=f"{made.id}:{number}"), range(8)))
    assert sorted(outcome.kind for outcome in outcomes) == [Kind.DEFINITE_ERROR] * 7 + [Kind.OK]
    assert standin.get("truth")["charges_succeeded"] == before + 1


def test_a_refund_names_its_call(reach: Gateway) -> None:
    paid = _confirm(reach, _create(reach).unwrap().id).unwrap()
    made = gateway.refund(reach, key=f"r:{paid.id}", payment_intent=paid.id, amount=700, reason="requested_by_customer")
    back = made.unwrap()
    assert (back.status, back.amount_minor, back.charge_id) == ("succeeded", 700, paid.charge_id)
    assert gateway.list_refunds(reach, payment_intent=paid.id).unwrap() == (back,)
    assert back.call_key == f"r:{paid.id}"
    too_much = gateway.refund(reach, key=f"s:{paid.id}", payment_intent=paid.id, amount=1801, reason="duplicate")
    assert too_much.kind is Kind.DEFINITE_ERROR
    assert gateway.fetch_payment_intent(reach, paid.id).unwrap().refunded_minor == 700


def test_a_refund_that_fails_later(reach: Gateway, standin: StandIn) -> None:
    paid = _confirm(reach, _create(reach).unwrap().id, "pm_card_refundFail").unwrap()
    made = gateway.refund(reach, key=f"f:{paid.id}", payment_intent=paid.id, amount=700, reason="duplicate").unwrap()
    assert made.status == "succeeded"
    standin.post("settle")
    later = gateway.fetch_refund(reach, made.id).unwrap()
    assert (later.status, later.failure_reason) == ("failed", "expired_or_canceled_card")
    assert gateway.fetch_payment_intent(reach, paid.id).unwrap().refunded_minor == 0


def test_the_fee_may_come_after_the_success(reach: Gateway, standin: StandIn) -> None:
    made = _create(reach).unwrap()
    standin.post("faults", requests=[{"kind": "late_balance", "match": "POST .*/confirm"}])
    paid = _confirm(reach, made.id).unwrap()
    assert (paid.status, paid.fee_minor, paid.balance_transaction_id) == ("succeeded", None, None)
    standin.post("settle")
    assert gateway.fetch_payment_intent(reach, paid.id).unwrap().fee_minor == 103


def test_a_hosted_page_has_its_order(reach: Gateway) -> None:
    order = f"ord_{uuid4()}"
    lines = [facts.Line("授权 & licence", 1500, 2), facts.Line("Fee", 1)]
    made = gateway.create_checkout_session(
        reach, key=order, lines=lines, currency="eur", order_id=order, success_url=BACK, cancel_url=BACK, metadata={}
    ).unwrap()
    assert (made.status, made.amount_minor, made.currency, made.order_id) == ("open", 3001, "eur", order)
    assert (made.payment_intent_id, made.payment) == (None, None)
    now = datetime.now(UTC)
    listed = gateway.list_sessions_by_reference(reach, order_id=order, since=now - DAY, until=now + DAY).unwrap()
    assert [row.id for row in listed] == [made.id]
    gone = gateway.expire_checkout_session(reach, key=f"x:{order}", session=made.id).unwrap()
    assert (gone.status, gone.url) == ("expired", None)


def test_a_cancelled_payment_cannot_be_paid(reach: Gateway) -> None:
    made = _create(reach).unwrap()
    assert (
        gateway.cancel_payment_intent(reach, key=f"c:{made.id}", payment_intent=made.id).unwrap().status == "canceled"
    )
    assert _confirm(reach, made.id).kind is Kind.DEFINITE_ERROR


def test_lists_are_read_to_their_end(reach: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    order = f"ord_{uuid4()}"
    monkeypatch.setattr(gateway, "PAGE_SIZE", 2)
    made = [_create(reach, order=order).unwrap().id for _ in range(5)]
    assert [row.id for row in _of_order(reach, order)] == made[::-1]


def test_no_float_is_kept(reach: Gateway) -> None:
    paid = _confirm(reach, _create(reach).unwrap().id).unwrap()
    assert not list(_floats(paid.raw))
    event = gateway.verify_event(EVENT, _signature(EVENT), ["whsec_a"])
    assert event["data"]["object"]["exchange_rate"] == "1.25"


def _floats(value: Any) -> Any:
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from [item] if isinstance(item, float) else _floats(item)


def test_a_key_is_never_printed(reach: Gateway) -> None:
    assert "sk_test" not in repr(reach)


def _signature(payload: bytes, secret: str = "whsec_a", age: int = 0) -> str:  # noqa: S107 - a test's secret
    return webhooks.sign(payload, secret, int(time.time()) - age)


def test_any_secret_of_the_endpoint_proves_an_event() -> None:
    assert gateway.verify_event(EVENT, _signature(EVENT), ["whsec_new", "whsec_a"])["id"] == "evt_1"


@pytest.mark.parametrize(
    ("payload", "signature"),
    [
        (EVENT, _signature(EVENT, "whsec_b")),
        (EVENT + b" ", _signature(EVENT)),
        (EVENT, _signature(EVENT, age=3600)),
        (EVENT, ""),
        (EVENT, "t=1,v1=é"),
        (EVENT, "rubbish"),
        (b"\xff\xfe", "t=1,v1=00"),
        (b"not json", _signature(b"not json")),
        (b"[1]", _signature(b"[1]")),
        (json.dumps({"object": "charge"}).encode(), _signature(b'{"object": "charge"}')),
    ],
    ids=["secret", "body", "stale", "none", "not ascii", "no header", "not utf-8", "no json", "a list", "no event"],
)
def test_an_unproven_event_is_refused(payload: bytes, signature: str) -> None:
    with pytest.raises(BadSignature):
        gateway.verify_event(payload, signature, ["whsec_a"])


def test_without_a_secret_nothing_is_proven() -> None:
    with pytest.raises(BadSignature):
        gateway.verify_event(EVENT, _signature(EVENT, ""), [""])
    with pytest.raises(BadSignature):
        gateway.verify_event(EVENT, _signature(EVENT), [])
