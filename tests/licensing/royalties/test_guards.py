"""The database guards allocations by itself: written once, whole, by their run's transaction, through no partition."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.db import IntegrityError, transaction
from django.db import connection as database
from psycopg import errors

from accounts.unit import unit
from licensing.royalties import services
from licensing.royalties.models import Allocation, AllocationRun, HeldShare, WorkAllocation
from tests.licensing.royalties.sales import ACTOR, AT, Sold, sell, settle_constraints
from tests.support.databases import Committed

Connection = psycopg.Connection[tuple[object, ...]]
TABLES = ("licensing_workallocation", "licensing_allocation")
PARTITIONS = """
SELECT p.relname, c.relname
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
WHERE p.relname = ANY(%s) AND p.relkind = 'p' ORDER BY 1, 2
"""
LATE = """
INSERT INTO licensing_allocation (run_date, part_no, id, run_id, work_id, claim_id, account_id, split_part_id, weight,
  floor, remainder, rank, amount, bumped, held)
SELECT run_date, part_no + 1, id + 1, run_id, work_id, claim_id, account_id, split_part_id, weight,
  0, 0, 1, 0, false, held
FROM {table} LIMIT 1
"""


@pytest.fixture
def run(committed: Committed) -> AllocationRun:
    with unit(ACTOR):
        sale = sell([Sold(10_000_000), Sold(7)])
        return services.allocate(payment_id=sale.payments[0].name_id, actor=ACTOR, at=AT)


@pytest.fixture
def app(committed: Committed, run: AllocationRun) -> Iterator[Connection]:
    with psycopg.connect(committed.database_url) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def owner(committed: Committed, run: AllocationRun) -> Iterator[Connection]:
    with psycopg.connect(committed.owner_url) as connection:
        yield connection
        connection.rollback()


@pytest.mark.parametrize("table", TABLES)
def test_the_app_may_not_change_delete_or_empty(app: Connection, table: str) -> None:
    for statement in (f"UPDATE {table} SET rank = 1", f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(statement)
        app.rollback()


@pytest.mark.parametrize("table", [*TABLES, "licensing_heldshare", "licensing_allocationrun"])
def test_not_even_the_owner_deletes_or_empties(owner: Connection, run: AllocationRun, table: str) -> None:
    statements = [f"TRUNCATE {table} CASCADE"]
    if table != "licensing_heldshare":
        statements.append(f"DELETE FROM {table}")
    for statement in statements:
        with pytest.raises(errors.IntegrityConstraintViolation):
            owner.execute(statement)
        owner.rollback()


def test_every_partition_has_the_guards_and_no_rights(app: Connection, owner: Connection) -> None:
    found = owner.execute(PARTITIONS, [list(TABLES)]).fetchall()
    assert {parent for parent, _ in found} == set(TABLES)
    for _, partition in found:
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(f"SELECT FROM {partition}")
        app.rollback()
        for statement in (f"UPDATE {partition} SET rank = 1", f"DELETE FROM {partition}", f"TRUNCATE {partition}"):
            with pytest.raises(errors.IntegrityConstraintViolation):
                owner.execute(statement)
            owner.rollback()


def test_nothing_joins_an_earlier_run(app: Connection, owner: Connection) -> None:
    with pytest.raises(errors.IntegrityConstraintViolation, match="earlier transaction"):
        app.execute(LATE.format(table="licensing_allocation"))
    app.rollback()
    statement = LATE.format(table="licensing_allocation").replace(
        "INTO licensing_allocation ", "INTO licensing_allocation_default ", 1
    )
    with pytest.raises(errors.IntegrityConstraintViolation, match="earlier transaction"):
        owner.execute(statement)


def test_a_part_has_the_id_of_its_work_and_its_number(app: Connection) -> None:
    with pytest.raises(errors.CheckViolation, match="allocation_id_of_work"):
        app.execute(LATE.format(table="licensing_allocation").replace("id + 1", "id + 2"))


def test_a_run_is_filled_in_once(app: Connection, owner: Connection) -> None:
    for connection, column in ((app, "works"), (owner, "fee_minor"), (owner, "seen_rows")):
        with pytest.raises(errors.IntegrityConstraintViolation, match="stays as it is"):
            connection.execute(f"UPDATE licensing_allocationrun SET {column} = 1")
        connection.rollback()
    for column in ("fee_minor", "seen_rows", "seen_works_micro", "xid"):
        with pytest.raises(errors.InsufficientPrivilege), app.transaction():
            app.execute(f"UPDATE licensing_allocationrun SET {column} = 1")


def test_nobody_counts_rows_of_his_own(app: Connection, owner: Connection, run: AllocationRun) -> None:
    own = "CREATE TEMP TABLE rows (run_id bigint, run_date date, id bigint, amount bigint)"
    hung = (
        "CREATE TRIGGER mine AFTER INSERT ON rows REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT"
        " EXECUTE FUNCTION public.licet_allocation_rows()"
    )
    app.execute(own)
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute(hung)
    owner.execute(own)
    owner.execute(hung)
    with pytest.raises(errors.IntegrityConstraintViolation, match="no allocations"):
        owner.execute("INSERT INTO rows VALUES (%s, %s, 1, 1)", [run.pk, run.run_date])


@pytest.mark.django_db
@pytest.mark.parametrize("when", ["before", "after"])
def test_no_row_stands_beside_its_run(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = LATE.format(table="licensing_allocation").replace("part_no + 1, id + 1,", "1, (1::bigint << 40) + 1,")
    hashed = services.hashing.of_run

    def first_slip_in(run: AllocationRun) -> object:
        with database.cursor() as cursor:
            cursor.execute(beside)
        return hashed(run)

    why = "divides 10000000 micro over 1 works and 1 rows" if when == "before" else "stays as it is"
    with unit(ACTOR):
        sale = sell([Sold(10_000_000)])
        if when == "before":
            monkeypatch.setattr(services.hashing, "of_run", first_slip_in)
        with pytest.raises(IntegrityError, match=why), transaction.atomic():
            services.allocate(payment_id=sale.payments[0].name_id, actor=ACTOR, at=AT)
            if when == "after":
                with database.cursor() as cursor:
                    cursor.execute(beside)
            settle_constraints()


@pytest.mark.django_db
def test_a_run_whose_rows_do_not_sum_to_its_pool_is_not_committed() -> None:
    with unit(ACTOR):
        sale = sell([Sold(10_000_000)])
        good = services.allocate(payment_id=sale.payments[0].name_id, actor=ACTOR, at=AT)
        settle_constraints()
        wrong = AllocationRun.objects.get(pk=good.pk)
        wrong.pk, wrong.source, wrong.public_id = None, "pay_other", sale.order.public_id
        wrong.first_row = wrong.last_row = 0
        with pytest.raises(IntegrityError, match="its rows to 0"), transaction.atomic():
            wrong.save(force_insert=True)
            settle_constraints()


@pytest.mark.django_db
def test_a_refusal_leaves_no_row() -> None:
    with unit(ACTOR):
        sale = sell([Sold(10_000_000, ())])
        with pytest.raises(Exception, match="none of its works"):
            services.allocate(payment_id=sale.payments[0].name_id, actor=ACTOR, at=AT)
        for model in (AllocationRun, Allocation, WorkAllocation, HeldShare):
            assert not model.objects.exists()
