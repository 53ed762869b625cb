"""What every benchmark shares: the row of a result, interleaved repeats, the gate, progress, the servers.

A benchmark is a module of this folder with `run(n: int | None) -> list[dict]` (or a default for `n`); `n` scales
the work. `DATABASE = False` in the module says that it needs no servers. It runs in a process of its own, with
Django set up on a migrated, empty database named by the settings, and dropped afterwards.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django
import psycopg
from django.conf import settings
from django.core.management import call_command
from psycopg import sql

from marketplace import bootstrap, embedded

REPEATS = 5
KEYS = ("measure", "ours", "against", "value", "ratio", "target", "holds", "machine", "at")


class Broken(AssertionError):
    """A run broke an invariant: it scores nothing, however fast it was."""


def gate(holds: bool, sentence: str) -> None:
    """Raise Broken with the sentence unless `holds`."""
    if not holds:
        raise Broken(sentence)


@dataclass(frozen=True, slots=True)
class Sample:
    """The repeats of one side, in the order they ran."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """Middle value."""
        return statistics.median(self.values)

    def text(self, unit: str, digits: int = 0) -> str:
        """Median, unit and spread for a cell of the table."""
        low, high = min(self.values), max(self.values)
        return f"{self.median:,.{digits}f} {unit} ({low:,.{digits}f}-{high:,.{digits}f})"


def interleave(sides: Mapping[str, Callable[[], float]], repeats: int | None = None) -> dict[str, Sample]:
    """Run the sides A/B/A/B...; each returns the value it measured. Every second turn goes backwards.

    What slows the machine for a while slows both sides then.
    """
    values: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(repeats or REPEATS):
        for name in list(sides)[:: 1 if turn % 2 == 0 else -1]:
            values[name].append(sides[name]())
            progress(f"{name}: {turn + 1} of {repeats or REPEATS}")
    return {name: Sample(tuple(found)) for name, found in values.items()}


def ratio(ours: Sample, against: Sample) -> float:
    """Median of the ratios of the repeats that ran beside each other."""
    return statistics.median(a / b for a, b in zip(ours.values, against.values, strict=True))


def row(
    measure: str, ours: str, against: str, value: float | None, ratio: float | None, target: str, holds: bool | None
) -> dict[str, Any]:
    """One line of the table. `value` is our number, `ratio` ours over theirs, `holds` None = nothing to hold."""
    return {
        "measure": measure,
        "ours": ours,
        "against": against,
        "value": value,
        "ratio": None if ratio is None else round(ratio, 3),
        "target": target,
        "holds": holds,
    }


def absent(measure: str, peer: str, why: str) -> dict[str, Any]:
    """The line of a peer that could not run: nothing is guessed."""
    return row(measure, "", f"{peer}: absent ({why})", None, None, "", None)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of this process during one call (not of the server)."""
    began = time.process_time()
    work()
    return time.process_time() - began


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds of the database's backend and of this process, and seconds on the clock."""

    backend: float
    process: float
    wall: float

    @property
    def cpu(self) -> float:
        """Both together."""
        return self.backend + self.process


def cost(pid: int, work: Callable[[], object]) -> Cost:
    """What one call costs us and the server process `pid` on this machine."""
    backend, process, wall = backend_cpu(pid), time.process_time(), time.perf_counter()
    work()
    return Cost(backend_cpu(pid) - backend, time.process_time() - process, time.perf_counter() - wall)


def backend_cpu(pid: int) -> float:
    """User and system seconds of a server process on this machine (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def connect(alias: str) -> psycopg.Connection[Any]:
    """A connection of our own to the database the settings name: "default" is the app role, "owner" the owner."""
    found = settings.DATABASES[alias]
    return psycopg.connect(
        dbname=found["NAME"], user=found["USER"], password=found["PASSWORD"] or None, host=found["HOST"] or None,
        port=found["PORT"] or None,
    )  # fmt: skip


def progress(sentence: str) -> None:
    """Say on stderr what is going on; one line, replaced in a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K  {sentence}")
    else:
        sys.stderr.write(f"  {sentence}\n")
    sys.stderr.flush()


def machine() -> str:
    """Processor, cores, memory, Python and load of this machine, without its name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    processor = models[0] if models else platform.machine()
    load = os.getloadavg()[0]
    return f"{processor}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, load {load:.1f}"


def stamped(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows with machine and time; Broken when one lacks a key."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    found = [{**line, "machine": machine(), "at": at} for line in rows]
    for line in found:
        missing = [key for key in KEYS if key not in line]
        gate(not missing, f"a row lacks {', '.join(missing)}: {line.get('measure')}")
    return found


def folder() -> Path:
    """Where benchmarks write: results, servers, peers."""
    return bootstrap.var_folder() / "bench"


@contextmanager
def servers(name: str) -> Iterator[None]:
    """PostgreSQL and Redis of the benchmarks, and a migrated, empty database of this benchmark.

    Sets the environment and Django up: models may be imported inside, and child processes find the same.
    """
    database = f"bench_{name}"
    with embedded.ensure(folder()) as running:
        root = _named(running.superuser_url, "postgres")
        _drop(root, database)
        with psycopg.connect(root, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER licet_owner").format(sql.Identifier(database)))
        environment = {key: _named(value, database) for key, value in running.environment().items()}
        os.environ.update(environment, DJANGO_SETTINGS_MODULE="marketplace.settings")
        try:
            django.setup()
            progress("migrating")
            call_command("migrate", database="owner", verbosity=0)
            yield
        finally:
            _drop(root, database)


def _named(url: str, database: str) -> str:
    return url.replace(f"@/{embedded.DATABASE}?", f"@/{database}?")


def _drop(root: str, database: str) -> None:
    with psycopg.connect(root, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
