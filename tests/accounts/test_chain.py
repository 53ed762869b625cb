"""The audit chain: every row linked once, in an order nobody can get in front of, and every tampering named."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import psycopg
import pytest

from accounts import audit, chain
from accounts.models import AuditLink, AuditRow, Organisation
from accounts.unit import system, unit
from tests.support.databases import Committed

ACTOR = system()
AT = datetime(2026, 3, 10, 9, 30, 0, 123456, tzinfo=UTC)
ROW = """
INSERT INTO accounts_auditrow (livemode, actor, act, subject, request_id, at, xid)
VALUES (false, 'a', 'act', %s, '', now(), 0) RETURNING id
"""
TAMPERS = {
    "act": "UPDATE accounts_auditrow SET act = 'other' WHERE id = {r}",
    "time": "UPDATE accounts_auditrow SET at = at + interval '1 us' WHERE id = {r}",
    "before": "UPDATE accounts_auditrow SET before = '{{\"a\": 2}}' WHERE id = {r}",
    "null is not an object": "UPDATE accounts_auditrow SET after = '{{}}' WHERE id = {r}",
    "organisation": "UPDATE accounts_auditrow SET organisation_id = NULL WHERE id = {r}",
    "xid": "UPDATE accounts_auditrow SET xid = xid + 1 WHERE id = {r}",
    "removed": "DELETE FROM accounts_auditrow WHERE id = {r}",
    "hash": "UPDATE accounts_auditlink SET hash = repeat('f', 64) WHERE row_id = {r}",
    "previous": "UPDATE accounts_auditlink SET previous_hash = repeat('f', 64) WHERE row_id = {r}",
    "position": "UPDATE accounts_auditlink SET position = position + 100 WHERE row_id = {r}",
}


def _organisation() -> int:
    with unit(ACTOR):
        made = Organisation.objects.create(
            public_id="019cd5fe-f800-7000-8000-000000000001", created_at=AT, slug="a", name="A"
        )
    return int(made.pk)


def _record(subject: str, organisation: int | None = None) -> None:
    with unit(ACTOR):
        audit.record(
            actor=ACTOR, act="act", subject=subject, at=AT, before={"a": 1.5, "ä": 2**60}, organisation_id=organisation
        )


def _verify() -> chain.Proof:
    with unit(ACTOR):
        return chain.verify()


def _link(rows: int, *, everything: bool = False) -> int:
    """Link until `rows` are linked: an open transaction of any database in the cluster holds the newest rows back."""
    found, deadline = 0, time.monotonic() + 60
    while found < rows and time.monotonic() < deadline:
        found += chain.link(actor=ACTOR, everything=everything)
        time.sleep(0.01)
    return found


def test_rows_are_linked_once_per_organisation(committed: Committed) -> None:
    organisation = _organisation()
    for number in range(3):
        _record(f"house {number}")
        _record(f"own {number}", organisation)
    assert _link(6) == 6
    assert chain.link(actor=ACTOR) == chain.link(actor=ACTOR, everything=True) == 0
    _record("late", organisation)
    assert _verify() == chain.Proof(6, 1, None)
    assert _link(1) == 1
    assert _verify() == chain.Proof(7, 0, None)
    with unit(ACTOR):
        links = list(AuditLink.objects.filter(chain=organisation).order_by("position"))
        assert [link.position for link in links] == [1, 2, 3, 4]
        assert [link.previous_hash for link in links] == [chain.GENESIS, *[link.hash for link in links[:-1]]]
        assert [link.row.subject for link in links] == ["own 0", "own 1", "own 2", "late"]


def test_more_rows_than_one_batch_are_linked_in_order(committed: Committed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "BATCH", 2)
    for number in range(5):
        _record(str(number))
    assert _link(5) == 5
    assert _verify() == chain.Proof(5, 0, None)


def test_nothing_is_linked_past_a_transaction_that_still_runs(committed: Committed) -> None:
    with psycopg.connect(committed.database_url) as slow:
        slow.execute(ROW, ["slow"])
        _record("fast")
        assert chain.link(actor=ACTOR) == 0
        slow.commit()
    assert _link(2) == 2
    with unit(ACTOR):
        order = AuditLink.objects.order_by("position").values_list("row__subject", flat=True)
        assert list(order) == ["slow", "fast"]
    assert _verify() == chain.Proof(2, 0, None)


def test_rows_of_another_cluster_are_linked_after_a_restore(committed: Committed) -> None:
    _record("here")
    assert _link(1) == 1
    with psycopg.connect(committed.superuser_url) as root:
        root.execute("SET session_replication_role = replica")
        for subject, xid in (("old", 3), ("far", 2**40)):
            row = root.execute(ROW, [subject]).fetchone()
            assert row is not None
            root.execute("UPDATE accounts_auditrow SET xid = %s WHERE id = %s", [xid, row[0]])
    assert _link(2, everything=True) == 2
    assert _verify() == chain.Proof(3, 0, None)


def test_every_tampering_is_found_and_the_first_row_named(committed: Committed) -> None:
    organisation = _organisation()
    for number in range(4):
        _record(str(number), organisation)
    assert _link(4) == 4
    with unit(ACTOR):
        rows = list(AuditRow.objects.order_by("id").values_list("pk", flat=True))
    clean = _verify()
    assert clean == chain.Proof(4, 0, None)
    tables = ("accounts_auditrow", "accounts_auditlink")
    with psycopg.connect(committed.superuser_url, autocommit=True) as root:
        root.execute("SET session_replication_role = replica")
        for table in tables:
            root.execute(f"CREATE TEMP TABLE kept_{table} AS TABLE {table}")
        for name, sql in TAMPERS.items():
            root.execute(sql.format(r=rows[1]))
            bad = _verify().first_bad
            assert bad is not None, name
            expected = rows[2] if name == "position" else rows[1]  # a moved link leaves a hole before the next
            assert bad.startswith(f"audit row {expected} "), (name, bad)
            for table in tables:
                root.execute(f"DELETE FROM {table}")
                root.execute(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM kept_{table}")
            assert _verify() == clean, name
        root.execute("DELETE FROM accounts_auditlink WHERE row_id = %s", [rows[1]])
        assert _verify().first_bad == f"audit row {rows[2]} (chain {organisation}, position 3): position 2 is missing"
