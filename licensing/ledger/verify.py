"""Proving the books: every rule of 0002_ledger checked again over the stored rows, and the guards themselves.

Tampering that keeps an entry balanced is found by its payload hash; tampering that also rewrites the hash is what
seals are for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from licensing.kernel import ids
from licensing.ledger import accounts, guards, periods, queries, rules
from licensing.ledger.models import LedgerAccount, LedgerEntry, LedgerPeriod

BATCH = 5_000

_COUNTS = """
SELECT (SELECT count(*) FROM licensing_ledgerentry), (SELECT count(*) FROM licensing_ledgerline)
"""
# One row per entry in (xid, id) order, its lines as arrays; works through the books by key, in constant memory.
_ENTRIES = """
SELECT e.id, e.xid, e.public_id, e.kind, e.livemode, e.effective_date, e.occurred_at, e.source, e.rule_version, e.memo,
       r.public_id, e.payload_hash, l.codes, l.currencies, l.amounts, l.fault
FROM licensing_ledgerentry e
LEFT JOIN licensing_ledgerentry r ON r.id = e.reverses_id
LEFT JOIN LATERAL (
  SELECT array_agg(a.code ORDER BY l.id) AS codes, array_agg(l.currency_id ORDER BY l.id) AS currencies,
         array_agg(l.amount ORDER BY l.id) AS amounts,
         min(CASE WHEN l.effective_date <> e.effective_date THEN 'a line has another date'
                  WHEN l.xid <> e.xid THEN 'a line was added by another transaction'
                  WHEN a.currency_id <> l.currency_id THEN 'a line has not its account''s currency'
                  WHEN a.livemode <> e.livemode THEN 'an account is of the other mode'
                  WHEN a.whole_minor_only AND l.amount %% 1000000 <> 0
                  THEN 'a fraction on a whole account' END) AS fault
  FROM licensing_ledgerline l JOIN licensing_ledgeraccount a ON a.id = l.account_id WHERE l.entry_id = e.id
) l ON true
WHERE (e.xid, e.id) > (%s, %s) ORDER BY e.xid, e.id LIMIT %s
"""
_STRAY = """
SELECT l.id, l.entry_id FROM licensing_ledgerline l
WHERE NOT EXISTS (SELECT FROM licensing_ledgerentry e WHERE e.id = l.entry_id)
   OR NOT EXISTS (SELECT FROM licensing_ledgeraccount a WHERE a.id = l.account_id)
ORDER BY l.id LIMIT 1
"""
_UNCOVERED = """
SELECT e.public_id FROM licensing_ledgerentry e
WHERE NOT EXISTS (SELECT FROM licensing_ledgerperiod p WHERE p.livemode = e.livemode AND p.starts <= e.effective_date
                  AND p.ends > e.effective_date)
ORDER BY e.xid, e.id LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Bad:
    """The first thing that is wrong: a public id, a line or a table, and a sentence."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What was checked. `imbalance` in micro per currency: all zero when the books are right."""

    imbalance: dict[str, int]
    entries: int
    lines: int
    first_bad: Bad | None

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return self.first_bad is None and not any(self.imbalance.values())


def verify() -> Proof:
    """Check everything; reads all entries once. Needs an open unit. `first_bad` is the lowest by (xid, id)."""
    imbalance = queries.imbalance()
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS)
        entries, lines = cursor.fetchone()
    return Proof(imbalance, entries, lines, _first_bad())


def _first_bad() -> Bad | None:
    for row in _entries():
        why = _fault(row)
        if why:
            return Bad(ids.encode(LedgerEntry.PREFIX, row.public_id), why)
    return _bad_line() or _bad_account() or _bad_period() or _bad_guard()


def _bad_line() -> Bad | None:
    with connection.cursor() as cursor:
        cursor.execute(_STRAY)
        stray = cursor.fetchone()
        cursor.execute(_UNCOVERED)
        uncovered = cursor.fetchone()
    if stray:
        return Bad(f"line {stray[0]}", f"its entry {stray[1]} or its account does not exist")
    return Bad(ids.encode(LedgerEntry.PREFIX, uncovered[0]), "no period covers its date") if uncovered else None


def _bad_account() -> Bad | None:
    """An account that is not as the chart says, e.g. one that was made to take fractions."""
    for row in LedgerAccount.objects.order_by("id").iterator():
        try:
            chart = accounts.line_of(row.code)
        except ValueError as wrong:
            return Bad(row.code, str(wrong))
        if (row.kind, row.whole_minor_only, row.owner) != (chart.kind, chart.whole_minor, accounts.owner_of(row.code)):
            return Bad(row.code, "the account is not as the chart says")
    return None


def _bad_period() -> Bad | None:
    """A closed period whose trial balance is no longer the one it was closed with."""
    for period in LedgerPeriod.objects.filter(status="closed").order_by("livemode", "starts"):
        if periods.balance_hash(period) != period.trial_balance_hash:
            return Bad(period.name_id, "its trial balance is not the one it was closed with")
    return None


def _bad_guard() -> Bad | None:
    found = guards.first_fault(guards.LEDGER, guards.BODIES)
    return Bad(*found) if found else None


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    xid: int
    public_id: UUID
    kind: str
    livemode: bool
    effective_date: date
    occurred_at: datetime
    source: str
    rule_version: str
    memo: str
    reverses: UUID | None
    payload_hash: str
    codes: list[str] | None
    currencies: list[str] | None
    amounts: list[int] | None
    fault: str | None

    def legs(self) -> list[tuple[str, str, int]]:
        return list(zip(self.codes or [], self.currencies or [], self.amounts or [], strict=True))


def _entries() -> Iterator[_Row]:
    after: tuple[Any, Any] = (-1, -1)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_ENTRIES, [*after, BATCH])
            rows = [_Row(*row) for row in cursor.fetchall()]
        yield from rows
        if len(rows) < BATCH:
            return
        after = (rows[-1].xid, rows[-1].id)


def _fault(row: _Row) -> str:
    legs = row.legs()
    if len(legs) < 2:
        return f"it has {len(legs)} lines"
    crooked = rules.imbalances(legs)
    if crooked:
        currency, total = crooked[0]
        return f"its lines in {currency} sum to {total} micro"
    if row.fault:
        return row.fault
    found = rules.payload_hash(
        kind=row.kind,
        livemode=row.livemode,
        effective_date=row.effective_date,
        occurred_at=row.occurred_at,
        source=row.source,
        rule_version=row.rule_version,
        memo=row.memo,
        reverses=ids.encode(LedgerEntry.PREFIX, row.reverses) if row.reverses else "",
        legs=legs,
    )
    return "" if found == row.payload_hash else "its content is not what was posted (payload hash)"
