"""Public domain by evidence, per territory and day (domain.md 2): a rule table over interval facts. Pure.

Unknown is an answer: a missing date, an unnamed translator or an open list of contributors is never read as "free".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from licensing.kernel import territories

_TABLE: Mapping[str, Any] = json.loads(Path(__file__).with_name("data").joinpath("copyright.json").read_bytes())

VERSION: str = _TABLE["version"]
RELEVANT: frozenset[str] = frozenset(_TABLE["relevant_roles"])
"""Roles whose life counts for a text; not cover artists, producers, narrators."""

NEVER = date.max


@dataclass(frozen=True, slots=True)
class Interval:
    """A date known within limits, both included; None where nothing is known on that side."""

    not_before: date | None
    not_after: date | None


UNKNOWN = Interval(None, None)


@dataclass(frozen=True, slots=True)
class Person:
    """A relevant contributor: when born and when dead, as far as known."""

    role: str
    birth: Interval = UNKNOWN
    death: Interval = UNKNOWN

    def died(self) -> Interval:
        """When this person died at the earliest and at the latest: nobody lives beyond 125 years."""
        latest = [day for day in (self.death.not_after, self._oldest()) if day is not None]
        return Interval(self.death.not_before, min(latest, default=None))

    def _oldest(self) -> date | None:
        born = self.birth.not_after
        return None if born is None else date(born.year + _TABLE["longest_life_years"], 12, 31)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a work. `complete`: somebody with evidence says that no relevant contributor is missing."""

    people: Sequence[Person]
    complete: bool
    published: Interval
    translated: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """Three territory masks that cover the world, and the first free day where the rules name one in the future."""

    public_domain: int
    protected: int
    unknown: int
    free_from: Mapping[str, date]


def status(evidence: Evidence, on: date) -> Status:
    """The copyright status of a text on a day. Every territory gets exactly one of the three answers."""
    rest = territories.WORLD
    masks = {"public_domain": 0, "protected": 0, "unknown": 0}
    free_from: dict[str, date] = {}
    for row in sorted(_TABLE["rows"], key=lambda row: row["places"] == ["*"]):
        here = _places(row) & rest
        rest &= ~here
        answer, first_day = _answer(row, evidence, on)
        masks[answer] |= here
        if first_day is not None and first_day > on and row["places"] != ["*"]:
            free_from.update(dict.fromkeys(territories.members(here), first_day))
    return Status(**masks, free_from=free_from)


def _places(row: Mapping[str, Any]) -> int:
    if row["places"] == ["*"]:
        return territories.WORLD
    names: list[str] = []
    for place in row["places"]:
        names += _TABLE["groups"][place[1:]] if place.startswith("@") else [place]
    return territories.mask(names)


def _answer(row: Mapping[str, Any], evidence: Evidence, on: date) -> tuple[str, date | None]:
    """(answer, first free day if all dates are exact enough to name it)."""
    earliest, latest = _published(row, evidence) if "published_years" in row else _lives(row, evidence)
    if latest is not None and latest <= on:
        return "public_domain", latest
    if earliest is not None and earliest > on and not row.get("only_free"):
        return "protected", latest if latest != NEVER else None
    return "unknown", None


def _published(row: Mapping[str, Any], evidence: Evidence) -> tuple[date | None, date | None]:
    """By publication: free 95 years after its year; younger works stay unknown without a renewal record."""
    if evidence.published.not_after is None:
        return None, None
    return None, date(evidence.published.not_after.year + row["published_years"] + 1, 1, 1)


def _lives(row: Mapping[str, Any], evidence: Evidence) -> tuple[date | None, date | None]:
    """By lives: first possible and last possible free day, over all relevant people."""
    people = [person for person in evidence.people if person.role in RELEVANT]
    found = [_free(row, person.died()) for person in people]
    untold = evidence.translated and not any(person.role == "translator" for person in people)
    earliest = max((first for first, _ in found if first is not None), default=None)
    if not people or untold or not evidence.complete or any(last is None for _, last in found):
        return earliest, None
    return earliest, max(last for _, last in found if last is not None)


def _free(row: Mapping[str, Any], died: Interval) -> tuple[date | None, date | None]:
    first = None if died.not_before is None else _end(died.not_before, min(_terms(row, died)))
    last = None if died.not_after is None else _end(died.not_after, max(_terms(row, died)))
    return first, last


def _end(died: date, years: int) -> date:
    """Terms run to the end of the calendar year."""
    return date(died.year + years + 1, 1, 1)


def _terms(row: Mapping[str, Any], died: Interval) -> set[int]:
    """Every term in years that may apply to a death within these limits."""
    found = set(_by_death(row, died))
    for doubt in row.get("doubt", ()):
        if _overlaps(died, date.fromisoformat(doubt["from"]), date.fromisoformat(doubt["until"])):
            found.add(doubt["years"])
    return found


def _by_death(row: Mapping[str, Any], died: Interval) -> Iterable[int]:
    yield_default = True
    for cutoff in row.get("died_before", ()):
        day = date.fromisoformat(cutoff["date"])
        if died.not_before is None or died.not_before < day:
            yield cutoff["years"]
        if died.not_after is not None and died.not_after < day:
            yield_default = False
    if yield_default:
        yield row["years"]


def _overlaps(died: Interval, start: date, end: date) -> bool:
    after = died.not_before is not None and died.not_before > end
    before = died.not_after is not None and died.not_after < start
    return not (after or before)
