"""The audit finds what a superuser does to runs and rows with every trigger off, and never falls over it."""

from __future__ import annotations

import psycopg
import pytest

from accounts.unit import unit
from licensing.royalties import explain, queries, services
from tests.licensing.royalties.sales import ACTOR, AT, WHOLE, Owned, Sold, contest, sell
from tests.support.databases import Committed

pytestmark = pytest.mark.tampers

COLUMNS = "run_date, run_id, work_id, weight, floor, remainder, rank, amount, bumped"
TAMPERS = {
    "a micro moved between payees": (
        "UPDATE licensing_allocation a SET amount = amount + d, floor = floor + d FROM (VALUES (1, 1), (2, -1)) v(n, d)"
        " WHERE part_no = n AND work_id = (SELECT max(work_id) FROM licensing_allocation)"
    ),
    "a payee exchanged": (
        "UPDATE licensing_allocation SET account_id = (SELECT account_id FROM licensing_allocation WHERE held)"
        " WHERE part_no = 1 AND NOT held"
    ),
    "a claim exchanged": (
        "UPDATE licensing_allocation SET claim_id = (SELECT max(claim_id) FROM licensing_allocation) WHERE part_no = 1"
        " AND NOT held"
    ),
    "a split part exchanged": (
        "UPDATE licensing_allocation SET split_part_id = (SELECT min(split_part_id) FROM licensing_allocation)"
        " WHERE NOT held"
    ),
    "weight": "UPDATE licensing_allocation SET weight = weight + 1",
    "remainder": "UPDATE licensing_allocation SET remainder = remainder + 1",
    "rank": "UPDATE licensing_allocation SET rank = rank + 1",
    "bump": "UPDATE licensing_allocation SET bumped = NOT bumped, amount = floor + (NOT bumped)::int",
    "a part removed": "DELETE FROM licensing_allocation WHERE part_no = 1",
    "a last part removed": "DELETE FROM licensing_allocation WHERE part_no = 2",
    "all parts removed": "DELETE FROM licensing_allocation",
    "a work removed": "DELETE FROM licensing_workallocation WHERE id = (SELECT max(id) FROM licensing_workallocation)",
    "all works removed": "DELETE FROM licensing_workallocation",
    "a part beside": (
        "INSERT INTO licensing_allocation SELECT run_date, 1, (1::bigint << 40) + 1, run_id, work_id, claim_id,"
        " account_id, split_part_id, weight, floor, remainder, rank, amount, bumped, held FROM licensing_allocation"
        " LIMIT 1"
    ),
    "a work beside": (
        f"INSERT INTO licensing_workallocation (id, {COLUMNS}) SELECT 1 << 24, {COLUMNS} FROM licensing_workallocation"
        " LIMIT 1"
    ),
    "works exchanged": (
        "UPDATE licensing_workallocation a SET work_id = b.work_id FROM licensing_workallocation b WHERE a.id + b.id ="
        " (SELECT min(id) + max(id) FROM licensing_workallocation)"
    ),
    "a work's amount": "UPDATE licensing_workallocation SET floor = floor + 1, amount = amount + 1",
    "a work's rank": "UPDATE licensing_workallocation SET rank = 99",
    "held back more": "UPDATE licensing_heldshare SET payable_ppm = payable_ppm - 1",
    "the day": "UPDATE licensing_allocation SET run_date = run_date + 1",
    "the run removed": "DELETE FROM licensing_allocationrun",
    "all of the run removed": (
        "WITH a AS (DELETE FROM licensing_allocationrun), b AS (DELETE FROM licensing_allocation)"
        " DELETE FROM licensing_workallocation"
    ),
    "its kind": "UPDATE licensing_allocationrun SET kind = 'again'",
    "its payment": "UPDATE licensing_allocationrun SET source = 'pay_x'",
    "its entry": "UPDATE licensing_allocationrun SET entry_id = (SELECT min(id) FROM licensing_ledgerentry)",
    "its currency": "UPDATE licensing_allocationrun SET currency = 'eur'",
    "its rule": "UPDATE licensing_allocationrun SET rule_version = 'mine'",
    "a quoted price": "UPDATE licensing_quoteline SET price_micro = price_micro + 1",
    "a quoted share": "UPDATE licensing_quoteshare SET share_ppm = share_ppm - 1",
    "a split": "UPDATE licensing_splitpart SET ppm = ppm - 1 WHERE ppm > 1",
    "what was captured": "UPDATE licensing_payment SET captured_minor = captured_minor - 1",
} | {
    f"the run's {column}": f"UPDATE licensing_allocationrun SET {column} = {column} + 1"
    for column in (
        "gross_minor", "tax_minor", "fee_minor", "pool_micro", "weight_total", "works_cut", "works", "rows",
        "first_row", "last_row",
    )
} | {
    f"the run's {column}": f"UPDATE licensing_allocationrun SET {column} = repeat('0', 64)"
    for column in ("input_hash", "output_hash")
}  # fmt: skip
TABLES = (
    "allocation", "workallocation", "allocationrun", "heldshare", "quoteline", "quoteshare", "splitpart", "payment",
)  # fmt: skip


