"""Stripe's door: nothing goes in unproven, nothing twice."""

from __future__ import annotations

import hashlib
import hmac
import json
import time

import pytest
from django.conf import settings
from django.test import Client

from accounts.unit import SYSTEM, unit
from licensing.payments.models import WebhookEvent

pytestmark = pytest.mark.django_db
EVENT = {
    "id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "livemode": False, "created": 1,
    "api_version": "2026-02-25", "data": {"object": {"id": "pi_unknown", "object": "payment_intent"}},
}  # fmt: skip


def signed(payload: bytes, *, secret: str | None = None, at: int | None = None) -> str:
    moment = int(time.time()) if at is None else at
    key = (secret or settings.STRIPE_WEBHOOK_SECRET).encode()
    return f"t={moment},v1={hmac.new(key, f'{moment}.'.encode() + payload, hashlib.sha256).hexdigest()}"


def send(payload: bytes, signature: str) -> tuple[int, dict[str, object]]:
    answer = Client().post(
        "/hooks/stripe", payload, content_type="application/json", headers={"Stripe-Signature": signature}
    )
    return answer.status_code, answer.json()


def kept() -> int:
    with unit(SYSTEM):
        return WebhookEvent.objects.count()


@pytest.mark.parametrize("signature", ["", "nonsense", "t=1,v1=00", "v1=00"])
def test_a_wrong_signature_is_a_400_and_nothing_is_kept(signature: str) -> None:
    status, body = send(json.dumps(EVENT).encode(), signature)
    assert (status, body["code"], kept()) == (400, "signature_invalid", 0)
    assert set(body) == {"type", "title", "status", "code", "detail", "instance", "request_id", "retryable", "errors"}


def test_another_secret_or_a_changed_byte_is_a_400() -> None:
    payload = json.dumps(EVENT).encode()
    assert send(payload, signed(payload, secret="whsec_other"))[0] == 400
    assert send(payload + b" ", signed(payload))[0] == 400
    assert send(payload, signed(payload, at=int(time.time()) - 86_400))[0] == 400
    assert kept() == 0


def test_an_event_is_kept_once_however_often_it_comes() -> None:
    payload = json.dumps(EVENT).encode()
    for _ in range(5):
        assert send(payload, signed(payload)) == (200, {"received": True})
    assert kept() == 1


def test_only_post_and_only_small_bodies() -> None:
    refused = Client().get("/hooks/stripe")
    assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
    assert refused.headers["Allow"] == "POST"
    large = b" " * ((1 << 20) + 1)
    assert send(large, signed(large))[0] == 413
    assert kept() == 0
