"""Content files of a catalogue, many at once: `<isbn13 or own id>.txt` in a folder or a zip, joined to their works."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, cast

from django.db import connection

from accounts.errors import Reason, Refused
from accounts.unit import Actor, unit
from licensing.catalogue import assets
from licensing.catalogue.identifiers import normalise
from licensing.catalogue.models import Asset, Catalogue, Work
from licensing.intake import plan
from licensing.intake.models import Import, ImportIssue

SUFFIXES: Final = (".txt",)
RATIO: Final = 100
"""Unpacked bytes a zip entry may have per packed byte."""
TOTAL: Final = 2 << 30
"""Unpacked bytes of a zip."""

# Everything a file may be called after, per work; the first one to claim a name has it.
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
WHERE r.record_import_id = %(import)s AND r.outcome <> 'rejected'
  AND NOT EXISTS (SELECT FROM licensing_asset a WHERE a.work_id = r.work_id AND a.replaced_at IS NULL)
"""
_WARNED = """
UPDATE licensing_importrecord r SET warned = EXISTS (
  SELECT FROM licensing_importissue i WHERE i.record_import_id = r.record_import_id AND i.record_number = r.number
    AND i.severity = 'warning')
WHERE r.record_import_id = %(import)s
"""


@dataclass(slots=True)
class Attached:
    """What became of the files: `attached` now, `unchanged` (the work had these bytes), `unmatched` file names,
    `refused` file name -> why, `missing` references of records that have no content.
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
    Raises Refused("archive_unsafe") or Refused("not_found").
    """
    with unit(actor):
        works = _works_by_name(catalogue)
        held = dict(
            Asset.objects.filter(work__catalogue=catalogue, layer="text", replaced_at__isnull=True)
            .values_list("work_id", "sha256")
        )  # fmt: skip
    done = Attached()
    for name, opened in files(source):
        work = works.get(_stem(name)) or works.get(_isbn(_stem(name)))
        if work is None:
            done.unmatched.append(name)
            continue
        _attach(done, name, work, held.get(work.pk, ""), opened, actor, at)
    done.missing = note_missing(catalogue=catalogue, record_import=record_import, actor=actor)
    return done


def note_missing(*, catalogue: Catalogue, record_import: Import | None, actor: Actor) -> list[str]:
    """Write `content_missing` for exactly the records without content now; returns their references."""
    with unit(actor), connection.cursor() as cursor:
        found = record_import or Import.objects.filter(catalogue=catalogue, status="committed").order_by("-id").first()
        if found is None:
            return []
        about = {"import": found.pk}
        ImportIssue.objects.filter(record_import=found, code="content_missing").delete()
        cursor.execute(_MISSING, about)
        cursor.execute(_WARNED, about)
        _, outcomes, codes = plan.counts(found)
        Import.objects.filter(pk=found.pk).update(outcomes=outcomes, issues_by_code=codes)
        rows = ImportIssue.objects.filter(record_import=found, code="content_missing").order_by("record_number")
        return [expected.removesuffix(".txt") for expected in rows.values_list("expected", flat=True)]


def files(source: Path) -> Iterator[tuple[str, AbstractContextManager[BinaryIO]]]:
    """Name and opener of every text file in a folder (not below it) or a zip, by name.

    Raises Refused("archive_unsafe") for absolute or climbing names, links, or more than RATIO and TOTAL allow.
    """
    if source.is_dir():
        for path in sorted(source.iterdir()):
            if path.suffix.casefold() in SUFFIXES and path.is_file() and not path.is_symlink():
                with path.open("rb") as stream:
                    yield path.name, nullcontext(stream)
        return
    if not zipfile.is_zipfile(source):
        raise Refused("not_found", f"{source.name} is no folder and no zip file.")
    with zipfile.ZipFile(source) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        _check(entries)
        for entry in sorted(entries, key=lambda one: one.filename):
            if PurePosixPath(entry.filename).suffix.casefold() in SUFFIXES:
                yield PurePosixPath(entry.filename).name, cast("BinaryIO", archive.open(entry))


def _check(entries: list[zipfile.ZipInfo]) -> None:
    for entry in entries:
        parts = PurePosixPath(entry.filename.replace("\\", "/"))
        linked = stat.S_ISLNK(entry.external_attr >> 16)
        if parts.is_absolute() or ".." in parts.parts or linked or ":" in entry.filename:
            raise _unsafe(entry.filename, "a plain name inside the archive")
        if entry.file_size > RATIO * max(entry.compress_size, 1):
            seen = f"{entry.filename}: {entry.file_size} of {entry.compress_size} bytes"
            raise _unsafe(seen, f"at most {RATIO} times")
    total = sum(entry.file_size for entry in entries)
    if total > TOTAL:
        raise _unsafe(f"{total} bytes unpacked", f"at most {TOTAL}")


def _unsafe(seen: str, expected: str) -> Refused:
    reason = Reason("archive_unsafe", "The archive is not opened.", "", seen, expected)
    return Refused("archive_unsafe", f"The zip file cannot be accepted: {seen}.", [reason])


def _works_by_name(catalogue: Catalogue) -> Mapping[str, Work]:
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, {"catalogue": catalogue.pk})
        named: dict[str, int] = {}
        for work_id, name, _ in cursor.fetchall():
            named.setdefault(name.casefold(), work_id)
    works: dict[Any, Work] = Work.objects.in_bulk(set(named.values()))
    return {name: works[work_id] for name, work_id in named.items()}


def _attach(
    done: Attached, name: str, work: Work, held: str, opened: AbstractContextManager[BinaryIO], actor: Actor,
    at: datetime,
) -> None:  # fmt: skip
    try:
        with opened as stream:
            content = assets.receive(stream, filename=name)
    except Refused as refused:
        done.refused[name] = refused.code
        return
    if content.stored.sha256 == held:
        done.unchanged += 1
        return
    assets.attach(work=work, filename=name, content=content, actor=actor, at=at)
    done.attached += 1


def _stem(name: str) -> str:
    return PurePosixPath(name).stem.casefold()


def _isbn(stem: str) -> str:
    found = normalise("isbn", stem)
    return found.value if found.valid else stem
