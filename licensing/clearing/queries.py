"""Reads of clearing: what a bundle selects, what a clearance says, why a work was decided as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.db import connection

from accounts.unit import Actor
from licensing.catalogue.models import Work
from licensing.clearing.boxes import BEGINNING, END, Box
from licensing.clearing.models import Clearance, ClearanceFit, Decision
from licensing.clearing.premises import Premise
from licensing.clearing.reasons import CODES
from licensing.kernel import ids, territories
from licensing.rights import vocabulary
from licensing.rights.models import TermsVersion

FILTERS = {
    "organisation": "w.organisation_id IN (SELECT id FROM accounts_organisation WHERE slug = %(organisation)s)",
    "catalogue": """w.catalogue_id IN (SELECT c.id FROM licensing_catalogue c
        WHERE c.slug = %(catalogue)s OR c.public_id::text = %(catalogue)s)""",
    "catalogues": """w.catalogue_id IN (SELECT c.id FROM licensing_catalogue c
        WHERE c.slug = ANY(%(catalogues)s) OR c.public_id::text = ANY(%(catalogues)s))""",
    "language": "(w.language = %(language)s OR w.language LIKE %(language)s || '-%%')",
    "form": "w.form = %(form)s",
    "q": "w.words_index @@ websearch_to_tsquery('simple', %(q)s)",
}


def select(bundle_id: int, query: Mapping[str, Any], *, actor: Actor) -> int:
    """Put every work the query finds into the bundle; returns how many. Drafts of others are not shown."""
    where = "".join(f" AND {FILTERS[name]}" for name in sorted(query))
    params = {"bundle": bundle_id, "livemode": actor.livemode, "own": actor.organisation_id, **query}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO licensing_bundlework (bundle_id, work_id, own_ref)
                SELECT %(bundle)s, w.id, '' FROM licensing_work w
                WHERE w.livemode = %(livemode)s AND (w.status <> 'draft' OR w.organisation_id = %(own)s){where}
                ORDER BY w.id""",
            params,
        )
        return int(cursor.rowcount)


def cells(boxes: Sequence[Box]) -> list[dict[str, Any]]:
    """Boxes as people read them: actions, territories, days."""
    return [
        {
            "actions": vocabulary.names(box.actions),
            "territories": territories.codes(box.territories),
            "from": None if box.start == BEGINNING else date.fromordinal(box.start).isoformat(),
            "until": None if box.end >= END else date.fromordinal(box.end).isoformat(),
        }
        for box in boxes
    ]


def premises(found: Sequence[Premise]) -> list[dict[str, Any]]:
    """Premises as people read them: cells instead of regions, null for what holds everywhere."""
    return [
        {
            "route": one.route, "premise": one.premise, "satisfied": one.satisfied, "row": one.row or None,
            "against": list(one.against), "cells": None if one.region is None else cells([one.region])[0],
        }
        for one in found
    ]  # fmt: skip


def works(clearance: Clearance, *, limit: int | None = None) -> list[dict[str, Any]]:
    """The decisions as `clear --works` prints them (interfaces.md 3), by work id."""
    rows = Decision.objects.filter(clearance=clearance).select_related("work").order_by("work__public_id")
    decisions = list(rows if limit is None else rows[:limit])
    terms = version_names({version for row in decisions for version in row.versions})
    fits = ClearanceFit.objects.filter(clearance=clearance, number__in={row.fit for row in decisions})
    where = {found.number: found.detail["reasons"] for found in fits}
    return [
        {
            "work": row.work.name_id,
            "outcome": row.outcome,
            "kind": row.kind,
            "reasons": [{"code": code, "detail": where[row.fit].get(code, [])} for code in row.reasons],
            "considered": row.considered,
            "notes": row.notes,
            "price": (
                None if row.price_micro is None else {"micro": str(row.price_micro), "currency": clearance.currency}
            ),
            "terms": sorted({terms[version] for version in row.versions}),
        }
        for row in decisions
    ]


