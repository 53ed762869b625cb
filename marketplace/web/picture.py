"""The picture of how a licence comes about: SVG made here, without scripts or styles of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import segno
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

WIDTH, HEIGHT = 168, 64
GAP_X, GAP_Y = 42, 40
MARGIN = 2


@dataclass(frozen=True, slots=True)
class Step:
    """One box: what happens, and who does it."""

    name: str
    who: str
    tone: str


def flow(steps: Sequence[Step], *, columns: int, name: str, title: str, description: str) -> SafeString:
    """Boxes joined by arrows in rows of `columns`, each row the other way round; `name` makes the ids unique."""
    places = [_place(number, columns) for number in range(len(steps))]
    rows = -(-len(steps) // columns)
    wide = MARGIN * 2 + columns * WIDTH + (columns - 1) * GAP_X
    high = MARGIN * 2 + rows * HEIGHT + (rows - 1) * GAP_Y
    boxes = format_html_join("", _BOX, (_box(step, *place) for step, place in zip(steps, places, strict=True)))
    arrows = format_html_join("", '<path class="arrow" d="{}"/>', ((_arrow(a, b),) for a, b in pairwise(places)))
    return format_html(
        '<svg class="flow flow-{name}" role="img" aria-labelledby="{name}-t {name}-d" viewBox="0 0 {wide} {high}"'
        ' width="{wide}" height="{high}"><title id="{name}-t">{title}</title><desc id="{name}-d">{description}</desc>'
        "{arrows}{boxes}</svg>",
        name=name, wide=wide, high=high, title=title, description=description, arrows=arrows, boxes=boxes,
    )  # fmt: skip


_BOX = (
    '<g class="step {}"><rect x="{}" y="{}" width="168" height="64" rx="6"/>'
    '<text class="what" x="{}" y="{}">{}</text><text class="by" x="{}" y="{}">{}</text></g>'
)


def _place(number: int, columns: int) -> tuple[int, int]:
    row, column = divmod(number, columns)
    if row % 2:
        column = columns - 1 - column
    return MARGIN + column * (WIDTH + GAP_X), MARGIN + row * (HEIGHT + GAP_Y)


def _box(step: Step, x: int, y: int) -> tuple[str | int, ...]:
    middle = x + WIDTH // 2
    return step.tone, x, y, middle, y + 28, step.name, middle, y + 48, step.who


def _arrow(a: tuple[int, int], b: tuple[int, int]) -> str:
    (ax, ay), (bx, by) = a, b
    if ay == by:
        sign = 1 if bx > ax else -1
        start, end, y = (ax + WIDTH, bx, ay + HEIGHT // 2) if sign > 0 else (ax, bx + WIDTH, ay + HEIGHT // 2)
        return f"M{start} {y}H{end}M{end - 7 * sign} {y - 5}L{end} {y}L{end - 7 * sign} {y + 5}"
    x = ax + WIDTH // 2
    return f"M{x} {ay + HEIGHT}V{by}M{x - 5} {by - 7}L{x} {by}L{x + 5} {by - 7}"


def code(address: str, *, title: str) -> SafeString:
    """A QR code of an address, dark on white in both themes of a printer; `title` says what it leads to."""
    drawn = segno.make_qr(address, error="m").svg_inline(scale=4, border=4, light="#fff", svgclass="qr", title=title)
    return mark_safe(drawn)  # noqa: S308 -- segno escapes the title, and the rest are numbers
