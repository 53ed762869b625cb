"""One payment divided among n works x 3 payees, exact and stored, against raw INSERTs of the same rows.

Same server, same durability, interleaved A/B, median of the repeats. Compared is CPU: of the database's backend alone,
and of backend and our own process together (the hashes are computed in the latter). The raw table has the columns of
an allocation, its key and one more index, and no guard; its rows come from a plain table. A third measure is what a
straightforward Python program takes on a slice: ORM, the oracle, bulk_create.
"""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import psycopg
from django.db import connection, transaction

from accounts.identity import fresh
from accounts.unit import unit
from bench import harness, split_seed
from bench.split_seed import ACTOR, AT, Seeded
from licensing.kernel import split
from licensing.ledger.models import LedgerAccount
from licensing.orders.models import QuoteShare
from licensing.rights.models import SplitPart
from licensing.royalties import queries, services
from licensing.royalties.models import Allocation, AllocationRun

REPEATS = 5
#: The floor is for the backend's CPU where works share splits; the other rows say what else it costs, and what hurts.
FLOOR, ORM_TARGET = 6.0, 5.0
ORM_WORKS = 10_000
HOLDERS = 50

COLUMNS = (
    "run_date, part_no, id, run_id, work_id, claim_id, account_id, split_part_id, weight, floor, remainder, rank,"
    " amount, bumped, held"
)
TABLES = f"""
DROP SCHEMA IF EXISTS bench_split CASCADE;
CREATE SCHEMA bench_split;
CREATE UNLOGGED TABLE bench_split.source AS SELECT {COLUMNS} FROM licensing_allocation WITH NO DATA;
CREATE TABLE bench_split.raw (LIKE bench_split.source, PRIMARY KEY (run_date, id));
CREATE INDEX ON bench_split.raw (account_id, run_date);
GRANT USAGE ON SCHEMA bench_split TO licet_app;
GRANT ALL ON ALL TABLES IN SCHEMA bench_split TO licet_app;
"""
FILL = f"INSERT INTO bench_split.source SELECT {COLUMNS} FROM licensing_allocation WHERE run_id = %s ORDER BY id"
RAW = f"INSERT INTO bench_split.raw ({COLUMNS}) SELECT {COLUMNS.replace(' id,', ' id + %s,')} FROM bench_split.source"


