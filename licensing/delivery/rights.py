"""The files under rights/: works.parquet, terms.jsonl, tombstones.jsonl, attribution.csv, licence texts."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from licensing.delivery import arrays
from licensing.delivery.facts import LICENSED, SENTINEL, Attribution, FileFacts, Tombstone, WorkLine
from licensing.delivery.shards import HashingFile, whole_file
from licensing.grants import certificate, tree
from licensing.grants.certificate import TermsLine
from licensing.grants.tree import LicensedWork, WorksRoot
from licensing.kernel import canonical, digests

GROUP: Final = 50_000
WORKS_SCHEMA: Final = pa.schema(
    [
        pa.field("work_id", pa.string(), nullable=False),
        pa.field("organisation_id", pa.string(), nullable=False),
        pa.field("catalogue_id", pa.string(), nullable=False),
        pa.field("terms_id", pa.string(), nullable=False),
        pa.field("terms_hash", pa.string(), nullable=False),
        pa.field("licence", pa.string(), nullable=False),
        pa.field("nonce", pa.string(), nullable=False),
        pa.field("shard", pa.int32(), nullable=True),
        pa.field("shard_count", pa.int32(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
    ]
)
_FORMULA: Final = re.compile(r"^[=+\-@\t\r]")
_NAME: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$")


def write_works(folder: Path, works: Sequence[WorkLine], secret: bytes) -> FileFacts:
    """rights/works.parquet in leaf order, row groups of 50,000 lines; streams."""
    with whole_file(folder / "rights/works.parquet") as sink:
        writer = pq.ParquetWriter(
            pa.PythonFile(sink, mode="w"),
            WORKS_SCHEMA,
            compression="zstd",
            compression_level=3,
            use_dictionary=["organisation_id", "catalogue_id", "terms_id", "terms_hash", "licence", "status"],
            write_statistics=False,
            store_schema=False,
        )
        with writer:
            lines = iter(works)
            while batch := list(islice(lines, GROUP)):
                writer.write_table(_works_table(batch, secret), row_group_size=GROUP)
    return _facts("rights/works.parquet", sink)


def _works_table(lines: Sequence[WorkLine], secret: bytes) -> pa.Table:
    texts = (
        [line.work.work_id for line in lines],
        [line.work.organisation_id for line in lines],
        [line.catalogue_id for line in lines],
        [line.work.terms_id for line in lines],
        [line.work.terms_hash for line in lines],
        [line.work.licence for line in lines],
        [tree.nonce(secret, tree.leaf_key(line.work.organisation_id, line.work.work_id)) for line in lines],
    )
    columns = [arrays.strings([value.encode() for value in values]) for values in texts]
    shards = [None if line.shard is None else b"%d" % line.shard for line in lines]
    columns.append(arrays.integers(shards, pa.int32()))
    columns.append(arrays.integers([b"%d" % line.shard_count for line in lines], pa.int32()))
    columns.append(arrays.strings([line.status.encode() for line in lines]))
    return pa.Table.from_arrays(columns, schema=WORKS_SCHEMA)


def current_root(works: Sequence[WorkLine], secret: bytes) -> WorksRoot:
    """Root over the works still licensed, and the sentinels. ValueError when the lines are out of order."""
    return tree.works_root(_in_order(line for line in works if line.status in (LICENSED, SENTINEL)), secret)


def original_root(works: Sequence[WorkLine], secret: bytes) -> WorksRoot:
    """Root over all lines: what the certificate of this version states."""
    return tree.works_root(_in_order(works), secret)


def _in_order(lines: Iterable[WorkLine]) -> Iterator[LicensedWork]:
    last = b""
    for line in lines:
        key = tree.leaf_key(line.work.organisation_id, line.work.work_id)
        if key <= last:
            raise ValueError(f"work {line.work.work_id} is out of leaf order")
        last = key
        yield line.work


def write_terms(folder: Path, lines: Sequence[TermsLine]) -> FileFacts:
    """rights/terms.jsonl: one JCS object per line, in `terms_order`."""
    return write_lines(folder, "rights/terms.jsonl", (line.value() for line in certificate.terms_order(lines)))


def tombstone_value(tombstone: Tombstone) -> dict[str, Any]:
    """The JSON object of a line of tombstones.jsonl."""
    return {
        "effective_at": _time(tombstone.effective_at),
        "reason": tombstone.reason,
        "row_hashes": list(tombstone.row_hashes),
        "work_id": tombstone.work_id,
    }


def write_tombstones(folder: Path, tombstones: Sequence[Tombstone]) -> tuple[FileFacts, str]:
    """rights/tombstones.jsonl sorted by work id, and the root over its lines (hex)."""
    values = [tombstone_value(item) for item in sorted(tombstones)]
    root = digests.merkle_root(canonical.jcs(value) for value in values).hex()
    return write_lines(folder, "rights/tombstones.jsonl", values), root


def write_attributions(folder: Path, attributions: Iterable[Attribution]) -> tuple[FileFacts, list[Attribution]]:
    """rights/attribution.csv; also the first 100 lines, which the card prints."""
    first: list[Attribution] = []
    with whole_file(folder / "rights/attribution.csv") as sink:
        sink.write(_csv_line(["work_id", "title", "attribution", "licence"]))
        for item in attributions:
            if len(first) < certificate.INLINE:
                first.append(item)
            sink.write(_csv_line([item.work_id, item.title, item.text, item.licence]))
    return _facts("rights/attribution.csv", sink), first


def write_licences(folder: Path, texts: Mapping[str, bytes]) -> list[FileFacts]:
    """rights/licences/<name>.txt; ValueError for a name that could leave the folder."""
    written = []
    for name, text in sorted(texts.items()):
        if not _NAME.match(name):
            raise ValueError(f"{name!r} is not a name for a licence text")
        written.append(write_bytes(folder, f"rights/licences/{name}.txt", text))
    return written


def write_lines(folder: Path, path: str, values: Iterable[Mapping[str, Any]]) -> FileFacts:
    """JSON lines, each the JCS of its object and a line feed."""
    with whole_file(folder / path) as sink:
        for value in values:
            sink.write(canonical.jcs(dict(value)) + b"\n")
    return _facts(path, sink)


def write_bytes(folder: Path, path: str, data: bytes) -> FileFacts:
    """A file as given."""
    with whole_file(folder / path) as sink:
        sink.write(data)
    return _facts(path, sink)


def _facts(path: str, sink: HashingFile) -> FileFacts:
    return FileFacts(path, sink.size, sink.sha256())


def _csv_line(values: Sequence[str]) -> bytes:
    """A CSV line; values a spreadsheet would run as a formula start with an apostrophe."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(
        ["'" + value if _FORMULA.match(value) else value for value in values]
    )
    return text.getvalue().encode()


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
