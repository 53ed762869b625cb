"""The only writer of the books; the database guards every rule a second time (migration 0002_ledger)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.backends.utils import CursorWrapper

from accounts import identity
from accounts.errors import Reason, Refused
from accounts.models import Countersign
from accounts.unit import Actor, unit
from licensing.kernel import ids
from licensing.ledger import accounts, periods, rules
from licensing.ledger.models import LedgerEntry
from licensing.ledger.rules import Draft, Line

__all__ = ["Draft", "Line", "post", "post_many"]

_EARLIER = "SELECT idem_key, payload_hash FROM licensing_ledgerentry WHERE idem_key = ANY(%s)"
_MISSING = """
SELECT DISTINCT w.livemode, w.code, w.currency
FROM unnest(%s::boolean[], %s::text[], %s::text[]) AS w(livemode, code, currency)
WHERE NOT EXISTS (SELECT FROM licensing_ledgeraccount a
                  WHERE a.livemode = w.livemode AND a.code = w.code AND a.currency_id = w.currency)
"""
_OPEN_ACCOUNTS = """
INSERT INTO licensing_ledgeraccount (livemode, code, currency_id, kind, owner, whole_minor_only)
SELECT * FROM unnest(%s::boolean[], %s::text[], %s::text[], %s::text[], %s::text[], %s::boolean[])
ON CONFLICT DO NOTHING
"""
# In the order of the keys: two batches with keys in common wait for each other instead of locking each other out.
_ENTRIES = """
INSERT INTO licensing_ledgerentry (public_id, created_at, livemode, idem_key, kind, effective_date, occurred_at,
  posted_at, source, reverses_id, actor, memo, rule_version, payload_hash, xid, cluster)
SELECT w.public_id, %(at)s, w.livemode, w.idem_key, w.kind, w.effective_date, w.occurred_at, %(at)s, w.source,
  (SELECT r.id FROM licensing_ledgerentry r WHERE r.public_id = w.reverses),
  %(actor)s, w.memo, w.rule_version, w.payload_hash, 0, 0
FROM unnest(%(public_id)s::uuid[], %(livemode)s::boolean[], %(idem_key)s::text[], %(kind)s::text[],
  %(effective_date)s::date[], %(occurred_at)s::timestamptz[], %(source)s::text[], %(reverses)s::uuid[],
  %(memo)s::text[], %(rule_version)s::text[], %(payload_hash)s::text[])
  AS w(public_id, livemode, idem_key, kind, effective_date, occurred_at, source, reverses, memo, rule_version,
  payload_hash)
ORDER BY w.idem_key
ON CONFLICT (idem_key) DO NOTHING RETURNING id, idem_key, effective_date
"""
# Every line of every entry in one statement: the zero-sum trigger sees whole entries or refuses.
_LINES = """
INSERT INTO licensing_ledgerline (effective_date, entry_id, account_id, amount, currency_id)
SELECT w.effective_date, w.entry, a.id, w.amount, w.currency
FROM unnest(%(entry)s::bigint[], %(effective_date)s::date[], %(livemode)s::boolean[], %(code)s::text[],
  %(currency)s::text[], %(amount)s::bigint[])
  WITH ORDINALITY AS w(entry, effective_date, livemode, code, currency, amount, place)
