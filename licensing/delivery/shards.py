"""Writes one Parquet shard from a stream of rows: same rows, same bytes, in constant memory.

Options as read in the reference of pyarrow's ParquetWriter: `store_schema=False` leaves out the serialised
Arrow schema, `use_dictionary` takes column names, `write_table` closes a row group at `row_group_size`.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import IO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from licensing.delivery import arrays, batch
from licensing.delivery import format as rows_format
from licensing.delivery.batch import Batch, Cells
from licensing.delivery.format import COLUMNS, GROUP_BYTES, GROUP_ROWS, Row
from licensing.kernel import digests

WRITER: Final = f"pyarrow {pa.__version__}"
"""Byte identity of files is promised for one writer; identity of roots for all."""

_TYPES: Final[dict[str, pa.DataType]] = {
    "string": pa.string(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "list<string>": pa.list_(pa.string()),
    "list<struct<name: string, role: string>>": pa.list_(pa.struct([("name", pa.string()), ("role", pa.string())])),
}
ARROW_SCHEMA: Final = pa.schema([pa.field(c.name, _TYPES[c.type], nullable=c.nullable) for c in COLUMNS])


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """What the manifest says of a shard. `counts` holds documents (rows with sequence 1) by value."""

    rows: int
    bytes: int
    raw_bytes: int
    sha256: str
    rows_root: str
    shard_key: str
    writer: str
    counts: dict[str, dict[str, int]]


class HashingFile:
    """A binary file that hashes and counts what is written to it, so that nothing is read back."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hasher = hashlib.sha256()
        self.size = 0
        self.closed = False

    def write(self, data: bytes) -> int:
        """Write all of `data`."""
        self._hasher.update(data)
        self.size += len(data)
        self._file.write(data)
        return len(data)

    def flush(self) -> None:
        """Hand buffered bytes to the operating system."""
        self._file.flush()

    def tell(self) -> int:
        """Position = bytes written."""
        return self.size

    def close(self) -> None:
        """The underlying file is closed by who opened it."""
        self.closed = True

    def sha256(self) -> str:
        """Hex SHA-256 of everything written."""
        return self._hasher.hexdigest()


@contextmanager
def whole_file(path: Path) -> Iterator[HashingFile]:
    """Write `path` under a temporary name, fsync, rename: it exists whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            sink = HashingFile(file)
            yield sink
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class _Tally:
    """Everything a shard is known by, kept while rows pass."""

    def __init__(self) -> None:
        self.raw_bytes = 0
        self.hashes: list[bytes] = []
        self.counts: dict[str, Counter[str | None]] = {"form": Counter(), "language": Counter(), "licence": Counter()}

    def add(self, rows: Sequence[Row], hashes: list[bytes], sizes: list[int]) -> None:
        """Take the rows of a group."""
        self.raw_bytes += sum(sizes)
        self.hashes += hashes
        documents = [row for row in rows if row.sequence == 1]
        for name, counter in self.counts.items():
            counter.update(map(attrgetter(name), documents))

    def by_value(self) -> dict[str, dict[str, int]]:
        """Documents by form, language (`und` when unknown) and licence."""
        found: dict[str, dict[str, int]] = {}
        for name, counter in self.counts.items():
            named: Counter[str] = Counter()
            for value, number in counter.items():
                named[value or "und"] += number
            found[name] = dict(sorted(named.items()))
        return found


def write_shard(rows: Iterable[Row], path: Path) -> ShardFacts:
    """Write rows in the order they come to `path`; return what the manifest needs.

    The bytes depend on the rows alone, not on how the caller batches them. Raises ValueError (and leaves
    no file) for no rows, a text that is not UTF-8 or does not match its `content_sha256`.
    """
    tally = _Tally()
    with whole_file(path) as sink:
        writer = pq.ParquetWriter(
            pa.PythonFile(sink, mode="w"),
            ARROW_SCHEMA,
            compression="zstd",
            compression_level=3,
            write_batch_size=4,  # pages near 1 MiB also for long texts: less memory, same speed
            use_dictionary=[column.name for column in COLUMNS if column.dictionary],
            write_statistics=["work_id", "sequence"],
            store_schema=False,
            version="2.6",
            data_page_version="1.0",
        )
        with writer:
            for table in _groups(rows, tally):
                writer.write_table(table, row_group_size=GROUP_ROWS)
                del table  # or it would live on while the next group is made
        if not tally.hashes:
            raise ValueError("a shard needs at least one row")
    return ShardFacts(
        rows=len(tally.hashes),
        bytes=sink.size,
        raw_bytes=tally.raw_bytes,
        sha256=sink.sha256(),
        rows_root=digests.merkle_root(tally.hashes).hex(),
        shard_key=rows_format.shard_key(tally.hashes),
        writer=WRITER,
        counts=tally.by_value(),
    )


def _groups(rows: Iterable[Row], tally: _Tally) -> Iterator[pa.Table]:
    """Row groups: each as many of the next rows as fit."""
    waiting: list[Row] = []
    size = 0  # a lower bound: nothing waits once the rows surely hold a whole group
    for row in rows:
        waiting.append(row)
        size += len(row.text or b"")
        if len(waiting) == GROUP_ROWS or size > GROUP_BYTES:
            table, waiting = _first_group(waiting, tally)
            size = sum(len(row.text or b"") for row in waiting)
            yield table
            del table
    while waiting:
        table, waiting = _first_group(waiting, tally)
        yield table


def _first_group(rows: list[Row], tally: _Tally) -> tuple[pa.Table, list[Row]]:
    """The first row group as a table, and the rows left over. ValueError for a row that is not right."""
    group = batch.of(rows)
    sizes = group.sizes()
    count = batch.fitting(sizes, GROUP_ROWS, GROUP_BYTES)
    if count < len(rows):
        group, sizes = group.head(count), sizes[:count]
    hashes = group.hashes()
    tally.add(group.rows, hashes, sizes)
    return _table(group, hashes), rows[count:]


def _table(group: Batch, hashes: list[bytes]) -> pa.Table:
    """One contiguous table. UTF-8 is checked here; ValueError (ArrowInvalid) when a text is not."""
    kinds = list(ARROW_SCHEMA)[:-1]
    columns = [_array(field, cells, group.rows) for field, cells in zip(kinds, group.columns, strict=True)]
    digits = b"".join(hashes).hex().encode()
    columns.append(arrays.equal_strings(digits, len(hashes)))
    return pa.Table.from_arrays(columns, schema=ARROW_SCHEMA)


def _array(field: pa.Field, cells: Cells, rows: Sequence[Row]) -> pa.Array:
    if field.name == "edition_ids":
        return arrays.lists([row.edition_ids for row in rows])
    if field.name == "contributors":
        return arrays.structs([row.contributors for row in rows])
    if cells.constant:
        return arrays.repeated(cells.values[0], len(rows), field.type)
    if pa.types.is_integer(field.type):
        return arrays.integers(cells.values, field.type)
    return arrays.strings(cells.values)
