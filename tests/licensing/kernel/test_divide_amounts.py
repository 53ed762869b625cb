"""Largest remainder: worked examples and refusals."""

from __future__ import annotations

import hashlib
from uuid import UUID

import pytest

from licensing.kernel import apportion
from licensing.kernel.apportion import Share

TIES = [b"b", b"a", b"c"]


def test_the_example_of_the_documentation() -> None:
    """Three equals, one micro over: the smallest tie gets it, the ranks of the group are consecutive."""
    equal = Share(
        weight=1,
        q=333_333,
        floor=333_333,
        remainder=1,
        rank=0,
        cut_rank=1,
        bumped=False,
        amount=333_333,
        r=1,
    )
    assert apportion.divide(1_000_000, [1, 1, 1], TIES) == [
        equal._replace(rank=2),
        equal._replace(rank=1, bumped=True, amount=333_334),
        equal._replace(rank=3),
    ]


def test_the_largest_remainders_get_one_more() -> None:
    """10 by 1:2:4 is 1.43, 2.86, 5.71: the second and third are bumped; equal rank needs no tie."""
    shares = apportion.divide(10, [1, 2, 4], TIES)
    assert [share.amount for share in shares] == [1, 3, 6]
    assert [share.rank for share in shares] == [3, 1, 2]
    assert [share.cut_rank for share in shares] == [2, 2, 2]


def test_equals_away_from_the_cut_share_a_rank() -> None:
    """Four equals with a cut inside get four ranks; two equals above the cut stay equal."""
    shares = apportion.divide(9, [5, 5, 1, 1], [b"d", b"c", b"b", b"a"])
    assert [share.remainder for share in shares] == [9, 9, 9, 9]
    assert [share.rank for share in shares] == [4, 3, 2, 1]
    shares = apportion.divide(2, [3, 3, 1], TIES)
    assert [(share.remainder, share.rank, share.amount) for share in shares] == [
        (6, 1, 1),
        (6, 1, 1),
        (2, 3, 0),
    ]


def test_ties_are_not_read_without_need() -> None:
    """Otherwise a run of a million works would hash a million times for nothing."""

    class Unread(list[bytes]):
        def __getitem__(self, index: object) -> bytes:  # type: ignore[override] # nothing may be read at all
            raise AssertionError(index)

    assert [share.amount for share in apportion.divide(10, [1, 2, 4], Unread(TIES))] == [1, 3, 6]
    assert [share.amount for share in apportion.divide(9, [1, 1, 1], Unread(TIES))] == [3, 3, 3]


def test_all_weights_zero_are_equal() -> None:
    """Free works still share what is there; a single zero gets nothing."""
    assert [share.amount for share in apportion.divide(9, [0, 0, 0], TIES)] == [3, 3, 3]
    assert [share.weight for share in apportion.divide(9, [0, 0, 0], TIES)] == [1, 1, 1]
    assert [share.amount for share in apportion.divide(9, [0, 1, 1], TIES)] == [0, 5, 4]


def test_nothing_to_divide() -> None:
    """Nothing among nobody is fine, nothing among some is nothing each."""
    assert apportion.divide(0, [], []) == []
    assert [share.amount for share in apportion.divide(0, [1, 2, 3], TIES)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("amount", "weights", "ties", "sentence"),
    [
        (-1, [1], [b"a"], "not negative: -1"),
        (1, [1, -1], [b"a", b"b"], "a weight is not negative"),
        (1, [1], [], "1 weights but 0 ties"),
        (1, [], [], "nobody to divide 1 among"),
    ],
)
def test_refuses(amount: int, weights: list[int], ties: list[bytes], sentence: str) -> None:
    """Money never disappears into an empty list."""
    with pytest.raises(ValueError, match=sentence):
        apportion.divide(amount, weights, ties)


def test_takes_back_by_what_remains() -> None:
    """Half of 3, 4 and 0."""
    assert [share.amount for share in apportion.take_back(3, [2, 4, 0], TIES)] == [1, 2, 0]
    assert [share.amount for share in apportion.take_back(7, [3, 4, 0], TIES)] == [3, 4, 0]
    assert [share.amount for share in apportion.take_back(0, [0, 0, 0], TIES)] == [0, 0, 0]


@pytest.mark.parametrize(("amount", "remaining"), [(8, [3, 4]), (1, [0, 0]), (1, [])])
def test_never_takes_more_than_remains(amount: int, remaining: list[int]) -> None:
    """Refused as a whole."""
    with pytest.raises(ValueError, match="cannot be taken back"):
        apportion.take_back(amount, remaining, [b"x"] * len(remaining))


def test_the_tie_is_written_down() -> None:
    """36 bytes: run, work, number."""
    run, work = UUID(int=1), UUID(int=2)
    expected = hashlib.sha256(bytes(15) + b"\x01" + bytes(15) + b"\x02" + b"\x00\x00\x00\x03").digest()
    assert apportion.tie(run, work, 3) == expected
