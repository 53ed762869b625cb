"""The hash chain over the audit log, one per organisation: made late, so that writers never wait for each other.

Rows are written unchained. A job links those whose transactions are over, in (xid, id) order below the oldest running
transaction: nothing can appear before a link that exists (trust.md 4).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.db import connection
from django.db.models import Count, Q

from accounts.models import AuditLink, AuditRow
from accounts.unit import Actor, unit
from licensing.kernel import digests

GENESIS = "0" * 64
BATCH = 2_000
LOCK = 7320

# Visible, yet with an xid this cluster has not given out: restored from another one, so finished long ago.
_FINISHED = """
SELECT r.id FROM accounts_auditrow r,
  (SELECT pg_snapshot_xmin(s)::text::bigint AS low, pg_snapshot_xmax(s)::text::bigint AS high
   FROM (SELECT pg_current_snapshot() AS s) t) w
WHERE (r.xid < w.low OR r.xid >= w.high) AND {new} ORDER BY r.xid, r.id LIMIT %s
"""
_AFTER_LAST = _FINISHED.format(
    new="""(r.xid, r.id) > (SELECT coalesce(max(l.xid), -1), coalesce(max(l.id), -1) FROM (
             SELECT p.xid, p.id FROM accounts_auditlink k JOIN accounts_auditrow p ON p.id = k.row_id
             ORDER BY k.id DESC LIMIT 1) l)"""
)
_UNLINKED = _FINISHED.format(new="NOT EXISTS (SELECT FROM accounts_auditlink k WHERE k.row_id = r.id)")
_HEADS = """
SELECT DISTINCT ON (chain) chain, position, hash FROM accounts_auditlink
WHERE chain = ANY(%s) ORDER BY chain, position DESC
"""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was checked: links per chain, rows that wait for their link, and the first row that does not fit."""

    links: int
    waiting: int
    first_bad: str | None


def link(*, actor: Actor, everything: bool = False) -> int:
    """Link what is finished, batch by batch, and return how many rows.

    `everything` also looks for rows before the last link: after a restore transaction numbers begin anew.
    """
    total = 0
    while True:
        with unit(actor):
            done = _link_batch(_UNLINKED if everything else _AFTER_LAST)
        total += done
        if done < BATCH:
            return total


def content_hash(row: AuditRow, *, chain: int, position: int, previous: str) -> str:
    """SHA-256 of a link: the JCS of the row, its place, and the hash before it.

    `before` and `after` enter as JSON text with sorted keys: an act may say what canonical JSON has no word for.
    """
    return digests.of_json(
        {
            "previous": previous,
            "chain": chain,
            "position": position,
            "row": row.pk,
            "xid": str(row.xid),
            "organisation": row.organisation_id,
            "livemode": row.livemode,
            "actor": row.actor,
            "act": row.act,
            "subject": row.subject,
            "before": _text(row.before),
            "after": _text(row.after),
            "request_id": row.request_id,
            "at": row.at.astimezone(UTC).isoformat(timespec="microseconds"),
        }
    )


def verify(organisation_id: int | None = None) -> Proof:
    """Walk every chain from its beginning, or the one of an organisation. Needs an open unit.

    Finds a changed, removed or inserted row or link; a chain cut off at its end is found by its signed head only.
    """
    bad: str | None = None
    links = 0
    place: dict[int, tuple[int, str]] = {}
    for found, row in _links(organisation_id):
        links += 1
        position, previous = place.get(found.chain, (0, GENESIS))
        bad = bad or _fault(found, row, position + 1, previous)
        place[found.chain] = (found.position, found.hash)
    rows = AuditRow.objects.all()
    if organisation_id is not None:
        rows = rows.filter(organisation_id=organisation_id)
    total = rows.aggregate(number=Count("id"))["number"]
    return Proof(links, total - links, bad)


def _fault(found: AuditLink, row: AuditRow | None, position: int, previous: str) -> str | None:
    where = f"audit row {found.row_id} (chain {found.chain}, position {found.position})"
    if row is None:
        return f"{where}: the row is gone"
    if found.position != position:
        return f"{where}: position {position} is missing"
    if found.previous_hash != previous:
        return f"{where}: it does not follow the link before it"
    if (row.organisation_id or 0) != found.chain:
        return f"{where}: the row belongs to another chain"
    if content_hash(row, chain=found.chain, position=position, previous=previous) != found.hash:
        return f"{where}: its content is not what was linked"
    return None


def _links(organisation_id: int | None) -> Iterator[tuple[AuditLink, AuditRow | None]]:
    links = AuditLink.objects.order_by("chain", "position")
    if organisation_id is not None:
        links = links.filter(chain=organisation_id)
    after = (-1, -1)
    while True:
        rows = list(links.filter(Q(chain=after[0], position__gt=after[1]) | Q(chain__gt=after[0]))[:BATCH])
        # Not a join: a link whose row was removed must be seen.
        about = AuditRow.objects.in_bulk([found.row_id for found in rows])
        yield from ((found, about.get(found.row_id)) for found in rows)
        if len(rows) < BATCH:
            return
        after = (rows[-1].chain, rows[-1].position)


def _link_batch(which: str) -> int:
    with connection.cursor() as cursor:
        # Alone, and before the snapshot that is asked which transactions are over.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [LOCK])
        cursor.execute(which, [BATCH])
        chosen = [row[0] for row in cursor.fetchall()]
        rows = AuditRow.objects.in_bulk(chosen)
        ordered = [rows[number] for number in chosen]
        cursor.execute(_HEADS, [sorted({row.organisation_id or 0 for row in ordered})])
        heads = {chain: (position, digest) for chain, position, digest in cursor.fetchall()}
    AuditLink.objects.bulk_create(_linked(ordered, heads))
    return len(ordered)


def _linked(rows: Sequence[AuditRow], heads: dict[int, tuple[int, str]]) -> list[AuditLink]:
    made = []
    for row in rows:
        chain = row.organisation_id or 0
        position, previous = heads.get(chain, (0, GENESIS))
        digest = content_hash(row, chain=chain, position=position + 1, previous=previous)
        made.append(AuditLink(row=row, chain=chain, position=position + 1, previous_hash=previous, hash=digest))
        heads[chain] = (position + 1, digest)
    return made


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
