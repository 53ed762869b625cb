"""What a run must have been: its frozen inputs, divided again by the oracle and not by the SQL that made it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any
from uuid import UUID

from django.db import connection

from licensing.kernel import split
from licensing.kernel.split import PartShare, WorkWeight
from licensing.royalties.models import AllocationRun

WHOLE = 1_000_000
UNNAMED = UUID(int=0)
"""Stands for the payee of an unallocated part."""

PRICES = """
SELECT k.public_id, l.price_micro FROM licensing_quoteline l JOIN licensing_work k ON k.id = l.work_id
WHERE l.quote_id = %(quote)s AND EXISTS (SELECT FROM licensing_quoteshare s WHERE s.line_id = l.id)
ORDER BY k.public_id
"""
SHARES = """
SELECT k.public_id, c.public_id, s.split_version_id, coalesce(h.payable_ppm, s.share_ppm), f.public_id
FROM licensing_quoteline l JOIN licensing_work k ON k.id = l.work_id JOIN licensing_quoteshare s ON s.line_id = l.id
JOIN licensing_claim c ON c.id = s.claim_id
LEFT JOIN licensing_heldshare h ON h.run_id = %(run)s AND h.work_id = l.work_id AND h.claim_id = s.claim_id
LEFT JOIN licensing_conflict f ON f.id = h.conflict_id
WHERE l.quote_id = %(quote)s AND (%(work)s::uuid IS NULL OR k.public_id = %(work)s::uuid)
"""
VERSIONS = """
SELECT v.id, v.public_id, p.part_no, p.ppm, y.public_id
FROM licensing_splitversion v JOIN licensing_splitpart p ON p.version_id = v.id
LEFT JOIN licensing_party y ON y.id = p.party_id
WHERE v.id IN (SELECT s.split_version_id FROM licensing_quoteline l JOIN licensing_quoteshare s ON s.line_id = l.id
               JOIN licensing_work k ON k.id = l.work_id
               WHERE l.quote_id = %(quote)s AND (%(work)s::uuid IS NULL OR k.public_id = %(work)s::uuid))
ORDER BY v.id, p.part_no
"""

Version = tuple[UUID, int, int, UUID]  # split version, number inside it, ppm, payee


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run divides. `parts` of works with the same claims and splits are one object: memory grows with works."""

    works: Sequence[WorkWeight]
    parts: Mapping[UUID, Sequence[PartShare]]


def inputs(run: AllocationRun, work: UUID | None = None) -> Inputs:
    """The frozen inputs of a run, works by public id; with `work` the parts of that work only."""
    values = {"quote": run.order.quote_id, "run": run.pk, "work": work and str(work)}
    prices: list[tuple[UUID, int]] = _rows(PRICES, values)
    divisor = gcd(*(price for _, price in prices)) or 1
    return Inputs([WorkWeight(key, price // divisor) for key, price in prices], _parts(values))


def rows(run: AllocationRun, given: Inputs) -> Iterator[split.Row]:
    """The oracle's rows by work and part number. Raises ValueError when the inputs do not sum."""
    return split.allocate(run.public_id, run.pool_micro, given.works, given.parts)


def _parts(values: Mapping[str, Any]) -> dict[UUID, Sequence[PartShare]]:
    versions: defaultdict[int, list[Version]] = defaultdict(list)
    for key, public, number, ppm, payee in _rows(VERSIONS, values):
        versions[key].append((public, number, ppm, payee or UNNAMED))
    shared: dict[tuple[object, ...], list[PartShare]] = {}
    found: defaultdict[UUID, list[PartShare]] = defaultdict(list)
    paid: defaultdict[UUID, int] = defaultdict(int)
    held: dict[UUID, UUID] = {}
    for work, claim, version, ppm, conflict in _rows(SHARES, values):
        key = (claim, version, ppm)
        if key not in shared:
            shared[key] = [PartShare(claim, v, no, payee, part, ppm) for v, no, part, payee in versions[version]]
        paid[work] += ppm
        if conflict:
            held[work] = conflict
        if ppm:
            found[work] = found[work] + shared[key] if work in found else shared[key]
    for work, conflict in held.items():
        if paid[work] < WHOLE:
            rest = PartShare(None, None, 1, conflict, WHOLE, WHOLE - paid[work])
            found[work] = [*found.get(work, ()), rest]
    return dict(found)


def _rows(sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
