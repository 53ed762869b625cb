"""Writes one Parquet shard from a stream of rows: same rows, same bytes, in constant memory.

Options as read in the reference of pyarrow's ParquetWriter: `store_schema=False` leaves out the serialised
Arrow schema, `use_dictionary` takes column names, `write_table` closes a row group at `row_group_size`.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from licensing.delivery import arrays
from licensing.delivery import format as rows_format
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


class _Group:
    """Rows waiting to become one row group: their cells, and the lists beside them."""

    def __init__(self) -> None:
        self.cells: list[list[bytes | None]] = []
        self.items: list[Row] = []
        self.raw_bytes = 0

    def add(self, row: Row, values: list[bytes | None], row_hash: bytes, size: int) -> None:
        self.cells.append([*values, row_hash.hex().encode()])
        self.items.append(row)
        self.raw_bytes += size

    def table(self) -> pa.Table:
        """One contiguous table. UTF-8 is checked here; ValueError (ArrowInvalid) when a text is not."""
        columns = [
            self._column(column.name, kind.type, list(values))
            for column, kind, values in zip(COLUMNS, ARROW_SCHEMA, zip(*self.cells, strict=True), strict=True)
        ]
        return pa.Table.from_arrays(columns, schema=ARROW_SCHEMA)

    def _column(self, name: str, kind: pa.DataType, values: list[bytes | None]) -> pa.Array:
        if name == "edition_ids":
            return arrays.lists([[item.encode() for item in row.edition_ids] for row in self.items])
        if name == "contributors":
            return arrays.structs([[(item.name, item.role) for item in row.contributors] for row in self.items])
        if pa.types.is_integer(kind):
            return arrays.integers(values, kind)
        return arrays.strings(values)


class _Tally:
    """Everything a shard is known by, kept while rows pass."""

    def __init__(self) -> None:
        self.rows = 0
        self.raw_bytes = 0
        self.hashes: list[bytes] = []
        self.counts: dict[str, Counter[str]] = {"form": Counter(), "language": Counter(), "licence": Counter()}

    def add(self, row: Row, row_hash: bytes, size: int) -> None:
        self.rows += 1
        self.raw_bytes += size
        self.hashes.append(row_hash)
        if row.sequence == 1:
            self.counts["form"][row.form] += 1
            self.counts["language"][row.language or "und"] += 1
            self.counts["licence"][row.licence] += 1


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
        if not tally.rows:
            raise ValueError("a shard needs at least one row")
    return ShardFacts(
        rows=tally.rows,
        bytes=sink.size,
        raw_bytes=tally.raw_bytes,
        sha256=sink.sha256(),
        rows_root=digests.merkle_root(tally.hashes).hex(),
        shard_key=rows_format.shard_key(tally.hashes),
        writer=WRITER,
        counts={name: dict(sorted(counter.items())) for name, counter in tally.counts.items()},
    )


def _groups(rows: Iterable[Row], tally: _Tally) -> Iterator[pa.Table]:
    group = _Group()
    for row in rows:
        _check(row)
        values = rows_format.cells(row)
        row_hash, size = rows_format.measure(values)
        if group.items and (len(group.items) == GROUP_ROWS or group.raw_bytes + size > GROUP_BYTES):
            table, group = group.table(), _Group()
            yield table
            del table
        group.add(row, values, row_hash, size)
        tally.add(row, row_hash, size)
    if group.items:
        yield group.table()


def _check(row: Row) -> None:
    if row.text is None:
        if row.asset is None:
            raise ValueError(f"{row.work_id} row {row.sequence}: neither text nor asset")
        return
    if row.asset is not None:
        raise ValueError(f"{row.work_id} row {row.sequence}: text and asset")
    if digests.sha256_hex(row.text) != row.content_sha256:
        raise ValueError(f"{row.work_id} row {row.sequence}: the text is not what its content_sha256 says")
