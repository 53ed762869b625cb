"""The one vocabulary of uses, and the crosswalk from other standards to it (data/uses.json, data/crosswalk.json).

A leaf action is one bit of an int mask. Masks hold leaves only; a parent such as ``train`` is shorthand. A leaf
that is added to a parent later takes one of that parent's `later_bits`: reservations of the parent already hold it
(`mask(..., restricts=True)`), permissions do not. The file is append-only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

Direction = Literal["restricts", "permits"]

_DATA = Path(__file__).with_name("data")
_USES: dict[str, Any] = json.loads(_DATA.joinpath("uses.json").read_bytes())
_CROSSWALK: dict[str, Any] = json.loads(_DATA.joinpath("crosswalk.json").read_bytes())

LEAVES: tuple[str, ...] = tuple(leaf["name"] for leaf in _USES["leaves"])
"""Leaf actions in the order of their bits."""

BITS: Mapping[str, int] = MappingProxyType({leaf["name"]: leaf["bit"] for leaf in _USES["leaves"]})
LABELS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {leaf["name"]: MappingProxyType({"en": leaf["en"], "zh": leaf["zh"]}) for leaf in _USES["leaves"]}
)
"""Leaf action -> its words for people, in English and Chinese."""
PARENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {parent["name"]: tuple(parent["leaves"]) for parent in _USES["parents"]}
)
_LATER: Mapping[str, int] = {
    parent["name"]: sum(1 << bit for bit in parent["later_bits"]) for parent in _USES["parents"]
}

MODEL_KINDS: Mapping[str, int] = MappingProxyType({name: 1 << bit for bit, name in enumerate(_USES["model_kinds"])})
OUTPUTS: Mapping[str, int] = MappingProxyType({name: 1 << bit for bit, name in enumerate(_USES["outputs"])})
ANY_MODEL = sum(MODEL_KINDS.values())
ALL_LEAVES = sum(1 << bit for bit in BITS.values())


def mask(names: Iterable[str], *, restricts: bool = False) -> int:
    """Return the bits of leaves and parents; with `restricts` also the bits kept for a parent's later leaves.

    Raises ValueError naming an unknown action.
    """
    total = 0
    for name in names:
        if name in BITS:
            total |= 1 << BITS[name]
        elif name in PARENTS:
            total |= mask(PARENTS[name]) | (_LATER[name] if restricts else 0)
        else:
            raise ValueError(f"unknown action {name!r}: expected one of {', '.join([*LEAVES, *PARENTS])}")
    return total


def names(mask: int) -> list[str]:
    """Return the leaves in the mask, in the order of their bits; bits kept for later leaves have no name yet."""
    return [name for name in LEAVES if mask >> BITS[name] & 1]


def model_kinds(names: Iterable[str]) -> int:
    """Return the mask of kinds of model; ``any`` is all of them. Raises ValueError naming an unknown kind."""
    return _sum(names, MODEL_KINDS, "model kind", everything="any")


def outputs(names: Iterable[str]) -> int:
    """Return the mask of outputs; ``any`` is all of them. Raises ValueError naming an unknown one."""
    return _sum(names, OUTPUTS, "output", everything="any")


def cross(standard: str, term: str, direction: Direction) -> int:
    """Return the actions a term of another standard restricts or permits; 0 when it says nothing of the kind.

    A term that is only evidence (``allowed``, TDMRep 0, ONIX 146 01) permits nothing here. Source: standards.md.
    """
    found = (
        cell["uses"]
        for cell in _CROSSWALK["cells"]
        if (cell["standard"], cell["term"], cell["direction"]) == (standard, term, direction)
    )
    return mask(next(found, ()), restricts=direction == "restricts")


def _sum(chosen: Iterable[str], table: Mapping[str, int], what: str, everything: str) -> int:
    total = 0
    for name in chosen:
        if name == everything:
            total |= sum(table.values())
        elif name in table:
            total |= table[name]
        else:
            raise ValueError(f"unknown {what} {name!r}: expected one of {', '.join([*table, everything])}")
    return total
