"""A payee's statement over a period, made from the rows that were booked (docs/algorithms/statements.md, section 5)."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from accounts import audit, states
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.unit import Actor, unit
from licensing.catalogue.models import Party
from licensing.events import services as events
from licensing.kernel import ids, money
from licensing.royalties.models import COLUMNS, Statement

ACCOUNTS = ("payee_accrued", "payee_payable", "payee_reserve", "payee_receivable")
EARNING = ("payee_accrued",)
"""The accounts whose movements the lines of this version explain."""

LINES = """
SELECT a.run_date, a.id, r.public_id, r.source, o.public_id, k.public_id, k.title, c.public_id, v.public_id, v.document,
       w.amount, a.weight, CASE WHEN a.whole THEN 1000000 ELSE 1000000000000 END, a.amount
FROM (
  SELECT x.*, (SELECT sum(y.weight) FROM licensing_allocation y WHERE y.run_date = x.run_date
               AND y.id > x.id >> 16 << 16 AND y.id < ((x.id >> 16) + 1) << 16) = 1000000 AS whole
  FROM licensing_allocation x JOIN licensing_ledgeraccount t ON t.id = x.account_id
  WHERE t.livemode = %(livemode)s AND t.code = %(code)s AND t.currency_id = %(currency)s
    AND x.run_date >= %(starts)s AND x.run_date < %(ends)s
) a
JOIN licensing_workallocation w ON w.run_date = a.run_date AND w.id = a.id >> 16
JOIN licensing_allocationrun r ON r.id = a.run_id JOIN licensing_order o ON o.id = r.order_id
JOIN licensing_work k ON k.id = a.work_id JOIN licensing_claim c ON c.id = a.claim_id
JOIN licensing_splitpart p ON p.id = a.split_part_id JOIN licensing_splitversion v ON v.id = p.version_id
ORDER BY a.run_date, a.id
"""
MOVED = """
SELECT split_part(t.code, ':', 1), coalesce(-sum(l.amount) FILTER (WHERE l.effective_date < %(starts)s), 0),
       coalesce(-sum(l.amount) FILTER (WHERE l.effective_date >= %(starts)s AND l.effective_date < %(ends)s), 0)
FROM licensing_ledgeraccount t JOIN licensing_ledgerline l ON l.account_id = t.id
WHERE t.livemode = %(livemode)s AND t.code = ANY(%(codes)s) AND t.currency_id = %(currency)s GROUP BY 1
"""

FIELDS = (
    "line", "date", "run", "payment", "order", "work", "title", "claim", "split_version", "document", "basis_micro",
    "share", "share_of", "amount_micro",
)  # fmt: skip
WRITTEN = ("title", "document")
"""The fields that people write; numbers and ids stay as they are."""
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def rows(statement: Statement) -> Iterator[dict[str, Any]]:
    """The statement's lines in the order (date, id), keys FIELDS: the only source of every form. Needs an open unit.

    Micro as decimal text; amount = basis x share / share_of, up to the one micro that ranking gives.
    """
    with connection.chunked_cursor() as cursor:
        cursor.execute(LINES, _values(statement) | {"code": f"payee_accrued:{statement.payee.name_id}"})
        for day, key, run, payment, order, work, title, claim, version, document, basis, share, of, amount in cursor:
            yield dict(zip(FIELDS, (
                f"{day.isoformat()}:{key}", day.isoformat(), ids.encode("alr", run), payment, ids.encode("ord", order),
                ids.encode("wrk", work), title, ids.encode("clm", claim), ids.encode("spl", version), document,
                str(basis), share, of, str(amount),
            ), strict=True))  # fmt: skip


def current(statement: Statement) -> Statement:
    """A draft as it would be drawn up now, not stored: its head says what its lines say. An issued one as it is.

    Raises Refused("statement_difference").
    """
    if statement.status == "draft":
        _fill(statement)
    return statement


def as_json(statement: Statement) -> Iterator[str]:
    """The statement as one JSON object, in pieces; its SHA-256 is `file_sha256`."""
    head = {
        "object": "statement", "payee": statement.payee.name_id, "currency": statement.currency,
        "livemode": statement.livemode, "starts": statement.starts.isoformat(), "ends": statement.ends.isoformat(),
        "version": statement.version, **{f"{name}_micro": str(getattr(statement, name)) for name in COLUMNS},
    }  # fmt: skip
    yield json.dumps(head, ensure_ascii=False)[:-1] + ', "lines": ['
    between = "\n"
    for row in rows(statement):
        yield between + json.dumps(row, ensure_ascii=False)
        between = ",\n"
    yield "\n]}\n"


def as_csv(statement: Statement) -> Iterator[str]:
    """The lines as CSV with a header; text that a spreadsheet would run as a formula is preceded by an apostrophe."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, FIELDS, lineterminator="\r\n")
    writer.writeheader()
    for row in rows(statement):
        writer.writerow({name: _harmless(value) if name in WRITTEN else value for name, value in row.items()})
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def draft(*, payee: Party, currency: str, starts: date, ends: date, actor: Actor, at: datetime) -> Statement:
    """Make or make again the draft over [starts, ends): columns, lines, control total.

    Raises Refused("currency_unknown"), ("statement_period"), ("statement_final") when that period's statement is
    issued, or ("statement_difference") when the lines do not explain the ledger; nothing is written then.
    """
    if currency not in money.EXPONENTS:
        reason = Reason("currency_unknown", "A lower-case ISO 4217 code.", "/currency", currency)
        raise Refused("currency_unknown", "The currency is unknown.", [reason])
    if starts >= ends:
        raise Refused("statement_period", f"A period ends after it starts: {starts} to {ends}.")
    with unit(actor), transaction.atomic():
        Party.objects.select_for_update().get(pk=payee.pk)
        same = Statement.objects.filter(
            payee=payee, currency=currency, starts=starts, ends=ends, livemode=payee.livemode
        )
        if same.filter(status="issued").exists():
            raise Refused("statement_final", f"The statement of {payee.name_id} over {starts} to {ends} is issued.")
        made = same.filter(status="draft").first() or Statement(
            public_id=fresh(at), created_at=at, organisation_id=payee.organisation_id, livemode=payee.livemode,
            payee=payee, currency=currency, starts=starts, ends=ends,
            version=(same.aggregate(last=Max("version"))["last"] or 0) + 1,
        )  # fmt: skip
        _fill(made)
        made.save()
        audit.record(
            actor=actor, act="statement.drafted", subject=made.name_id, at=at, organisation_id=made.organisation_id,
            after={"closing_micro": str(made.closing), "lines": made.lines_count, "sha256": made.file_sha256},
        )  # fmt: skip
    return made


