"""The control endpoint /_sandbox/...: health, truth, clock, scripted trouble, held webhooks. JSON in and out.

Nothing here exists at Stripe. It asks for `Content-Type: application/json`, so that a web page cannot post to it.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from marketplace.sandbox.stripe import checkout, payments, refunds
from marketplace.sandbox.stripe.api import Answer, Api, Request
from marketplace.sandbox.stripe.errors import ApiError, Json
from marketplace.sandbox.stripe.objects import API_VERSION
from marketplace.sandbox.stripe.params import parse
from marketplace.sandbox.stripe.store import Unit, identifier

PREFIX = "/_sandbox/"
LOG_PAGE = 1000


def answer(api: Api, request: Request) -> Answer:
    """One control request."""
    name, _, ident = request.path.removeprefix(PREFIX).partition("/")
    act = ACTS.get((request.method, name))
    if act is None:
        known = ", ".join(sorted(f"{method} {PREFIX}{key}" for method, key in ACTS))
        return Answer(404, {"error": {"message": f"unknown; there are {known}"}})
    try:
        values = _values(request)
        return Answer(200, act(api, values, ident))
    except ApiError as error:
        return Answer(error.status, {"error": error.error})
    except (ValueError, TypeError, KeyError) as error:
        return Answer(400, {"error": {"message": str(error)}})


def _values(request: Request) -> Json:
    if request.method == "GET":
        return parse(request.query)
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise ValueError("send Content-Type: application/json")
    values = json.loads(request.body or "{}")
    if not isinstance(values, dict):
        raise TypeError("send a JSON object")
    return values


def health(_api: Api, _values: Json, _ident: str) -> Json:
    """That the stand-in is up, and which API version it speaks."""
    return {"ok": True, "api_version": API_VERSION}


def log(api: Api, values: Json, _ident: str) -> Json:
    """Up to 1,000 lines of the truth log with a number above `after`."""
    after = int(values.get("after", 0))
    with api.store.lock:
        rows = list(itertools.islice((line for line in api.store.log if line["n"] > after), LOG_PAGE))
    return {"lines": rows}


def truth(api: Api, _values: Json, _ident: str) -> Json:
    """Sums of all that really happened, per currency in minor units, and counts: what a ledger must agree with."""
    balance: Counter[str] = Counter()
    captured: Counter[str] = Counter()
    fees: Counter[str] = Counter()
    refunded: Counter[str] = Counter()
    with api.store.lock:
        unit = Unit(api.store, "")
        for row in unit.all("balance_transaction"):
            balance[row["currency"]] += row["net"]
            fees[row["currency"]] += row["fee"]
        for row in unit.all("charge"):
            captured[row["currency"]] += row["amount_captured"]
            refunded[row["currency"]] += row["amount_refunded"]
        counts = {kind: len(ids) for kind, ids in api.store.kinds.items()}
        paid = sum(row["status"] == "succeeded" for row in unit.all("charge"))
    sums: dict[str, Any] = {"balance": balance, "captured": captured, "fees": fees, "refunded": refunded}
    return {**sums, "counts": counts, "charges_succeeded": paid, "undelivered": len(api.store.undelivered)}


def faults(api: Api, values: Json, _ident: str) -> Json:
    """Replace the script of trouble; an empty object ends it."""
    api.faults.load(values)
    return {"ok": True}


def target(api: Api, values: Json, _ident: str) -> Json:
    """Send webhooks to another address, signed with another secret."""
    api.courier.target.url = values["url"]
    api.courier.target.secret = values.get("secret", api.courier.target.secret)
    return {"ok": True}


def clock(api: Api, values: Json, _ident: str) -> Json:
    """Move the clock forward; sessions whose time is over expire."""
    seconds = values["advance_seconds"]
    if not isinstance(seconds, int) or seconds < 0:
        raise ValueError("advance_seconds is an integer >= 0")
    api.store.advance(seconds)
    return {"now": api.store.now(), "expired": _effect(api, checkout.expire_due)}


def settle(api: Api, _values: Json, _ident: str) -> Json:
    """What the banks decide later happens now: late balance transactions, waiting and failing refunds."""
    return {
        "balance_transactions": _effect(api, payments.settle_late),
        "refunds": _effect(api, refunds.settle_waiting),
    }


def fail_refund(api: Api, values: Json, ident: str) -> Json:
    """A refund fails at the bank."""
    _effect(api, lambda unit: refunds.fail(unit, ident, values.get("reason", "unknown")))
    return {"ok": True}


def release(api: Api, values: Json, _ident: str) -> Json:
    """Deliver the held webhooks: `copies` of each, in seeded random order if `shuffle`."""
    sent = api.courier.release(copies=values.get("copies", 1), shuffle=values.get("shuffle", False))
    return {"deliveries": sent}


def resend(api: Api, values: Json, ident: str) -> Json:
    """Deliver one event again, `copies` times."""
    if ident not in api.store.objects:
        raise KeyError(ident)
    api.courier.resend(ident, values.get("copies", 1))
    return {"ok": True}


def idle(api: Api, values: Json, _ident: str) -> Json:
    """Wait up to `seconds` until no webhook is queued or under way."""
    return {"idle": api.courier.idle(int(values.get("seconds", 10)))}


def _effect(api: Api, act: Callable[[Unit], Any]) -> Any:
    with api.store.lock:
        unit = Unit(api.store, identifier("req", 14))
        result = act(unit)
        events = unit.commit({"method": "POST", "path": PREFIX, "status": 200})
    api.courier.send(events)
    return result


ACTS: dict[tuple[str, str], Callable[[Api, Json, str], Json]] = {
    ("GET", "health"): health,
    ("GET", "log"): log,
    ("GET", "truth"): truth,
    ("GET", "idle"): idle,
    ("POST", "faults"): faults,
    ("POST", "webhook"): target,
    ("POST", "clock"): clock,
    ("POST", "settle"): settle,
    ("POST", "fail_refund"): fail_refund,
    ("POST", "release"): release,
    ("POST", "resend"): resend,
}
