"""The oracle of an allocation: one pool to works, each work's money to its parts (docs/algorithms/splits.md).

Pure integers, written to be read; production does the same in SQL and must agree byte for byte.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, overload
from uuid import UUID

from licensing.kernel import apportion, digests, ids
from licensing.kernel.money import MICRO, POOL_MAX_MINOR

WHOLE = 1_000_000
"""Ppm that a work's claims, and a claim's parts, sum to."""


class WorkWeight(NamedTuple):
    """A work of the pool and its weight: the quoted line price in micro over the gcd of all."""

    work: UUID
    weight: int


class PartShare(NamedTuple):
    """One part of the frozen split of one claim: `ppm` of the claim, which is `claim_ppm` of the work.

    `part_no` is the number inside the split. Held money has no claim and split version of its own (None).
    """

    claim: UUID | None
    split_version: UUID | None
    part_no: int
    payee: UUID
    ppm: int
    claim_ppm: int = WHOLE


class Row(NamedTuple):
    """One allocation. Money in micro; floor, remainder, rank and bumped are of the division among parts.

    `part_no` counts over all claims of the work; `weight` is the part's share of the work, `work_weight` the
    work's weight in the pool.
    """

    work: UUID
    claim: UUID | None
    payee: UUID
    part_no: int
    weight: int
    floor: int
    remainder: int
    rank: int
    bumped: bool
    amount: int
    split_version: UUID | None
    work_weight: int


class Remaining(NamedTuple):
    """What is left (micro) of one allocation, or what is taken of it."""

    work: UUID
    part_no: int
    amount: int


@dataclass(frozen=True, slots=True)
class Ties(Sequence[bytes]):
    """The ties of rows (work, part number) in one run, each computed only when it is read."""

    run: UUID
    rows: Sequence[tuple[UUID, int]]

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Ties: ...
    def __getitem__(self, index: int | slice) -> bytes | Ties:
        """Return the tie of a row, or the ties of some rows."""
        if isinstance(index, slice):
            return Ties(self.run, self.rows[index])
        return apportion.tie(self.run, *self.rows[index])

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.rows)


def allocate(
    run: UUID, pool_micro: int, works: Sequence[WorkWeight], parts: Mapping[UUID, Sequence[PartShare]]
) -> Iterator[Row]:
    """Divide a pool (micro) among works by weight, then each work's money among its parts.

    Rows come by work in the order given, then by part number; their amounts sum to the pool, per work to the
    work's amount. Everything is checked before the first row. Raises ValueError for a pool that is negative
    or above 9.2e12 minor, a work that appears twice, or parts that do not sum.
    """
    if pool_micro > POOL_MAX_MINOR * MICRO:
        raise ValueError(f"a pool is at most {POOL_MAX_MINOR} minor units")
    shares = divide_works(run, pool_micro, works)
    numbered = {work: shares_of_work(work, parts.get(work, ())) for work, _ in works}
    return _rows(run, works, shares, numbered)


def divide_works(run: UUID, pool_micro: int, works: Sequence[WorkWeight]) -> dict[UUID, apportion.Share]:
    """Divide the pool among the works; work -> share. Raises ValueError as allocate() does."""
    ties = Ties(run, [(work, 0) for work, _ in works])
    shares = apportion.divide(pool_micro, [weight for _, weight in works], ties)
    found = {entry.work: share for entry, share in zip(works, shares, strict=True)}
    if len(found) != len(works):
        raise ValueError("a work appears twice in one run")
    return found


def shares_of_work(work: UUID, parts: Sequence[PartShare]) -> list[tuple[PartShare, int]]:
    """Return the parts of a work with their numbers in the run (1..n) and each one's share of the work.

    Shares sum to 10^6, or to 10^12 where ppm of the work are not whole numbers. Raises ValueError naming the
    work when its claims or a claim's parts do not sum to 1,000,000 ppm.
    """
    _check_sums(work, parts)
    ordered = sorted(parts, key=_order)
    products = [part.claim_ppm * part.ppm for part in ordered]
    scale = 1 if any(product % WHOLE for product in products) else WHOLE
    return [
        (part._replace(part_no=number), product // scale)
        for number, (part, product) in enumerate(zip(ordered, products, strict=True), start=1)
    ]


def divide_parts(
    run: UUID, work: UUID, amount_micro: int, shares: Sequence[tuple[PartShare, int]]
) -> list[apportion.Share]:
    """Divide a work's money (micro) among its parts as `shares_of_work` gives them; one share per part."""
    ties = Ties(run, [(work, part.part_no) for part, _ in shares])
    return apportion.divide(amount_micro, [share for _, share in shares], ties)


