"""Rows, their hashes, cutting of long texts, packing."""

from __future__ import annotations

import hashlib
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licensing.delivery import format as rows_format
from licensing.delivery import packing
from licensing.delivery.format import COLUMNS, NAMES, Contributor, Row
from licensing.delivery.packing import Assignment, Tail, WorkSize
from licensing.kernel import canonical
from tests.licensing.delivery import sample

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def test_columns_are_the_fields_of_a_row_and_its_hash() -> None:
    assert (*Row._fields, "row_sha256") == NAMES
    assert len(rows_format.cells(sample.row())) == len(COLUMNS) - 1


def test_row_hash_is_the_written_definition() -> None:
    hasher = hashlib.sha256(b"licet-row-1\x00")
    for value in rows_format.cells(sample.row()):
        hasher.update(b"\xff" * 8 if value is None else len(value).to_bytes(8, "big") + value)
    assert rows_format.row_sha256(sample.row()) == hasher.hexdigest()


@settings(deadline=None)
@given(TEXT, TEXT, st.lists(TEXT, max_size=3), st.lists(st.tuples(TEXT, TEXT), max_size=3))
def test_cells_are_utf8_decimal_and_jcs(title: str, text: str, ids: list[str], people: list[tuple[str, str]]) -> None:
    row = sample.row(
        text=text.encode(), title=title, edition_ids=tuple(ids), contributors=tuple(Contributor(*p) for p in people)
    )
    cells = dict(zip(NAMES, rows_format.cells(row), strict=False))
    assert cells["title"] == title.encode()
    assert cells["text"] == text.encode()
    assert cells["sequence"] == b"1"
    assert cells["words"] is None
    assert cells["edition_ids"] == canonical.jcs(ids)
    assert cells["contributors"] == canonical.jcs([{"name": name, "role": role} for name, role in people])


@settings(deadline=None)
@given(st.sampled_from(NAMES[:-1]))
def test_every_column_counts_in_the_hash(name: str) -> None:
    row = sample.row()
    other = {
        "edition_ids": ("x",),
        "contributors": (),
        "text": b"other",
        "asset": "media/1.tar",
        "content_sha256": "0" * 64,
        **dict.fromkeys(("sequence", "sequence_count", "characters", "words", "tokens", "seconds", "pixels"), 7),
    }.get(name, "other")
    values = row._asdict() | {name: other}
    assert rows_format.row_sha256(Row(**values)) != rows_format.row_sha256(row)


def test_null_and_empty_differ_and_cells_do_not_run_together() -> None:
    hashes = {
        rows_format.row_sha256(sample.row(language=None)),
        rows_format.row_sha256(sample.row(language="")),
        rows_format.row_sha256(sample.row(language="a", form="bc")),
        rows_format.row_sha256(sample.row(language="ab", form="c")),
    }
    assert len(hashes) == 4


def test_shard_key_depends_on_rows_and_order() -> None:
    one, two = b"\x01" * 32, b"\x02" * 32
    keys = {rows_format.shard_key(rows) for rows in ([], [one], [one, two], [two, one])}
    assert len(keys) == 4
    assert rows_format.shard_key([one]) == hashlib.sha256(b"licet-shard-1\x00licet-row-1\x00" + one).hexdigest()


@settings(deadline=None)
@given(st.lists(st.sampled_from(["word ", "\n", "\n\n", "\r\n\r\n", "山水", "𝒳"]), max_size=60), st.integers(4, 40))
def test_pieces_restore_the_exact_bytes(parts: list[str], limit: int) -> None:
    text = "".join(parts).encode()
    pieces = [text[start:end] for start, end in rows_format.cut(text, limit)]
    assert b"".join(pieces) == text
    assert all(len(piece) <= limit and piece.decode() is not None for piece in pieces)
    assert all(pieces) or text == b""


def test_a_piece_ends_with_the_last_paragraph_before_the_limit() -> None:
    text = b"one one\n\ntwo\ntwo\r\n\r\nthree three\n\nfour"
    assert [text[a:b] for a, b in rows_format.cut(text, 24)] == [b"one one\n\ntwo\ntwo\r\n\r\n", b"three three\n\nfour"]
    assert list(rows_format.cut(b"abc\ndef", 5)) == [(0, 4), (4, 7)]
    assert list(rows_format.cut(b"abcdefg", 5)) == [(0, 5), (5, 7)]
    assert list(rows_format.cut(b"")) == [(0, 0)]


SIZES = st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=4), min_size=1, max_size=40)


def _works(sizes: list[list[int]]) -> list[WorkSize]:
    works = [WorkSize("org_1", "cat_1", f"wrk_{n}", tuple(parts)) for n, parts in enumerate(sizes)]
    return sorted(works, key=packing.order_key)


@settings(deadline=None)
@given(SIZES)
def test_packing_places_every_row_once_within_the_limit(sizes: list[list[int]]) -> None:
    works = _works(sizes)
    used: dict[int, int] = defaultdict(int)
    owners: dict[int, set[str]] = defaultdict(set)
    placed: dict[str, list[int]] = defaultdict(list)
    by_id = {work.work_id: work for work in works}
    previous = 0
    for item in packing.pack(works, limit=50):
        assert previous <= item.shard <= previous + 1
        previous = item.shard
        used[item.shard] += sum(by_id[item.work_id].parts[item.first - 1 : item.last])
        owners[item.shard].add(item.work_id)
        placed[item.work_id] += range(item.first, item.last + 1)
    assert all(size <= 50 for size in used.values())
    assert {work.work_id: list(range(1, len(work.parts) + 1)) for work in works} == placed
    for shard, names in owners.items():  # a work larger than a shard shares none
        assert len(names) == 1 or all(sum(by_id[name].parts) <= 50 for name in names), shard


def test_packing_refills_the_tail_shard_and_leaves_the_others() -> None:
    works = _works([[10], [10], [35]])
    places = {item.work_id: item.shard for item in packing.pack(works, 50, Tail(shard=7, raw_bytes=25))}
    assert min(places.values()) == 7
    assert set(places.values()) <= {7, 8}
    assert next(iter(packing.pack(works[:1], 50, Tail(7, 49)))).shard == 8


def test_one_row_above_the_limit_is_a_shard_of_its_own() -> None:
    works = _works([[10], [90], [10]])
    shards = [item.shard for item in packing.pack(works, 50)]
    big = next(item for item in packing.pack(works, 50) if item.work_id == "wrk_1")
    assert big == Assignment("wrk_1", big.shard, 1, 1)
    assert shards.count(big.shard) == 1


@pytest.mark.parametrize("works", [_works([[1], [2]])[::-1], _works([[1]]) * 2, [WorkSize("o", "c", "w", ())]])
def test_packing_refuses_wrong_order_and_empty_works(works: list[WorkSize]) -> None:
    with pytest.raises(ValueError):
        list(packing.pack(works))
