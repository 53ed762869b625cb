"""Content files of a catalogue, many at once: `<isbn13 or own id>.txt` in a folder or a zip, joined to their works."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath

from django.db import connection
from django.db.backends.utils import CursorWrapper

from accounts.errors import Refused
from accounts.unit import Actor, unit
from licensing.catalogue import assets
from licensing.catalogue.identifiers import normalise
from licensing.catalogue.models import Asset, Catalogue
from licensing.intake import archive
from licensing.intake.models import Import

TOGETHER = 500
"""Files attached in one transaction: what is attached stays when a later file or the sender breaks off."""
# Everything a file may be called after, per work. `said`: an own id beats a record's reference, and so on.
_NAMES = """
SELECT work_id, name, said FROM (
  SELECT w.id AS work_id, w.own_id AS name, 0 AS said FROM licensing_work w WHERE w.catalogue_id = %(catalogue)s
  UNION SELECT w.id, e.record_ref, 1 FROM licensing_edition e JOIN licensing_work w ON w.id = e.work_id
    WHERE w.catalogue_id = %(catalogue)s
  UNION SELECT w.id, regexp_replace(i.value, '^.*:', ''), 2 FROM licensing_identifier i
    JOIN licensing_edition e ON e.id = i.edition_id JOIN licensing_work w ON w.id = e.work_id
    WHERE w.catalogue_id = %(catalogue)s AND i.valid AND NOT i.container AND i.scheme IN ('isbn', 'own')
  UNION SELECT w.id, regexp_replace(e.record->>'content_file', '\\.[^.]*$', ''), 3 FROM licensing_edition e
    JOIN licensing_work w ON w.id = e.work_id WHERE w.catalogue_id = %(catalogue)s AND e.record ? 'content_file'
) named ORDER BY said, work_id
"""
_MISSING = """
INSERT INTO licensing_importissue (record_import_id, record_number, code, severity, line, "column", path, seen,
  expected)
SELECT r.record_import_id, r.number, 'content_missing', 'warning', r.line, NULL, 'content_file',
  coalesce(e.record->>'content_file', ''), r.ref || '.txt' FROM licensing_importrecord r
JOIN licensing_edition e ON e.work_id = r.work_id AND e.record_ref = r.ref AND e.ended_at IS NULL
WHERE r.record_import_id = %(import)s AND r.outcome <> 'rejected' AND (NOT %(named)s OR e.record ? 'content_file')
  AND NOT EXISTS (SELECT FROM licensing_asset a WHERE a.work_id = r.work_id AND a.replaced_at IS NULL)
  AND NOT EXISTS (SELECT FROM licensing_importissue i WHERE i.record_import_id = r.record_import_id
    AND i.record_number = r.number AND i.code = 'content_missing')
RETURNING record_import_id
"""
_ARRIVED = """
DELETE FROM licensing_importissue i USING licensing_importrecord r
WHERE r.work_id = ANY(%(works)s) AND i.record_import_id = r.record_import_id AND i.record_number = r.number
  AND i.code = 'content_missing'
RETURNING i.record_import_id
"""
_WARNED = """
UPDATE licensing_importrecord r SET warned = found.warned FROM (
  SELECT r.id, EXISTS (SELECT FROM licensing_importissue i WHERE i.record_import_id = r.record_import_id
    AND i.record_number = r.number AND i.severity = 'warning') AS warned
  FROM licensing_importrecord r WHERE r.record_import_id = ANY(%(imports)s)) found
WHERE found.id = r.id AND r.warned <> found.warned
"""
_COUNTED = """
UPDATE licensing_import m SET
  outcomes = m.outcomes || jsonb_build_object('warned', (
    SELECT count(*) FROM licensing_importrecord r WHERE r.record_import_id = m.id AND r.warned)),
  issues_by_code = coalesce((SELECT jsonb_object_agg(code, times) FROM (
    SELECT code, count(*) AS times FROM licensing_importissue i WHERE i.record_import_id = m.id GROUP BY code) by_code),
    '{}')
WHERE m.id = ANY(%(imports)s)
"""
_WITHOUT = """
SELECT DISTINCT e.record_ref COLLATE "C" FROM licensing_edition e JOIN licensing_work w ON w.id = e.work_id
WHERE w.catalogue_id = %(catalogue)s AND e.ended_at IS NULL
  AND NOT EXISTS (SELECT FROM licensing_asset a WHERE a.work_id = w.id AND a.replaced_at IS NULL)