JOIN licensing_ledgeraccount a ON a.livemode = w.livemode AND a.code = w.code AND a.currency_id = w.currency
ORDER BY w.place
"""


def post(
    *,
    idem_key: str,
    kind: str,
    lines: Sequence[Line],
    currency: str,
    livemode: bool,
    effective_date: date,
    occurred_at: datetime,
    source: str,
    actor: Actor,
    at: datetime,
    rule_version: str,
    memo: str = "",
    reverses: str = "",
) -> LedgerEntry:
    """Post one entry; `lines` in micro units, + debit, - credit, summing to zero in each currency.

    `effective_date` decides the period, `occurred_at` is when it really happened, `source` the public id of the cause,
    `reverses` the public id of an entry this one takes back in full. Accounts of the chart are opened when first used.
    The same `idem_key` with the same content returns the earlier entry; with other content Refused("idem_conflict").
    Also refused: "entry_invalid" (reasons per line), "entry_unknown" (`reverses`), "period_closed", "period_missing",
    "countersign_needed" (kind manual, or a soft period). Nothing is written then.
    """
    draft = Draft(
        idem_key=idem_key,
        kind=kind,
        lines=lines,
        currency=currency,
        livemode=livemode,
        effective_date=effective_date,
        occurred_at=occurred_at,
        source=source,
        rule_version=rule_version,
        memo=memo,
        reverses=reverses,
    )
    with unit(actor):
        post_many([draft], actor=actor, at=at)
        return LedgerEntry.objects.get(idem_key=idem_key)


def post_many(drafts: Sequence[Draft], *, actor: Actor, at: datetime) -> int:
    """Post many entries with a constant number of statements; returns how many were new. Refused as `post` says."""
    for draft in drafts:
        _check(draft)
    hashes = {draft.idem_key: draft.payload_hash() for draft in drafts}
    if len(hashes) != len(drafts):
        raise Refused("idem_conflict", "Two entries of one batch have the same key.")
    with unit(actor), connection.cursor() as cursor:
        soft: set[tuple[bool, date]] = set()
        for livemode, day in sorted({(draft.livemode, draft.effective_date) for draft in drafts}):
            kinds = {draft.kind for draft in drafts if (draft.livemode, draft.effective_date) == (livemode, day)}
            if periods.share(livemode=livemode, day=day, kinds=kinds, actor=actor, at=at) == "soft":
                soft.add((livemode, day))
        _check_approved([d for d in drafts if d.kind == "manual" or (d.livemode, d.effective_date) in soft], hashes)
        _open_accounts(cursor, drafts)
        fresh = _insert_entries(cursor, drafts, hashes, actor, at)
        if len(fresh) < len(drafts):
            _check_earlier(cursor, hashes, fresh)
        if fresh:
            _insert_lines(cursor, [draft for draft in drafts if draft.idem_key in fresh], fresh)
    return len(fresh)


def _check(draft: Draft) -> None:
    faults = rules.faults(draft)
    if faults:
        reasons = [Reason(code, message, pointer) for code, pointer, message in faults]
        raise Refused("entry_invalid", f"The entry cannot be posted: {reasons[0].message}", reasons)


def _check_approved(drafts: Sequence[Draft], hashes: dict[str, str]) -> None:
    """Manual entries, and every entry into a soft period, have been approved by a second person, content by content."""
    if not drafts:
        return
    signed = Countersign.objects.filter(right="ledger.manual", status="approved")
    approved = set(signed.filter(payload_hash__in=hashes.values()).values_list("livemode", "payload_hash"))
    earlier = set(LedgerEntry.objects.filter(idem_key__in=hashes).values_list("idem_key", flat=True))
    for draft in drafts:
        if (draft.livemode, hashes[draft.idem_key]) not in approved and draft.idem_key not in earlier:
            raise Refused("countersign_needed", f"{draft.idem_key} needs the approval of a second person.")


def _open_accounts(cursor: CursorWrapper, drafts: Sequence[Draft]) -> None:
    wanted = sorted({(draft.livemode, code, money) for draft in drafts for code, money, _ in draft.legs()})
    cursor.execute(_MISSING, [list(column) for column in zip(*wanted, strict=True)])
    missing = sorted(cursor.fetchall())
    if not missing:
        return
    charts = [accounts.line_of(code) for _, code, _ in missing]
    columns: list[list[Any]] = [list(column) for column in zip(*missing, strict=True)]
    columns.append([chart.kind for chart in charts])
    columns.append([accounts.owner_of(code) for _, code, _ in missing])
    columns.append([chart.whole_minor for chart in charts])
    cursor.execute(_OPEN_ACCOUNTS, columns)


def _insert_entries(
    cursor: CursorWrapper, drafts: Sequence[Draft], hashes: dict[str, str], actor: Actor, at: datetime
) -> dict[str, int]:
    """Insert the entries whose key is new; returns key -> entry id of those."""
    values: dict[str, Any] = {
        name: [getattr(draft, name) for draft in drafts]
        for name in ("livemode", "idem_key", "kind", "effective_date", "occurred_at", "source", "memo", "rule_version")
    }
    values["public_id"] = [identity.fresh(at) for _ in drafts]
    values["payload_hash"] = [hashes[draft.idem_key] for draft in drafts]
    values["reverses"] = [_reversed(draft) for draft in drafts]
    cursor.execute(_ENTRIES, values | {"at": at, "actor": actor.name})
    return {key: int(entry) for entry, key, _ in cursor.fetchall()}


def _reversed(draft: Draft) -> UUID | None:
    if not draft.reverses:
        return None
    found = ids.decode(LedgerEntry.PREFIX, draft.reverses)
    if not LedgerEntry.objects.filter(public_id=found).exists():
        raise Refused("entry_unknown", f"There is no entry {draft.reverses} to take back.")
    return found


def _check_earlier(cursor: CursorWrapper, hashes: dict[str, str], fresh: dict[str, int]) -> None:
    cursor.execute(_EARLIER, [[key for key in hashes if key not in fresh]])
    for key, stored in cursor.fetchall():
        if stored != hashes[key]:
            reason = Reason("idem_conflict", f"{key} was posted with other content", "/idem_key", hashes[key], stored)
            raise Refused("idem_conflict", f"The key {key} belongs to another entry.", [reason])


def _insert_lines(cursor: CursorWrapper, drafts: Sequence[Draft], entries: dict[str, int]) -> None:
    rows = [
        (entries[draft.idem_key], draft.effective_date, draft.livemode, code, currency, amount)
        for draft in drafts
        for code, currency, amount in draft.legs()
    ]
    names = ("entry", "effective_date", "livemode", "code", "currency", "amount")
    cursor.execute(_LINES, {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)})
    if cursor.rowcount != len(rows):
        raise RuntimeError(f"{cursor.rowcount} of {len(rows)} lines found their account")
