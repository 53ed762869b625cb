"""What the worker processes of the shards benchmark do. Imports little: its memory is measured."""

from __future__ import annotations

import hashlib
import os
import resource
import time
from collections.abc import Iterator, Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NamedTuple

import zstandard

from bench.texts import MIB, Piece
from licensing.delivery import shards
from licensing.delivery.format import Contributor, Row
from licensing.delivery.shards import ShardFacts

_TERMS = hashlib.sha256(b"terms of the benchmark").hexdigest()


class Task(NamedTuple):
    """One shard: documents of the base text, the hash of each as the store knows it, where to write."""

    base: Path
    pieces: Sequence[Piece]
    hashes: Sequence[str]
    path: Path


class Done(NamedTuple):
    """A written shard, the CPU seconds it took and the highest memory of its worker so far, in KB."""

    facts: ShardFacts
    cpu: float
    peak_kb: int


_tasks: Sequence[Task] = ()
_barrier: Barrier | None = None


def start(tasks: Sequence[Task], barrier: Barrier) -> None:
    """Give a new worker its tasks, so that handing them over is not measured."""
    global _tasks, _barrier
    _tasks, _barrier = tasks, barrier


def ready(_turn: int) -> None:
    """Return when all workers are up."""
    if _barrier is not None:
        _barrier.wait(120)


def write(number: int) -> Done:
    """Write shard `number`."""
    task, began = _tasks[number], time.process_time()
    facts = shards.write_shard(rows(task), task.path)
    return Done(facts, time.process_time() - began, _peak_kb())


def compress(number: int) -> tuple[int, float]:
    """Compress the documents of shard `number` in pieces of 1 MiB at level 3; returns bytes out and CPU seconds."""
    task, began = _tasks[number], time.process_time()
    compressor = zstandard.ZstdCompressor(level=3)
    waiting, held, written = [], 0, 0
    with task.base.open("rb") as file:
        for piece in task.pieces:
            waiting.append(os.pread(file.fileno(), piece.size, piece.start))
            held += piece.size
            if held >= MIB:
                written += len(compressor.compress(b"".join(waiting)))
                waiting, held = [], 0
    written += len(compressor.compress(b"".join(waiting)))
    return written, time.process_time() - began


def rows(task: Task) -> Iterator[Row]:
    """The rows of a shard: metadata as wide as in a real catalogue."""
    with task.base.open("rb") as file:
        for piece, digest in zip(task.pieces, task.hashes, strict=True):
            yield row(piece, os.pread(file.fileno(), piece.size, piece.start), digest)


def row(piece: Piece, text: bytes, digest: str) -> Row:
    """One document as a row."""
    number = piece.number
    author = f"Writer {number % 700} of the Benchmark"
    title = f"Collected piece {number}, or the {number * 7919 % 100_003} rivers"
    return Row(
        work_id=f"wrk_{number:026d}", edition_ids=(f"isbn:978{number:010d}", f"own:piece-{number}"), title=title,
        contributors=(Contributor(author, "author"),), language="en", form="article", text=text, asset=None,
        sequence=1, sequence_count=1, characters=piece.size, words=piece.size // 6, tokens=None, seconds=None,
        pixels=None, grant_id="grt_00000000000000000000000001", terms_id="trm_00000000000000000000000001",
        terms_hash=_TERMS, licence="LicenseRef-Licet-Terms", attribution=f"{title} by {author}. Benchmark House.",
        source_kind="contract", origin="human", content_sha256=digest,
    )  # fmt: skip


def _peak_kb() -> int:
    """Highest resident memory of this process; ru_maxrss of a child begins with that of its parent on Linux."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    peaks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    return peaks[0] if peaks else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
