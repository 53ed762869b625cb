"""The verifier names the first bad row, even when a superuser with triggers off made it fit."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime

import psycopg
import pytest
from django.core.management import call_command

from accounts.unit import system, unit
from licensing.kernel import money
from licensing.ledger import services, verify
from licensing.ledger.models import LedgerEntry
from licensing.ledger.services import Draft, Line
from tests.support.databases import Committed

pytestmark = pytest.mark.tampers
ACTOR = system()
AT = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
TAMPERS = {
    "amount": (
        "UPDATE licensing_ledgerline SET amount = amount + 1000000 WHERE entry_id = {e} AND amount > 0",
        "sum to",
    ),
    "both amounts": ("UPDATE licensing_ledgerline SET amount = amount * 2 WHERE entry_id = {e}", "payload hash"),
    "account": (
        (
            "UPDATE licensing_ledgerline l SET account_id = a.id FROM licensing_ledgeraccount a"
            " WHERE a.code = 'bank_operating' AND l.entry_id = {e} AND l.amount > 0"
        ),
        "payload hash",
    ),
    "line removed": ("DELETE FROM licensing_ledgerline WHERE entry_id = {e} AND amount > 0", "1 lines"),
    "both removed": ("DELETE FROM licensing_ledgerline WHERE entry_id = {e}", "0 lines"),
    "pair added later": (
        (
            "INSERT INTO licensing_ledgerline (effective_date, entry_id, account_id, amount, currency_id) SELECT"
            " effective_date, entry_id, account_id, -amount, currency_id FROM licensing_ledgerline WHERE entry_id = {e}"
        ),
        "another transaction",
    ),
    "currency": ("UPDATE licensing_ledgerline SET currency_id = 'eur' WHERE entry_id = {e}", "account's currency"),
    "fraction": ("UPDATE licensing_ledgerline SET amount = amount + sign(amount) WHERE entry_id = {e}", "fraction"),
    "date": ("UPDATE licensing_ledgerentry SET effective_date = '2026-03-01' WHERE id = {e}", "another date"),
    "mode": ("UPDATE licensing_ledgerentry SET livemode = true WHERE id = {e}", "other mode"),
    "source": ("UPDATE licensing_ledgerentry SET source = 'pay_x' WHERE id = {e}", "payload hash"),
    "memo": ("UPDATE licensing_ledgerentry SET memo = 'x' WHERE id = {e}", "payload hash"),
    "time": (
        "UPDATE licensing_ledgerentry SET occurred_at = occurred_at + interval '1 us' WHERE id = {e}",
        "payload hash",
    ),
}


def _post(number: int) -> LedgerEntry:
    return services.post(
        idem_key=f"k{number}",
        kind="capture",
        lines=[Line("stripe_pending", number * money.MICRO), Line("bank_operating", -number * money.MICRO)],
        currency="usd",
        livemode=False,
        effective_date=date(2026, 3, 10),
        occurred_at=AT,
        source=f"pay_{number}",
        actor=ACTOR,
        at=AT,
        rule_version="1",
    )


def _verify() -> verify.Proof:
    with unit(ACTOR):
        return verify.verify()


def test_every_tampering_is_found_and_the_first_row_named(committed: Committed) -> None:
    entries = [_post(number) for number in (1, 2, 3, 4)]
    clean = _verify()
    assert clean == verify.Proof({"usd": 0}, 4, 8, None)
    with psycopg.connect(committed.superuser_url, autocommit=True) as root:
        root.execute("SET session_replication_role = replica")
        tables = ("licensing_ledgerline", "licensing_ledgerentry")
        for table in tables:
            root.execute(f"CREATE TEMP TABLE kept_{table} AS TABLE {table}")
        for name, (sql, why) in TAMPERS.items():
            for entry in (entries[3], entries[1]):  # the later one first: the earlier must be named
                root.execute(sql.format(e=entry.pk))
            bad = _verify().first_bad
            assert bad is not None, name
            assert (bad.what, why in bad.why) == (entries[1].name_id, True), (name, bad)
            for table in tables:
                root.execute(f"DELETE FROM {table}")
                root.execute(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM kept_{table}")
            assert _verify() == clean, name


HOLLOW = """
CREATE OR REPLACE TRIGGER ledger_period_guard BEFORE DELETE ON licensing_ledgerperiod
FOR EACH ROW EXECUTE FUNCTION licet_append_only()
"""
NARROW = """
CREATE OR REPLACE TRIGGER ledger_entry_append_only BEFORE DELETE ON licensing_ledgerentry
FOR EACH ROW EXECUTE FUNCTION licet_append_only()
"""
ACCOUNT = "livemode, code, kind, currency_id, owner, whole_minor_only"


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        (
            "ALTER TABLE licensing_ledgerline_default DISABLE TRIGGER ledger_line_balance",
            "licensing_ledgerline_default",
        ),
        ("ALTER TABLE licensing_ledgerline DISABLE TRIGGER ledger_line_no_truncate", "licensing_ledgerline"),
        ("DROP TRIGGER ledger_entry_whole ON licensing_ledgerentry", "licensing_ledgerentry"),
        (
            "CREATE TABLE own PARTITION OF licensing_ledgerline FOR VALUES FROM ('2030-01-01') TO ('2030-02-01')",
            "own",
        ),
        (
            "CREATE OR REPLACE FUNCTION licet_ledger_lines() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
            "licensing_ledgerline",
        ),
        (HOLLOW, "licensing_ledgerperiod"),
        (NARROW, "licensing_ledgerentry"),
        ("ALTER TABLE licensing_ledgeraccount DISABLE TRIGGER USER", "licensing_ledgeraccount"),
    ],
)
def test_a_missing_guard_is_found(committed: Committed, sql: str, what: str) -> None:
    with psycopg.connect(committed.owner_url) as owner:
        owner.execute(sql)
    bad = _verify().first_bad
    assert bad is not None
    assert bad.what == what


def test_a_line_without_entry_is_found(committed: Committed) -> None:
    entry = _post(1)
    with psycopg.connect(committed.superuser_url) as root:
        root.execute("SET session_replication_role = replica")
        root.execute("DELETE FROM licensing_ledgerentry WHERE id = %s", [entry.pk])
    bad = _verify().first_bad
    assert bad is not None
    assert bad.why.startswith(f"its entry {entry.pk}")


BEYOND = {
    "a whole account takes fractions": (
        "UPDATE licensing_ledgeraccount SET whole_minor_only = false WHERE code = 'stripe_pending'",
        ("stripe_pending", "not as the chart says"),
    ),
    "an account of no chart": (
        f"INSERT INTO licensing_ledgeraccount ({ACCOUNT}) VALUES (false, 'slush', 'asset', 'usd', '', true)",
        ("slush", "no account of the chart"),
    ),
    "an entry slipped into a closed period": (
        "UPDATE licensing_ledgerperiod SET status = 'closed', trial_balance_hash = repeat('0', 64)",
        ("per_", "trial balance"),
    ),
    "a period removed": ("DELETE FROM licensing_ledgerperiod", ("lde_", "no period covers")),
    "a partition taken away": (
        "ALTER TABLE licensing_ledgerline DETACH PARTITION licensing_ledgerline_default", ("lde_", "0 lines"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BEYOND)
def test_what_only_the_owner_could_do_is_found(committed: Committed, name: str) -> None:
    _post(1)
    sql, (what, why) = BEYOND[name]
    with psycopg.connect(committed.superuser_url) as root:
        root.execute("SET session_replication_role = replica")
        root.execute(sql)
    bad = _verify().first_bad
    assert bad is not None
    assert bad.what.startswith(what)
    assert why in bad.why


def test_more_entries_than_one_batch_are_all_read(committed: Committed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "BATCH", 2)
    last = [_post(number) for number in (1, 2, 3, 4, 5)][-1]
    with psycopg.connect(committed.superuser_url) as root:
        root.execute("SET session_replication_role = replica")
        root.execute("UPDATE licensing_ledgerentry SET memo = 'x' WHERE id = %s", [last.pk])
    bad = _verify().first_bad
    assert bad is not None
    assert bad.what == last.name_id


def test_the_command_prints_its_keys_and_exits_1_when_something_is_wrong(committed: Committed) -> None:
    entry = _post(1)
    out = io.StringIO()
    call_command("verify_ledger", "--json", stdout=out)
    assert json.loads(out.getvalue()) == {"imbalance": {"usd": 0}, "entries": 1, "lines": 2, "first_bad": None}
    with psycopg.connect(committed.superuser_url) as root:
        root.execute("SET session_replication_role = replica")
        root.execute("UPDATE licensing_ledgerline SET amount = 2000000 WHERE amount > 0")
    out = io.StringIO()
    with pytest.raises(SystemExit) as left:
        call_command("verify_ledger", "--json", stdout=out)
    found = json.loads(out.getvalue())
    assert left.value.code == 1
    assert found["imbalance"] == {"usd": 1_000_000}
    assert found["first_bad"] == {"what": entry.name_id, "why": "its lines in usd sum to 1000000 micro"}
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("verify_ledger", stdout=out)
    assert entry.name_id in out.getvalue()


def test_drafts_are_posted_as_they_are_hashed(committed: Committed) -> None:
    drafts = [
        Draft(f"d{number}", "x", [Line("escrow:b", 7), Line("escrow:a", -3), Line("escrow:a", -4)], "jpy", True,
              date(2026, 1, 31), AT, "s", "1", "memo")
        for number in range(3)
    ]  # fmt: skip
    assert services.post_many(drafts, actor=ACTOR, at=AT) == 3
    assert _verify() == verify.Proof({"jpy": 0}, 3, 9, None)
