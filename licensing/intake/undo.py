"""Taking a committed import back, as a set, while nothing depends on it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, connection, transaction

from accounts.errors import Reason, Refused
from licensing.intake import commit, statements
from licensing.intake.models import Import

_NEW = """
CREATE TEMPORARY TABLE IF NOT EXISTS licet_gone (work_id bigint)
"""
# Works that are only there because of this import: no edition of another record.
_GONE = """
INSERT INTO licet_gone
SELECT DISTINCT r.work_id FROM licensing_importrecord r
WHERE r.record_import_id = %(import)s AND r.outcome = 'new' AND r.work_id IS NOT NULL AND NOT EXISTS (
  SELECT FROM licensing_edition e WHERE e.work_id = r.work_id AND NOT EXISTS (
    SELECT FROM licensing_importrecord n WHERE n.record_import_id = %(import)s AND n.outcome = 'new'
      AND n.work_id = e.work_id AND n.ref = e.record_ref))
"""
_SOLD = """
SELECT count(*) FROM licensing_encumbrance WHERE work_id IN (
  SELECT work_id FROM licensing_importrecord WHERE record_import_id = %(import)s AND outcome <> 'unchanged')
"""
_LATER = """
SELECT count(*) FROM licensing_importrecord later
JOIN licensing_import i ON i.id = later.record_import_id AND i.catalogue_id = %(catalogue)s AND i.status = 'committed'
JOIN licensing_importrecord mine ON mine.record_import_id = %(import)s AND mine.ref = later.ref
WHERE i.id <> %(import)s AND i.committed_at > %(committed_at)s AND later.outcome IN ('changed', 'erased')
  AND mine.outcome <> 'unchanged'
"""
# What an import made itself goes with it; anything else that refers to a work stops the revert.
_DELETE: Final = (
    """
DELETE FROM licensing_reservation r USING licet_gone g
WHERE r.work_id = g.work_id AND r.evidence->>'import' = %(name)s
""",
    """
DELETE FROM licensing_openlicence r USING licet_gone g
WHERE r.work_id = g.work_id AND r.evidence->>'import' = %(name)s
""",
    "DELETE FROM licensing_duplicate d USING licet_gone g WHERE d.work_id = g.work_id OR d.other_id = g.work_id",
    "DELETE FROM licensing_workrelation d USING licet_gone g WHERE d.work_id = g.work_id OR d.of_id = g.work_id",
    "DELETE FROM licensing_contributor d USING licet_gone g WHERE d.work_id = g.work_id",
    "DELETE FROM licensing_fact d USING licet_gone g WHERE d.work_id = g.work_id",
    "DELETE FROM licensing_asset d USING licet_gone g WHERE d.work_id = g.work_id",
    "DELETE FROM licensing_copyrightstatus d USING licet_gone g WHERE d.work_id = g.work_id",
    "DELETE FROM licensing_workclear d USING licet_gone g WHERE d.work_id = g.work_id",
    """
DELETE FROM licensing_identifier i USING licensing_edition e, licensing_importrecord r
WHERE i.edition_id = e.id AND e.work_id = r.work_id AND e.record_ref = r.ref AND r.record_import_id = %(import)s
  AND r.outcome = 'new'
""",
    """
DELETE FROM licensing_edition e USING licensing_importrecord r
WHERE e.work_id = r.work_id AND e.record_ref = r.ref AND r.record_import_id = %(import)s AND r.outcome = 'new'
""",
    "UPDATE licensing_importrecord r SET work_id = NULL FROM licet_gone g WHERE r.work_id = g.work_id",
    "DELETE FROM licensing_work w USING licet_gone g WHERE w.id = g.work_id",
)
# Records that were there before go through the same statements as a commit, with their earlier values as what is sent.
_BEFORE = """
INSERT INTO licet_batch
SELECT id, number, ref, own_id, work_id, 'update', f, encode(sha256(convert_to(f::text, 'UTF8')), 'hex'), NULL, NULL
FROM (
  SELECT r.id, r.number, r.ref, r.own_id, r.work_id,
    e.record - ARRAY(SELECT d.key FROM jsonb_each(coalesce(r.diff, '{}')) d WHERE d.value->0 = 'null')
      || coalesce((SELECT jsonb_object_agg(d.key, d.value->0) FROM jsonb_each(coalesce(r.diff, '{}')) d
                   WHERE d.value->0 <> 'null'), '{}') AS f
  FROM licensing_importrecord r JOIN licensing_edition e ON e.work_id = r.work_id AND e.record_ref = r.ref
  WHERE r.record_import_id = %(import)s AND r.outcome IN ('changed', 'erased')) earlier
"""


def undo(found: Import, *, at: datetime) -> None:
    """Take the import's works and changes out. Needs an open unit and the catalogue's lock.

    Raises Refused("import_in_use"); nothing is changed then.
    """
    about: dict[str, Any] = {
        "import": found.pk, "catalogue": found.catalogue_id, "name": found.name_id, "committed_at": found.committed_at,
        "organisation": found.organisation_id, "livemode": found.livemode, "at": at, "since": at,
    }  # fmt: skip
    with connection.cursor() as cursor:
        for statement, who in ((_SOLD, "licences"), (_LATER, "records of later imports")):
            cursor.execute(statement, about)
            in_the_way = int(cursor.fetchone()[0])
            if in_the_way:
                raise _in_use(f"{in_the_way} {who}")
        try:
            with transaction.atomic():
                for statement in (_NEW, "TRUNCATE licet_gone", _GONE, *_DELETE):
                    cursor.execute(statement, about)
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        except IntegrityError as error:
            raise _in_use(str(error).partition("\n")[0]) from None
        for statement in (*statements.BEGIN[:3], _BEFORE, *statements.EDITIONS, *statements.FOLLOW):
            cursor.execute(statement, about)
        commit.concerned(about, cursor, at=at)


def _in_use(seen: str) -> Refused:
    reason = Reason("import_in_use", "Something depends on works of this import.", "", seen, "nothing")
    return Refused("import_in_use", f"The import cannot be taken back: {seen}.", [reason])
