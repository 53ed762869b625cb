"""Ranges of days, half-open: the start belongs to the period, the end does not; None means without limit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `start` up to but not including `end`.

    Raises TypeError for a datetime (its day depends on a zone), ValueError for an empty or inverted range.
    """

    start: date | None
    end: date | None

    def __post_init__(self) -> None:
        """Refuse what is not a range of days."""
        for day in (self.start, self.end):
            if isinstance(day, datetime):
                raise TypeError(f"a period is made of days, not of times: {day}")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError(f"a period must end after it starts: {self.start} to {self.end}")

    def contains(self, day: date) -> bool:
        """Say whether the day lies within."""
        return (self.start is None or self.start <= day) and (self.end is None or day < self.end)

    def covers(self, other: Period) -> bool:
        """Say whether every day of `other` lies within."""
        return self.intersect(other) == other

    def overlaps(self, other: Period) -> bool:
        """Say whether the two share at least one day."""
        return self.intersect(other) is not None

    def intersect(self, other: Period) -> Period | None:
        """Return the days in both, or None when there are none."""
        starts = [day for day in (self.start, other.start) if day is not None]
        ends = [day for day in (self.end, other.end) if day is not None]
        start, end = max(starts, default=None), min(ends, default=None)
        if start is not None and end is not None and start >= end:
            return None
        return Period(start, end)

    def __str__(self) -> str:
        """Return an ISO 8601 interval; `..` stands for an open side (ISO 8601-2)."""
        return f"{self.start or '..'}/{self.end or '..'}"


ALWAYS = Period(None, None)


def month(day: date) -> Period:
    """Return the calendar month that `day` lies in."""
    start = day.replace(day=1)
    following = date(start.year + start.month // 12, start.month % 12 + 1, 1)
    return Period(start, following)
