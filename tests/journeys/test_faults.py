"""Workers killed, Redis emptied, webhooks repeated, buyers in a hurry: the journey ends right, nothing is doubled."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
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
from marketplace.stack import Stack
from tests.journeys.conftest import journey
from tests.support import processes
from tests.support.databases import Committed, LivedIn

pytestmark = pytest.mark.timeout(300)
#: One house sells as well as three: what happens after its sale is tried here.
ONE = slice(1)


@pytest.fixture(scope="module")
def stack(lived_in: LivedIn) -> Iterator[Stack]:
    """Processes all these tests share, each after a sale of its own; a lost worker is noticed after two seconds."""
    with pytest.MonkeyPatch.context() as patched, lived_in.unblocked():
        patched.setenv("JOB_LEASE_SECONDS", "2")
        with processes.stack(lived_in.own) as running:
            yield running


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


@dataclass(frozen=True)
class Shop:
    """A developer with a cleared bundle of their own, and what the database held until then."""

    developer: Client
    clearance: str
    before: Counter[str]

    def ordered(self) -> str:
        """Quote and order; returns the order."""
        return str(buying.order(self.developer, self.clearance)[1]["id"])

    def delivered_once(self, order: str) -> None:
        """The order ends as one grant, one division and one release, and the books sum to zero."""
        grant = buying.granted(self.developer, order)
        release = buying.released(self.developer, grant["id"])
        assert release["status"] == "ready"
        until(lambda: (_tally() - self.before)["divided"] > 0, "the division")
        once = ("orders", "grants", "releases", "runs", "captured", "divided")
        assert _tally() - self.before == Counter(dict.fromkeys(once, 1) | {"entries": 3})
        with unit(SYSTEM):
            assert not any(ledger.imbalance().values())
            assert not Shard.objects.exclude(status="built").exists()


@pytest.fixture(scope="module")
def open_shop(stack: Stack, lived_in: LivedIn) -> Callable[[], Shop]:
    """One house publishes, once for all these tests; each call clears its works anew."""
    run = journey(stack, lived_in.own, publishers=ONE)
    operator = Client(run.url, members.found_house(run.material.operator, run.ring))
    catalogues, _ = run.publish(operator)
    developer = members.join(operator, run.material.developer, run.ring)["developer_admin"]

    def opened() -> Shop:
        cleared = buying.clear(developer, run.material.use, catalogues)
        return Shop(developer, cleared.clearance["id"], _tally())

    return opened


def _tally() -> Counter[str]:
    with unit(SYSTEM):
        return Counter({
            "orders": Order.objects.count(), "grants": Grant.objects.count(), "releases": Release.objects.count(),
            "runs": AllocationRun.objects.count(), "captured": Payment.objects.filter(status="captured").count(),
            "divided": Job.objects.filter(kind="royalties.allocate", status="done").count(),
            "entries": LedgerEntry.objects.count(),
        })  # fmt: skip


KILLS = {
    "royalties.allocate": "LOCK TABLE licensing_allocationrun IN EXCLUSIVE MODE",
    "delivery.shard": "LOCK TABLE licensing_shardfile IN EXCLUSIVE MODE",
}


@pytest.mark.parametrize("kind", KILLS)
def test_a_worker_killed_in_the_middle(
    stack: Stack, lived_in: LivedIn, open_shop: Callable[[], Shop], kind: str
) -> None:
    shop = open_shop()
    order = shop.ordered()
    with blocked(lived_in.own, KILLS[kind]):
        buying.pay_by_card(shop.developer, order, stack.sandbox_url)
        until(lambda: _running(kind) and waiting(lived_in.own), f"{kind} standing still")
        stack.kill_worker()
    stack.start_part("worker")
    shop.delivered_once(order)
    with unit(SYSTEM):
        assert Job.objects.filter(kind=kind).latest("id").attempts >= 2


def _running(kind: str) -> bool:
    with unit(SYSTEM):
        return Job.objects.filter(kind=kind, status="running").exists()


def test_redis_emptied_in_the_middle(stack: Stack, lived_in: LivedIn, open_shop: Callable[[], Shop]) -> None:
    shop = open_shop()
    order, stored = shop.ordered(), _stored_events()
    stack.kill_worker()
    buying.pay_by_card(shop.developer, order, stack.sandbox_url)
    until(lambda: _stored_events() > stored, "the webhook in the inbox")
    with redis.Redis.from_url(lived_in.own.redis_url) as client:
        client.flushdb()
    stack.start_part("worker")
    shop.delivered_once(order)


def _stored_events() -> int:
    with unit(SYSTEM):
        return WebhookEvent.objects.count()


def test_eight_buyers_of_one_quote(stack: Stack, open_shop: Callable[[], Shop]) -> None:
    shop = open_shop()
    charged = _charged(stack)
    quote = shop.developer.post("/v1/quotes", {"clearance": shop.clearance}, idem="quote-1")
    with ThreadPoolExecutor(8) as pool:
        orders = list(pool.map(lambda number: _order(shop.developer, quote["id"], number), range(8)))
        won = [order for order in orders if "id" in order]
        paid = list(pool.map(lambda number: _pay(shop.developer, won[0]["id"], number, stack), range(8)))
    assert len({order["id"] for order in won}) == 1
    assert {order["code"] for order in orders if "code" in order} <= {"quote_used", "idempotency_in_flight"}
    assert sum("id" in answer for answer in paid) == 1
    # A loser gets an answer, not the accident that the database prevented.
    assert {answer["code"] for answer in paid if "code" in answer} <= {"payment_exists", "order_paid"}
    shop.delivered_once(won[0]["id"])
    assert _charged(stack) == charged + 1


def _charged(stack: Stack) -> int:
    return int(Client(stack.sandbox_url).get("/_sandbox/truth")["charges_succeeded"])


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


def test_a_checkout_page_pays_as_well(stack: Stack, open_shop: Callable[[], Shop]) -> None:
    shop = open_shop()
    order = shop.ordered()
    buying.pay_by_checkout(shop.developer, order)
    shop.delivered_once(order)


def test_webhooks_five_times_shuffled(stack: Stack, open_shop: Callable[[], Shop]) -> None:
    sandbox = Client(stack.sandbox_url)
    shop = open_shop()
    order, stored = shop.ordered(), _stored_events()
    sandbox.post("/_sandbox/faults", {"seed": 7, "webhooks": {"hold": True}})
    buying.pay_by_card(shop.developer, order, stack.sandbox_url)
    sent = sandbox.post("/_sandbox/release", {"copies": 5, "shuffle": True})["deliveries"]
    sandbox.post("/_sandbox/faults", {"seed": 7, "webhooks": {"hold": False}})
    shop.delivered_once(order)
    assert sandbox.get("/_sandbox/idle", seconds="30")["idle"]
    with unit(SYSTEM):
        # What Stripe calls them, not what we keep them under.
        ids = list(WebhookEvent.objects.values_list("raw__id", flat=True))
        assert Job.objects.filter(kind="hooks.stripe").count() == len(ids)
    assert len(ids) == len(set(ids)) > stored
    assert sent >= 5 * (len(ids) - stored)
