"""What the verifier answers, and the two ways it stops."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

GOOD, WRONG, UNUSABLE, NOT_AUTHENTICATED, STATUS_UNKNOWN = range(5)
AUTHENTICATED = "authenticated"
CONSISTENT = "not_authenticated"
UNCHECKED = "not_checked"


class Wrong(Exception):
    """The first thing that is not as the issuer signed it."""

    def __init__(self, code: str, path: str, detail: str, *, work: str | None = None, row: int | None = None) -> None:
        super().__init__(f"{path}: {detail}")
        self.value = {"code": code, "path": path, "detail": detail, "work": work, "row": row}


class Unusable(Exception):
    """The input cannot be checked at all; the message says why."""


@contextmanager
def formed(code: str, path: str) -> Iterator[None]:
    """A document of another shape than its format is Wrong, never a crash: who sends it may be hostile."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise Wrong(code, path, f"not of the format: {error!r:.200}") from None


@dataclass
class Report:
    """Result with the public keys of `--json`; `exit` is the exit code."""

    trust: str = CONSISTENT
    status: str = UNCHECKED
    status_as_of: str | None = None
    files: int = 0
    rows: int = 0
    bytes: int = 0
    withdrawn_rows: int = 0
    first_wrong: dict[str, Any] | None = None
    exit: int = GOOD
    test: bool = False
    notes: list[str] = field(default_factory=list)

    def stop(self, exit_code: int, value: dict[str, Any]) -> None:
        """Keep the first wrong thing and its exit code."""
        if self.first_wrong is None:
            self.first_wrong, self.exit = value, exit_code

    def value(self) -> dict[str, Any]:
        """The JSON answer; its keys are stable."""
        return {
            "ok": self.exit == GOOD,
            "trust": self.trust,
            "status": self.status,
            "status_as_of": self.status_as_of,
            "checked": {"files": self.files, "rows": self.rows, "bytes": self.bytes},
            "withdrawn_rows": self.withdrawn_rows,
            "first_wrong": self.first_wrong,
        }

    def text(self) -> str:
        """The answer in a few lines for people."""
        verdicts = {
            GOOD: "GOOD",
            WRONG: "WRONG",
            UNUSABLE: "UNUSABLE INPUT",
            NOT_AUTHENTICATED: "consistent, issuer not authenticated",
            STATUS_UNKNOWN: "status unknown",
        }
        lines = [verdicts[self.exit] + (" (TEST certificate: permits nothing)" if self.test else "")]
        if self.first_wrong:
            wrong = self.first_wrong
            lines.append(_plain(f"{wrong['code']}: {wrong['path']}: {wrong['detail']}"))
        as_of = f" as of {self.status_as_of}" if self.status_as_of else ""
        lines += [
            f"issuer: {self.trust}; status: {self.status}{as_of}",
            f"checked: {self.files} files, {self.rows} rows, {self.bytes} bytes",
        ]
        if self.withdrawn_rows:
            lines.append(f"{self.withdrawn_rows} rows here are of works withdrawn since")
        return "\n".join([*lines, *self.notes])


def _plain(text: str) -> str:
    """Names come from who sent the folder: none may move the cursor, break the line or fail to print."""
    shown = (each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    return "".join(shown)
