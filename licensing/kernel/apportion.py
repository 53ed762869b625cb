"""Dividing an amount by largest remainder, exactly and explainably (docs/algorithms/splits.md, section 2)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple
from uuid import UUID


class Share(NamedTuple):
    """One row of a division and everything needed to explain it.

    With W the sum of weights and A the amount: q = A div W, r = A mod W, floor = q*w + r*w div W,
    remainder = r*w mod W. `rank` counts from 1 by falling remainder, equals share one unless they lie across
    the cut; `cut_rank` is how many rows get one more; bumped = rank <= cut_rank; amount = floor + bumped.
    """

    weight: int
    q: int
    floor: int
    remainder: int
    rank: int
    cut_rank: int
    bumped: bool
    amount: int
    r: int


def tie(run: UUID, work: UUID, part_no: int) -> bytes:
    """Return what orders equal remainders: SHA-256(run || work || part number as 4 bytes, big-endian).

    The part number is 0 where works are divided. 32 bytes.
    """
    return hashlib.sha256(run.bytes + work.bytes + part_no.to_bytes(4, "big")).digest()


def divide(amount: int, weights: Sequence[int], ties: Sequence[bytes]) -> list[Share]:
    """Divide `amount` (any unit) by `weights`; one Share per weight, in the same order, summing to `amount`.

    All weights 0 count as all 1. `ties` (distinct, one per weight) is only read for rows whose equal
    remainders lie across the cut, so a lazy sequence costs nothing otherwise. Raises ValueError for a
    negative amount or weight, for unequal lengths, or for an amount with nobody to give it to.
    """
    _check(amount, weights, ties)
    used = list(weights) if any(weights) else [1] * len(weights)
    if not used:
        return []
    total = sum(used)
    q, r = divmod(amount, total)
    floors = [q * weight + r * weight // total for weight in used]
    remainders = [r * weight % total for weight in used]
    cut = amount - sum(floors)
    ranks = _ranks(remainders, cut, ties)
    return [
        Share(weight, q, floor, remainder, rank, cut, rank <= cut, floor + (rank <= cut), r)
        for weight, floor, remainder, rank in zip(used, floors, remainders, ranks, strict=True)
    ]


def take_back(amount: int, remaining: Sequence[int], ties: Sequence[bytes]) -> list[Share]:
    """Take `amount` back from what remains of each row: never more than remains, all of it when all is taken.

    Returns one Share per row whose `amount` is what to take. Raises ValueError when more is asked than
    remains, or as divide() does.
    """
    if amount > sum(remaining):
        raise ValueError(f"{amount} cannot be taken back from {sum(remaining)}")
    return divide(amount, remaining, ties)


def _check(amount: int, weights: Sequence[int], ties: Sequence[bytes]) -> None:
    if amount < 0:
        raise ValueError(f"an amount to divide is not negative: {amount}")
    if len(weights) != len(ties):
        raise ValueError(f"{len(weights)} weights but {len(ties)} ties")
    if any(weight < 0 for weight in weights):
        raise ValueError("a weight is not negative")
    if amount and not weights:
        raise ValueError(f"nobody to divide {amount} among")


def _ranks(remainders: Sequence[int], cut: int, ties: Sequence[bytes]) -> list[int]:
    """Rank by falling remainder; equals share a rank, but those across the cut are ordered by their ties."""
    ranks = [0] * len(remainders)
    first = 1
    falling = sorted(range(len(remainders)), key=lambda row: -remainders[row])
    for _, equals in groupby(falling, key=lambda row: remainders[row]):
        group = list(equals)
        across = first <= cut < first + len(group) - 1
        if across:
            group.sort(key=lambda row: ties[row])
        for place, row in enumerate(group):
            ranks[row] = first + place if across else first
        first += len(group)
    return ranks
