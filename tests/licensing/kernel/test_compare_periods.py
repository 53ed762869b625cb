"""Half-open ranges of days."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from licensing.kernel.periods import ALWAYS, Period, month

JANUARY = Period(date(2026, 1, 1), date(2026, 2, 1))
FEBRUARY = Period(date(2026, 2, 1), date(2026, 3, 1))


def test_the_start_belongs_and_the_end_does_not() -> None:
    """So months touch without a gap and without sharing a day."""
    assert JANUARY.contains(date(2026, 1, 1))
    assert JANUARY.contains(date(2026, 1, 31))
    assert not JANUARY.contains(date(2026, 2, 1))
    assert not JANUARY.contains(date(2025, 12, 31))
    assert not JANUARY.overlaps(FEBRUARY)
    assert JANUARY.intersect(FEBRUARY) is None


def test_an_open_side_has_no_limit() -> None:
    """None is for ever."""
    since = Period(date(2026, 1, 15), None)
    assert since.contains(date.max)
    assert not since.contains(date(2026, 1, 14))
    assert Period(None, date(2026, 1, 15)).contains(date.min)
    assert ALWAYS.covers(JANUARY)
    assert not JANUARY.covers(ALWAYS)
    assert JANUARY.intersect(since) == Period(date(2026, 1, 15), date(2026, 2, 1))
    assert ALWAYS.intersect(ALWAYS) == ALWAYS


def test_covers_means_every_day() -> None:
    """The same period counts, one day more does not."""
    assert JANUARY.covers(JANUARY)
    assert not JANUARY.covers(Period(date(2026, 1, 1), date(2026, 2, 2)))
    assert not JANUARY.covers(FEBRUARY)


@pytest.mark.parametrize("end", [date(2026, 1, 1), date(2025, 12, 31)])
def test_refuses_an_empty_or_inverted_range(end: date) -> None:
    """A period has at least one day."""
    with pytest.raises(ValueError, match="must end after it starts"):
        Period(date(2026, 1, 1), end)


def test_refuses_a_time_of_day() -> None:
    """Which day a time is depends on a zone, and that is decided before."""
    with pytest.raises(TypeError, match="made of days"):
        Period(datetime(2026, 1, 1, tzinfo=UTC), None)


def test_reads_as_an_interval() -> None:
    """For logs and pages."""
    assert str(JANUARY) == "2026-01-01/2026-02-01"
    assert str(ALWAYS) == "../.."


def test_a_month_ends_at_the_next() -> None:
    """Also in December and in a leap year."""
    assert month(date(2026, 1, 31)) == JANUARY
    assert month(date(2026, 12, 1)) == Period(date(2026, 12, 1), date(2027, 1, 1))
    assert month(date(2028, 2, 29)) == Period(date(2028, 2, 1), date(2028, 3, 1))
