"""What every reader shares: the notes a record collects while it is read, and the handle of a file being read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from licensing.catalogue import identifiers
from licensing.catalogue.identifiers import Identifier
from licensing.intake import issues
from licensing.intake.issues import Issue
from licensing.intake.readers import values
from licensing.intake.record import Contributor, DateFact, Outcome

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class FileInfo:
    """What a file turned out to be. `format` onix | csv | jsonl; `tags` reference | short | "" (ONIX only).

    `version` is the ONIX release, or the recognised shape of a CSV header; `encoding_read` is a Python codec's name.
    """

    format: str
    version: str
    tags: str
    encoding_declared: str
    encoding_read: str


@dataclass(slots=True)
class Reading:
    """A file being read: iterate once to get an Outcome per record, in the order of the file, in constant memory.

    `issues` are those of the file as a whole; some are added while it is read. Iterating raises
    accounts.errors.Refused
    when the file must be refused whole, which may be as late as its last byte: store nothing before the end.
    """

    info: FileInfo
    issues: list[Issue]
    outcomes: Iterator[Outcome]
    records: int = 0

    def __iter__(self) -> Iterator[Outcome]:
        for outcome in self.outcomes:
            self.records += 1
            yield outcome
        if not self.records:
            issues.refuse("no_records", seen="0", expected=">= 1")


@dataclass(slots=True)
class Notes:
    """The issues of one record; `line` and `column` are where it begins and stand in for a missing exact place."""

    line: int
    column: int = 1
    record: str = ""
    found: list[Issue] = field(default_factory=list)

    def add(
        self, code: str, *, line: int = 0, column: int = 0, path: str = "", seen: str = "", expected: str = ""
    ) -> None:
        """Note an issue of this record."""
        place = (line, column) if line else (self.line, self.column)
        self.found.append(
            issues.make(
                code, line=place[0], column=place[1], record=self.record, path=path, seen=seen, expected=expected
            )
        )

    def outcome_issues(self) -> tuple[Issue, ...]:
        """All notes, each naming the record (`record` may have been learned after some of them)."""
        return tuple(replace(issue, record=issues.shown(self.record)) for issue in self.found)

    def date(self, text: str, path: str, *, line: int = 0) -> DateFact | None:
        """A date fact, with a note when it cannot be read; None for an empty text."""
        if not text.strip():
            return None
        fact, problem = values.date_fact(text, path)
        if problem:
            known = str(fact.not_before.year) if fact.not_before else "YYYY, YYYY-MM or YYYY-MM-DD"
            self.add(problem, line=line, path=path, seen=text, expected=known)
        return fact

    def language(self, text: str, path: str, *, script: str = "", country: str = "", line: int = 0) -> str:
        """A BCP 47 tag, or "" with a note."""
        tag = values.language(text, script, country) if text else ""
        if tag is None:
            self.add("language_unknown", line=line, path=path, seen=text, expected="BCP 47")
        return tag or ""

    def country(self, text: str, path: str, *, line: int = 0) -> str:
        """An ISO 3166-1 code, or "" with a note."""
        code = values.country(text) if text else ""
        if code is None:
            self.add("country_unknown", line=line, path=path, seen=text, expected="ISO 3166-1 alpha-2")
        return code or ""

    def identifier(self, scheme: str, text: str, path: str, *, line: int = 0) -> Identifier:
        """A normalised identifier, with a note when it is not valid."""
        made = identifiers.normalise(scheme, text)
        if not made.valid:
            self.add("identifier_invalid", line=line, path=path, seen=text, expected=made.problem)
        return made

    def characters(self, text: str, path: str, *, line: int = 0) -> bool:
        """Note characters that cannot be stored; true when there is none."""
        if text.isprintable():
            return True
        bad = _SURROGATE.search(text) or _CONTROL.search(text)
        if bad is None:
            return True
        code = "nul_character" if bad[0] == "\x00" else "control_character"
        code = "lone_surrogate" if _SURROGATE.match(bad[0]) else code
        self.add(code, line=line, path=path, seen=f"U+{ord(bad[0]):04X}", expected="text")
        return False


def derived_reference(parts: list[str]) -> str:
    """A reference for a record that has none: a digest of what tells it apart, the same at every import."""
    joined = "\x1f".join(parts).encode("utf-8", "replace")
    return "derived:" + hashlib.sha256(joined).hexdigest()[:32]


def contributor_parts(contributors: tuple[Contributor, ...]) -> list[str]:
    """What of the contributors goes into a derived reference."""
    return [f"{one.role_sent}:{one.name}" for one in contributors]
