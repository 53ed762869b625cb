"""Every row of every shard (or a sample): its hashes, its licence, its place."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from secrets import SystemRandom
from typing import Any

from .hashing import cell, merkle, row_sha256, shard_key
from .parquet import COLUMNS, ROW_GROUP, ROW_TYPES, SCHEMA, Table
from .report import Report, Wrong
from .rights import Rights

LIGHT = tuple(name for name in COLUMNS if name != "text")
_TEXT = COLUMNS.index("text")
_COUNTED = ("form", "language", "licence")


class Rows:
    """Walks the shards in order; state that spans shards (works cut in pieces, counts) lives here."""

    def __init__(self, grant: str, rights: Rights, withdrawn: frozenset[str], report: Report) -> None:
        self._grant = grant
        self._rights = rights
        self._withdrawn = withdrawn
        self._report = report
        self._seen: set[str] = set()
        self._open: tuple[str, int, int] | None = None
        self.counts: dict[str, Counter[str]] = {name: Counter() for name in _COUNTED}

    def check_shard(self, folder: Path, order: int, stated: dict[str, Any], full: set[int] | None) -> None:
        """Check a shard against the manifest; `full` = row groups read with their texts (None = all)."""
        path = stated["path"]
        table = Table(folder, path, ROW_TYPES, ROW_GROUP)
        hashes: list[bytes] = []
        raw = 0
        for group in range(table.groups):
            whole = full is None or group in full
            for values in table.rows(group, COLUMNS if whole else LIGHT):
                number = len(hashes)
                row = dict(zip(COLUMNS if whole else LIGHT, values, strict=True))
                if whole:
                    raw += self._check_hashes(values, row, path, number)
                self._check_rights(row, order, path, number)
                self._check_sequence(row, path, number)
                hashes.append(_hash(row, path, number))
        self._report.rows += len(hashes)
        if len(hashes) != stated["rows"] or merkle(hashes) != stated["rows_root"]:
            raise Wrong("rows_root", path, "rows root or count is not what the manifest states")
        if shard_key(SCHEMA, hashes) != stated["shard_key"]:
            raise Wrong("shard_key", path, "the shard key is not what the manifest states")
        if full is None and raw != stated["raw_bytes"]:
            raise Wrong("raw_bytes", path, "raw bytes are not what the manifest states")

    def finish(self, path: str) -> None:
        """After the last shard: no work cut short, no licensed work without its rows."""
        self._close(path, -1)
        for work_id, lines in self._rights.works.items():
            if work_id not in self._seen and any(line.licensed and line.shard is not None for line in lines):
                raise Wrong("work_missing", path, "licensed with data, but no row is here", work=work_id)

    def _check_hashes(self, values: tuple[Any, ...], row: dict[str, Any], path: str, number: int) -> int:
        cells = [cell(value) for value in values[:-1]]
        if row_sha256(cells).hex() != row["row_sha256"]:
            raise Wrong("row_hash", path, "the row is not what its row_sha256 says", work=row["work_id"], row=number)
        text = cells[_TEXT]
        if text is None:  # no release has media yet; what cannot be checked must not pass
            raise Wrong("asset", path, "media cannot be checked by this version", work=row["work_id"], row=number)
        if hashlib.sha256(text).hexdigest() != row["content_sha256"]:
            raise Wrong("content_hash", path, "the text is not its content_sha256", work=row["work_id"], row=number)
        return sum(len(value) for value in cells if value is not None)

    def _check_rights(self, row: dict[str, Any], order: int, path: str, number: int) -> None:
        work_id = row["work_id"]
        if row["grant_id"] != self._grant:
            raise Wrong("row_grant", path, f"the row is of grant {row['grant_id']}", work=work_id, row=number)
        if work_id in self._rights.tombstones or row["row_sha256"] in self._rights.dead_rows:
            raise Wrong("row_withdrawn", path, "the row has a tombstone", work=work_id, row=number)
        terms = (row["terms_id"], row["terms_hash"], row["licence"])
        lines = [line for line in self._rights.works.get(work_id, ()) if line[:3] == terms and line.licensed]
        if not lines:
            raise Wrong("row_unlicensed", path, "no such licensed work and terms", work=work_id, row=number)
        if not any(line.shard is not None and 0 <= order - line.shard < line.shard_count for line in lines):
            raise Wrong("row_shard", path, "the work belongs to another shard", work=work_id, row=number)
        self._report.withdrawn_rows += work_id in self._withdrawn

    def _check_sequence(self, row: dict[str, Any], path: str, number: int) -> None:
        work_id, sequence, count = row["work_id"], row["sequence"], row["sequence_count"]
        if sequence == 1:
            self._close(path, number)
            if work_id in self._seen:
                raise Wrong("row_twice", path, "the work is here twice", work=work_id, row=number)
            self._seen.add(work_id)
            for name in _COUNTED:
                self.counts[name][row[name] or "und"] += 1
        elif self._open != (work_id, sequence - 1, count):
            raise Wrong("row_sequence", path, "a piece of the text is missing", work=work_id, row=number)
        self._open = (work_id, sequence, count)

    def _close(self, path: str, number: int) -> None:
        if self._open is not None and self._open[1] != self._open[2]:
            raise Wrong("row_sequence", path, "the text ends before its last piece", work=self._open[0], row=number)


def _hash(row: dict[str, Any], path: str, number: int) -> bytes:
    try:
        return bytes.fromhex(row["row_sha256"])
    except ValueError:
        raise Wrong("row_hash", path, "row_sha256 is not hex", work=row["work_id"], row=number) from None


def choose(folder: Path, shards: list[dict[str, Any]], sample: int | None) -> dict[str, set[int]] | None:
    """Row groups to read whole so that at least `sample` rows are checked; None = all. Drawn at random."""
    if sample is None:
        return None
    groups = []
    for stated in shards:
        table = Table(folder, stated["path"], ROW_TYPES, ROW_GROUP)
        groups += [(stated["path"], group, table.group_rows(group)) for group in range(table.groups)]
    SystemRandom().shuffle(groups)
    chosen: dict[str, set[int]] = {}
    for path, group, rows in groups:
        if sample <= 0:
            break
        chosen.setdefault(path, set()).add(group)
        sample -= rows
    return chosen
