"""An order nobody pays is given up: nothing can be paid for it any more, and its works are free for others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from accounts.errors import Refused
from accounts.unit import SYSTEM, unit
from licensing.events.models import DomainEvent
from licensing.jobs.models import Job
from licensing.orders import rules, services
from licensing.orders.models import Order
from licensing.payments import calls, gateway, settlement, unpaid
from licensing.payments import services as payments
from licensing.payments.facts import Kind, Outcome, Problem
from licensing.payments.models import Payment, StripeCall
from licensing.rights.models import Encumbrance
from marketplace.sandbox.stripe.process import StandIn
from tests import scenario
from tests.licensing.payments.asking import SILENCE, answer, ok, session, start
from tests.licensing.payments.books import balances

pytestmark = pytest.mark.django_db

LATE = scenario.now() + rules.PAY_WITHIN
PAID = Problem("payment_intent_unexpected_state", "no", 400, state_unknown=False)
TOO_LATE: Outcome[Any] = Outcome(Kind.DEFINITE_ERROR, None, PAID)


@pytest.fixture
def order() -> Order:
    return scenario.order(scenario.publisher(works=2))


def given_up(order: Order) -> tuple[str, int, list[str]]:
    """State of the order, how many of its works are still kept from others, states of its payments."""
    unpaid.give_up(order_id=order.name_id, actor=SYSTEM, at=LATE)
    with unit(SYSTEM):
        kept = Encumbrance.objects.filter(source=order.name_id, ended_at__isnull=True).count()
        statuses = Payment.objects.order_by("id").values_list("status", flat=True)
        return Order.objects.get().status, kept, list(statuses)


def test_an_order_is_looked_at_once_a_day_when_its_time_is_over(order: Order) -> None:
    assert unpaid.look(actor=SYSTEM, at=LATE - timedelta(seconds=1)) == 0
    assert [unpaid.look(actor=SYSTEM, at=LATE + timedelta(hours=hours)) for hours in (0, 0, 24)] == [1, 1, 1]
    with unit(SYSTEM):
        jobs = Job.objects.filter(kind="payments.give_up", subject=order.name_id)
        assert len({job.due_at.date() for job in jobs}) == len(jobs) == 2


def test_an_order_without_a_payment_is_cancelled_once(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    asked = answer(monkeypatch)
    assert [given_up(order) for _ in range(2)] == [("cancelled", 0, [])] * 2
    with unit(SYSTEM):
        assert DomainEvent.objects.filter(kind="order.cancelled").count() == 1
    with pytest.raises(Refused, match="ask for a new quote") as refused:
        start(order)
    assert refused.value.code == "order_cancelled"
    assert (asked, unpaid.look(actor=SYSTEM, at=LATE)) == ([], 0)


def test_what_is_open_at_stripe_is_closed_first(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    waiting = ok(scenario.paid(order.total_minor, status="requires_payment_method", captured_minor=0))
    gone = ok(scenario.paid(order.total_minor, status="canceled", captured_minor=0))
    asked = answer(monkeypatch, waiting, waiting, gone, gone)
    payment = start(order)
    assert given_up(order) == ("cancelled", 0, ["cancelled"])
    assert [one["call"] for one in asked[1:]] == [
        "fetch_payment_intent", "cancel_payment_intent", "fetch_payment_intent",
    ]  # fmt: skip
    with unit(SYSTEM):
        calls = list(StripeCall.objects.order_by("id").values_list("key", "status"))
    assert calls == [(f"{payment.name_id}:1", "answered"), (f"{payment.name_id}:close:{LATE.date()}", "answered")]


def test_an_open_page_is_closed_first(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    asked = answer(monkeypatch, session("open"), session("open"), session("expired"), session("expired"))
    start(order, method="checkout")
    assert given_up(order) == ("cancelled", 0, ["cancelled"])
    assert asked[2]["call"] == "expire_checkout_session"


@pytest.mark.parametrize("method", payments.METHODS)
def test_nobody_can_pay_for_an_order_that_is_gone(standin: StandIn, settings: Any, order: Order, method: str) -> None:
    """The same against the stand-in, through Stripe's own library."""
    settings.STRIPE_API_KEY, settings.STRIPE_API_BASE = "sk_test_unpaid", standin.url
    payment = start(order, method=method)
    assert [given_up(order) for _ in range(2)] == [("cancelled", 0, ["cancelled"])] * 2
    if method == "checkout":
        page = gateway.fetch_checkout_session(calls.configured(), str(payment.session_id)).unwrap()
        assert (page.status, page.url) == ("expired", None)
        return
    late = gateway.confirm_payment_intent(
        calls.configured(), key="late", payment_intent=str(payment.stripe_id), payment_method="pm_card_visa",
        return_url="https://example.org/back",
    )  # fmt: skip
    assert late.problem is not None
    assert late.problem.code == "payment_intent_unexpected_state"


def test_an_order_paid_meanwhile_stays(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    answer(monkeypatch, ok(scenario.paid(order.total_minor)), ok(scenario.paid(order.total_minor)))
    start(order)
    assert given_up(order) == ("secured", 2, ["captured"])


def test_money_that_comes_while_we_close_is_taken(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    due = order.total_minor
    waiting = ok(scenario.paid(due, status="requires_payment_method", captured_minor=0))
    answer(monkeypatch, waiting, waiting, TOO_LATE, ok(scenario.paid(due)))
    start(order)
    assert [given_up(order) for _ in range(2)] == [("secured", 2, ["captured"])] * 2


def test_money_for_an_order_that_is_gone_waits_for_a_person(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    due = order.total_minor
    answer(monkeypatch, ok(scenario.paid(due, status="processing", captured_minor=0)), ok(scenario.paid(due)))
    payment = start(order)
    services.cancel(order=order, actor=SYSTEM, at=LATE)
    for _ in range(2):
        assert settlement.settle(payment_id=payment.name_id, actor=SYSTEM, at=LATE).status == "suspense"
    with unit(SYSTEM):
        assert Order.objects.get().status == "cancelled"
        assert balances()[f"buyer_suspense:{payment.name_id}"] == -due * 1_000_000
        assert not DomainEvent.objects.filter(kind="order.secured").exists()


def test_money_on_its_way_keeps_the_order(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    coming = ok(scenario.paid(order.total_minor, status="processing", captured_minor=0))
    answer(monkeypatch, coming, coming, TOO_LATE, coming)
    start(order)
    assert given_up(order) == ("placed", 2, ["pending"])


def test_nothing_is_given_up_while_stripe_is_silent(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    answer(monkeypatch, ok(scenario.paid(order.total_minor, status="requires_payment_method")), SILENCE)
    start(order)
    with pytest.raises(Refused, match="did not answer"):
        given_up(order)
    with unit(SYSTEM):
        assert Order.objects.get().status == "placed"
        assert not Encumbrance.objects.filter(ended_at__isnull=False).exists()
