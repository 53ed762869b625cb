"""What can be wrong with an upload: stable codes, their severity, and their sentences in English and Chinese.

The catalogue is data/issues.json; a code is never renamed or reused.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, Literal, NoReturn

from accounts.errors import Reason, Refused

Severity = Literal["error", "warning", "note"]
SHOWN: Final = 200
"""Longest value repeated in an issue, in characters."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the issue catalogue."""

    code: str
    severity: Severity
    message: Mapping[str, str]
    how_to_fix: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing to say about a file or a record.

    `line` and `column` count from 1 (0 = not tied to a place); `record` is the record's reference; `path` the
    element path,
    column name or JSON pointer; `seen` and `expected` are short texts.
    """

    code: str
    severity: Severity
    line: int = 0
    column: int = 0
    record: str = ""
    path: str = ""
    seen: str = ""
    expected: str = ""

    def message(self, language: str = "en") -> str:
        """The sentence for people, in `en` or `zh`."""
        return _fill(catalogue()[self.code].message, language, self)

    def how_to_fix(self, language: str = "en") -> str:
        """What to do about it, in `en` or `zh`."""
        return _fill(catalogue()[self.code].how_to_fix, language, self)

    def as_json(self) -> dict[str, Any]:
        """The public shape (interfaces.md 3): code, severity, line, column, record, path, seen, expected and
        sentences.
        """
        return {
            "code": self.code,
            "severity": self.severity,
            "line": self.line,
            "column": self.column,
            "record": self.record,
            "path": self.path,
            "seen": self.seen,
            "expected": self.expected,
            "message": self.message(),
            "how_to_fix": self.how_to_fix(),
        }


@functools.cache
def catalogue() -> Mapping[str, Entry]:
    """All issue codes with severity and sentences."""
    text = resources.files("licensing.intake").joinpath("data/issues.json").read_text("utf-8")
    return {
        code: Entry(code, row["severity"], row["message"], row["how_to_fix"]) for code, row in json.loads(text).items()
    }


def make(
    code: str,
    *,
    line: int = 0,
    column: int = 0,
    record: str = "",
    path: str = "",
    seen: str = "",
    expected: str = "",
) -> Issue:
    """An issue with the severity the catalogue gives its code. Raises KeyError for a code that is not in it."""
    return Issue(code, catalogue()[code].severity, line, column, shown(record), path, shown(seen), shown(expected))


def shown(text: str) -> str:
    """A value as it may be shown: control characters and lone surrogates visible, at most SHOWN characters."""
    short = text if len(text) <= SHOWN else text[: SHOWN - 1] + "\u2026"
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in short)


def refuse(
    code: str, *, line: int = 0, column: int = 0, path: str = "", seen: str = "", expected: str = ""
) -> NoReturn:
    """Refuse the whole file: raises Refused("file_refused") with one reason; nothing may be stored.

    The reason's code is the issue's; its pointer is `line:column`, or `line` (and the path where there is one).
    """
    issue = make(code, line=line, column=column, path=path, seen=seen, expected=expected)
    place = f"{line}:{column}" if column else str(line or "")
    pointer = f"{place} {path}".strip()
    reason = Reason(code=code, message=issue.message(), pointer=pointer, seen=issue.seen, expected=issue.expected)
    raise Refused("file_refused", issue.message(), [reason])


def _fill(texts: Mapping[str, str], language: str, issue: Issue) -> str:
    template = texts.get(language) or texts["en"]
    return template.format(
        line=issue.line, column=issue.column, path=issue.path, seen=issue.seen, expected=issue.expected
    )
