"""Start-up, the control endpoint, saved answers over time, and parameters that make no sense."""

from __future__ import annotations

import http.client
import json
import urllib.error
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from licensing.payments import gateway
from licensing.payments.facts import Kind, Outcome, PaymentFacts
from licensing.payments.gateway import Gateway
from marketplace.sandbox.stripe import __main__ as entry
from marketplace.sandbox.stripe import params, process
from marketplace.sandbox.stripe.errors import ApiError
from marketplace.sandbox.stripe.process import StandIn


@pytest.mark.parametrize(
    "environ",
    [{"LICET_ENV": "production"}, {"STRIPE_API_KEY": "sk_live_1"}, {"STRIPE_API_KEY": " rk_live_1"}],
)
def test_it_refuses_to_start_in_production(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert entry.main(["--port", "0"]) == 2
    assert "does not run in production" in capsys.readouterr().err


def test_a_busy_port_is_explained(standin: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    port = urlsplit(standin.url).port or 0
    assert entry.main(["--port", str(port)]) == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="did not start"):
        process.start(port=port)


def test_a_key_is_free_again_after_a_day(standin: StandIn, reach: Gateway) -> None:
    key, order = str(uuid4()), str(uuid4())

    def create(amount: int) -> Outcome[PaymentFacts]:
        return gateway.create_payment_intent(
            reach, key=key, amount_minor=amount, currency="usd", order_id=order, metadata={}
        )

    first = create(500).unwrap()
    standin.post("clock", advance_seconds=24 * 3600 - 60)
    assert create(500).unwrap().id == first.id
    assert create(600).kind is Kind.DEFINITE_ERROR
    standin.post("clock", advance_seconds=60)
    assert create(600).unwrap().id != first.id


def test_money_becomes_available_with_time(standin: StandIn, reach: Gateway) -> None:
    made = gateway.create_payment_intent(
        reach, key=str(uuid4()), amount_minor=500, currency="usd", order_id="ord", metadata={}
    ).unwrap()
    gateway.confirm_payment_intent(
        reach, key=str(uuid4()), payment_intent=made.id, payment_method="pm_card_visa", return_url="https://example.org"
    ).unwrap()

    def status() -> str:
        raw = gateway.fetch_payment_intent(reach, made.id).unwrap().raw
        return str(raw["latest_charge"]["balance_transaction"]["status"])

    assert status() == "pending"
    standin.post("clock", advance_seconds=2 * 86_400)
    assert status() == "available"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("faults", {"requests": [{"kind": "fire"}]}),
        ("faults", {"webhooks": {"colour": 1}}),
        ("faults", {"colour": 1}),
        ("clock", {"advance_seconds": -1}),
        ("resend/evt_unknown", {}),
        ("webhook", {}),
    ],
)
def test_a_wrong_script_is_refused(standin: StandIn, name: str, values: dict[str, object]) -> None:
    before = standin.get("truth")
    with pytest.raises(urllib.error.HTTPError) as refused:
        standin.post(name, **values)
    refused.value.close()
    assert refused.value.code == 400
    assert standin.get("truth") == before


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/_sandbox/faults", {"Content-Type": "text/plain"}, "{}", 400),
        ("/_sandbox/unknown", {"Content-Type": "application/json"}, "{}", 404),
        ("/v1/payment_intents", {"Content-Length": "999999999"}, "", 413),
        ("/v1/payment_intents", {}, "amount=1", 401),
        ("/v1/payment_intents", {"Authorization": "Bearer sk_live_1"}, "", 401),
        ("/v1/payment_intents", {"Authorization": "Bearer sk_test_1", "Stripe-Version": "2020-08-27"}, "", 400),
        ("/v1/payment_intents", {"Authorization": "Bearer sk_test_1", "Idempotency-Key": "k" * 256}, "", 400),
        ("/v1/nothing", {"Authorization": "Bearer sk_test_1"}, "", 404),
    ],
)
def test_what_it_does_not_take(standin: StandIn, path: str, headers: dict[str, str], body: str, status: int) -> None:
    connection = http.client.HTTPConnection(urlsplit(standin.url).netloc, timeout=20)
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status == status
    assert status == 413 or "message" in json.loads(text)["error"]


def test_brackets_become_objects_and_lists() -> None:
    parsed = params.parse("a=1&b[c][d]=2&e[]=3&e[]=4&f[1][x]=6&f[0][x]=5&g=%E8%AF%97+%26")
    assert parsed == {"a": "1", "b": {"c": {"d": "2"}}, "e": ["3", "4"], "f": [{"x": "5"}, {"x": "6"}], "g": "诗 &"}


@pytest.mark.parametrize("text", ["a[=1", "a]b=1", "a=1&a[b]=2", "a[b]=2&a=1", "[a]=1"])
def test_names_that_are_no_path_are_refused(text: str) -> None:
    with pytest.raises(ApiError):
        params.parse(text)


@pytest.mark.parametrize(
    "raw",
    [
        {"amount": "1.5"},
        {"amount": {"x": "1"}},
        {"amount": "9" * 19},
        {"flag": "yes"},
        {"word": "c"},
        {"note": "x" * 5001},
        {"rows": "x"},
        {"inner": "x"},
        {"metadata": {"k" * 41: "v"}},
        {"metadata": {"k": "v" * 501}},
        {"metadata": {str(number): "v" for number in range(51)}},
        {"metadata": "x"},
    ],
)
def test_values_of_the_wrong_kind_are_refused(raw: dict[str, object]) -> None:
    spec = {
        "amount": params.integer,
        "flag": params.boolean,
        "word": params.choice("a", "b"),
        "note": params.text,
        "rows": [params.text],
        "inner": {"x": params.text},
        "metadata": params.metadata,
    }
    with pytest.raises(ApiError):
        params.read(spec, raw)
