"""Periods: the operations agree with looking at every single day."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from licensing.kernel.periods import Period, month

FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(-1, 14)]


@st.composite
def periods(draw: st.DrawFn) -> Period:
    """Any period whose limits lie inside the observed days, so that every difference can be seen."""
    start = draw(st.none() | st.integers(0, 11))
    end = draw(st.none() | st.integers(1 if start is None else start + 1, 12))
    return Period(
        None if start is None else FIRST + timedelta(days=start),
        None if end is None else FIRST + timedelta(days=end),
    )


def days(period: Period | None) -> set[date]:
    """Return the observed days inside."""
    return set() if period is None else {day for day in DAYS if period.contains(day)}


@given(periods(), periods())
def test_operations_agree_with_the_days(one: Period, other: Period) -> None:
    """Intersection, overlap and cover, in both directions."""
    assert days(one.intersect(other)) == days(one) & days(other)
    assert one.intersect(other) == other.intersect(one)
    assert one.overlaps(other) is bool(days(one) & days(other))
    assert one.covers(other) is (days(other) <= days(one))


@given(periods(), periods(), periods())
def test_intersecting_does_not_depend_on_grouping(a: Period, b: Period, c: Period) -> None:
    """Cells are cut by many periods in any order."""
    left, right = a.intersect(b), b.intersect(c)
    assert days(left and left.intersect(c)) == days(right and a.intersect(right))


@given(st.dates(max_value=date(9999, 11, 30)))
def test_every_day_is_in_its_month_only(day: date) -> None:
    """Months follow each other without a gap."""
    own = month(day)
    assert own.contains(day)
    assert own.end is not None
    assert month(own.end).start == own.end