ORDER BY 1
"""


@dataclass(slots=True)
class Attached:
    """What became of the files: `attached` now, `unchanged` (the work had these bytes), `unmatched` file names,
    `refused` file name -> why, `missing` references of the catalogue's records that have no content.
    """

    attached: int = 0
    unchanged: int = 0
    unmatched: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def attach_folder(
    *, catalogue: Catalogue, source: Path, actor: Actor, at: datetime, record_import: Import | None = None
) -> Attached:
    """Attach every text file of a folder or zip to the work it is named after; a file without a work is only reported.

    Records of `record_import` (default: the catalogue's latest committed import) whose work has no content afterwards
    get the issue `content_missing`; it goes away when the file comes. Sending the same files again changes nothing.
    Raises as `archive.files`.
    """
    with unit(actor):
        names = _Names(catalogue)
        held = dict(
            Asset.objects.filter(work__catalogue=catalogue, layer="text", replaced_at__isnull=True)
            .values_list("work_id", "sha256")
        )  # fmt: skip
    done = Attached()
    came: dict[int, str] = {}
    waiting: list[assets.NewFile] = []
    for name, opened in archive.files(source):
        new = _received(done, name, opened, names.works(PurePosixPath(name).stem))
        if new is None or not _is_news(done, new, held, came):
            continue
        waiting.append(new)
        if len(waiting) == TOGETHER:
            _attach(done, waiting, actor, at)
    _attach(done, waiting, actor, at)
    with unit(actor), connection.cursor() as cursor:
        latest = record_import or Import.objects.filter(catalogue=catalogue, status="committed").order_by("-id").first()
        _settle(list(came), latest)
        cursor.execute(_WITHOUT, {"catalogue": catalogue.pk})
        done.missing = [ref for (ref,) in cursor.fetchall()]
    return done


def note_missing(record_import: Import) -> None:
    """Write `content_missing` for the records of an import that name a content file which is not here.

    Needs an open unit.
    """
    with connection.cursor() as cursor:
        cursor.execute(_MISSING, {"import": record_import.pk, "named": True})
        _count(cursor, {pk for (pk,) in cursor.fetchall()})


def _settle(works: list[int], latest: Import | None) -> None:
    """Take `content_missing` from what has content now, and give it to the latest import's records without any."""
    with connection.cursor() as cursor:
        cursor.execute(_ARRIVED, {"works": works})
        imports = {pk for (pk,) in cursor.fetchall()}
        if latest is not None:
            cursor.execute(_MISSING, {"import": latest.pk, "named": False})
            imports |= {pk for (pk,) in cursor.fetchall()}
        _count(cursor, imports)


def _count(cursor: CursorWrapper, imports: set[int]) -> None:
    if imports:
        for statement in (_WARNED, _COUNTED):
            cursor.execute(statement, {"imports": list(imports)})


class _Names:
    """Which work a file is named after: exactly as written, else whatever the case; never by guess among several."""

    def __init__(self, catalogue: Catalogue) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_NAMES, {"catalogue": catalogue.pk})
            rows = cursor.fetchall()
        self._exact = _claimed(rows)
        self._folded = _claimed((work_id, name.casefold(), said) for work_id, name, said in rows)

    def works(self, stem: str) -> set[int]:
        """The works (internal ids) that answer to a name."""
        read = normalise("isbn", stem)
        wanted = [self._exact.get(stem), self._folded.get(stem.casefold()), self._exact.get(read.value)]
        return set(next((found for found in wanted[: 3 if read.valid else 2] if found), ()))


def _claimed(rows: Iterable[tuple[int, str, int]]) -> dict[str, set[int]]:
    """Name -> the works that claim it with the strongest of their reasons."""
    best: dict[str, int] = {}
    found: dict[str, set[int]] = defaultdict(set)
    for work_id, name, said in rows:  # in the order of `said`
        if best.setdefault(name, said) == said:
            found[name].add(work_id)
    return found


def _received(done: Attached, name: str, opened: archive.Opener, works: set[int]) -> assets.NewFile | None:
    """Store and measure a file that belongs to exactly one work, else say in `done` why not."""
    if len(works) > 1:
        done.refused[name] = "name_ambiguous"
    elif not works:
        done.unmatched.append(name)
    else:
        try:
            with opened() as stream:
                return assets.NewFile(works.pop(), name, assets.receive(stream, filename=name))
        except Refused as refused:
            done.refused[name] = refused.code
    return None


def _is_news(done: Attached, new: assets.NewFile, held: dict[int, str], came: dict[int, str]) -> bool:
    """Say whether the work has neither these bytes nor another file of this delivery as its text already."""
    sha256 = new.content.stored.sha256
    if came.setdefault(new.work_id, sha256) != sha256:
        done.refused[new.filename] = "content_twice"
    elif held.get(new.work_id) == sha256:
        done.unchanged += 1
    else:
        held[new.work_id] = sha256
        return True
    return False


def _attach(done: Attached, waiting: list[assets.NewFile], actor: Actor, at: datetime) -> None:
    """Attach what waits, in one transaction, and wait for more."""
    if waiting:
        assets.attach_all(files=waiting, actor=actor, at=at)
        done.attached += len(waiting)
        waiting.clear()
