"""A whole allocation: works, claims, parts, held money, hashes, refunds."""

from __future__ import annotations

from uuid import UUID

import pytest

from licensing.kernel import apportion, canonical, digests, ids, split
from licensing.kernel.money import MICRO, POOL_MAX_MINOR
from licensing.kernel.split import PartShare, Remaining, WorkWeight

RUN = UUID(int=7)
WORK, OTHER = UUID(int=100), UUID(int=200)
CLAIM, SECOND = UUID(int=11), UUID(int=12)
VERSION = UUID(int=21)
ALICE, BOB, SUSPENSE = UUID(int=31), UUID(int=32), UUID(int=33)


def part(
    ppm: int, payee: UUID = ALICE, no: int = 1, claim: UUID | None = CLAIM, claim_ppm: int = split.WHOLE
) -> PartShare:
    """Build a part of a split."""
    return PartShare(claim, VERSION if claim else None, no, payee, ppm, claim_ppm)


THIRDS = [part(333_333, ALICE, 1), part(333_333, BOB, 2), part(333_334, SUSPENSE, 3)]


def amounts(pool: int, parts: list[PartShare]) -> list[int]:
    """Divide a pool of one work and return what each part gets."""
    return [row.amount for row in split.allocate(RUN, pool, [WorkWeight(WORK, 1)], {WORK: parts})]


def test_divides_works_then_parts() -> None:
    """Two works 3:1, the first to three parts, the second whole to one."""
    works = [WorkWeight(WORK, 3), WorkWeight(OTHER, 1)]
    rows = list(split.allocate(RUN, 4_000_000, works, {WORK: THIRDS, OTHER: [part(split.WHOLE, BOB)]}))
    assert [(row.work, row.payee, row.part_no, row.weight, row.amount) for row in rows] == [
        (WORK, ALICE, 1, 333_333, 999_999),
        (WORK, BOB, 2, 333_333, 999_999),
        (WORK, SUSPENSE, 3, 333_334, 1_000_002),
        (OTHER, BOB, 1, 1_000_000, 1_000_000),
    ]
    assert [row.work_weight for row in rows] == [3, 3, 3, 1]
    assert {row.split_version for row in rows} == {VERSION}


def test_rows_explain_the_odd_micro() -> None:
    """100 micro by thirds: the largest remainder, here the smallest share's neighbours' equal, gets it."""
    rows = list(split.allocate(RUN, 100, [WorkWeight(WORK, 1)], {WORK: THIRDS}))
    assert [(row.floor, row.remainder, row.rank, row.bumped) for row in rows] == [
        (33, 333_300, 2, False),
        (33, 333_300, 2, False),
        (33, 333_400, 1, True),
    ]
    assert sum(row.amount for row in rows) == 100


def test_claims_share_a_work() -> None:
    """60 % to one claim split in halves, 40 % to another: whole ppm of the work."""
    parts = [
        part(split.WHOLE, BOB, 1, SECOND, 400_000),
        part(500_000, ALICE, 2, CLAIM, 600_000),
        part(500_000, BOB, 1, CLAIM, 600_000),
    ]
    rows = list(split.allocate(RUN, 1_000, [WorkWeight(WORK, 1)], {WORK: parts}))
    assert [(row.claim, row.payee, row.part_no, row.weight, row.amount) for row in rows] == [
        (CLAIM, BOB, 1, 300_000, 300),
        (CLAIM, ALICE, 2, 300_000, 300),
        (SECOND, BOB, 3, 400_000, 400),
    ]


def test_shares_that_are_no_whole_ppm_stay_exact() -> None:
    """A third of a third has no ppm, so the work's shares are of 10^12."""
    parts = [
        *[row._replace(claim_ppm=333_333) for row in THIRDS],
        part(split.WHOLE, BOB, 1, SECOND, 666_667),
    ]
    numbered = split.shares_of_work(WORK, parts)
    assert [weight for _, weight in numbered] == [
        333_333 * 333_333,
        333_333 * 333_333,
        333_333 * 333_334,
        666_667 * 10**6,
    ]
    assert sum(weight for _, weight in numbered) == 10**12
    assert sum(amounts(999_999_999, parts)) == 999_999_999