def run(n: int = 1_000_000) -> list[dict[str, Any]]:
    """Divide one payment among `n` works of 50 holders, and among n / 40 works each with a claim and split of its own.

    Works in the database the settings name and leaves its rows there: run it on one of its own. Raises RuntimeError
    when the oracle finds a difference on the smaller order: it scores 0. The database refuses wrong sums.
    """
    hurting = max(n // 40, 10)
    rows = []
    for works, holders, audited in ((hurting, hurting, True), (n, HOLDERS, False)):
        ours, raw = _compare(split_seed.sale(works, min(holders, works), REPEATS), audited)
        rows += _rows_of(works, holders, ours, raw, floor=not audited)
    rows.append(_orm(split_seed.sale(ORM_WORKS, HOLDERS, 2)))
    return rows


def _compare(seeded: Seeded, audited: bool) -> tuple[list[harness.Cost], list[harness.Cost]]:
    """Divide every payment, interleaved with raw inserts of the rows that the first one gave."""
    ours: list[harness.Cost] = []
    raw: list[harness.Cost] = []
    with _raw_table() as bare:
        for number, payment in enumerate(seeded.payments):
            ours.append(harness.cost(_pid(), lambda payment=payment: _divide(payment)))
            if number == 0:
                _prepare(payment, audited)
            offset = number << 40
            raw.append(harness.cost(bare.info.backend_pid, lambda offset=offset: _insert(bare, offset)))
    return ours, raw


def _prepare(payment: str, audited: bool) -> None:
    with unit(ACTOR), connection.cursor() as cursor:
        stored = AllocationRun.objects.get(source=payment)
        cursor.execute(FILL, [stored.pk])
        if audited:
            _gate(stored)


def _divide(payment: str) -> AllocationRun:
    return services.allocate(payment_id=payment, actor=ACTOR, at=AT)


def _insert(bare: psycopg.Connection[Any], offset: int) -> None:
    bare.execute(RAW, [offset])
    bare.commit()


def _gate(stored: AllocationRun) -> None:
    found = list(islice(queries.differences(AllocationRun.objects.get(pk=stored.pk)), 3))
    if found:
        raise RuntimeError(f"the oracle disagrees: {found}")


def _orm(seeded: Seeded) -> dict[str, Any]:
    """Rows per CPU second of a plain Python program and of ours, on the same order."""
    plain = harness.cost(_pid(), lambda: _plain(seeded))
    ours = harness.cost(_pid(), lambda: _divide(seeded.payments[0]))
    ratio = plain.cpu / ours.cpu
    row = _row(f"{ORM_WORKS:,} works x 3 payees", ours.cpu, ratio, f">= {ORM_TARGET}x", ratio >= ORM_TARGET)
    return row | {"ours": f"{ours.cpu:.2f} s CPU", "against": f"ORM, oracle, bulk_create: {plain.cpu:.2f} s CPU"}


def _plain(seeded: Seeded) -> None:
    """ORM, Python, bulk_create under the same guards; undone at the end. No hashes, no entry."""
    with unit(ACTOR), transaction.atomic():
        made = AllocationRun.objects.create(
            public_id=fresh(AT), created_at=AT, livemode=False, source="plain", order=seeded.order, kind="bench",
            run_date=AT.date(), currency="usd", gross_minor=1, tax_minor=0, fee_minor=0, pool_micro=10**15,
            rule_version="bench",
        )  # fmt: skip
        shares = QuoteShare.objects.filter(line__quote_id=seeded.order.quote_id)
        weights, parts, ids = [], {}, {}
        account = LedgerAccount.objects.get(code="stripe_pending", currency_id="usd", livemode=False)
        for share in shares.select_related("line__work", "claim", "split_version").prefetch_related(
            "split_version__parts__party"
        ):
            work, found = share.line.work, list(share.split_version.parts.all())
            weights.append(split.WorkWeight(work.public_id, share.line.price_micro))
            parts[work.public_id] = [
                split.PartShare(
                    share.claim.public_id, share.split_version.public_id, p.part_no, p.party.public_id, p.ppm
                )
                for p in found
            ]
            ids[work.public_id] = (work.pk, share.claim_id, found)
        Allocation.objects.bulk_create(
            (_stored(number, made, row, ids[row.work], account) for number, row in enumerate(
                split.allocate(made.public_id, made.pool_micro, weights, parts), 1 << 40)), batch_size=5_000,
        )  # fmt: skip
        transaction.set_rollback(True)


def _stored(
    number: int, made: AllocationRun, row: split.Row, known: tuple[int, int, list[SplitPart]], account: LedgerAccount
) -> Allocation:
    return Allocation(
        run_date=made.run_date, id=(number << 16) + row.part_no, run=made, work_id=known[0], claim_id=known[1],
        account=account, split_part=known[2][row.part_no - 1], part_no=row.part_no, weight=row.weight, floor=row.floor,
        remainder=row.remainder, rank=row.rank, bumped=row.bumped, amount=row.amount, held=False,
    )  # fmt: skip


def _pid() -> int:
    with unit(ACTOR), connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


@contextmanager
def _raw_table() -> Iterator[psycopg.Connection[Any]]:
    with harness.connect("owner") as owner:
        owner.execute(TABLES)
        owner.commit()
        try:
            with harness.connect("default") as bare:
                yield bare
        finally:
            owner.execute("DROP SCHEMA bench_split CASCADE")
            owner.commit()


def _rows_of(
    works: int, holders: int, ours: list[harness.Cost], raw: list[harness.Cost], *, floor: bool
) -> list[dict[str, Any]]:
    rows = []
    measure = f"{works:,} works x 3 payees, {holders:,} claims and splits"
    for name, both in (("backend", False), ("backend and process", True)):
        mine, limit = ([cost.cpu if both else cost.backend for cost in costs] for costs in (ours, raw))
        ratio = statistics.median(mine) / statistics.median(limit)
        target, holds = (f"<= {FLOOR}x", ratio <= FLOOR) if floor and not both else ("", None)
        row = _row(f"{measure}: CPU of {name}", statistics.median(mine), ratio, target, holds)
        rows.append(row | {"ours": _spread(mine), "against": f"raw INSERT with two indexes: {_spread(limit)}"})
    wall = statistics.median([cost.wall for cost in ours])
    rows[0]["ours"] += f"; {wall:.1f} s on the clock, {works * 3 / wall:,.0f} rows/s"
    return rows


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} s CPU (spread {min(values):.2f}-{max(values):.2f})"


def _row(measure: str, value: float, ratio: float, target: str, holds: bool | None) -> dict[str, Any]:
    return {
        "measure": measure,
        "ours": "",
        "against": "",
        "value": round(value, 2),
        "ratio": round(ratio, 2),
        "target": target,
        "holds": holds,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
