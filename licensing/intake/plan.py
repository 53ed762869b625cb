"""What an import would do: its records into the database, and an outcome for each against what the catalogue holds.

Everything is set-based: COPY for the records, a fixed number of statements for the outcomes, whatever the size.
Look-ups are written as LATERAL with LIMIT: they stay index look-ups also right after a large import, when the planner
knows nothing of the new rows yet (`+ 0` keeps it from the catalogue's own index, which finds everything).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

import orjson
from django.db import connection

from licensing.intake import match
from licensing.intake.models import Import

OUTCOMES: Final = ("new", "changed", "unchanged", "erased", "rejected")
_CHUNK: Final = 5000
_START: Final = {"loadable": "new", "rejected": "rejected", "duplicate": "unchanged", "ignored": "unchanged"}

_FORGET = (
    "DELETE FROM licensing_importrecord WHERE record_import_id = %s",
    "DELETE FROM licensing_importissue WHERE record_import_id = %s",
)
_COPY_RECORDS = """
COPY licensing_importrecord (record_import_id, number, line, ref, outcome, warned, record, own_id) FROM STDIN
"""
_COPY_ISSUES = """
COPY licensing_importissue (record_import_id, record_number, code, severity, line, "column", path, seen, expected)
FROM STDIN
"""
# Keys that more than one record, or a work in the catalogue, answers to; every work id, since it names the work.
_KEYS = """
WITH said AS (
  SELECT r.number, r.ref, m->>0 AS kind, m->>1 AS key, m->>2 AS signature
  FROM licensing_importrecord r, jsonb_array_elements(r.record->'keys') m
  WHERE r.record_import_id = %(import)s AND r.outcome = 'new'
), counted AS (
  SELECT said.*, count(*) OVER (PARTITION BY kind, key, signature) AS times FROM said
), there AS (
  SELECT s.kind, s.key, s.signature, w.own_id FROM said s, LATERAL (
    SELECT w.own_id FROM licensing_identifier i
    JOIN licensing_edition e ON e.id = i.edition_id JOIN licensing_work w ON w.id = e.work_id
    WHERE i.scheme = split_part(s.key, ':', 1) AND i.value = substr(s.key, strpos(s.key, ':') + 1) AND i.valid
      AND NOT i.container AND w.catalogue_id + 0 = %(catalogue)s AND e.record->>'_signature' = s.signature
    ORDER BY w.own_id LIMIT 1) w
  WHERE s.kind = 'id'
  UNION
  SELECT s.kind, s.key, s.signature, w.own_id FROM said s, LATERAL (
    SELECT w.own_id FROM licensing_work w
    WHERE w.catalogue_id + 0 = %(catalogue)s AND w.own_id = regexp_replace(s.key, '^own:', '')
      AND w.language = s.signature
    LIMIT 1) w
  WHERE s.kind = 'work'
)
SELECT c.number, c.ref, c.kind, c.key, c.signature, min(t.own_id)
FROM counted c LEFT JOIN there t USING (kind, key, signature)
WHERE c.times > 1 OR c.kind = 'work' OR t.own_id IS NOT NULL
GROUP BY 1, 2, 3, 4, 5
"""
_GROUPED = """
UPDATE licensing_importrecord r SET own_id = v.own_id
FROM unnest(%s::bigint[], %s::text[]) v (number, own_id)
WHERE r.record_import_id = %s AND r.number = v.number
"""
# A known record is merged over what its sender said before; equal to that means unchanged.
_KNOWN = """
WITH known AS (
  SELECT r.id, e.work_id, e.own_id, e.record AS old, e.ended_at, r.record->>'kind' AS kind,
    ARRAY(SELECT jsonb_array_elements_text(r.record->'erase')) AS erased,
    (e.record - ARRAY(SELECT jsonb_array_elements_text(r.record->'erase'))) || (r.record->'set') AS merged
  FROM licensing_importrecord r, LATERAL (
    SELECT e.work_id, e.record, e.ended_at, w.own_id FROM licensing_edition e JOIN licensing_work w ON w.id = e.work_id
    WHERE e.record_ref = r.ref AND w.catalogue_id + 0 = %(catalogue)s ORDER BY e.id LIMIT 1) e
  WHERE r.record_import_id = %(import)s AND r.outcome = 'new' AND r.record IS NOT NULL
)
UPDATE licensing_importrecord r SET work_id = k.work_id, own_id = k.own_id,
  outcome = CASE
    WHEN k.kind = 'delete' THEN CASE WHEN k.ended_at IS NULL THEN 'erased' ELSE 'unchanged' END
    WHEN k.merged = k.old AND k.ended_at IS NULL THEN 'unchanged'
    WHEN k.old ?| k.erased THEN 'erased' ELSE 'changed' END,
  diff = CASE WHEN k.kind <> 'delete' AND k.merged <> k.old THEN (
    SELECT jsonb_object_agg(name, jsonb_build_array(k.old->name, k.merged->name))
    FROM jsonb_object_keys(k.old || k.merged) name WHERE k.old->name IS DISTINCT FROM k.merged->name) END