def version_names(versions: set[int]) -> dict[int, str]:
    """Terms version id -> ``trm_.../number``."""
    if not versions:
        return {}
    rows = TermsVersion.objects.select_related("terms").filter(pk__in=versions)
    return {row.pk: f"{row.terms.name_id}/{row.number}" for row in rows}


GROUPS = """
SELECT outcome, kind, notes, count(*), coalesce(sum(price_micro), 0) FROM licensing_decision
WHERE clearance_id = %(clearance)s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


def summary(clearance: Clearance) -> dict[str, Any]:
    """Counts and money by outcome and kind, reasons with what would change them, notes: one pass over the decisions."""
    kinds: dict[tuple[str, str], list[int]] = {}
    notes: dict[str, int] = {}
    with connection.cursor() as cursor:
        cursor.execute(GROUPS, {"clearance": clearance.pk})
        for outcome, kind, said, works, micro in cursor.fetchall():
            sums = kinds.setdefault((outcome, kind), [0, 0])
            sums[0] += works
            sums[1] += int(micro)
            for code in said:
                notes[code] = notes.get(code, 0) + works
    told = [(CODES[code], works) for code, works in clearance.reasons.items()]
    return {
        "outcomes": [
            {"outcome": outcome, "kind": kind, "works": works, "micro": str(micro)}
            for (outcome, kind), (works, micro) in kinds.items()
        ],
        "reasons": [
            {
                "code": one.code, "effect": one.effect, "works": works, "would_change": one.would_change,
                "would_change_zh": one.would_change_zh,
            }
            for one, works in sorted(told, key=lambda pair: (-pair[1], pair[0].code))
        ],
        "notes": dict(sorted(notes.items())),
    }  # fmt: skip


MOVES = """
SELECT coalesce(a.outcome, ''), coalesce(b.outcome, ''), count(*), coalesce(sum(a.price_micro), 0),
  coalesce(sum(b.price_micro), 0)
FROM (SELECT * FROM licensing_decision WHERE clearance_id = %(before)s) a
FULL JOIN (SELECT * FROM licensing_decision WHERE clearance_id = %(after)s) b USING (work_id)
GROUP BY 1, 2 ORDER BY 1, 2
"""
CHANGED = """
SELECT w.public_id, coalesce(a.outcome, ''), coalesce(b.outcome, ''), coalesce(a.reasons, '{}'),
  coalesce(b.reasons, '{}')
FROM (SELECT * FROM licensing_decision WHERE clearance_id = %(before)s) a
FULL JOIN (SELECT * FROM licensing_decision WHERE clearance_id = %(after)s) b USING (work_id)
JOIN licensing_work w ON w.id = work_id
WHERE a.outcome IS DISTINCT FROM b.outcome OR a.reasons IS DISTINCT FROM b.reasons
ORDER BY work_id LIMIT %(limit)s
"""


def compare(before: Clearance, after: Clearance, *, limit: int = 100) -> dict[str, Any]:
    """How two clearances of one licensee differ: works and money by (outcome then, outcome now), "" for a work that is
    in one of them only; reasons by number of works; the first `limit` works whose answer or reasons differ.
    """
    both = {"before": before.pk, "after": after.pk, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(MOVES, both)
        moves = [
            {"before": one, "after": other, "works": works, "micro_before": str(int(was)), "micro_after": str(int(now))}
            for one, other, works, was, now in cursor.fetchall()
        ]
        cursor.execute(CHANGED, both)
        changed = [
            {"work": ids.encode(Work.PREFIX, key), "before": one, "after": other, "reasons_before": was,
             "reasons_after": now}
            for key, one, other, was, now in cursor.fetchall()
        ]  # fmt: skip
    codes = sorted({*before.reasons, *after.reasons})
    return {
        "moves": moves,
        "reasons": {code: [before.reasons.get(code, 0), after.reasons.get(code, 0)] for code in codes},
        "works": changed,
    }
