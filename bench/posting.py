"""Posting 4-leg entries: ours (every guard on) against raw INSERTs of the same rows into bare tables.

Same server, same durability, interleaved A/B, median of the repeats. The raw tables have our columns and the two
indexes of a line, but no trigger, key or check: the limit of what PostgreSQL can store. django-hordak is driven by
`posting_peers`, compared by entries per CPU second of program and backend; the other peers are reported as absent.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from django.db import connection as database

from accounts.unit import system, unit
from bench import harness, posting_peers
from licensing.kernel import digests, money
from licensing.ledger import services, verify
from licensing.ledger.services import Draft, Line

ACTOR = system()
BATCH = 1_000
ABSENT = {"django-ledger 0.8": "not driven by this version", "pgledger": "on no package index"}
DAY = date(2026, 3, 10)
#: Floors of this version, ours over raw: below them something is badly wrong. The targets are over peers.
SINGLE_FLOOR, BATCH_FLOOR = 0.08, 0.10
SINGLE_TARGET, BATCH_TARGET = 4, 25

_TABLES = """
CREATE SCHEMA bench_posting;
CREATE TABLE bench_posting.entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, public_id uuid NOT NULL,
  created_at timestamptz, livemode boolean, idem_key text UNIQUE, kind text, effective_date date,
  occurred_at timestamptz, posted_at timestamptz, source text, actor text, memo text, rule_version text,
  payload_hash text, xid bigint, cluster bigint);
CREATE TABLE bench_posting.line (id bigint GENERATED ALWAYS AS IDENTITY, effective_date date, entry bigint,
  account bigint, amount bigint, currency text, xid bigint);
CREATE INDEX ON bench_posting.line (entry);
CREATE INDEX ON bench_posting.line (account, xid) INCLUDE (amount);
GRANT USAGE ON SCHEMA bench_posting TO licet_app;
GRANT ALL ON ALL TABLES IN SCHEMA bench_posting TO licet_app;
"""
_RAW_ENTRY = """
INSERT INTO bench_posting.entry (public_id, created_at, livemode, idem_key, kind, effective_date, occurred_at,
  posted_at, source, actor, memo, rule_version, payload_hash, xid, cluster)
SELECT w.id, %(at)s, false, w.key, 'capture', %(day)s, %(at)s, %(at)s, 'pay', 'system', '', '1', w.hash, 1, 1
FROM unnest(%(ids)s::uuid[], %(keys)s::text[], %(hashes)s::text[]) AS w(id, key, hash) RETURNING id
"""
_RAW_LINES = """
INSERT INTO bench_posting.line (effective_date, entry, account, amount, currency, xid)
SELECT %(day)s, e, a, m, 'usd', 1 FROM unnest(%(entries)s::bigint[], %(accounts)s::bigint[], %(amounts)s::bigint[])
  AS w(e, a, m)
"""


def run(n: int = 20_000) -> list[dict[str, Any]]:
    """Post `n` entries in batches and n / 20 one commit each, on each side; returns the rows of the table.

    Works in the database the settings name and leaves its entries there: run it on one of its own.
    Raises harness.Broken when the books are wrong afterwards: such a run scores nothing.
    """
    singles, batches = max(n // 20 // harness.REPEATS, 20), max(n // BATCH // harness.REPEATS, 1)
    with _raw_tables() as connection:
        _post(50, 1)
        _insert(connection, 50, 1)
        rows = [
            _compared(connection, "4-leg entries, one commit each", singles, 1, SINGLE_FLOOR),
            _compared(connection, f"4-leg entries, batches of {BATCH}", batches, BATCH, BATCH_FLOOR),
        ]
    rows += _against_peers(singles, batches)
    with unit(ACTOR):
        proof = verify.verify()
    harness.gate(proof.ok, f"the books are wrong after the run: {proof.first_bad}")
    return [*rows, *(harness.absent("4-leg entries through the peer's API", peer, why) for peer, why in ABSENT.items())]


def _against_peers(singles: int, batches: int) -> list[dict[str, Any]]:
    """Entries per CPU second, ours and django-hordak's, each through its Python API with its guards."""
    with posting_peers.hordak() as theirs:
        if theirs is None:
            return [harness.absent("4-leg entries through the peer's API", posting_peers.HORDAK, "not installed")]
        pid = _pid()
        return [
            _by_cpu(f"4-leg entries, {name}, by CPU", commits, size, pid, theirs, target)
            for name, commits, size, target in (
                ("one commit each", singles, 1, SINGLE_TARGET), (f"batches of {BATCH}", batches, BATCH, BATCH_TARGET),
            )
        ]  # fmt: skip


