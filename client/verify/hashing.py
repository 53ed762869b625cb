"""Hashes of docs/reference/release.md: files, rows, shard keys, works leaves, RFC 9162 roots."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from .jcs import jcs

SENTINELS = ("0" * 64, "f" * 64)
NULL = b"\xff" * 8


class Merkle:
    """Running RFC 9162 tree hash (leaf 00, node 01): one hash per level is kept."""

    def __init__(self) -> None:
        self.size = 0
        self._stack: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Append a leaf."""
        node, size = hashlib.sha256(b"\x00" + leaf).digest(), self.size
        while size & 1:
            node = hashlib.sha256(b"\x01" + self._stack.pop() + node).digest()
            size >>= 1
        self._stack.append(node)
        self.size += 1

    def hex(self) -> str:
        """Root of the leaves so far."""
        if not self._stack:
            return hashlib.sha256(b"").hexdigest()
        node = self._stack[-1]
        for left in reversed(self._stack[:-1]):
            node = hashlib.sha256(b"\x01" + left + node).digest()
        return node.hex()


def merkle(leaves: Iterable[bytes]) -> str:
    """Hex root over all leaves."""
    tree = Merkle()
    for leaf in leaves:
        tree.add(leaf)
    return tree.hex()


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cell(value: object) -> bytes | None:
    """Hashed bytes of a value: text UTF-8, integers decimal, lists JCS, None stays None."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    return str(value).encode() if isinstance(value, int) else jcs(value)


def row_sha256(cells: Sequence[bytes | None]) -> bytes:
    """Hash of a row's cells in schema order, `row_sha256` itself left out."""
    parts = [b"licet-row-1\x00"]
    for value in cells:
        parts += [NULL] if value is None else [len(value).to_bytes(8, "big"), value]
    return hashlib.sha256(b"".join(parts)).digest()


def shard_key(schema: str, hashes: Iterable[bytes]) -> str:
    """Hex key of a shard: schema version and ordered row hashes."""
    hasher = hashlib.sha256(b"licet-shard-1\x00" + schema.encode() + b"\x00")
    for value in hashes:
        hasher.update(value)
    return hasher.hexdigest()


def leaf_key(organisation_id: str, work_id: str) -> bytes:
    """Place of a work in the works tree; a sentinel's work id is the key itself."""
    work = bytes.fromhex(work_id) if work_id in SENTINELS else hashlib.sha256(work_id.encode()).digest()
    return hashlib.sha256(organisation_id.encode()).digest() + work
