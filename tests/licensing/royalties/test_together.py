"""Divisions and postings beside each other, each in a thread of its own: nobody locks anybody out, no cent is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connection

from accounts.unit import unit
from licensing.ledger import queries as books
from licensing.ledger import services as ledger
from licensing.ledger import verify
from licensing.ledger.services import Draft, Line
from licensing.royalties import queries, services
from licensing.royalties.models import AllocationRun
from tests.licensing.royalties.sales import ACTOR, AT, WHOLE, Owned, Sold, sell
from tests.support.databases import Committed

THREADS = 6


def test_runs_that_open_the_same_accounts_do_not_lock_each_other_out(committed: Committed) -> None:
    with unit(ACTOR):
        first = sell([Sold(1_000_000, (Owned(WHOLE, tuple((n, 20_000) for n in range(50))),))], payees=50)
        sales = [first]
        for turn in range(1, THREADS):
            split = tuple(((n * 7 + turn) % 50, 20_000) for n in range(50))
            sales.append(sell([Sold(1_000_000, (Owned(WHOLE, split),))], parties=first.payees))
    start = Barrier(THREADS)

    def divide(number: int) -> None:
        try:
            start.wait()
            services.allocate(payment_id=sales[number].payments[0].name_id, actor=ACTOR, at=AT)
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(divide, range(THREADS)))
    with unit(ACTOR):
        assert AllocationRun.objects.count() == THREADS
        assert queries.audit_splits()["differences"] == []
        assert books.balance(f"payee_accrued:{first.payees[0].name_id}", "usd", livemode=False) == -THREADS * 20_000
        assert books.imbalance() == {"usd": 0}


def test_batches_with_keys_in_common_wait_for_each_other(committed: Committed) -> None:
    keys = [f"k{number:03}" for number in range(200)]
    start = Barrier(THREADS)

    def draft(key: str) -> Draft:
        lines = [Line(f"payee_accrued:{key}", 5), Line("royalty_pool:x", -5)]
        return Draft(key, "x", lines, "usd", False, AT.date(), AT, "s", "1")

    def post(number: int) -> int:
        try:
            start.wait()
            mine = keys[number:] + keys[:number] if number % 2 else keys[::-1]
            return ledger.post_many([draft(key) for key in mine], actor=ACTOR, at=AT)
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(post, range(THREADS))) == len(keys)
    with unit(ACTOR):
        assert verify.verify() == verify.Proof({"usd": 0}, 200, 400, None)
