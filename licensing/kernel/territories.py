"""Territories as masks of 256 bits: one bit per ISO 3166-1 alpha-2 code and XK, WORLD all of them.

Bit i of the integer is character i, from the left, of PostgreSQL's bit(256), so ``get_bit(column, i)`` and
``mask >> i & 1`` agree. Spare bits belong to WORLD, so that a code assigned later is already in old worldwide
masks and in "world except" masks, and in no other. The table is data/territories.json and is append-only.

Names: a code (``DE``), ``WORLD``, a dated set (``EU``, ``EEA`` or ``EWR``, ``ECZ``), a retired code (``YU``),
a subdivision that has a code of its own (``GB-IOM`` is ``IM``), each with a leading minus to take it away
again: ``["WORLD", "-US"]``. Any other subdivision is a part of a country and depends on the side it stands
on: permitted() leaves it out and says so, excluded() takes the whole country.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

SIZE = 256
WORLD = (1 << SIZE) - 1

_DATA: dict[str, Any] = json.loads(Path(__file__).with_name("data").joinpath("territories.json").read_bytes())
BITS: dict[str, int] = _DATA["bits"]
"""Code -> bit."""

_ASSIGNED = sum(1 << bit for bit in BITS.values())
_SPARE = WORLD & ~_ASSIGNED
_MINUS = "-"


class Permitted(NamedTuple):
    """What a list of permitted names comes to: the mask, and the names that were only part of a country."""

    mask: int
    parts: tuple[str, ...]


def mask(names: Iterable[str], on: date | None = None) -> int:
    """Return the mask of the names; sets and retired codes as of the day `on`, or as of their latest meaning.

    Raises ValueError naming the first name that is unknown or only a part of a country.
    """
    result = permitted(names, on)
    if result.parts:
        raise ValueError(f"{result.parts[0]} is only a part of a country: it has no bit of its own")
    return result.mask


def permitted(names: Iterable[str], on: date | None = None) -> Permitted:
    """Return the mask that may be relied on, and the parts of countries that were left out of it.

    Names with a minus are read as excluded() reads them. Raises ValueError for an unknown name.
    """
    total, taken, parts = 0, 0, []
    for name in names:
        if name.startswith(_MINUS):
            taken |= excluded([name[1:]], on)
        elif _is_part(name):
            parts.append(name)
        else:
            total |= _exact(name, on)
    return Permitted(total & ~taken, tuple(parts))


def excluded(names: Iterable[str], on: date | None = None) -> int:
    """Return the widest mask the names can mean: a part of a country takes the whole country with it.

    Without a day a retired code takes all its meanings; a set takes its latest members and the regions with a
    code of their own in which its law applies. Raises ValueError for an unknown name or a name with a minus.
    """
    total = 0
    for name in names:
        if _is_part(name):
            total |= 1 << BITS[name[:2]]
        elif name in _DATA["retired"] and on is None:
            total |= _bits(code for _, codes in _DATA["retired"][name] for code in codes)
        else:
            total |= _exact(name, on) | _bits(_uncertain(name))
    return total


def codes(mask: int) -> list[str]:
    """Return names that mask() turns back into `mask`: ["WORLD"], ["WORLD", "-US", ...] or sorted codes.

    Raises ValueError for a mask that no names can have made.
    """
    spare = _within(mask) & _SPARE
    if spare == _SPARE:
        return ["WORLD", *(_MINUS + code for code in members(WORLD & ~mask))]
    if spare:
        raise ValueError("a spare bit is set without all others: no territories have this mask")
    return members(mask)


def members(mask: int) -> list[str]:
    """Return every code in the mask, sorted; also for WORLD."""
    return sorted(code for code, bit in BITS.items() if _within(mask) >> bit & 1)


def to_bits(mask: int) -> str:
    """Return the 256 characters 0 and 1 of PostgreSQL's bit(256); ValueError when it does not fit."""
    return format(_within(mask), f"0{SIZE}b")[::-1]


def from_bits(text: str) -> int:
    """Return the mask of 256 characters 0 and 1; ValueError for any other text."""
    if len(text) != SIZE or set(text) - {"0", "1"}:
        raise ValueError(f"a mask is {SIZE} characters 0 or 1")
    return int(text[::-1], 2)


def _within(mask: int) -> int:
    if not 0 <= mask <= WORLD:
        raise ValueError(f"a mask has {SIZE} bits and no sign")
    return mask


def _bits(names: Iterable[str]) -> int:
    total = 0
    for code in names:
        total |= 1 << BITS[code]
    return total


def _is_part(name: str) -> bool:
    """Say whether the name has the form of a subdivision of a known country, without a code of its own."""
    country, dash, rest = name.partition("-")
    known = country in BITS and bool(dash) and name not in _DATA["subdivisions_with_a_code"]
    return known and 1 <= len(rest) <= 3 and rest.isascii() and rest.isalnum() and rest == rest.upper()


def _exact(name: str, on: date | None) -> int:
    if name == "WORLD":
        return WORLD
    if name in BITS:
        return 1 << BITS[name]
    if name in _DATA["subdivisions_with_a_code"]:
        return _bits(_DATA["subdivisions_with_a_code"][name])
    if name in _DATA["retired"]:
        return _bits(_successors(_DATA["retired"][name], on))
    if _set_name(name) in _DATA["sets"]:
        return _bits(_members_on(_DATA["sets"][_set_name(name)]["members"], on))
    raise ValueError(f"unknown territory {name!r}: expected an ISO 3166-1 code, XK, WORLD, EU, EEA or ECZ")


def _set_name(name: str) -> str:
    return str(_DATA["aliases"].get(name, name))


def _uncertain(name: str) -> list[str]:
    found: list[str] = _DATA["sets"].get(_set_name(name), {}).get("uncertain", [])
    return found


def _successors(meanings: list[tuple[str | None, list[str]]], on: date | None) -> list[str]:
    """Return the codes of the meaning that held on the day; the last meaning has no end."""
    day = "9999-12-31" if on is None else on.isoformat()
    return next(found for until, found in meanings if until is None or day < until)


def _members_on(rows: list[tuple[str, str, str | None]], on: date | None) -> list[str]:
    """Return the members on the day; without a day those that have not left."""
    if on is None:
        return [code for code, _, until in rows if until is None]
    day = on.isoformat()
    return [code for code, since, until in rows if since <= day and (until is None or day < until)]