def _by_cpu(
    measure: str, commits: int, size: int, pid: int, theirs: posting_peers.Peer, target: float
) -> dict[str, Any]:
    entries = commits * size
    samples = harness.interleave(
        {
            "ours": lambda: entries / harness.cost(pid, lambda: _post(commits, size)).cpu,
            "theirs": lambda: entries / theirs(commits, size),
        }
    )
    ours, other = samples["ours"], samples["theirs"]
    times = harness.ratio(ours, other)
    against = f"{posting_peers.HORDAK.replace('==', ' ')}: {other.text('entries/CPU s')}"
    return harness.row(
        measure, ours.text("entries/CPU s"), against, round(ours.median), times, f">= {target:g}x", times >= target
    )


def _pid() -> int:
    with unit(ACTOR), database.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _compared(
    connection: psycopg.Connection[Any], measure: str, commits: int, size: int, floor: float
) -> dict[str, Any]:
    entries = commits * size
    samples = harness.interleave(
        {
            "ours": lambda: entries / harness.seconds(lambda: _post(commits, size)),
            "raw": lambda: entries / harness.seconds(lambda: _insert(connection, commits, size)),
        }
    )
    ours, raw = samples["ours"], samples["raw"]
    share = harness.ratio(ours, raw)
    against = f"raw INSERT, no guards: {raw.text('entries/s')}"
    target = f">= {floor} of raw"
    return harness.row(measure, ours.text("entries/s"), against, round(ours.median), share, target, share >= floor)


def _post(commits: int, size: int) -> None:
    for _ in range(commits):
        at = datetime.now(UTC)
        services.post_many([_draft(at) for _ in range(size)], actor=ACTOR, at=at)


def _draft(at: datetime) -> Draft:
    lines = [
        Line("order_clearing:ord_bench", 120 * money.MICRO),
        Line("tax_payable:XX", -20 * money.MICRO),
        Line("platform_fee_income", -10 * money.MICRO),
        Line("royalty_pool:ord_bench", -90 * money.MICRO),
    ]
    return Draft(uuid.uuid4().hex, "grant", lines, "usd", False, DAY, at, "grt_bench", "1")


def _insert(connection: psycopg.Connection[Any], commits: int, size: int) -> None:
    amounts = [120, -20, -10, -90]
    for _ in range(commits):
        at = datetime.now(UTC)
        keys = [uuid.uuid4().hex for _ in range(size)]
        hashes = [digests.sha256_hex(key.encode()) for key in keys]
        values = {"at": at, "day": DAY, "keys": keys, "hashes": hashes, "ids": [uuid.uuid4() for _ in keys]}
        entries = [row[0] for row in connection.execute(_RAW_ENTRY, values).fetchall()]
        lines = {
            "day": DAY,
            "entries": [entry for entry in entries for _ in amounts],
            "accounts": [1, 2, 3, 4] * size,
            "amounts": [amount * money.MICRO for amount in amounts] * size,
        }
        connection.execute(_RAW_LINES, lines)
        connection.commit()


@contextmanager
def _raw_tables() -> Iterator[psycopg.Connection[Any]]:
    with harness.connect("owner") as owner:
        owner.execute("DROP SCHEMA IF EXISTS bench_posting CASCADE")
        for statement in filter(str.strip, _TABLES.split(";")):
            owner.execute(statement)  # type: ignore[arg-type]  # frozen text above
        owner.commit()
        try:
            with harness.connect("default") as connection:
                yield connection
        finally:
            owner.execute("DROP SCHEMA bench_posting CASCADE")
            owner.commit()
