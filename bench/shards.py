"""Text to shards with hashes, by 1 and 2 worker processes, against zstd 3 alone on the same bytes and cores.

Ours: documents read from a file, rows made, written by the writer of deliveries: content checked, row hashes, Parquet,
file hashed and synced. The limit: the same documents read and compressed in pieces of 1 MiB, nothing kept. DuckDB:
COPY of the same rows, which lie in an uncompressed Parquet file, to zstd 3, without hashes.
The gate: every row there, the same roots and files whatever the number of workers, at most 300 MB per worker.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from bench import harness, peers, shards_work, texts
from bench.shards_work import Done, Task
from licensing.delivery import format as rows_format
from licensing.delivery import packing
from licensing.kernel import digests

DATABASE = False
MIB = texts.MIB
DEFAULT = 1_024
FLOOR = 0.6
MEMORY_KB = 300_000
#: Kinds beside the mix, and the part of the size they get; small documents are the knob that hurts us.
OTHERS = {"novels": 4, "4 KB": 8, "1 KB": 16}
DUCKDB = "duckdb==1.4.2"
_COPY = """
import sys, time, duckdb
source, target = sys.argv[1:]
duckdb.execute("SET threads = 1")
began = time.perf_counter()
duckdb.execute(f"COPY (FROM '{source}') TO '{target}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3)")
print(time.perf_counter() - began)
"""


@dataclass
class Load:
    """Documents of one kind cut into shards, and what each run made of them."""

    kind: str
    tasks: Sequence[Task]
    runs: list[list[Done]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of text."""
        return sum(piece.size for task in self.tasks for piece in task.pieces)

    @property
    def documents(self) -> int:
        """Number of rows."""
        return sum(len(task.pieces) for task in self.tasks)

    def rate(self, seconds: float) -> float:
        """MB of text per second."""
        return self.size / seconds / 1e6


