"""Packing of works into shards: done once, kept in rights/works.parquet. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from licensing.delivery.format import SHARD_LIMIT


@dataclass(frozen=True, slots=True)
class WorkSize:
    """Raw bytes of each row of a work, in sequence order (one entry unless the text is cut)."""

    organisation_id: str
    catalogue_id: str
    work_id: str
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Assignment:
    """Rows `first`..`last` (sequence numbers, from 1) of a work belong to shard `shard` (from 0)."""

    work_id: str
    shard: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Tail:
    """Where packing goes on: the shard that is refilled and the raw bytes it already holds."""

    shard: int = 0
    raw_bytes: int = 0


def order_key(work: WorkSize) -> tuple[str, str, bytes]:
    """Order of works in a release: organisation, catalogue, SHA-256(work id); ids as ASCII text."""
    return (work.organisation_id, work.catalogue_id, hashlib.sha256(work.work_id.encode()).digest())


def pack(works: Iterable[WorkSize], limit: int = SHARD_LIMIT, tail: Tail | None = None) -> Iterator[Assignment]:
    """Assign works, which come in `order_key` order, to shards of at most `limit` raw bytes.

    A work stays together; one larger than a shard starts a fresh shard, fills as many as it needs and
    shares none of them. Streaming, constant memory. ValueError when the order is broken or a work has no row.
    """
    shard, used = (tail.shard, tail.raw_bytes) if tail else (0, 0)
    last_key: tuple[str, str, bytes] | None = None
    for work in works:
        key = order_key(work)
        if last_key is not None and key <= last_key:
            raise ValueError(f"work {work.work_id} is out of order or listed twice")
        if not work.parts:
            raise ValueError(f"work {work.work_id} has no row")
        last_key = key
        size = sum(work.parts)
        if used and used + size > limit:
            shard, used = shard + 1, 0
        if size <= limit:
            yield Assignment(work.work_id, shard, 1, len(work.parts))
            used += size
            continue
        yield from _spread(work, shard, limit)
        shard, used = shard + _shards_of(work, limit), 0


def _spread(work: WorkSize, shard: int, limit: int) -> Iterator[Assignment]:
    first, used = 1, 0
    for sequence, size in enumerate(work.parts, start=1):
        if used and used + size > limit:
            yield Assignment(work.work_id, shard, first, sequence - 1)
            shard, first, used = shard + 1, sequence, 0
        used += size
    yield Assignment(work.work_id, shard, first, len(work.parts))


def _shards_of(work: WorkSize, limit: int) -> int:
    return sum(1 for _ in _spread(work, 0, limit))
