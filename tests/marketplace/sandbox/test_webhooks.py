"""Webhooks of the stand-in: signed, ordered as scripted, retried, never lost by a restart unless told to be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from uuid import uuid4

from licensing.payments import facts, gateway
from licensing.payments.gateway import Gateway
from marketplace.sandbox.stripe import process
from marketplace.sandbox.stripe.process import StandIn
from tests.marketplace.sandbox.receiver import SECRET, Receiver

PAID = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]
BACK = "https://example.org/back"


def _pay(standin: StandIn, card: str = "pm_card_visa", order: str = "ord_hook") -> str:
    reach = Gateway("sk_test_hooks", standin.url)
    made = gateway.create_payment_intent(
        reach, key=str(uuid4()), amount_minor=2500, currency="usd", order_id=order, metadata={}
    ).unwrap()
    gateway.confirm_payment_intent(
        reach, key=str(uuid4()), payment_intent=made.id, payment_method=card, return_url=BACK
    )
    return made.id


def _settled(standin: StandIn) -> bool:
    return bool(standin.get("idle?seconds=30")["idle"])


def test_every_effect_is_told_once_and_signed(hooked: StandIn, receiver: Receiver) -> None:
    intent = _pay(hooked)
    assert _settled(hooked)
    assert sorted(event["type"] for event in receiver.events) == sorted(PAID)
    told = next(event for event in receiver.events if event["type"] == "payment_intent.succeeded")
    assert (told["data"]["object"]["id"], told["data"]["object"]["status"]) == (intent, "succeeded")
    assert hooked.get("truth")["undelivered"] == 0


def test_a_decline_is_told(hooked: StandIn, receiver: Receiver) -> None:
    _pay(hooked, "pm_card_chargeDeclined")
    assert _settled(hooked)
    types = sorted(event["type"] for event in receiver.events)
    assert types == ["charge.failed", "payment_intent.created", "payment_intent.payment_failed"]


def test_a_refused_delivery_is_tried_again(hooked: StandIn, receiver: Receiver) -> None:
    receiver.statuses = [500, 302, 400]
    _pay(hooked)
    assert _settled(hooked)
    assert len(receiver.refused) == 3
    assert sorted(event["type"] for event in receiver.events) == sorted(PAID)
    assert {event["id"] for event in receiver.refused} <= {event["id"] for event in receiver.events}


def test_held_events_come_five_times_in_seeded_order(hooked: StandIn, receiver: Receiver) -> None:
    hooked.post("faults", seed=7, webhooks={"hold": True})
    _pay(hooked)
    assert _settled(hooked)
    assert receiver.events == []
    assert hooked.post("release", copies=5, shuffle=True)["deliveries"] == 5 * len(PAID)
    assert _settled(hooked)
    assert set(Counter(event["id"] for event in receiver.events).values()) == {5}
    assert len(receiver.events) == 15


def test_copies_and_spread(hooked: StandIn, receiver: Receiver) -> None:
    hooked.post("faults", seed=3, webhooks={"copies": 3, "spread_milliseconds": 50, "delay_milliseconds": 1})
    _pay(hooked)
    assert _settled(hooked)
    assert sorted(Counter(event["type"] for event in receiver.events).values()) == [3, 3, 3]


def test_a_lost_event_stays_in_the_list(hooked: StandIn, receiver: Receiver) -> None:
    hooked.post("faults", webhooks={"loss_ppm": 1_000_000})
    _pay(hooked)
    assert _settled(hooked)
    assert receiver.events == []
    listed = gateway.list_events(Gateway("sk_test_hooks", hooked.url), since=facts.moment(0)).unwrap()
    assert [event["type"] for event in listed] == PAID[::-1]
    hooked.post(f"resend/{listed[0]['id']}", copies=2)
    assert _settled(hooked)
    assert [event["id"] for event in receiver.events] == [listed[0]["id"]] * 2


def test_the_target_can_be_given_later(standin: StandIn, receiver: Receiver) -> None:
    standin.post("webhook", url=receiver.url, secret=SECRET)
    _pay(standin)
    assert _settled(standin)
    standin.post("webhook", url=None)
    assert sorted(event["type"] for event in receiver.events) == sorted(PAID)


def test_a_killed_process_forgets_nothing(receiver: Receiver, tmp_path: Path) -> None:
    state = tmp_path / "stripe.jsonl"
    first = process.start(state=state)
    reach = Gateway("sk_test_restart", first.url)
    intent = _pay(first)
    made = gateway.create_payment_intent(
        reach, key="kept", amount_minor=900, currency="usd", order_id="ord_kept", metadata={}
    ).unwrap()
    first.post("clock", advance_seconds=100)
    before = first.get("truth")
    first.process.kill()
    first.process.wait()
    first.stop()
    with state.open("a") as log:
        log.write('{"op":"request","put":[{"id":"pi_half"')  # what a kill in the middle of a write leaves

    second = process.start(state=state, webhook=receiver.url, secret=SECRET)
    try:
        again = Gateway("sk_test_restart", second.url)
        assert _settled(second)
        assert second.get("truth") == {**before, "undelivered": 0}
        assert sorted(event["type"] for event in receiver.events) == sorted([*PAID, "payment_intent.created"])
        assert gateway.fetch_payment_intent(again, intent).unwrap().captured_minor == 2500
        replayed = gateway.create_payment_intent(
            again, key="kept", amount_minor=900, currency="usd", order_id="ord_kept", metadata={}
        ).unwrap()
        assert replayed.id == made.id
    finally:
        second.stop()