def _audit() -> list[dict[str, str]]:
    with unit(ACTOR):
        found: list[dict[str, str]] = queries.audit_splits()["differences"]
        return found


def test_every_tampering_is_a_difference(committed: Committed) -> None:
    parts = (Owned(WHOLE, ((0, 333_333), (1, 666_667))),)
    with unit(ACTOR):
        sale = sell([Sold(10_000_000, parts), Sold(7_000_001, parts), Sold(3_000_003, parts)], tax_minor=2, fee_minor=3)
        contest(sale.works[0], [(sale.claims[0][0], 123_457)])
        services.allocate(payment_id=sale.payments[0].name_id, actor=ACTOR, at=AT)
    assert _audit() == []
    with psycopg.connect(committed.superuser_url, autocommit=True) as root:
        root.execute("SET session_replication_role = replica")
        for table in TABLES:
            root.execute(f"CREATE TEMP TABLE kept_{table} AS TABLE licensing_{table}")
        missed = []
        for name, sql in TAMPERS.items():
            assert root.execute(sql).rowcount > 0, name
            if not _audit():
                missed.append(name)
            for table in TABLES:
                root.execute(f"DELETE FROM licensing_{table}")
                root.execute(f"INSERT INTO licensing_{table} OVERRIDING SYSTEM VALUE SELECT * FROM kept_{table}")
        assert missed == []
        assert _audit() == []


@pytest.mark.parametrize(
    "sql", [
        "UPDATE licensing_workallocation SET rank = rank + 1",
        "UPDATE licensing_allocation SET remainder = remainder + 1",
        "UPDATE licensing_quoteline SET price_micro = price_micro + id",
    ],
)  # fmt: skip
def test_an_explanation_says_when_either_level_is_not_what_the_inputs_give(committed: Committed, sql: str) -> None:
    with unit(ACTOR):
        sale = sell([Sold(10_000_000), Sold(7_000_001)])
        services.allocate(payment_id=sale.payments[0].name_id, actor=ACTOR, at=AT)
        assert explain.cent()["equal"]
    with psycopg.connect(committed.superuser_url, autocommit=True) as root:
        root.execute("SET session_replication_role = replica")
        root.execute(sql)
    with unit(ACTOR):
        assert not explain.cent()["equal"]


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE licensing_allocation_default DISABLE TRIGGER allocation_of_run",
        "DROP TRIGGER allocation_run_whole ON licensing_allocationrun",
    ],
)
def test_a_missing_guard_is_a_difference(committed: Committed, sql: str) -> None:
    with psycopg.connect(committed.owner_url) as owner:
        owner.execute(sql)
    assert [one["expected"] for one in _audit()] == ["every guard"]