FROM known k WHERE k.id = r.id
"""
# Nothing to end, and nothing an update could be about: a delete changes nothing, an update without title cannot go in.
_UNKNOWN_ENDS = """
UPDATE licensing_importrecord SET outcome = 'unchanged'
WHERE record_import_id = %(import)s AND outcome = 'new' AND record->>'kind' = 'delete'
"""
_UNKNOWN_UPDATES = """
WITH lost AS (
  UPDATE licensing_importrecord SET outcome = 'rejected'
  WHERE record_import_id = %(import)s AND outcome = 'new' AND NOT record->'set' ? 'title'
  RETURNING record_import_id, number, line, ref)
INSERT INTO licensing_importissue
  (record_import_id, record_number, code, severity, line, "column", path, seen, expected)
SELECT record_import_id, number, 'title_missing', 'error', line, NULL, 'title', '', 'a title' FROM lost
"""
_JOINED = """
UPDATE licensing_importrecord r SET work_id = (
  SELECT w.id FROM licensing_work w WHERE w.catalogue_id + 0 = %(catalogue)s AND w.own_id = r.own_id)
WHERE r.record_import_id = %(import)s AND r.outcome = 'new'
"""
_AFRESH = """
UPDATE licensing_importrecord SET outcome = 'new', own_id = ref, work_id = NULL, diff = NULL
WHERE record_import_id = %(import)s AND record IS NOT NULL AND outcome IN ('new', 'changed', 'unchanged', 'erased')
"""


def store(found: Import, lines: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Write the child's lines as records and issues, in place of those of an earlier try; returns its last line.

    Needs an open unit. `ImportRecord.record` holds {kind, set, erase, keys} until the commit.
    """
    last: dict[str, Any] = {}
    with connection.cursor() as cursor:
        for statement in _FORGET:
            cursor.execute(statement, [found.pk])
        rest = iter(lines)
        while chunk := list(islice(rest, _CHUNK)):
            if "end" in chunk[-1]:
                last = chunk.pop()["end"]
            with cursor.copy(_COPY_RECORDS) as copy:
                for line in chunk:
                    copy.write_row(_record(found.pk, line))
            with cursor.copy(_COPY_ISSUES) as copy:
                for row in _issues(found.pk, chunk):
                    copy.write_row(row)
        with cursor.copy(_COPY_ISSUES) as copy:
            for issue in last.get("issues", []):
                copy.write_row(_issue(found.pk, None, issue))
    return last


def _record(import_id: int, line: dict[str, Any]) -> tuple[Any, ...]:
    record = line["record"]
    stored = None if record is None else orjson.dumps(record).decode()
    own_id = "" if record is None else line["ref"]
    ref = str(line["ref"])[:200]
    return import_id, line["number"], line["line"], ref, _START[line["verdict"]], line["warned"], stored, own_id


def _issues(import_id: int, chunk: list[dict[str, Any]]) -> Iterator[tuple[Any, ...]]:
    for line in chunk:
        for issue in line["issues"]:
            yield _issue(import_id, line["number"], issue)


def _issue(import_id: int, number: int | None, issue: dict[str, Any]) -> tuple[Any, ...]:
    return (
        import_id, number, issue["code"], issue["severity"], issue["line"] or None, issue["column"] or None,
        issue["path"][:300], issue["seen"], issue["expected"],
    )  # fmt: skip


def decide(found: Import) -> None:
    """Give every record that can go in its outcome and the own id of its work. Needs an open unit; may be repeated."""
    about = {"import": found.pk, "catalogue": found.catalogue_id}
    with connection.cursor() as cursor:
        for statement in (_AFRESH, _KNOWN, _UNKNOWN_ENDS, _UNKNOWN_UPDATES):
            cursor.execute(statement, about)
        cursor.execute(_KEYS, about)
        rows = cursor.fetchall()
        keys = [match.Key(number, ref, kind, key, signature) for number, ref, kind, key, signature, _ in rows]
        existing = {key.joint: str(row[5]) for key, row in zip(keys, rows, strict=True) if row[5] is not None}
        grouped = match.group(keys, existing)
        if grouped:
            cursor.execute(_GROUPED, [list(grouped), list(grouped.values()), found.pk])
        cursor.execute(_JOINED, about)


def counts(found: Import) -> tuple[int, dict[str, int], dict[str, int]]:
    """Records, outcomes (with `warned`) and issues by code, counted in the rows. Needs an open unit."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT outcome, count(*), count(*) FILTER (WHERE warned) FROM licensing_importrecord "
            "WHERE record_import_id = %s GROUP BY 1", [found.pk],
        )  # fmt: skip
        rows = cursor.fetchall()
        cursor.execute(
            "SELECT code, count(*) FROM licensing_importissue WHERE record_import_id = %s GROUP BY 1 ORDER BY 1",
            [found.pk],
        )
        codes = dict(cursor.fetchall())
    outcomes = dict.fromkeys(OUTCOMES, 0) | {outcome: times for outcome, times, _ in rows}
    outcomes["warned"] = sum(warned for _, _, warned in rows)
    return sum(times for _, times, _ in rows), outcomes, codes