def run(n: int | None) -> list[dict[str, Any]]:
    """Measure with `n` MiB of text (1,024 when None); returns the rows of the table."""
    total = (n or DEFAULT) * MIB
    folder = harness.folder() / "shards"
    mix = load("mix", total, folder)
    found = [_against_zstd(mix, workers, FLOOR) for workers in (1, 2)]
    found.append(_against_duckdb(load("mix", min(total // 4, 256 * MIB), folder)))
    others = [load(kind, total // part, folder) for kind, part in OTHERS.items()]
    found += [_against_zstd(other, 1, None) for other in others]
    found += [_roots(mix), _memory([mix, *others])]
    for path in folder.glob("*.parquet"):
        path.unlink()
    return found


def load(kind: str, total: int, folder: Path) -> Load:
    """Documents of at least `total` bytes, in four shards or as many as releases would have."""
    base = texts.base(folder)
    pieces = texts.pieces(kind, total)
    with base.open("rb") as file:
        hashes = [hashlib.sha256(os.pread(file.fileno(), piece.size, piece.start)).hexdigest() for piece in pieces]
        sizes = [
            rows_format.raw_bytes(shards_work.row(piece, b"", digest)) + piece.size
            for piece, digest in zip(pieces, hashes, strict=True)
        ]
    limit = min(rows_format.SHARD_LIMIT, sum(sizes) // 4 + max(sizes))
    order = sorted(range(len(pieces)), key=lambda n: hashlib.sha256(b"%d" % n).digest())
    members: dict[int, list[int]] = {}
    for number, shard in zip(order, _places([sizes[n] for n in order], limit), strict=True):
        members.setdefault(shard, []).append(number)
    name = kind.replace(" ", "")
    tasks = [
        Task(base, [pieces[n] for n in found], [hashes[n] for n in found], folder / f"{name}-{shard:05d}.parquet")
        for shard, found in sorted(members.items())
    ]
    return Load(kind, tasks)


def _places(sizes: Sequence[int], limit: int) -> Iterator[int]:
    """The shard of each document, as the packing of releases fills them; documents come in its order."""
    keyed = sorted(
        (packing.WorkSize("org", "cat", f"{n}", (size,)) for n, size in enumerate(sizes)), key=packing.order_key
    )
    places = {item.work_id: item.shard for item in packing.pack(keyed, limit)}
    return (places[f"{n}"] for n in range(len(sizes)))


def check(found: Load) -> None:
    """The gate over all runs so far; raises Broken."""
    first = found.runs[0]
    for done in found.runs:
        rows = sum(item.facts.rows for item in done)
        harness.gate(rows == found.documents, f"{found.kind}: {rows} rows written of {found.documents} documents")
        same = [item.facts for item in done] == [item.facts for item in first]
        harness.gate(same, f"{found.kind}: the same documents gave other roots or files")
        peak = max(item.peak_kb for item in done)
        harness.gate(peak <= MEMORY_KB, f"{found.kind}: a worker took {peak // 1_000} MB")
    for task, item in zip(found.tasks, first, strict=True):
        written = pq.read_table(task.path, columns=["row_sha256"]).column(0).to_pylist()
        root = digests.merkle_root(map(bytes.fromhex, written)).hex()
        harness.gate(root == item.facts.rows_root, f"{found.kind}: a file does not hold the rows of its root")


@contextmanager
def _pool(tasks: Sequence[Task], workers: int) -> Iterator[ProcessPoolExecutor]:
    """So many fresh worker processes, up and with their tasks."""
    context = get_context("spawn")
    with ProcessPoolExecutor(
        workers, context, initializer=shards_work.start, initargs=(tasks, context.Barrier(workers))
    ) as pool:
        list(pool.map(shards_work.ready, range(workers)))
        yield pool


def _against_zstd(found: Load, workers: int, floor: float | None) -> dict[str, Any]:
    numbers = range(len(found.tasks))
    limits: list[list[tuple[int, float]]] = []
    already = len(found.runs)
    with _pool(found.tasks, workers) as ours, _pool(found.tasks, workers) as theirs:

        def licet() -> float:
            return harness.seconds(lambda: found.runs.append(list(ours.map(shards_work.write, numbers))))

        def zstd() -> float:
            return harness.seconds(lambda: limits.append(list(theirs.map(shards_work.compress, numbers))))

        harness.progress(f"{found.kind}, {workers} worker(s)")
        samples = harness.interleave({"licet": lambda: found.rate(licet()), "zstd": lambda: found.rate(zstd())})
    check(found)
    ratio = harness.ratio(samples["licet"], samples["zstd"])
    cpu = statistics.median(
        sum(cpu for _, cpu in limit) / sum(item.cpu for item in done)
        for limit, done in zip(limits, found.runs[already:], strict=True)
    )
    smaller = found.size / sum(size for size, _ in limits[0])
    average = found.size / found.documents / 1_000
    return harness.row(
        f"{found.kind}: {found.size // MIB} MiB, {found.documents:,} texts of {average:,.1f} KB, {workers} worker(s)",
        f"{samples['licet'].text('MB/s')}; by CPU time {cpu:.2f} of zstd",
        f"zstd 3 alone: {samples['zstd'].text('MB/s')}, {smaller:.2f} times smaller",
        round(samples["licet"].median, 1),
        ratio,
        "" if floor is None else f">= {floor} of zstd 3",
        None if floor is None else ratio >= floor,
    )


def _against_duckdb(found: Load) -> dict[str, Any]:
    measure = f"mix: {found.size // MIB} MiB, one core, hashes only on our side"
    interpreter = peers.python("duckdb", [DUCKDB])
    if interpreter is None:
        return harness.absent(measure, "DuckDB COPY", "could not be installed")
    one = Load(found.kind, found.tasks[:1])
    with _pool(one.tasks, 1) as pool:

        def ours() -> float:
            return one.rate(harness.seconds(lambda: one.runs.append(list(pool.map(shards_work.write, [0])))))

        ours()
        source = one.tasks[0].path.with_suffix(".plain.parquet")
        pq.write_table(pq.read_table(one.tasks[0].path), source, compression="none", row_group_size=2_000)
        command = [str(interpreter), "-c", _COPY, str(source), str(source.with_suffix(".duckdb.parquet"))]

        def theirs() -> float:
            answer = subprocess.run(command, check=True, capture_output=True, text=True)
            return one.rate(float(answer.stdout))

        samples = harness.interleave({"licet": ours, "duckdb": theirs})
    check(one)
    return harness.row(
        measure,
        samples["licet"].text("MB/s"),
        f"{DUCKDB.replace('==', ' ')} COPY: {samples['duckdb'].text('MB/s')}",
        round(samples["licet"].median, 1),
        harness.ratio(samples["licet"], samples["duckdb"]),
        "",
        None,
    )


def _roots(mix: Load) -> dict[str, Any]:
    """What `check` found the same in every run."""
    root = digests.merkle_root(bytes.fromhex(item.facts.rows_root) for item in mix.runs[0]).hex()
    return harness.row(
        f"rows root of {len(mix.tasks)} shards, 1 and 2 workers", f"{root[:16]}... in all runs",
        f"{len(mix.runs)} runs", len(mix.runs), None, "identical", holds=True,
    )  # fmt: skip


def _memory(loads: Sequence[Load]) -> dict[str, Any]:
    peaks = {found.kind: max(item.peak_kb for done in found.runs for item in done) // 1_000 for found in loads}
    return harness.row(
        "peak memory of a worker", ", ".join(f"{kind} {peak} MB" for kind, peak in peaks.items()), "",
        max(peaks.values()), None, "<= 300 MB", holds=max(peaks.values()) <= MEMORY_KB // 1_000,
    )  # fmt: skip
