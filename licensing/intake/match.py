"""Which records of one sender are one work. Pure rules: keys in, the work's own id per record out (domain.md 1)."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 120
"""Characters of a work's own id."""


@dataclass(frozen=True, slots=True)
class Key:
    """One thing a record (by number) says that may join it with others: kind "work" or "id", key, signature."""

    number: int
    ref: str
    kind: str
    key: str
    signature: str

    @property
    def joint(self) -> tuple[str, str, str]:
        """What has to be equal to join."""
        return self.kind, self.key, self.signature


def group(keys: Iterable[Key], existing: Mapping[tuple[str, str, str], str]) -> dict[int, str]:
    """The own id of the work each record belongs to; records that are joined with nothing are left out.

    `existing` says which own id in the catalogue already answers to a key. A group takes, in this order, the work that
    is there (the smallest own id when the keys name several: existing works are never merged here), the work id its
    sender gave, the smallest reference. The same records in another order give the same answer.
    """
    listed = list(keys)
    leader = _Sets()
    first: dict[tuple[str, str, str], int] = {}
    for key in listed:
        leader.join(first.setdefault(key.joint, key.number), key.number)
    members: dict[int, list[Key]] = defaultdict(list)
    for key in listed:
        members[leader.of(key.number)].append(key)
    found: dict[int, str] = {}
    taken: set[str] = set()
    for together in sorted(members.values(), key=lambda some: min(key.joint for key in some)):
        own_id = _own_id(together, existing)
        if own_id in taken:  # one work id for two languages: never one work
            own_id = f"{own_id}#{min(key.signature for key in together)}"[:LONGEST]
        taken.add(own_id)
        found.update((key.number, own_id) for key in together if own_id)
    return found


def work_key(key: str) -> str:
    """The own id made of a sender's work id: an own one without its scheme, any other with it."""
    text = key.removeprefix("own:")
    return text if len(text) <= LONGEST else "derived:" + hashlib.sha256(text.encode()).hexdigest()[:32]


def _own_id(together: list[Key], existing: Mapping[tuple[str, str, str], str]) -> str:
    there = sorted({existing[key.joint] for key in together if key.joint in existing})
    if there:
        return there[0]
    named = sorted(work_key(key.key) for key in together if key.kind == "work")
    if named:
        return named[0]
    refs = sorted({key.ref for key in together})
    return refs[0] if len({key.number for key in together}) > 1 else ""


class _Sets:
    """Disjoint sets of record numbers; the smallest number leads."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def of(self, number: int) -> int:
        while (above := self._above.get(number, number)) != number:
            self._above[number] = self._above.get(above, above)
            number = above
        return number

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.of(one), self.of(other)))
        self._above[high] = low
