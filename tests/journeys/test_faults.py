"""Workers killed, Redis emptied, webhooks repeated, buyers in a hurry: the journey ends right, nothing is doubled."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
import redis

from accounts.unit import SYSTEM, unit
from licensing.delivery.models import Release, Shard
from licensing.grants.models import Grant
from licensing.jobs.models import Job
from licensing.ledger import queries as ledger
from licensing.ledger.models import LedgerEntry
from licensing.orders.models import Order
from licensing.payments.models import Payment, WebhookEvent
from licensing.royalties.models import AllocationRun
from marketplace.demo import buying, members
from marketplace.demo.client import Client, Problem
from marketplace.demo.journey import Journey
from marketplace.stack import Stack
from tests.journeys.conftest import Started, journey
from tests.support.databases import Committed

pytestmark = pytest.mark.timeout(300)
#: One house sells as well as three: what happens after its sale is tried here.
ONE = slice(1)


@contextmanager
def blocked(committed: Committed, lock: str) -> Iterator[None]:
    """Hold a lock as the owner: whoever needs it stands still in the middle of its transaction."""
    with psycopg.connect(committed.owner_url) as connection:
        connection.execute(lock)
        yield


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def waiting(committed: Committed) -> bool:
    """Whether some backend of this database waits for a lock."""
    with psycopg.connect(committed.superuser_url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s", [committed.name]
        ).fetchone()
    return bool(found and found[0])


def sale(run: Journey, *, pay: bool = True) -> tuple[Client, str]:
    """Publish, clear, quote, order and (by default) pay; returns the developer and the order."""
    operator = Client(run.url, members.found_house(run.material.operator, run.ring))
    catalogues, _ = run.publish(operator)
    developer = members.join(operator, run.material.developer, run.ring)["developer_admin"]
    cleared = buying.clear(developer, run.material.use, catalogues)
    _, order = buying.order(developer, cleared.clearance["id"])
    if pay:
        buying.pay_by_card(developer, order["id"], run.stripe_url)
    return developer, order["id"]


def delivered_once(developer: Client, order: str) -> None:
    """The order ends as one grant, one division and one release, and the books sum to zero."""
    grant = buying.granted(developer, order)
    release = buying.released(developer, grant["id"])
    assert release["status"] == "ready"
    until(lambda: _done("royalties.allocate"), "the division")
    with unit(SYSTEM):
        assert Grant.objects.count() == Release.objects.count() == AllocationRun.objects.count() == 1
        assert Payment.objects.filter(status="captured").count() == 1
        assert LedgerEntry.objects.count() == 3
        assert not any(ledger.imbalance().values())
        assert not Shard.objects.exclude(status="built").exists()


def _done(kind: str) -> bool:
    with unit(SYSTEM):
        return Job.objects.filter(kind=kind, status="done").exists()


KILLS = {
    "royalties.allocate": "LOCK TABLE licensing_allocationrun IN EXCLUSIVE MODE",
    "delivery.shard": "LOCK TABLE licensing_shardfile IN EXCLUSIVE MODE",
}


@pytest.mark.parametrize("kind", KILLS)
def test_a_worker_killed_in_the_middle(started: Started, committed: Committed, kind: str) -> None:
    with started() as stack:
        developer, order = sale(journey(stack, committed, publishers=ONE), pay=False)
        with blocked(committed, KILLS[kind]):
            buying.pay_by_card(developer, order, stack.sandbox_url)
            until(lambda: _running(kind) and waiting(committed), f"{kind} standing still")
            stack.kill_worker()
        stack.start_part("worker")
        delivered_once(developer, order)
        with unit(SYSTEM):
            assert Job.objects.get(kind=kind).attempts >= 2


def _running(kind: str) -> bool:
    with unit(SYSTEM):
        return Job.objects.filter(kind=kind, status="running").exists()


def test_redis_emptied_in_the_middle(started: Started, committed: Committed) -> None:
    with started() as stack:
        developer, order = sale(journey(stack, committed, publishers=ONE), pay=False)
        stack.kill_worker()
        buying.pay_by_card(developer, order, stack.sandbox_url)
        until(lambda: _stored_events() > 0, "the webhook in the inbox")
        with redis.Redis.from_url(committed.redis_url) as client:
            client.flushdb()
        stack.start_part("worker")
        delivered_once(developer, order)


def _stored_events() -> int:
    with unit(SYSTEM):
        return WebhookEvent.objects.count()


def test_eight_buyers_of_one_quote(started: Started, committed: Committed) -> None:
    with started() as stack:
        run = journey(stack, committed, publishers=ONE)
        operator = Client(run.url, members.found_house(run.material.operator, run.ring))
        catalogues, _ = run.publish(operator)
        developer = members.join(operator, run.material.developer, run.ring)["developer_admin"]
        cleared = buying.clear(developer, run.material.use, catalogues)
        quote = developer.post("/v1/quotes", {"clearance": cleared.clearance["id"]}, idem="quote-1")
        with ThreadPoolExecutor(8) as pool:
            orders = list(pool.map(lambda number: _order(developer, quote["id"], number), range(8)))
            won = [order for order in orders if "id" in order]
            paid = list(pool.map(lambda number: _pay(developer, won[0]["id"], number, stack), range(8)))
        assert len({order["id"] for order in won}) == 1
        assert {order["code"] for order in orders if "code" in order} <= {"quote_used", "idempotency_in_flight"}
        assert sum("id" in answer for answer in paid) == 1
        # A loser gets an answer, not the accident that the database prevented.
        assert {answer["code"] for answer in paid if "code" in answer} <= {"payment_exists", "order_paid"}
        delivered_once(developer, won[0]["id"])
        with unit(SYSTEM):
            assert Order.objects.count() == 1
        assert Client(stack.sandbox_url).get("/_sandbox/truth")["charges_succeeded"] == 1


def _order(developer: Client, quote: str, number: int) -> dict[str, Any]:
    try:
        found: dict[str, Any] = developer.post("/v1/orders", {"quote": quote}, idem=f"buyer-{number}")
    except Problem as refused:
        return {"code": refused.code}
    return found


def _pay(developer: Client, order: str, number: int, stack: Stack) -> dict[str, Any]:
    try:
        body = {"method": "payment_intent"}
        payment = developer.post(f"/v1/orders/{order}/payment", body, idem=f"buyer-{number}")
    except Problem as refused:
        return {"code": refused.code}
    buying.confirm(developer, payment, stack.sandbox_url)
    return {"id": payment["id"]}


def test_a_checkout_page_pays_as_well(started: Started, committed: Committed) -> None:
    with started() as stack:
        developer, order = sale(journey(stack, committed, publishers=ONE), pay=False)
        buying.pay_by_checkout(developer, order)
        delivered_once(developer, order)


def test_webhooks_five_times_shuffled(started: Started, committed: Committed) -> None:
    with started() as stack:
        sandbox = Client(stack.sandbox_url)
        developer, order = sale(journey(stack, committed, publishers=ONE), pay=False)
        sandbox.post("/_sandbox/faults", {"seed": 7, "webhooks": {"hold": True}})
        buying.pay_by_card(developer, order, stack.sandbox_url)
        sent = sandbox.post("/_sandbox/release", {"copies": 5, "shuffle": True})["deliveries"]
        delivered_once(developer, order)
        assert sandbox.get("/_sandbox/idle", seconds="30")["idle"]
        with unit(SYSTEM):
            # What Stripe calls them, not what we keep them under.
            ids = list(WebhookEvent.objects.values_list("raw__id", flat=True))
            assert Job.objects.filter(kind="hooks.stripe").count() == len(ids)
        assert len(ids) == len(set(ids)) > 0
        assert sent >= 5 * len(ids)
