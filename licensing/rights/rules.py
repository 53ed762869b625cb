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
FORMS: frozenset[str] = frozenset(_TABLE["forms"])
"""The forms of work the table speaks of: texts. Pictures, recordings, scores and films have rules of their own."""
OTHERS: frozenset[str] = frozenset(_TABLE["other_roles"])
"""Roles whose work is not in the text (cover artists, producers, narrators). Every other one counts, also unknown ones.
"""
LATER: frozenset[str] = frozenset(_TABLE["later_roles"])
"""Roles that are added to a text which may be older."""

NEVER = date.max


@dataclass(frozen=True, slots=True)
class Interval:
    """A date known within limits, both included; None where nothing is known on that side."""

    not_before: date | None
    not_after: date | None


UNKNOWN = Interval(None, None)


@dataclass(frozen=True, slots=True)
class Person:
    """A contributor: when born and when dead, as far as known; or recorded as anonymous, or an organisation."""

    role: str
    birth: Interval = UNKNOWN
    death: Interval = UNKNOWN
    anonymous: bool = False
    corporate: bool = False

    @property
    def unnamed(self) -> bool:
        """Whether there is no life to count from."""
        return self.anonymous or self.corporate

    def died(self) -> Interval:
        """When this person died at the earliest and at the latest: nobody lives beyond 125 years."""
        latest = [day for day in (self.death.not_after, self._oldest()) if day is not None]
        return Interval(self.death.not_before, min(latest, default=None))

    def _oldest(self) -> date | None:
        born = self.birth.not_after
        return None if born is None else date(min(born.year + _TABLE["longest_life_years"], NEVER.year), 12, 31)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a work. `complete`: somebody with evidence says that no relevant contributor is missing.
    `country`: where it was first published, "" when nobody says.
    """

    people: Sequence[Person]
    complete: bool
    published: Interval
    translated: bool = False
    form: str = "book"
    country: str = ""


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
    if latest is not None and (evidence.form not in FORMS or _untold(evidence)):
        latest = None  # the table speaks of texts, and of translations whose translator is named
    if latest is not None and latest <= on:
        return "public_domain", latest
    if earliest is not None and earliest > on and not row.get("only_free"):
        return "protected", latest if latest != NEVER else None
    return "unknown", None


def _untold(evidence: Evidence) -> bool:
    return evidence.translated and not any(person.role == "translator" for person in evidence.people)


def _turned(evidence: Evidence) -> bool:
    """Whether it is made from a text of elsewhere: then its country says nothing of the author."""
    return evidence.translated or any(person.role in ("translator", "adaptor") for person in evidence.people)


def _published(row: Mapping[str, Any], evidence: Evidence) -> tuple[date | None, date | None]:
    """By publication: free 95 years after its year; younger works stay unknown without a renewal record."""
    published = evidence.published.not_after
    if published is None or not all(_there_then(person, published) for person in evidence.people):
        return None, None
    return None, _end(published, row["published_years"])


def _there_then(person: Person, published: date) -> bool:
    """Whether the date of publication can be that of this text: senders give the original's for a translation too.

    Who joined a text that may be older than he is proves that it is not; who is not known to have lived then, nothing.
    """
    born = person.birth
    if person.role in OTHERS:
        return True
    if born.not_before is not None and born.not_before.year > published.year:
        return False
    if person.role not in LATER:
        return True
    return born.not_after is not None and born.not_after.year + _TABLE["youngest_years"] <= published.year


def _lives(row: Mapping[str, Any], evidence: Evidence) -> tuple[date | None, date | None]:
    """By lives: first possible and last possible free day, over all relevant people."""
    people = [person for person in evidence.people if person.role not in OTHERS]
    found = [_free(row, person, evidence) for person in people]
    earliest = max((first for first, _ in found if first is not None), default=None)
    if not people or not evidence.complete or any(last is None for _, last in found):
        return earliest, None
    latest = max(last for _, last in found if last is not None)
    return earliest, max(latest, _posthumous(row, people, evidence))


def _posthumous(row: Mapping[str, Any], people: Sequence[Person], evidence: Evidence) -> date:
    """The last possible day of what first appeared when all its authors may have been dead."""
    published = evidence.published.not_after
    if published is None or any(_alive(person, published) for person in people):
        return date.min
    return _end(published, row["posthumous"])


def _alive(person: Person, on: date) -> bool:
    died = person.died().not_before
    return person.unnamed or (died is not None and died >= on)


def _free(row: Mapping[str, Any], person: Person, evidence: Evidence) -> tuple[date | None, date | None]:
    if person.unnamed:
        return _unnamed(row, person, evidence.published)
    died = person.died()
    terms = _terms(row, died, "" if _turned(evidence) else evidence.country)
    first = None if died.not_before is None else _end(died.not_before, min(terms))
    last = None if died.not_after is None else _end(died.not_after, max(terms))
    return first, last


def _unnamed(row: Mapping[str, Any], person: Person, published: Interval) -> tuple[date | None, date | None]:
    """Anonymous and corporate authors: by the first publication, where the row has a rule for them."""
    rule = row.get("unnamed")
    if rule is None or (person.corporate and not rule.get("corporate")):
        return None, None
    years = set(_by_date(published, rule["years"], rule.get("published_before", ())))
    first = None if published.not_before is None else _end(published.not_before, min(years))
    last = None if published.not_after is None else _end(published.not_after, max(years))
    return first, last


def _end(start: date, years: int) -> date:
    """Terms run to the end of the calendar year."""
    year = start.year + years + 1
    return date(year, 1, 1) if year <= date.max.year else NEVER


def _terms(row: Mapping[str, Any], died: Interval, country: str) -> set[int]:
    """Every term in years that may apply to a death within these limits."""
    found = set(_by_date(died, row["years"], row.get("died_before", ())))
    for doubt in row.get("doubt", ()):
        within = _overlaps(died, date.fromisoformat(doubt["from"]), date.fromisoformat(doubt["until"]))
        if within and country not in doubt.get("not_published_in", ()):
            found.add(doubt["years"])
    return found


def _by_date(when: Interval, years: int, cutoffs: Iterable[Mapping[str, Any]]) -> Iterable[int]:
    yield_default = True
    for cutoff in cutoffs:
        day = date.fromisoformat(cutoff["date"])
        if when.not_before is None or when.not_before < day:
            yield cutoff["years"]
        if when.not_after is not None and when.not_after < day:
            yield_default = False
    if yield_default:
        yield years


def _overlaps(died: Interval, start: date, end: date) -> bool:
    after = died.not_before is not None and died.not_before > end
    before = died.not_after is not None and died.not_after < start
    return not (after or before)
