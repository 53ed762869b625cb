"""Reads Parquet files of a release by row group: the only user of `pyarrow`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .report import Unusable, Wrong

# A certificate alone is checked without pyarrow, so its absence is said only when a folder comes.
pa: Any = import_module("pyarrow") if find_spec("pyarrow") else None
pq: Any = import_module("pyarrow.parquet") if pa else None

SCHEMA = "licet-row-1"
TEXT = "string"
LISTS = ("list<element: string>", "list<element: struct<name: string, role: string>>")
ROW_TYPES = (
    *((name, TEXT) for name in ("work_id",)),
    ("edition_ids", LISTS[0]),
    ("title", TEXT),
    ("contributors", LISTS[1]),
    *((name, TEXT) for name in ("language", "form", "text", "asset")),
    *((name, "int32") for name in ("sequence", "sequence_count")),
    *((name, "int64") for name in ("characters", "words", "tokens", "seconds", "pixels")),
    *((name, TEXT) for name in ("grant_id", "terms_id", "terms_hash", "licence", "attribution", "source_kind")),
    *((name, TEXT) for name in ("origin", "content_sha256", "row_sha256")),
)
WORK_TYPES = (
    *((name, TEXT) for name in ("work_id", "organisation_id", "catalogue_id", "terms_id", "terms_hash")),
    *((name, TEXT) for name in ("licence", "nonce")),
    *((name, "int32") for name in ("shard", "shard_count")),
    ("status", TEXT),
)
COLUMNS = tuple(name for name, _ in ROW_TYPES)
NULLABLE = frozenset(("language", "text", "asset", "characters", "words", "tokens", "seconds", "pixels", "shard"))
"""Columns of both files that may be null."""
ROW_GROUP = 2_000
WORK_GROUP = 50_000
"""Most rows of a row group: a hostile file could state billions."""
GROUP_BYTES = 128 * 1024 * 1024
"""Most bytes a row group may say it unpacks to: four times the raw limit of the format."""


class Table:
    """An open Parquet file with exactly the expected columns; Wrong when it has others or cannot be read."""

    def __init__(self, folder: Path, path: str, types: Sequence[tuple[str, str]], most_rows: int) -> None:
        if pa is None:
            raise Unusable("checking Parquet files needs the package pyarrow: pip install pyarrow")
        self.path = path
        try:
            self._file = pq.ParquetFile(folder / path)
        except (pa.ArrowException, OSError) as error:
            raise Wrong("unreadable", path, f"not a readable Parquet file: {error}") from None
        expected = [(name, kind, name in NULLABLE) for name, kind in types]
        if [(column.name, str(column.type), column.nullable) for column in self._file.schema_arrow] != expected:
            raise Wrong("columns", path, "the columns are not those of the format")
        self.groups = self._file.num_row_groups
        for group in range(self.groups):
            facts = self._file.metadata.row_group(group)
            if facts.num_rows > most_rows or facts.total_byte_size > GROUP_BYTES:
                raise Wrong("unreadable", path, f"row group {group} is larger than the format allows")

    def group_rows(self, group: int) -> int:
        """Number of rows of a row group."""
        return int(self._file.metadata.row_group(group).num_rows)

    def rows(self, group: int, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Rows of a row group as tuples in the order of `columns`."""
        try:
            table = self._file.read_row_group(group, columns=list(columns), use_threads=False)
            yield from zip(*(_values(table.column(name), name) for name in columns), strict=True)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise Wrong("unreadable", self.path, f"row group {group} cannot be read: {error}") from None


def _values(column: Any, name: str) -> list[Any]:
    """Python values of a column; texts stay bytes, which are hashed as they are."""
    values: list[Any] = (column.cast(pa.binary()) if name == "text" else column).to_pylist()
    return values
