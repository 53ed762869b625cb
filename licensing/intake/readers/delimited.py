"""CSV and its relatives: our own template, and the headers that other people's book lists have.

Delimiter by the header line, encoding by the bytes. What a spreadsheet did to numbers is kept, marked and said;
only an
ISBN whose check digit proves its lost zeros is restored, with a warning.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from licensing.intake import encoding as encodings
from licensing.intake import issues
from licensing.intake.encoding import BadByte, Encoding
from licensing.intake.issues import Issue
from licensing.intake.readers import plain
from licensing.intake.readers.lines import Line, lines
from licensing.intake.readers.outcomes import FileInfo, Notes, Reading
from licensing.intake.readers.plain import COMMENT, IDENTIFIER_COLUMNS, OPTIONAL, TEMPLATE, Draft
from licensing.intake.record import Outcome, Position

DELIMITERS: Final = (",", ";", "\t", "|")
_OURS: Final = frozenset(TEMPLATE) | frozenset(OPTIONAL) - {"identifiers"} | IDENTIFIER_COLUMNS
# Headers met elsewhere, folded to lower case with single underscores -> ours.
_FOREIGN: Final[Mapping[str, str]] = {
    "id": "own_id", "book_id": "own_id", "sku": "own_id", "record_reference": "own_id", "reference": "own_id",
    "编号": "own_id", "isbn10": "isbn", "isbn_10": "isbn", "isbn_13": "isbn13", "ean": "isbn13", "ean13": "isbn13",
    "书名": "title", "标题": "title", "副标题": "subtitle", "language_code": "language", "lang": "language",
    "语言": "language", "format": "form", "type": "form", "形式": "form", "authors": "authors", "author": "authors",
    "creator": "authors", "creators": "authors", "作者": "authors", "translator": "translators",
    "translators": "translators", "译者": "translators", "出版社": "publisher", "pub_date": "publication_date",
    "published": "publication_date", "publication_year": "publication_date", "year": "publication_date",
    "出版日期": "publication_date", "country": "publication_country", "subject": "subjects", "keywords": "subjects",
    "主题": "subjects", "original_publication_year": "original_date",
    "license": "licence", "许可": "licence", "file": "content_file", "filename": "content_file", "url": "uri",
}  # fmt: skip
_NAME_COLUMNS: Final[Mapping[str, str]] = {"authors": "author", "translators": "translator"}


def read(path: Path, encoding: Encoding, file_issues: list[Issue]) -> Reading:
    """Open a delimited file. Refuses it when the first line is no header we can read."""
    rows = _Rows(path, encoding)
    header = _Header(rows.first_line(), file_issues)
    rows.delimiter = header.delimiter
    info = FileInfo("csv", header.shape, "", encoding.declared, encoding.read)
    return Reading(info, file_issues, _outcomes(rows, header))


class _Header:
    """The header line: which column holds what."""

    def __init__(self, text: str, file_issues: list[Issue]) -> None:
        found = [(self._known(cells), -index, cells) for index, cells in enumerate(_split(text))]
        known, index, cells = max(found, key=lambda one: (one[0], len(one[2]), one[1]))
        self.delimiter = DELIMITERS[-index]
        self.names = [_fold(cell) for cell in cells]
        self._refuse_bad(known, text)
        self.columns = self._columns()
        self.shape = self._shape()
        self.guarded = COMMENT in self.names
        unknown = [one for one, column in zip(self.names, self.columns, strict=True) if not column and one]
        file_issues.extend(
            issues.make("key_unknown", line=1, column=1, path=name, seen=name, expected=", ".join(TEMPLATE))
            for name in unknown
            if name != COMMENT
        )

    @staticmethod
    def _known(cells: Sequence[str]) -> int:
        return sum(1 for cell in cells if _fold(cell) in _OURS or _fold(cell) in _FOREIGN)

    def _refuse_bad(self, known: int, text: str) -> None:
        twice = next((name for name in self.names if name and self.names.count(name) > 1), None)
        if twice is not None:
            issues.refuse("header_duplicate", line=1, column=1, path=twice, seen=twice)
        ours = {self._ours(name) for name in self.names}
        if not known or not ours & ({"title", "own_id"} | IDENTIFIER_COLUMNS):
            issues.refuse("header_unknown", line=1, column=1, seen=text.strip(), expected="title")

    @staticmethod
    def _ours(name: str) -> str:
        return name if name in _OURS else _FOREIGN.get(name, "")

    def _columns(self) -> list[str]:
        """Our name of each column, "" where there is none; our own name beats a foreign one for the same thing."""
        own = {name for name in self.names if name in _OURS}
        taken: set[str] = set()
        columns = []
        for name in self.names:
            column = self._ours(name)
            if column != name and (column in own or column in taken):
                column = ""
            taken.add(column)
            columns.append(column)
        return columns

    def _shape(self) -> str:
        if {"goodreads_book_id", "authors"} <= set(self.names):
            return "goodbooks"
        return "template" if all(name in _OURS for name in self.names) else "foreign"


def header_of(text: str) -> tuple[list[str], str]:
    """The cells of a header line as they were sent, and its delimiter."""
    delimiter = _Header(text, []).delimiter
    return next(csv.reader([text.removeprefix("\ufeff")], delimiter=delimiter)), delimiter


def _fold(cell: str) -> str:
    return "_".join(cell.replace("\ufeff", "").strip().casefold().replace("-", " ").replace("_", " ").split())


def _split(text: str) -> Iterator[list[str]]:
    for delimiter in DELIMITERS:
        try:
            yield next(csv.reader([text], delimiter=delimiter), [])
        except csv.Error:
            yield []


class _Rows:
    """Rows with the bytes they came from. A broken row costs its first line; reading goes on with the next."""

    def __init__(self, path: Path, encoding: Encoding) -> None:
        self._lines = lines(path, encoding)
        self._codec = encodings.stream_codec(encoding)
        self._assumed = encoding.read if encoding.wrong and not encoding.mixed else ""
        self._declared = encoding.declared or "UTF-8"
        self._waiting: list[Line] = []
        self._used: list[Line] = []
        self.delimiter = ","

    def first_line(self) -> str:
        line = next((one for one in self._lines if one.raw.strip()), None)
        if line is None:
            issues.refuse("no_records", seen="0", expected=">= 1")
        return line.raw.decode(self._codec, "replace")

    def __iter__(self) -> Iterator[tuple[list[str] | None, Position, Notes]]:
        """Rows (None for one that cannot be read), each with its place and what was noted on the way."""
        feed = self._texts()
        reader = csv.reader(feed, delimiter=self.delimiter, strict=True)
        while True:
            problem = ""
            row: list[str] | None = None
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                problem = str(error)
                self._waiting = self._used[1:] + self._waiting
                self._used = self._used[:1]
                feed = self._texts()
                reader = csv.reader(feed, delimiter=self.delimiter, strict=True)
            used, self._used = self._used, []
            if row == []:
                continue
            yield row, _position(used), self._noted(used, problem)

    def _texts(self) -> Iterator[str]:
        while True:
            line = self._waiting.pop(0) if self._waiting else next(self._lines, None)
            if line is None:
                return
            self._used.append(line)
            yield line.raw.decode(self._codec, "replace")

    def _noted(self, used: Sequence[Line], problem: str) -> Notes:
        notes = Notes(used[0].number)
        if problem:
            notes.add("csv_row", seen=problem, expected="RFC 4180")
        raw = b"".join(line.raw for line in used)
        bad: BadByte | None = encodings.bad_in(raw, self._codec, used[0].number, 1)
        if bad is not None:
            notes.add(
                "encoding_damaged", line=bad.line, column=bad.column, seen=f"0x{bad.byte:02X}", expected=self._codec
            )
        elif self._assumed and not raw.isascii():
            notes.add("encoding_assumed", seen=self._declared, expected=self._assumed)
        return notes


def _position(used: Sequence[Line]) -> Position:
    raw = b"".join(line.raw for line in used)
    return Position(used[0].number, 1, used[0].offset, len(raw), hashlib.sha256(raw).hexdigest())


def _outcomes(rows: _Rows, header: _Header) -> Iterator[Outcome]:
    for row, position, notes in rows:
        if row is None or not _fits(row, header, notes):
            yield Outcome(position.line, "", None, notes.outcome_issues())
            continue
        draft = _draft(row, header, position, notes)
        notes.record = draft.get("own_id")
        record = plain.build(draft, notes)
        notes.record = record.ref
        yield Outcome(position.line, record.ref, record, notes.outcome_issues())


def _fits(row: list[str], header: _Header, notes: Notes) -> bool:
    while len(row) > len(header.columns) and not row[-1].strip():
        row.pop()
    if len(row) != len(header.columns):
        notes.add("csv_cells", seen=str(len(row)), expected=str(len(header.columns)))
        return False
    return not [cell for index, cell in enumerate(row) if not notes.characters(cell, header.names[index])]


def _draft(row: list[str], header: _Header, position: Position, notes: Notes) -> Draft:
    draft = Draft(position)
    cells = [plain.unguard(cell) for cell in row] if header.guarded else row
    for name, column, cell in zip(header.names, header.columns, cells, strict=True):
        if not column:
            if name and cell and name != COMMENT:
                draft.extra[name] = cell
            continue
        draft.sent.add("contributors" if column in _NAME_COLUMNS else column)
        _cell(draft, column, name, cell, header.shape, notes)
    made = plain.licence(
        {
            "expression": draft.get("licence"),
            "layer": draft.get("licence_layer"),
            "start": draft.get("licence_start"),
        },
        notes,
    )
    draft.licences.extend([made] if made else [])
    draft.no_contributors = draft.get("no_contributors").casefold() in ("yes", "true", "1", "是")
    return draft


def _cell(draft: Draft, column: str, name: str, cell: str, shape: str, notes: Notes) -> None:
    if column in IDENTIFIER_COLUMNS:
        if cell.strip():
            scheme = "isbn" if column == "isbn13" else column
            plain.add_identifier(draft, scheme, cell, name, notes, spreadsheet=True)
    elif column in _NAME_COLUMNS:
        # Only a known shape says that a comma stands between people; elsewhere it may stand inside a name.
        separator = "," if shape == "goodbooks" else ";"
        draft.contributors.extend(plain.names(cell.split(separator), _NAME_COLUMNS[column], name))
    elif column == "contributors":
        draft.contributors.extend(plain.contributors_text(cell, notes))
    elif column == "original_date":
        # When the original came out says nothing about this text, which may be a translation: looked at, kept aside.
        notes.date(cell, name)
        draft.extra.update({name: cell} if cell else {})
    elif column == "subjects":
        draft.subjects.extend(plain.subjects_text(cell))
    else:
        draft.texts[column] = cell
