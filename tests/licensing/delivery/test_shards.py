"""The Parquet writer: same rows, same bytes; nothing half-written; every value comes back."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from licensing.delivery import format as rows_format
from licensing.delivery import shards
from licensing.delivery.format import GROUP_ROWS, Row
from licensing.kernel import digests
from tests.licensing.delivery import sample

MANY = 5_000


def _rows(count: int = MANY) -> Iterator[Row]:
    for number in range(count):
        yield sample.row(number, language=None if number % 7 == 0 else "en")


def _batched(size: int) -> Iterator[Row]:
    rows = _rows()
    while batch := list(islice(rows, size)):
        yield from batch


def test_same_rows_in_any_batches_give_the_same_bytes(tmp_path: Path) -> None:
    facts = [shards.write_shard(_batched(size), tmp_path / str(size)) for size in (1, 137, 5_000)]
    assert facts[0] == facts[1] == facts[2]
    assert len({(tmp_path / str(size)).read_bytes() for size in (1, 137, 5_000)}) == 1


def test_facts_are_those_of_the_file(tmp_path: Path) -> None:
    facts = shards.write_shard(_rows(), tmp_path / "shard")
    data = (tmp_path / "shard").read_bytes()
    hashes = [bytes.fromhex(rows_format.row_sha256(row)) for row in _rows()]
    assert [facts.bytes, facts.sha256] == [len(data), hashlib.sha256(data).hexdigest()]
    assert [facts.rows, facts.rows_root] == [MANY, digests.merkle_root(hashes).hex()]
    assert facts.shard_key == rows_format.shard_key(hashes)
    assert facts.raw_bytes == sum(rows_format.raw_bytes(row) for row in _rows())
    assert facts.counts["language"] == {"en": 4_285, "und": 715}


def test_every_value_comes_back(tmp_path: Path) -> None:
    rows = [*_rows(5), sample.row(9, title="", contributors=(), edition_ids=(), seconds=2**40)]
    asset = sample.row(10, asset="media/00000.tar", content_sha256="0" * 64)
    rows.append(Row(**{name: getattr(asset, name) for name in rows_format.NAMES[:-1]} | {"text": None}))
    shards.write_shard(rows, tmp_path / "shard")
    for row, read in zip(rows, pq.read_table(tmp_path / "shard").to_pylist(), strict=True):
        expected = {name: getattr(row, name) for name in rows_format.NAMES[:-1]}
        expected |= {"text": None if row.text is None else row.text.decode(), "edition_ids": list(row.edition_ids)}
        expected["contributors"] = [item._asdict() for item in row.contributors]
        assert read == {**expected, "row_sha256": rows_format.row_sha256(row)}


def test_a_row_group_closes_by_rows_or_by_raw_bytes(tmp_path: Path) -> None:
    shards.write_shard(_rows(GROUP_ROWS + 1), tmp_path / "many")
    text = b"x" * (12 * rows_format.MIB)
    shards.write_shard((sample.row(n, text=text) for n in range(5)), tmp_path / "large")
    assert _group_rows(tmp_path / "many") == [GROUP_ROWS, 1]
    assert _group_rows(tmp_path / "large") == [2, 2, 1]


def _group_rows(path: Path) -> list[int]:
    metadata = pq.ParquetFile(path).metadata
    return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [sample.row(text=b"\xff\xfe")],
        [sample.row(content_sha256="0" * 64)],
        [sample.row(asset="media/1.tar")],
        [sample.row(sequence=2**31)],
    ],
    ids=["no rows", "not UTF-8", "another text", "text and asset", "beyond int32"],
)
def test_refused_rows_leave_no_file(tmp_path: Path, rows: list[Row]) -> None:
    with pytest.raises((ValueError, OverflowError)):
        shards.write_shard(rows, tmp_path / "data" / "shard")
    assert list((tmp_path / "data").iterdir()) == []


def test_a_failing_source_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    shards.write_shard(_rows(3), tmp_path / "shard")
    before = (tmp_path / "shard").read_bytes()

    def failing() -> Iterator[Row]:
        yield from _rows(2_500)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        shards.write_shard(failing(), tmp_path / "shard")
    assert [path.name for path in tmp_path.iterdir()] == ["shard"]
    assert (tmp_path / "shard").read_bytes() == before


PROGRAM = """
import hashlib, resource, sys
from pathlib import Path
from licensing.delivery import shards
from tests.licensing.delivery import sample
words = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(65536)]
text = " ".join(words).encode()
rows = (sample.row(n, text=text[n : n + 3_000_000]) for n in range(80))
shards.write_shard(rows, Path(sys.argv[1]))
status = Path("/proc/self/status")  # ru_maxrss of a child begins with that of its parent on Linux
lines = status.read_text().splitlines() if status.exists() else []
peaks = [line.split()[1] for line in lines if line.startswith("VmHWM")]
print(peaks[0] if peaks else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_a_full_shard_is_written_in_less_than_300_mb(tmp_path: Path) -> None:
    """240 MB of text, hardly compressible: the worst case for buffers."""
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "shard")], check=True, capture_output=True, text=True
    )
    assert int(answer.stdout) <= 300_000  # KB