def test_contested_money_is_a_part_like_any_other() -> None:
    """Two claims of 60 %: 40 % each is paid, 20 % is held for the conflict without a claim of its own."""
    parts = [
        part(split.WHOLE, SUSPENSE, 1, None, 200_000),
        part(split.WHOLE, ALICE, 1, CLAIM, 400_000),
        part(split.WHOLE, BOB, 1, SECOND, 400_000),
    ]
    rows = list(split.allocate(RUN, 10 * MICRO, [WorkWeight(WORK, 1)], {WORK: parts}))
    assert [(row.payee, row.part_no, row.amount) for row in rows] == [
        (ALICE, 1, 4 * MICRO),
        (BOB, 2, 4 * MICRO),
        (SUSPENSE, 3, 2 * MICRO),
    ]
    assert rows[2].claim is None
    assert rows[2].split_version is None


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ([], "claims of a work"),
        ([part(999_999)], "parts of a claim must sum to 1000000"),
        ([part(500_000), part(500_000)], "part number appears twice"),
        ([part(1_000_001, no=1), part(-1, no=2)], "share is negative"),
        ([part(10**6, claim_ppm=-1), part(10**6, claim=SECOND, claim_ppm=1_000_001)], "share is negative"),
        ([part(10**6, claim_ppm=999_999)], "claims of a work"),
        ([part(500_000, claim_ppm=400_000), part(500_000, no=2, claim_ppm=600_000)], "one share each"),
    ],
)
def test_refuses_parts_that_do_not_sum(parts: list[PartShare], sentence: str) -> None:
    """Nothing is scaled, and the work is named, before the first row."""
    with pytest.raises(ValueError, match=sentence) as refusal:
        split.allocate(RUN, 100, [WorkWeight(WORK, 1)], {WORK: parts})
    assert ids.encode("wrk", WORK) in str(refusal.value)


def test_refuses_pools_and_works_that_cannot_be() -> None:
    """Too large, negative, twice the same work, or a work without parts."""
    works = [WorkWeight(WORK, 1)]
    parts = {WORK: THIRDS}
    largest = POOL_MAX_MINOR * MICRO
    assert sum(row.amount for row in split.allocate(RUN, largest, works, parts)) == largest
    with pytest.raises(ValueError, match="at most"):
        split.allocate(RUN, largest + 1, works, parts)
    with pytest.raises(ValueError, match="not negative"):
        split.allocate(RUN, -1, works, parts)
    with pytest.raises(ValueError, match="appears twice"):
        split.allocate(RUN, 1, works * 2, parts)
    with pytest.raises(ValueError, match="claims of a work"):
        split.allocate(RUN, 1, [WorkWeight(OTHER, 1)], parts)


def test_the_tie_decides_across_the_cut() -> None:
    """One micro for two equal halves goes to the smaller tie."""
    rows = list(split.allocate(RUN, 1, [WorkWeight(WORK, 0)], {WORK: [part(500_000), part(500_000, BOB, 2)]}))
    first, second = apportion.tie(RUN, WORK, 1), apportion.tie(RUN, WORK, 2)
    assert [row.amount for row in rows] == ([1, 0] if first < second else [0, 1])
    assert sorted(row.rank for row in rows) == [1, 2]


def test_hashes_are_of_the_lines_written_down() -> None:
    """The lines of the documentation, sorted by bytes, a line feed between."""
    rows = list(split.allocate(RUN, 100, [WorkWeight(WORK, 1)], {WORK: THIRDS}))
    names = [ids.encode("wrk", WORK), "1", ids.encode("clm", CLAIM), ids.encode("spl", VERSION)]
    given = [[*names, 1, 333_333], [*names, 2, 333_333], [*names, 3, 333_334]]
    results = [
        ["33", "333300", 2, False, "33"],
        ["33", "333300", 2, False, "33"],
        ["33", "333400", 1, True, "34"],
    ]
    lines = [canonical.jcs(line) for line in given]
    assert split.input_hash(rows) == digests.of_lines(sorted(lines))
    full = [canonical.jcs(line + result) for line, result in zip(given, results, strict=True)]
    assert split.output_hash(rows) == digests.of_lines(sorted(full))
    assert split.output_hash(reversed(rows)) == split.output_hash(rows)
    assert split.output_hash(rows) == "afde46e76881a35c62dae5148a640f1bd11a2995687a67a33dd314a568eafcf7"


def test_a_missing_claim_is_null_in_the_hash() -> None:
    """Held money is still part of what was hashed."""
    rows = list(split.allocate(RUN, 100, [WorkWeight(WORK, 1)], {WORK: [part(split.WHOLE, SUSPENSE, 1, None)]}))
    line = canonical.jcs([ids.encode("wrk", WORK), "1", None, None, 1, 1_000_000])
    assert split.input_hash(rows) == digests.of_lines([line])


def test_a_refund_takes_by_what_remains() -> None:
    """Works first, then parts; rows may come in any order."""
    remaining = [Remaining(WORK, 1, 40), Remaining(OTHER, 1, 50), Remaining(WORK, 2, 10)]
    assert split.take_back(RUN, 50, remaining) == [
        Remaining(WORK, 1, 20),
        Remaining(OTHER, 1, 25),
        Remaining(WORK, 2, 5),
    ]
    assert split.take_back(RUN, 100, remaining) == remaining
    with pytest.raises(ValueError, match="101 cannot be taken back from 100"):
        split.take_back(RUN, 101, remaining)


def test_ties_are_a_sequence() -> None:
    """Lazy, but with length and slices as any sequence."""
    ties = split.Ties(RUN, [(WORK, 0), (OTHER, 0)])
    assert len(ties) == 2
    assert list(ties[1:]) == [apportion.tie(RUN, OTHER, 0)]
