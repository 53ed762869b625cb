"""Pictures of the pages: SVG made here, without scripts or styles of its own, each with title and description."""

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


@dataclass(frozen=True, slots=True)
class Bar:
    """One amount of a comparison: its name, how much, and the tone of its colour."""

    name: str
    amount: int
    tone: str


def stacked(rows: Sequence[Bar], *, name: str, title: str, description: str) -> SafeString:
    """Parts of one whole side by side; words and numbers stand in the table below."""
    whole, x = sum(row.amount for row in rows) or 1, 0
    parts = []
    for row in rows:
        wide = 1000 * row.amount // whole
        parts.append((row.tone, x, max(wide, 4 if row.amount else 0)))
        x += wide
    drawn = format_html_join("", '<rect class="bar {}" x="{}" y="1" width="{}" height="26"/>', parts)
    return _svg("stack", name, 1000, 28, title, description, drawn, stretch=True)


def bars(rows: Sequence[Bar], *, width: int, name: str, title: str, description: str) -> SafeString:
    """Amounts one under the other, each with its name and number over its bar."""
    most = max((row.amount for row in rows), default=1) or 1
    drawn = format_html_join(
        "", '<text x="1" y="{}">{} · {}</text><rect class="bar {}" x="1" y="{}" width="{}" height="12"/>',
        (
            (place * 38 + 13, row.name, row.amount, row.tone, place * 38 + 19, max(2, (width - 2) * row.amount // most))
            for place, row in enumerate(rows)
        ),
    )  # fmt: skip
    return _svg("bars", name, width, len(rows) * 38 or 1, title, description, drawn)


def _svg(
    kind: str, name: str, wide: int, high: int, title: str, description: str, drawn: SafeString, *,
    stretch: bool = False,
) -> SafeString:  # fmt: skip
    return format_html(
        '<svg class="{kind} {kind}-{name}" role="img" aria-labelledby="{name}-t {name}-d" viewBox="0 0 {wide} {high}"'
        ' width="{wide}" height="{high}"{stretch}><title id="{name}-t">{title}</title><desc id="{name}-d">'
        "{description}</desc>{drawn}</svg>",
        kind=kind, name=name, wide=wide, high=high, title=title, description=description, drawn=drawn,
        stretch=SafeString(' preserveAspectRatio="none"') if stretch else "",
    )  # fmt: skip


def flow(steps: Sequence[Step], *, columns: int, name: str, title: str, description: str) -> SafeString:
    """Boxes joined by arrows in rows of `columns`, each row the other way round; `name` makes the ids unique."""
    places = [_place(number, columns) for number in range(len(steps))]
    rows = -(-len(steps) // columns)
    wide = MARGIN * 2 + columns * WIDTH + (columns - 1) * GAP_X
    high = MARGIN * 2 + rows * HEIGHT + (rows - 1) * GAP_Y
    boxes = format_html_join("", _BOX, (_box(step, *place) for step, place in zip(steps, places, strict=True)))
    arrows = format_html_join("", '<path class="arrow" d="{}"/>', ((_arrow(a, b),) for a, b in pairwise(places)))
    return _svg("flow", name, wide, high, title, description, format_html("{}{}", arrows, boxes))


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
    found = segno.make_qr(address, error="m")
    drawn = found.svg_inline(border=4, light="#fff", svgclass="qr", title=title, omitsize=True)  # the sheet scales it
    return mark_safe(drawn)  # noqa: S308 -- segno escapes the title, and the rest are numbers
