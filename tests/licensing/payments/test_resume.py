"""A call whose answer was lost is brought to an end: by the same key, by looking, or by the next key, never twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.errors import Refused
from accounts.unit import SYSTEM, unit
from licensing.jobs.models import Job
from licensing.ledger.models import LedgerEntry
from licensing.orders.models import Order
from licensing.payments import settlement
from licensing.payments.facts import Kind, Outcome
from licensing.payments.models import Payment, StripeCall
from tests import scenario
from tests.licensing.payments.asking import SAVED_500, SILENCE, answer, ok, session, start

pytestmark = pytest.mark.django_db


@pytest.fixture
def order() -> Order:
    return scenario.order(scenario.publisher(works=1))


def lost(order: Order) -> Payment:
    """A payment whose first call came to nothing we know."""
    with pytest.raises(Refused, match="looked up"):
        start(order)
    with unit(SYSTEM):
        return Payment.objects.get()


def settle(payment: Payment, after: timedelta = timedelta()) -> Payment:
    return settlement.settle(payment_id=payment.name_id, actor=SYSTEM, at=scenario.now() + after)


def test_the_poller_sends_the_same_key_again(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    due = order.total_minor
    unpaid = scenario.paid(due, status="requires_payment_method")
    asked = answer(monkeypatch, SILENCE, ok(unpaid), ok(scenario.paid(due)))
    assert settle(lost(order)).status == "captured"
    assert [one["call"] for one in asked] == ["create_payment_intent"] * 2 + ["fetch_payment_intent"]
    assert asked[0] == asked[1]


def test_a_saved_500_is_looked_up_and_what_it_made_is_taken(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    due = order.total_minor
    answer(monkeypatch, SAVED_500)
    payment = lost(order)
    mine = scenario.paid(due, stripe_id="pi_mine", call_key=f"{payment.name_id}:1")
    other = scenario.paid(due, stripe_id="pi_other", call_key="pay_other:1")
    asked = answer(monkeypatch, Outcome(Kind.OK, (other, mine)), ok(mine))
    assert settle(payment).stripe_id == "pi_mine"
    assert [one["call"] for one in asked] == ["list_by_reference", "fetch_payment_intent"]
    with unit(SYSTEM):
        assert StripeCall.objects.get().status == "answered"


def test_only_proven_absence_allows_another_key(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    due = order.total_minor
    answer(monkeypatch, SAVED_500)
    payment = lost(order)
    asked = answer(monkeypatch, SILENCE)
    with pytest.raises(Refused, match="looked up"):
        settle(payment)
    asked += answer(monkeypatch, Outcome(Kind.OK, ()), ok(scenario.paid(due)), ok(scenario.paid(due)))
    assert settle(payment).status == "captured"
    with unit(SYSTEM):
        keys = list(StripeCall.objects.order_by("id").values_list("key", "status"))
        assert keys == [(f"{payment.name_id}:1", "unknown"), (f"{payment.name_id}:2", "answered")]
        assert LedgerEntry.objects.count() == 1


@pytest.mark.parametrize("status", ["unknown", "stored", "answered"])
def test_after_a_day_a_key_protects_nothing_and_is_not_sent(
    monkeypatch: pytest.MonkeyPatch, order: Order, status: str
) -> None:
    """Whether we stopped before the answer came, or before it was taken: the buyer knows nothing of that object."""
    answer(monkeypatch, SILENCE)
    payment = lost(order)
    with unit(SYSTEM):
        StripeCall.objects.update(status=status)
    asked = answer(monkeypatch, SILENCE)
    with pytest.raises(Refused, match="looked up"):
        settle(payment, timedelta(hours=24))
    assert [one["call"] for one in asked] == ["list_by_reference"]


def test_a_payment_stored_and_never_sent_is_sent_by_the_poller(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    answer(monkeypatch, SILENCE)
    payment = lost(order)
    with unit(SYSTEM):
        Payment.objects.update(status="created")
        StripeCall.objects.update(status="stored", response=None)
    late = scenario.now() + timedelta(minutes=3)
    assert settlement.poll(actor=SYSTEM, at=late) == 1
    with unit(SYSTEM):
        assert Job.objects.get(kind="payments.settle").subject == payment.name_id
    asked = answer(monkeypatch, ok(scenario.paid(1)), ok(scenario.paid(1, status="processing")))
    assert settle(payment).status == "pending"
    assert asked[0]["key"] == f"{payment.name_id}:1"


def test_an_old_payment_is_looked_after_once_an_hour(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    answer(monkeypatch, SILENCE)
    lost(order)
    start_of_hour = (scenario.now() + timedelta(days=2)).replace(minute=0, second=0)
    assert [settlement.poll(actor=SYSTEM, at=start_of_hour + timedelta(minutes=m)) for m in (0, 10, 58, 60)] == [
        1, 0, 0, 1,
    ]  # fmt: skip


def test_a_page_that_is_over_frees_the_order(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    answer(monkeypatch, session("open"), session("open"), session("expired"), session("open", "cs_2"))
    payment = start(order, method="checkout")
    assert settle(payment).status == "pending"
    assert settle(payment).status == "cancelled"
    assert settle(payment).status == "cancelled"
    assert start(order, "again", "checkout").status == "pending"


def test_a_debit_that_fails_after_the_page_was_used_frees_the_order(
    monkeypatch: pytest.MonkeyPatch, order: Order
) -> None:
    coming = scenario.paid(order.total_minor, status="processing", captured_minor=0)
    failed = scenario.paid(order.total_minor, status="requires_payment_method", captured_minor=0)
    answer(
        monkeypatch, session("open"), session("open", payment=failed), session("complete", payment=coming),
        session("complete", payment=failed), session("open", "cs_2"),
    )  # fmt: skip
    payment = start(order, method="checkout")
    assert [settle(payment).status for _ in range(3)] == ["pending", "pending", "cancelled"]
    assert start(order, "again", "checkout").status == "pending"


def test_a_cancelled_intent_may_be_told_twice(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    gone = ok(scenario.paid(order.total_minor, status="canceled", captured_minor=0))
    answer(monkeypatch, gone, gone, gone)
    payment = start(order)
    assert [settle(payment).status for _ in range(2)] == ["cancelled", "cancelled"]
