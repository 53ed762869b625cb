"""The hosted Checkout page, clicked through as a browser would."""

from __future__ import annotations

import dataclasses
import http.client
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import pytest

from licensing.payments import facts, gateway
from licensing.payments.facts import SessionFacts
from licensing.payments.gateway import Gateway
from marketplace.sandbox.stripe import pages
from marketplace.sandbox.stripe.process import StandIn

OK = "https://example.org/ok?s={CHECKOUT_SESSION_ID}"
NO = "https://example.org/no"


@pytest.fixture
def session(reach: Gateway) -> SessionFacts:
    return gateway.create_checkout_session(
        reach,
        key=str(uuid4()),
        lines=[facts.Line("Licence <b>诗</b> & more", 123456, 2)],
        currency="usd",
        order_id="ord_page",
        success_url=OK,
        cancel_url=NO,
        metadata={},
    ).unwrap()


def _browse(session: SessionFacts, tongue: str = "en", **form: str) -> tuple[int, str, str | None]:
    url = urlsplit(session.url or "")
    connection = http.client.HTTPConnection(url.netloc, timeout=20)
    headers = {"Accept-Language": tongue, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST" if form else "GET", url.path, urlencode(form) if form else None, headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body, answer.getheader("Location")


def test_the_page_shows_what_is_bought(session: SessionFacts) -> None:
    status, body, _ = _browse(session)
    assert status == 200
    assert "Licence &lt;b&gt;诗&lt;/b&gt; &amp; more" in body
    assert "USD 2,469.12" in body
    assert all(text in body for text in ("Pay USD", "Cancel", "4242 4242 4242 4242", '<html lang="en">'))
    assert "<script" not in body


def test_the_page_speaks_chinese(session: SessionFacts) -> None:
    _, body, _ = _browse(session, "zh-CN,zh;q=0.9,en;q=0.8")
    assert all(text in body for text in ("付款 USD 2,469.12", "取消", "卡号", '<html lang="zh-Hans">'))


def test_paying_completes_the_session_once(session: SessionFacts, reach: Gateway, standin: StandIn) -> None:
    before = standin.get("truth")["charges_succeeded"]
    form = {"act": "pay", "card": "4242 4242 4242 4242", "email": "b@example.org"}
    first, second = _browse(session, **form), _browse(session, **form)
    assert [(answer[0], answer[2]) for answer in (first, second)] == [
        (303, OK.format(CHECKOUT_SESSION_ID=session.id))
    ] * 2
    paid = gateway.fetch_checkout_session(reach, session.id).unwrap()
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert paid.payment is not None
    assert (paid.payment.status, paid.payment.captured_minor, paid.payment.order_id) == (
        "succeeded",
        246912,
        "ord_page",
    )
    assert standin.get("truth")["charges_succeeded"] == before + 1
    told = [
        event["data"]["object"]["id"]
        for event in gateway.list_events(reach, since=facts.moment(0)).unwrap()
        if event["type"] == "checkout.session.completed"
    ]
    assert told.count(session.id) == 1


def test_a_declined_card_leaves_the_page_open(session: SessionFacts, reach: Gateway) -> None:
    status, body, _ = _browse(session, act="pay", card="4000000000000002")
    assert (status, "The card was declined" in body) == (402, True)
    assert 'value="4000000000000002"' in body
    assert 'aria-invalid="true"' in body
    assert gateway.fetch_checkout_session(reach, session.id).unwrap().status == "open"
    assert _browse(session, act="pay", card="4242424242424242")[0] == 303
    paid = gateway.fetch_checkout_session(reach, session.id).unwrap()
    assert (paid.status, paid.payment is not None and paid.payment.failure_code) == ("complete", None)


def test_an_unknown_card_charges_nothing(session: SessionFacts, reach: Gateway) -> None:
    status, body, _ = _browse(session, "zh", act="pay", card="1234")
    assert (status, "这不是测试卡号" in body) == (400, True)
    assert gateway.fetch_checkout_session(reach, session.id).unwrap().payment_intent_id is None


def test_cancel_goes_back_and_charges_nothing(session: SessionFacts, reach: Gateway) -> None:
    assert _browse(session, act="cancel")[::2] == (303, NO)
    assert gateway.fetch_checkout_session(reach, session.id).unwrap().status == "open"


def test_without_a_way_back_there_is_no_cancel(reach: Gateway) -> None:
    line = facts.Line("Licence", 100, 1)
    session = gateway.create_checkout_session(
        reach, key=str(uuid4()), lines=[line], currency="usd", order_id="ord_page", success_url=OK, cancel_url="",
        metadata={},
    ).unwrap()  # fmt: skip
    assert 'value="cancel"' not in _browse(session)[1]
    assert _browse(session, act="cancel", card="4242424242424242")[::2] == (303, urlsplit(session.url or "").path)
    assert gateway.fetch_checkout_session(reach, session.id).unwrap().status == "open"


def test_an_expired_page_takes_no_money(session: SessionFacts, reach: Gateway) -> None:
    gateway.expire_checkout_session(reach, key=str(uuid4()), session=session.id).unwrap()
    status, body, _ = _browse(session, act="pay", card="4242424242424242")
    assert (status, "expired" in body, f'href="{NO}"' in body) == (410, True, True)
    assert gateway.fetch_checkout_session(reach, session.id).unwrap().payment_status == "unpaid"


def test_a_page_expires_with_time(session: SessionFacts, reach: Gateway, standin: StandIn) -> None:
    standin.post("clock", advance_seconds=24 * 3600)
    assert gateway.fetch_checkout_session(reach, session.id).unwrap().status == "expired"


def test_no_such_page(session: SessionFacts) -> None:
    unknown = dataclasses.replace(session, url=f"{session.url}x")
    assert _browse(unknown)[0] == 404


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(5, "usd", "USD 0.05"), (1234567, "jpy", "JPY 1,234,567"), (1005, "kwd", "KWD 1.005"), (100, "cny", "CNY 1.00")],
)
def test_amounts_are_written_in_their_currency(minor: int, currency: str, text: str) -> None:
    assert pages.money(minor, currency) == text


@pytest.mark.parametrize(
    ("header", "tongue"), [("", "en"), ("fr,zh;q=0.5,en;q=0.4", "zh"), ("en-GB,zh", "en"), ("de", "en")]
)
def test_the_first_known_language_wins(header: str, tongue: str) -> None:
    assert pages.language(header) == tongue
