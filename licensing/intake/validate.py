"""The rules a record must pass before anything is stored: pure, streaming, one outcome per input record."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from licensing.intake import issues
from licensing.intake.issues import Issue
from licensing.intake.record import Outcome, Record

Verdict = Literal["loadable", "rejected", "duplicate", "ignored"]
_LIMITS: Final = {"title": 2000, "subtitle": 2000, "publisher": 500, "imprint": 500, "ref": 500, "content_file": 1000}


@dataclass(frozen=True, slots=True)
class Checked:
    """An outcome with its verdict: only `loadable` records go in; `duplicate` means an earlier one of the file
    does.
    """

    verdict: Verdict
    outcome: Outcome

    @property
    def record(self) -> Record | None:
        """The record, where one could be read."""
        return self.outcome.record

    @property
    def issues(self) -> tuple[Issue, ...]:
        """All issues of the record, the readers' and those of validation."""
        return self.outcome.issues


@dataclass(slots=True)
class Tally:
    """Counts over a file, filled while `validate` runs."""

    records: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    issues_by_code: Counter[str] = field(default_factory=Counter)
    warned: int = 0


def validate(outcomes: Iterable[Outcome], tally: Tally | None = None) -> Iterator[Checked]:
    """Apply the rules to each outcome, in order.

    A record without title is rejected; one that stands twice (same reference, or the same title and exactly the
    same valid
    identifiers) is
    loaded once, the first. Memory: about 120 bytes per record, for the keys seen. Refusals of the file raised by
    the reader
    pass through.
    """
    seen: dict[bytes, int] = {}
    counts = tally if tally is not None else Tally()
    for outcome in outcomes:
        checked = check(outcome)
        checked = _once(checked, seen)
        counts.records += 1
        counts.verdicts[checked.verdict] += 1
        counts.issues_by_code.update(issue.code for issue in checked.issues)
        counts.warned += any(issue.severity == "warning" for issue in checked.issues)
        yield checked


def check(outcome: Outcome) -> Checked:
    """The rules that need nothing but the record itself."""
    record = outcome.record
    found = list(outcome.issues)
    if record is None:
        return Checked("rejected", outcome)
    if record.notification == "ignored":
        errors = any(issue.severity == "error" for issue in found)
        return Checked("rejected" if errors else "ignored", outcome)
    if record.notification != "delete":
        found.extend(_title(record))
    found.extend(_lengths(record))
    judged = replace(outcome, issues=tuple(found)) if len(found) > len(outcome.issues) else outcome
    return Checked("loadable" if judged.loadable else "rejected", judged)


def _title(record: Record) -> Iterator[Issue]:
    """A new record needs a title, and a title may not be erased; an update without a title column leaves it alone."""
    if record.title_normalised:
        return
    if record.notification == "new" or "title" in record.sent:
        place = record.position
        yield issues.make(
            "title_missing",
            line=place.line,
            column=place.column,
            record=record.ref,
            path="title",
            seen=record.title,
            expected="a title",
        )


def _lengths(record: Record) -> Iterator[Issue]:
    for name, limit in _LIMITS.items():
        length = len(getattr(record, name))
        if length > limit:
            yield issues.make(
                "text_too_long",
                line=record.position.line,
                column=record.position.column,
                record=record.ref,
                path=name,
                seen=str(length),
                expected=str(limit),
            )


def keys(record: Record) -> Iterator[str]:
    """What makes two records of one file the same: notification with reference, or with title and identifiers."""
    yield f"{record.notification}\x1fref\x1f{record.ref}"
    matching = sorted(f"{one.scheme}:{one.value}" for one in record.matching)
    if matching:
        yield "\x1f".join((record.notification, "ids", record.title_normalised, *matching))


def _once(checked: Checked, seen: dict[bytes, int]) -> Checked:
    record = checked.record
    if record is None or checked.verdict != "loadable":
        return checked
    digests = [hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=16).digest() for key in keys(record)]
    first = next((seen[digest] for digest in digests if digest in seen), None)
    for digest in digests:
        seen.setdefault(digest, record.position.line)
    if first is None:
        return checked
    issue = issues.make(
        "duplicate_record",
        line=record.position.line,
        column=record.position.column,
        record=record.ref,
        seen=record.ref,
        expected=str(first),
    )
    return Checked("duplicate", replace(checked.outcome, issues=(*checked.issues, issue)))
