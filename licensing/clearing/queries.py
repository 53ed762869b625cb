"""Reads of clearing: what a bundle selects, what a clearance says, why a work was decided as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

from accounts.unit import Actor
from licensing.clearing.boxes import END, Box
from licensing.clearing.models import Clearance, Decision
from licensing.kernel import territories
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
            "from": box.start,
            "until": None if box.end >= END else box.end,
        }
        for box in boxes
    ]


def works(clearance: Clearance, *, limit: int | None = None) -> list[dict[str, Any]]:
    """The decisions as `clear --works` prints them (interfaces.md 3), by work id."""
    rows = Decision.objects.filter(clearance=clearance).select_related("work").order_by("work__public_id")
    decisions = list(rows if limit is None else rows[:limit])
    terms = version_names({version for row in decisions for version in row.versions})
    return [
        {
            "work": row.work.name_id,
            "outcome": row.outcome,
            "kind": row.kind,
            "reasons": [{"code": code, "detail": ""} for code in row.reasons],
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
