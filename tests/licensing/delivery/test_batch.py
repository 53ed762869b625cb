"""Rows measured together give what they give one by one."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licensing.delivery import batch
from licensing.delivery import format as rows_format
from licensing.delivery.format import Contributor, Row
from tests.licensing.delivery import sample

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBER = st.one_of(st.none(), st.integers(0, 2**63 - 1))
PEOPLE = st.lists(st.builds(Contributor, TEXT, TEXT), max_size=2).map(tuple)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    content = draw(st.one_of(st.none(), TEXT.map(str.encode)))
    changes = {
        "title": draw(TEXT),
        "edition_ids": draw(st.lists(TEXT, max_size=2).map(tuple)),
        "contributors": draw(PEOPLE),
        "language": draw(st.one_of(st.none(), TEXT)),
        "words": draw(NUMBER),
        "pixels": draw(NUMBER),
        "sequence": draw(st.integers(1, 3)),
        "grant_id": draw(st.sampled_from(["", "grt_1"])),
        "asset": "media/1.tar" if content is None else None,
    }
    row = sample.row(text=content or b"", **changes)
    return row if content is not None else row._replace(text=None)


@settings(deadline=None)
@given(st.lists(rows(), min_size=1, max_size=6), st.data())
def test_a_batch_gives_the_hashes_and_sizes_of_its_rows(found: list[Row], data: st.DataObject) -> None:
    measured = batch.of(found)
    count = data.draw(st.integers(1, len(found)))
    for part, expected in ((measured, found), (measured.head(count), found[:count])):
        assert [digest.hex() for digest in part.hashes()] == [rows_format.row_sha256(row) for row in expected]
        assert part.sizes() == [rows_format.raw_bytes(row) for row in expected]
        assert [list(cells) for cells in zip(*(column.values for column in part.columns), strict=True)] == [
            rows_format.cells(row) for row in expected
        ]


def test_long_cells_keep_their_length() -> None:
    found = [sample.row(1, title="t" * 5_000), sample.row(2, text=b"x" * 70_000)]
    assert [digest.hex() for digest in batch.of(found).hashes()] == [rows_format.row_sha256(row) for row in found]


@pytest.mark.parametrize("wrong", [0, 2])
def test_the_row_whose_text_is_another_is_named(wrong: int) -> None:
    found = [sample.row(number) for number in range(3)]
    found[wrong] = sample.row(wrong, content_sha256=hashlib.sha256(b"another").hexdigest())
    with pytest.raises(ValueError, match=sample.work_id(wrong)):
        batch.of(found).hashes()


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [([5, 5], 2), ([5, 6], 1), ([11, 1], 1), ([11], 1), ([1] * 9, 4), ([3, 3, 4, 1], 3)],
)
def test_a_group_closes_by_rows_or_before_it_passes_the_bytes(sizes: list[int], expected: int) -> None:
    assert batch.fitting(sizes, most_rows=4, most_bytes=10) == expected
