"""The database refuses by itself, whatever program or role speaks to it, through the parent or a partition by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors

from tests.support.databases import Committed

Connection = psycopg.Connection[tuple[Any, ...]]
PERIOD = """
INSERT INTO licensing_ledgerperiod (public_id, created_at, livemode, starts, ends, status, trial_balance_hash)
VALUES (gen_random_uuid(), now(), %s, %s, %s, 'open', '') RETURNING id
"""
ACCOUNT = """
INSERT INTO licensing_ledgeraccount (livemode, code, kind, currency_id, owner, whole_minor_only)
VALUES (%s, %s, 'asset', %s, '', %s) RETURNING id
"""
ENTRY = """
INSERT INTO licensing_ledgerentry (public_id, created_at, livemode, idem_key, kind, effective_date, occurred_at,
  posted_at, source, actor, memo, rule_version, payload_hash, xid, cluster)
VALUES (gen_random_uuid(), now(), false, gen_random_uuid(), %s, '2026-03-10', now(), now(), 's', 'a', '', '1', %s, 1, 1)
RETURNING id
"""
LINES = """
INSERT INTO {table} (effective_date, entry_id, account_id, amount, currency_id)
SELECT '2026-03-10', %s, * FROM unnest(%s::bigint[], %s::bigint[], %s::text[])
"""
PARENT, PARTITION = "licensing_ledgerline", "licensing_ledgerline_default"


@pytest.fixture
def app(committed: Committed) -> Iterator[Connection]:
    with psycopg.connect(committed.database_url) as connection:
        connection.execute(PERIOD, [False, "2026-03-01", "2026-04-01"])
        connection.commit()
        yield connection
        connection.rollback()


@pytest.fixture
def owner(committed: Committed, app: Connection) -> Iterator[Connection]:
    with psycopg.connect(committed.owner_url) as connection:
        yield connection
        connection.rollback()


def _one(connection: Connection, sql: str, values: list[Any] | None = None) -> Any:
    row = connection.execute(sql, values or []).fetchone()
    assert row is not None
    return row[0]


def _accounts(connection: Connection) -> tuple[int, int]:
    first = _one(connection, ACCOUNT, [False, "a", "usd", True])
    return first, _one(connection, ACCOUNT, [False, "b", "usd", False])


def _entry(connection: Connection, kind: str = "x", payload_hash: str = "h") -> int:
    return int(_one(connection, ENTRY, [kind, payload_hash]))


def _lines(connection: Connection, entry: int, *legs: tuple[int, int, str], table: str = PARENT) -> None:
    columns = [list(column) for column in zip(*legs, strict=True)]
    connection.execute(LINES.format(table=table), [entry, *columns])


def _posted(connection: Connection) -> tuple[int, int, int]:
    first, second = _accounts(connection)
    entry = _entry(connection)
    _lines(connection, entry, (first, 5_000_000, "usd"), (second, -5_000_000, "usd"))
    connection.commit()
    return entry, first, second


def test_a_balanced_entry_is_stamped_whatever_was_sent(app: Connection) -> None:
    entry, *_ = _posted(app)
    found = app.execute(
        "SELECT e.xid > 1, e.cluster = (SELECT system_identifier FROM pg_control_system()),"
        " array_agg(DISTINCT l.xid) = ARRAY[e.xid] FROM licensing_ledgerentry e JOIN licensing_ledgerline l"
        " ON l.entry_id = e.id WHERE e.id = %s GROUP BY e.id",
        [entry],
    ).fetchone()
    assert found == (True, True, True)


@pytest.mark.parametrize("legs", [[5_000_000], [5_000_000, -4_000_000], [1_000_000, 1_000_000]])
def test_lines_that_do_not_sum_to_zero_are_refused_at_once(app: Connection, legs: list[int]) -> None:
    first, _ = _accounts(app)
    entry = _entry(app)
    with pytest.raises(errors.IntegrityConstraintViolation, match="not to zero"):
        _lines(app, entry, *[(first, amount, "usd") for amount in legs])


def test_two_entries_that_balance_only_together_are_refused(app: Connection) -> None:
    first, second = _accounts(app)
    one, other = _entry(app), _entry(app)
    with pytest.raises(errors.IntegrityConstraintViolation, match="not to zero"):
        app.execute(
            "INSERT INTO licensing_ledgerline (effective_date, entry_id, account_id, amount, currency_id)"
            " VALUES ('2026-03-10', %s, %s, 1000000, 'usd'), ('2026-03-10', %s, %s, -1000000, 'usd')",
            [one, first, other, second],
        )


def test_an_entry_without_lines_is_refused_at_commit(app: Connection) -> None:
    _entry(app)
    with pytest.raises(errors.IntegrityConstraintViolation, match="has 0 lines"):
        app.commit()


@pytest.mark.parametrize("table", [PARENT, PARTITION])
def test_a_partition_named_directly_checks_the_same(owner: Connection, table: str) -> None:
    first, second = _accounts(owner)
    entry = _entry(owner)
    with pytest.raises(errors.IntegrityConstraintViolation, match="not to zero"), owner.transaction():
        _lines(owner, entry, (first, 1_000_000, "usd"), (second, -2_000_000, "usd"), table=table)
    _lines(owner, entry, (first, 1_000_000, "usd"), (second, -1_000_000, "usd"), table=table)
    owner.commit()


def test_copy_is_checked_too(app: Connection) -> None:
    first, second = _accounts(app)
    entry = _entry(app)
    columns = "(effective_date, entry_id, account_id, amount, currency_id)"
    with (
        pytest.raises(errors.IntegrityConstraintViolation, match="not to zero"),
        app.cursor().copy(f"COPY licensing_ledgerline {columns} FROM STDIN") as copy,
    ):
        copy.write_row(("2026-03-10", entry, first, 3_000_000, "usd"))
        copy.write_row(("2026-03-10", entry, second, -1_000_000, "usd"))


@pytest.mark.parametrize("role", ["app", "owner"])
def test_balanced_lines_cannot_join_an_older_entry(
    app: Connection, owner: Connection, request: pytest.FixtureRequest, role: str
) -> None:
    entry, first, second = _posted(app)
    connection: Connection = request.getfixturevalue(role)
    with pytest.raises(errors.IntegrityConstraintViolation, match="earlier transaction or another cluster"):
        _lines(connection, entry, (first, 1_000_000, "usd"), (second, -1_000_000, "usd"))


def test_lines_cannot_join_an_entry_of_another_cluster(committed: Committed, app: Connection) -> None:
    with psycopg.connect(committed.superuser_url) as root:
        first, second = _accounts(root)
        root.execute("SET session_replication_role = replica")  # a restore loads rows without triggers
        entry = _entry(root)
        root.execute("UPDATE licensing_ledgerentry SET xid = pg_current_xact_id()::text::bigint, cluster = 7")
        root.execute("SET session_replication_role = origin")
        with pytest.raises(errors.IntegrityConstraintViolation, match="another cluster"):
            _lines(root, entry, (first, 1_000_000, "usd"), (second, -1_000_000, "usd"))


@pytest.mark.parametrize(
    ("legs", "why"),
    [
        ([("a", 1_500_000, "usd"), ("b", -1_500_000, "usd")], "whole minor units"),
        ([("e", 1_000_000, "usd"), ("e", -1_000_000, "usd")], "currency is not its account's"),
        ([("live", 1_000_000, "usd"), ("live", -1_000_000, "usd")], "other mode"),
        ([("shut", 1_000_000, "usd"), ("shut", -1_000_000, "usd")], "account is closed"),
    ],
)
def test_a_line_must_fit_its_account(app: Connection, legs: list[tuple[str, int, str]], why: str) -> None:
    first, second = _accounts(app)
    named = {
        "a": first,
        "b": second,
        "e": _one(app, ACCOUNT, [False, "e", "eur", True]),
        "live": _one(app, ACCOUNT, [True, "a", "usd", True]),
        "shut": _one(app, ACCOUNT, [False, "shut", "usd", True]),
    }
    app.execute("UPDATE licensing_ledgeraccount SET closed_at = now() WHERE code = 'shut'")
    entry = _entry(app)
    with pytest.raises(errors.IntegrityConstraintViolation, match=why):
        _lines(app, entry, *[(named[name], amount, currency) for name, amount, currency in legs])


def test_a_line_has_its_entrys_date_and_is_never_zero(app: Connection) -> None:
    first, _ = _accounts(app)
    entry = _entry(app)
    with pytest.raises(errors.IntegrityConstraintViolation, match="date"), app.transaction():
        app.execute(
            "INSERT INTO licensing_ledgerline (effective_date, entry_id, account_id, amount, currency_id) SELECT"
            " '2026-03-11', %s, %s, a, 'usd' FROM unnest('{1000000,-1000000}'::bigint[]) a",
            [entry, first],
        )
    with pytest.raises(errors.CheckViolation):
        _lines(app, entry, (first, 0, "usd"), (first, 0, "usd"))


CHANGES = [
    "UPDATE {t} SET xid = 0",
    "DELETE FROM {t}",
    "TRUNCATE {t} CASCADE",
    "MERGE INTO {t} t USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
]


@pytest.mark.parametrize("role", ["app", "owner"])
def test_nothing_posted_is_changed_or_removed(
    app: Connection, owner: Connection, request: pytest.FixtureRequest, role: str
) -> None:
    _posted(app)
    connection: Connection = request.getfixturevalue(role)
    expected = errors.InsufficientPrivilege if role == "app" else errors.IntegrityConstraintViolation
    tables = (PARENT, PARTITION, "licensing_ledgerentry")
    for statement in (change.format(t=table) for table in tables for change in CHANGES):
        with pytest.raises(expected):
            connection.execute(statement)
            pytest.fail(f"passed as {role}: {statement}")
        connection.rollback()


def test_the_app_role_has_no_right_on_any_partition_and_each_has_its_triggers(owner: Connection) -> None:
    bound = "FOR VALUES FROM ('2027-01-01') TO ('2027-02-01')"
    owner.execute("SELECT licet_ledger_partition('licensing_ledgerline_2027_01', %s)", [bound])
    walked = owner.execute(
        "SELECT inhrelid::regclass::text, (SELECT array_agg(tgname::text ORDER BY tgname) FROM pg_trigger"
        "   WHERE tgrelid = inhrelid AND tgname LIKE 'ledger_line%' AND tgenabled = 'O'),"
        " (SELECT bool_or(has_table_privilege('licet_app', inhrelid, p)) FROM"
        "   unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) p)"
        " FROM pg_inherits WHERE inhparent = 'licensing_ledgerline'::regclass ORDER BY 1"
    ).fetchall()
    triggers = ["ledger_line_append_only", "ledger_line_balance", "ledger_line_no_truncate", "ledger_line_xid"]
    assert walked == [
        ("licensing_ledgerline_2027_01", triggers, False),
        ("licensing_ledgerline_default", triggers, False),
    ]


def test_the_app_role_makes_no_partition_and_switches_no_trigger_off(app: Connection) -> None:
    for forbidden in (
        "SELECT licet_ledger_partition('x', 'DEFAULT')",
        "ALTER TABLE licensing_ledgerline DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "SELECT setval('licensing_ledgerline_id_seq', 1)",
        "UPDATE licensing_currency SET exponent = 3",
        "DELETE FROM licensing_ledgerperiod",
        "UPDATE licensing_ledgeraccount SET code = 'x'",
    ):
        with pytest.raises(errors.InsufficientPrivilege), app.transaction():
            app.execute(forbidden)


def test_a_temporary_table_does_not_stand_in_for_the_books(app: Connection) -> None:
    entry, first, second = _posted(app)
    app.execute(
        "CREATE TEMP TABLE licensing_ledgerentry AS SELECT id, pg_current_xact_id()::text::bigint AS xid,"
        " cluster, effective_date, livemode FROM public.licensing_ledgerentry"
    )
    with pytest.raises(errors.IntegrityConstraintViolation, match="earlier transaction"):
        _lines(app, entry, (first, 1_000_000, "usd"), (second, -1_000_000, "usd"))


def test_an_account_can_only_be_closed_once(owner: Connection) -> None:
    first, _ = _accounts(owner)
    for change in (
        "code = 'z'",
        "whole_minor_only = false",
        "currency_id = 'eur'",
        "livemode = true",
        "kind = 'income'",
    ):
        with pytest.raises(errors.IntegrityConstraintViolation, match="only be closed"), owner.transaction():
            owner.execute(f"UPDATE licensing_ledgeraccount SET {change} WHERE id = %s", [first])
    owner.execute("UPDATE licensing_ledgeraccount SET closed_at = now() WHERE id = %s", [first])
    with pytest.raises(errors.IntegrityConstraintViolation, match="only be closed"), owner.transaction():
        owner.execute("UPDATE licensing_ledgeraccount SET closed_at = NULL WHERE id = %s", [first])
    with pytest.raises(errors.IntegrityConstraintViolation, match="only be closed"):
        owner.execute("DELETE FROM licensing_ledgeraccount WHERE id = %s", [first])


def test_periods_of_one_mode_never_overlap(app: Connection) -> None:
    app.execute(PERIOD, [True, "2026-03-15", "2026-04-15"])
    app.execute(PERIOD, [False, "2026-04-01", "2026-05-01"])
    with pytest.raises(errors.ExclusionViolation):
        app.execute(PERIOD, [False, "2026-03-31", "2026-04-02"])


def test_a_closed_period_never_reopens_and_no_period_moves(owner: Connection) -> None:
    for change in ("starts = '2026-02-01'", "livemode = true", "ends = '2026-05-01'"):
        with pytest.raises(errors.IntegrityConstraintViolation, match="stays as it is"), owner.transaction():
            owner.execute(f"UPDATE licensing_ledgerperiod SET {change}")
    owner.execute("UPDATE licensing_ledgerperiod SET status = 'closed', trial_balance_hash = 'h'")
    for change in ("status = 'open'", "status = 'soft'", "trial_balance_hash = 'other'"):
        with pytest.raises(errors.IntegrityConstraintViolation, match="stays as it is"), owner.transaction():
            owner.execute(f"UPDATE licensing_ledgerperiod SET {change}")
    with pytest.raises(errors.IntegrityConstraintViolation):
        owner.execute("DELETE FROM licensing_ledgerperiod")


def test_a_day_without_period_takes_no_entry(app: Connection) -> None:
    with pytest.raises(errors.IntegrityConstraintViolation, match="no period covers"):
        app.execute(ENTRY.replace("2026-03-10", "2026-04-10"), ["x", "h"])


def test_an_old_snapshot_cannot_post(app: Connection) -> None:
    app.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with pytest.raises(errors.InvalidTransactionState, match="READ COMMITTED"):
        _entry(app)


def test_a_closing_waits_for_who_is_posting(committed: Committed, app: Connection) -> None:
    _accounts(app)
    app.commit()
    _entry(app)
    with psycopg.connect(committed.database_url) as closing:
        closing.execute("SET lock_timeout = 100")
        with pytest.raises(errors.LockNotAvailable):
            closing.execute("UPDATE licensing_ledgerperiod SET status = 'closed'")
