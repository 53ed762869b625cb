"""The rejected records of an import as its sender sent them, each with what is wrong: mend them, send back only those.

A CSV gets a column `licet_comment` and a JSON Lines file a key of that name, both ignored when they come back; an ONIX
message gets comments. Cells that a spreadsheet would run as a formula are guarded by an apostrophe, which is taken off
again where the column `licet_comment` shows that we put it there.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final

from django.db import connection

from accounts.errors import Reason, Refused
from licensing.intake import encoding as encodings
from licensing.intake import framing, sniff, xml
from licensing.intake.framing import Frame
from licensing.intake.issues import Issue
from licensing.intake.models import Import
from licensing.intake.readers import delimited
from licensing.intake.readers.lines import Line, lines
from licensing.intake.readers.onix import PRODUCT
from licensing.intake.readers.plain import COMMENT, guard
from licensing.intake.sniff import Sniffed
from licensing.jobs import held
from licensing.outside import storage

MEDIA: Final = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson", "onix": "application/xml"}
SUFFIX: Final = {"csv": "csv", "jsonl": "jsonl", "onix": "xml"}
_ROWS: Final = """
SELECT r.number, r.line, r.next, i.said FROM (
  SELECT number, line, outcome, lead(line) OVER (ORDER BY number) AS next FROM licensing_importrecord
  WHERE record_import_id = %(import)s) r
LEFT JOIN (
  SELECT record_number, jsonb_agg(jsonb_build_array(code, line, "column", path, seen, expected) ORDER BY id) AS said
  FROM licensing_importissue WHERE record_import_id = %(import)s AND severity = 'error' GROUP BY 1) i
  ON i.record_number = r.number
WHERE r.outcome = 'rejected' ORDER BY r.number
"""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A rejected record: its number, its first line, the line of the record after it, and what is wrong with it."""

    number: int
    line: int
    following: int | None
    comment: str


def write(found: Import, out: BinaryIO) -> None:
    """Write the file, in the format of the upload, UTF-8, in constant memory. Needs an open unit.

    Raises Refused("state_conflict") before the import is validated and when its file was refused whole.
    """
    if found.format not in MEDIA:
        reason = Reason("state_conflict", "Records are told apart when a file is validated.", "/status", found.status)
        raise Refused("state_conflict", f"{found.name_id} is {found.status}.", [reason])
    path = storage.path_of(found.upload.sha256)
    sniffed = sniff.sniff(path, format_name=found.format)
    writers = {"csv": _csv, "jsonl": _jsonl, "onix": _onix}
    with connection.chunked_cursor() as cursor:
        cursor.execute(_ROWS, {"import": found.pk})
        rows = (
            _Wanted(number, line, following, _comment(held.loaded(said) or ()))
            for number, line, following, said in cursor
        )
        out.writelines(piece.encode("utf-8", "replace") for piece in writers[found.format](path, sniffed, rows))


def _comment(said: Iterable[list[Any]]) -> str:
    found = [
        Issue(code, "error", line or 0, column or 0, "", path, seen, expected)
        for code, line, column, path, seen, expected in said
    ]
    return " / ".join(f"{one.code}: {one.message()} {one.how_to_fix()} [{_place(one)}]" for one in found)


def _place(issue: Issue) -> str:
    place = f"line {issue.line}, column {issue.column}" if issue.column else f"line {issue.line}"
    return f"{place}, {issue.path}" if issue.path else place


def _csv(path: Path, sniffed: Sniffed, wanted: Iterable[_Wanted]) -> Iterator[str]:
    codec = encodings.stream_codec(sniffed.encoding)
    source = lines(path, sniffed.encoding)
    header = next(line for line in source if line.raw.strip())
    names, delimiter = delimited.header_of(header.raw.decode(codec, "replace"))
    names = [name for name in names if name != COMMENT]
    yield "\ufeff" + _row([*names, COMMENT])
    for one, text in _texts(source, codec, wanted):
        cells = _cells(text, delimiter)
        row = [*cells[: len(names)], *[""] * (len(names) - len(cells))]
        yield _row([*row, one.comment, *cells[len(names) :]])


def _cells(text: str, delimiter: str) -> list[str]:
    """The cells of a rejected row; one that is no row at all comes whole, in its first cell."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if row]
    except csv.Error:
        return [text.rstrip("\r\n")]
    return rows[0] if len(rows) == 1 else [text.rstrip("\r\n")]


def _row(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([guard(cell) for cell in cells])
    return out.getvalue()


def _jsonl(path: Path, sniffed: Sniffed, wanted: Iterable[_Wanted]) -> Iterator[str]:
    for one, text in _texts(lines(path, sniffed.encoding), "utf-8", wanted):
        try:
            value = json.loads(text, object_pairs_hook=_once)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            value = {"licet_line": text.strip()}
        told = {COMMENT: one.comment, **value}
        try:
            yield json.dumps(told, ensure_ascii=False).encode().decode() + "\n"
        except UnicodeEncodeError:  # half of a surrogate pair: only an escape can hold it
            yield json.dumps(told) + "\n"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key twice")
    return value


def _texts(source: Iterator[Line], codec: str, wanted: Iterable[_Wanted]) -> Iterator[tuple[_Wanted, str]]:
    """Each wanted record with the text of its lines: from its first to the one before the next record."""
    current = next(source, None)
    for one in wanted:
        text = ""
        while current is not None and (one.following is None or current.number < one.following):
            text += current.raw.decode(codec, "replace") if current.number >= one.line else ""
            current = next(source, None)
        yield one, text


def _onix(path: Path, sniffed: Sniffed, wanted: Iterable[_Wanted]) -> Iterator[str]:
    codec = encodings.stream_codec(sniffed.encoding)
    prolog = xml.read_prolog(path, sniffed.encoding)
    alone = prolog.local in PRODUCT
    pieces = framing.frames(path, sniffed.encoding, prolog.start, PRODUCT)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n' + (f"{prolog.doctype}\n" if prolog.doctype else "")
    first = None
    for piece in pieces:
        if isinstance(piece, Frame):
            first = piece
            break
        yield piece.decode(codec, "replace")
    frames = (piece for piece in chain([first], pieces) if isinstance(piece, Frame))
    numbered = enumerate(frames, start=1)
    for one in wanted:
        frame = next(frame for number, frame in numbered if number == one.number)
        comment = one.comment.replace("--", "- -").rstrip("-")
        yield f"<!-- {comment} -->\n{frame.raw.decode(codec, 'replace')}\n"
    yield "" if alone else f"</{prolog.name}>\n"
