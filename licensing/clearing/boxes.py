"""Boxes of cells: leaf actions x territories x days. Pure geometry."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

BEGINNING = 0
END = 4_000_000
"""Ordinals of open ends: before and after every `date.toordinal()`."""


class Box(NamedTuple):
    """An action mask, a territory mask and the days from `start` up to but not including `end`, as ordinals."""

    actions: int
    territories: int
    start: int
    end: int


def day(value: date | None, *, otherwise: int) -> int:
    """The ordinal of a day; None is an open end."""
    return otherwise if value is None else value.toordinal()


def covers(outer: Box, inner: Box) -> bool:
    """Whether every cell of `inner` is in `outer`."""
    return (
        inner.actions & ~outer.actions == 0
        and inner.territories & ~outer.territories == 0
        and outer.start <= inner.start
        and inner.end <= outer.end
    )


def common(one: Box, other: Box) -> Box | None:
    """The cells of both, or None when there are none."""
    actions, territories = one.actions & other.actions, one.territories & other.territories
    start, end = max(one.start, other.start), min(one.end, other.end)
    return Box(actions, territories, start, end) if actions and territories and start < end else None


def regions(whole: Box, knives: Iterable[Box]) -> list[Box]:
    """Cut `whole` so that every knife covers a part or misses it: the parts are disjoint and add up to the whole."""
    parts = [whole]
    for knife in knives:
        if covers(knife, whole):
            continue
        cut: list[Box] = []
        for part in parts:
            cut.extend(_cut(part, knife))
        parts = cut
    return parts


def _cut(part: Box, knife: Box) -> list[Box]:
    inside = common(part, knife)
    if inside is None or inside == part:
        return [part]
    actions, territories, start, end = inside
    rests = (
        Box(part.actions & ~actions, part.territories, part.start, part.end),
        Box(actions, part.territories & ~territories, part.start, part.end),
        Box(actions, territories, part.start, start),
        Box(actions, territories, end, part.end),
    )
    return [inside, *(rest for rest in rests if rest.actions and rest.territories and rest.start < rest.end)]
