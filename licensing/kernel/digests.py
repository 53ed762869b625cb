"""SHA-256 over bytes, canonical JSON and lines, and Merkle trees (RFC 9162)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from licensing.kernel import canonical

_CHUNK = 1_024
"""Leaves hashed at once; a power of two, so that every full chunk is one complete subtree."""
_sha256 = hashlib.sha256
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of a tree without leaves (RFC 9162, 2.1.1)."""


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of the bytes, 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def of_json(value: Any) -> str:
    """Return the SHA-256 (hex) of the value's canonical JSON; raises as canonical.jcs does."""
    return sha256_hex(canonical.jcs(value))


def of_lines(lines: Iterable[bytes]) -> str:
    """Return the SHA-256 (hex) of the lines with a line feed between them, none at the end.

    The order is the caller's; nothing is kept in memory.
    """
    running = hashlib.sha256()
    between = b""
    for line in lines:
        running.update(between + line)
        between = b"\n"
    return running.hexdigest()


def leaf_hash(leaf: bytes) -> bytes:
    """Return SHA-256(00 || leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def merkle_root(leaves: Iterable[bytes]) -> bytes:
    """Return the Merkle tree hash (32 bytes) of the leaves' bytes in order (RFC 9162, 2.1.1).

    Streams: keeps one hash per level and `_CHUNK` leaves, so any number of leaves fits in memory.
    """
    peaks: list[tuple[int, bytes]] = []
    remaining = iter(leaves)
    while chunk := list(islice(remaining, _CHUNK)):
        for size, value in _peaks([_sha256(b"\x00" + leaf).digest() for leaf in chunk]):
            node, width = value, size
            while peaks and peaks[-1][0] == width:
                node = node_hash(peaks.pop()[1], node)
                width *= 2
            peaks.append((width, node))
    if not peaks:
        return EMPTY_ROOT
    root = peaks.pop()[1]
    while peaks:
        root = node_hash(peaks.pop()[1], root)
    return root


def _peaks(level: list[bytes]) -> list[tuple[int, bytes]]:
    """Roots of the complete subtrees over these leaf hashes, with their leaves, largest first.

    Level by level: the loop per leaf took three times as long.
    """
    found: list[tuple[int, bytes]] = []
    size = 1
    while level:
        if len(level) % 2:
            found.append((size, level.pop()))
        level = [_sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=True)]
        size *= 2
    return found[::-1]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the sibling hashes from leaf `index` up to the root (RFC 9162, 2.1.3.1).

    Raises IndexError when there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"no leaf {index} among {len(leaves)}")
    level = [leaf_hash(leaf) for leaf in leaves]
    proof: list[bytes] = []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            proof.append(level[sibling])
        paired = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2 :]
        index //= 2
    return proof


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Say whether `proof` shows that `leaf` is number `index` of the `size` leaves under `root`.

    Source: RFC 9162, 2.1.3.2, step by step. Never raises for a wrong proof.
    """
    if not 0 <= index < size:
        return False
    first, last = index, size - 1
    value = leaf_hash(leaf)
    for sibling in proof:
        if last == 0:
            return False
        if first & 1 or first == last:
            value = node_hash(sibling, value)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        first, last = first >> 1, last >> 1
    return last == 0 and value == root
