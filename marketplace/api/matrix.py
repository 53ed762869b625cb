"""The permission matrix as routes: who gets through which door (trust.md 2). A test plays every row."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One method of one route: the right its door asks for, and the roles that pass with something of their own."""

    route: str
    method: str
    right: str
    who: tuple[str, ...]

    @property
    def public(self) -> bool:
        """Needs no key."""
        return "anonymous" in self.who


def rows() -> list[Row]:
    """Every row of matrix.json."""
    found = json.loads(Path(__file__).with_name("matrix.json").read_bytes())
    return [Row(row["route"], row["method"], row["right"], tuple(row["who"])) for row in found]


@functools.cache
def _rights() -> dict[tuple[str, str], str]:
    return {(row.route, row.method): row.right for row in rows()}


def right_of(route: str, method: str) -> str:
    """What the door at a route asks for. KeyError for one without a row."""
    return _rights()[route, method]
