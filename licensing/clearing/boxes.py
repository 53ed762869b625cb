"""Boxes of cells: leaf actions x territories x days. Pure geometry."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import pairwise
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
    """Cut `whole` along every edge of every knife, in each direction right through.

    The parts are disjoint, add up to the whole, and their cells differ in nothing; neither they nor their order depend
    on the order of the knives.
    """
    cuts = [knife for knife in knives if not covers(knife, whole)]
    if not cuts:
        return [whole]
    actions = _classes(whole.actions, {knife.actions for knife in cuts})
    places = _classes(whole.territories, {knife.territories for knife in cuts})
    edges = {day for knife in cuts for day in (knife.start, knife.end) if whole.start < day < whole.end}
    days = sorted({whole.start, whole.end, *edges})
    return [
        Box(action, place, start, end) for action in actions for place in places for start, end in pairwise(days)
    ]


def _classes(whole: int, masks: Iterable[int]) -> list[int]:
    """The sets of bits that no mask tells apart, in ascending order."""
    parts = [whole]
    for mask in masks:
        parts = [side for part in parts for side in (part & mask, part & ~mask) if side]
    return sorted(parts)