def issue(*, statement: Statement, actor: Actor, at: datetime) -> Statement:
    """Make a draft final: computed once more, then never again.

    Raises Refused("period_running") before the period is over, or as draft() does.
    """
    with unit(actor), transaction.atomic():
        held = Statement.objects.select_for_update().get(pk=statement.pk)
        if at.date() < held.ends:
            reason = Reason(
                "period_running", "The period is not over.", "/ends", at.date().isoformat(), f">= {held.ends}"
            )
            raise Refused("period_running", f"{held.name_id} can be issued from {held.ends} on.", [reason])
        if held.status == "draft":
            _fill(held)
            held.save()
        states.advance(held, "issued", actor=actor, at=at)
        events.emit(
            "statement.published", held.name_id, actor=actor, at=at, organisation_id=held.organisation_id,
            livemode=held.livemode,
        )  # fmt: skip
    return held


def _fill(statement: Statement) -> None:
    """Compute columns and control from rows and ledger; refuses when they do not agree."""
    count = total = 0
    for row in rows(statement):
        count, total = count + 1, total + int(row["amount_micro"])
    before, moved = _movements(statement)
    control = {
        kind: {"lines": str(explained), "ledger": str(moved[kind]), "difference": str(explained - moved[kind])}
        for kind in ACCOUNTS
        for explained in [total if kind in EARNING else 0]
    }
    statement.opening, statement.earned = sum(before.values()), total
    statement.closing = statement.opening + statement.earned
    statement.lines_count, statement.control = count, {"count": count, "accounts": control}
    wrong = {kind: sheet for kind, sheet in control.items() if sheet["difference"] != "0"}
    if wrong:
        reasons = [
            Reason("statement_difference", f"{kind} moved by more than its lines", "", sheet["ledger"], sheet["lines"])
            for kind, sheet in wrong.items()
        ]
        raise Refused("statement_difference", "The lines do not explain the ledger's movement.", reasons)
    digest = hashlib.sha256()
    for piece in as_json(statement):
        digest.update(piece.encode())
    statement.file_sha256 = digest.hexdigest()


def _movements(statement: Statement) -> tuple[dict[str, int], dict[str, int]]:
    """Per kind of the payee's accounts, credits less debits: before the period, and in it; micro."""
    codes = [f"{kind}:{statement.payee.name_id}" for kind in ACCOUNTS]
    with connection.cursor() as cursor:
        cursor.execute(MOVED, _values(statement) | {"codes": codes})
        found = cursor.fetchall()
    before, moved = dict.fromkeys(ACCOUNTS, 0), dict.fromkeys(ACCOUNTS, 0)
    for kind, earlier, within in found:
        before[kind], moved[kind] = int(earlier), int(within)
    return before, moved


def _values(statement: Statement) -> dict[str, Any]:
    return {
        "livemode": statement.livemode, "currency": statement.currency, "starts": statement.starts,
        "ends": statement.ends,
    }  # fmt: skip


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(DANGEROUS) else value