def input_hash(rows: Iterable[Row]) -> str:
    """Return the SHA-256 (hex) over what was divided; independent of the order of rows."""
    return digests.of_lines(sorted(_line(_given(row)) for row in rows))


def output_hash(rows: Iterable[Row]) -> str:
    """Return the SHA-256 (hex) over what was divided and how; independent of the order of rows."""
    return digests.of_lines(sorted(_line(_given(row) + _result(row)) for row in rows))


def take_back(run: UUID, amount_micro: int, remaining: Sequence[Remaining]) -> list[Remaining]:
    """Take a refund (micro) back from what remains: works by remaining, then parts by remaining.

    Returns what to take per row, in the order given; never more than remains, all of it when all is refunded.
    `run` is the refund's. Raises ValueError when more is asked than remains.
    """
    by_work: dict[UUID, list[int]] = defaultdict(list)
    for place, row in enumerate(remaining):
        by_work[row.work].append(place)
    left = [sum(remaining[place].amount for place in places) for places in by_work.values()]
    levels = apportion.take_back(amount_micro, left, Ties(run, [(work, 0) for work in by_work]))
    taken = list(remaining)
    for places, level in zip(by_work.values(), levels, strict=True):
        rows = [remaining[place] for place in places]
        ties = Ties(run, [(row.work, row.part_no) for row in rows])
        amounts = apportion.take_back(level.amount, [row.amount for row in rows], ties)
        for place, share in zip(places, amounts, strict=True):
            taken[place] = taken[place]._replace(amount=share.amount)
    return taken


def _rows(
    run: UUID,
    works: Sequence[WorkWeight],
    shares: Mapping[UUID, apportion.Share],
    numbered: Mapping[UUID, Sequence[tuple[PartShare, int]]],
) -> Iterator[Row]:
    for work, work_weight in works:
        own = numbered[work]
        divided = divide_parts(run, work, shares[work].amount, own)
        for (part, weight), share in zip(own, divided, strict=True):
            yield Row(
                work=work,
                claim=part.claim,
                payee=part.payee,
                part_no=part.part_no,
                weight=weight,
                floor=share.floor,
                remainder=share.remainder,
                rank=share.rank,
                bumped=share.bumped,
                amount=share.amount,
                split_version=part.split_version,
                work_weight=work_weight,
            )


def _order(part: PartShare) -> tuple[bool, bytes, int]:
    """Order parts by claim, held money last, then by their number inside the split."""
    return (part.claim is None, b"" if part.claim is None else part.claim.bytes, part.part_no)


def _check_sums(work: UUID, parts: Sequence[PartShare]) -> None:
    claim_ppm = {(part.claim, part.claim_ppm) for part in parts}
    sums: dict[UUID | None, int] = defaultdict(int)
    for part in parts:
        sums[part.claim] += part.ppm
    problem = ""
    if len({_order(part) for part in parts}) != len(parts):
        problem = "a part number appears twice in one claim"
    elif any(part.ppm < 0 or part.claim_ppm < 0 for part in parts):
        problem = "a share is negative"
    elif any(total != WHOLE for total in sums.values()):
        problem = f"the parts of a claim must sum to {WHOLE} ppm"
    elif len(claim_ppm) != len(sums) or sum(ppm for _, ppm in claim_ppm) != WHOLE:
        problem = f"the claims of a work must have one share each and sum to {WHOLE} ppm"
    if problem:
        raise ValueError(f"{_public('wrk', work)}: {problem}")


def _given(row: Row) -> list[object]:
    return [
        _public("wrk", row.work),
        str(row.work_weight),
        _public("clm", row.claim),
        _public("spl", row.split_version),
        row.part_no,
        row.weight,
    ]


def _result(row: Row) -> list[object]:
    return [str(row.floor), str(row.remainder), row.rank, row.bumped, str(row.amount)]


def _line(fields: list[object]) -> bytes:
    """Return canonical JSON: the two writers agree on arrays of ASCII text, small integers and literals."""
    return json.dumps(fields, separators=(",", ":")).encode("ascii")


def _public(prefix: str, value: UUID | None) -> str | None:
    return None if value is None else ids.encode(prefix, value)
