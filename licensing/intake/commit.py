"""The good records of an import into the catalogue, batch by batch; each is one transaction and may be repeated."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.db.backends.utils import CursorWrapper

from accounts.unit import Actor, unit
from licensing.catalogue.models import Catalogue, Work
from licensing.intake import statements
from licensing.intake.models import Import
from licensing.jobs import held
from licensing.rights import copyright as copyright_status
from licensing.rights import signals

BATCH: Final = 5000
"""Import records of one transaction."""

_SIGNALS = """
SELECT b.work_id, b.ref, s FROM licet_batch b, jsonb_array_elements(b.f->'signals') s
WHERE b.kind <> 'delete' AND s->>'effect' = 'reserve' ORDER BY b.work_id, b.ref COLLATE "C"
"""
_LICENCES = """
SELECT b.work_id, b.ref, l FROM licet_batch b, jsonb_array_elements(b.f->'licences') l
WHERE b.kind <> 'delete' ORDER BY b.work_id, b.ref COLLATE "C"
"""


def batches(found: Import, *, actor: Actor, at: datetime) -> None:
    """Write every batch that is not written yet, each with the job's cursor; then what works say about each other."""
    done = int(held.cursor() or 0)
    with unit(actor):
        about = _parameters(found, at)
    for low in range(done, found.records, BATCH):
        with unit(actor):
            write({**about, "low": low, "high": low + BATCH}, found, actor=actor, at=at)
            held.checkpoint(low + BATCH)
            held.progress(min(low + BATCH, found.records), found.records, "records")
    with unit(actor), connection.cursor() as cursor:
        cursor.execute(statements.RELATIONS, about)
        concerned(about, cursor, at=at)


def concerned(about: Mapping[str, Any], cursor: CursorWrapper, *, at: datetime) -> None:
    """Ask again what is free and what is protected: a record may have brought another contributor or date."""
    cursor.execute(statements.CONCERNED, about)
    keys = [key for (key,) in cursor.fetchall()]
    for low in range(0, len(keys), BATCH):  # works are large, and a feed has a million of them
        works = Work.objects.filter(pk__in=keys[low : low + BATCH]).order_by("pk")
        copyright_status.refresh(works=list(works), at=at)


def write(about: Mapping[str, Any], found: Import, *, actor: Actor, at: datetime) -> None:
    """One batch, with the same number of statements whatever is in it. Needs an open unit."""
    groups = (
        statements.BEGIN, statements.IMPRINTS, statements.PARTIES, statements.WORKS, statements.EDITIONS,
        statements.FOLLOW, statements.DUPLICATES,
    )  # fmt: skip
    with connection.cursor() as cursor:
        for group in groups:
            for statement in group:
                cursor.execute(statement, about)
        cursor.execute(_SIGNALS)
        said = [signals.Said(work, ref, held.loaded(value)) for work, ref, value in cursor.fetchall()]
        cursor.execute(_LICENCES)
        licences = [signals.Said(work, ref, held.loaded(value)) for work, ref, value in cursor.fetchall()]
        for statement in statements.DONE:
            cursor.execute(statement, about)
    signals.reserve(said, organisation=found.catalogue.organisation, source=found.name_id, actor=actor, at=at)
    signals.assert_licences(licences, catalogue=found.catalogue, source=found.name_id, actor=actor, at=at)


def _parameters(found: Import, at: datetime) -> dict[str, Any]:
    catalogue: Catalogue = found.catalogue
    return {
        "import": found.pk, "catalogue": catalogue.pk, "organisation": catalogue.organisation_id,
        "livemode": catalogue.livemode, "at": at, "since": found.created_at,
    }  # fmt: skip
