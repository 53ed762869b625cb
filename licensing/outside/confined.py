"""Reading what strangers send in a process of its own, with limits: a hostile file can end its child, never its host.

The child gets no environment but the path to this code: no settings, no secrets, no database.
"""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MEMORY: Final = 1 << 30
"""Bytes of address space."""
CPU_SECONDS: Final = 900
WALL_SECONDS: Final = 1800
OUTPUT: Final = 16 << 30
"""Bytes of a file the child may write."""
_CODE: Final = Path(__file__).resolve().parents[2]
# Somebody stops the host: that says nothing about the file, and the work is done again.
_STOPPED: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})


class Exhausted(Exception):
    """The child ran out of memory or time; the text says of which."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a child that ended by itself wrote to its standard output."""

    output: bytes


def run(module: str, *arguments: str, memory: int = MEMORY, wall_seconds: int = WALL_SECONDS) -> Done:
    """Run `python -m module ARGUMENT... MEMORY`; the module calls `limit(int(last argument))` first of all.

    Raises Exhausted, and RuntimeError when the child failed in any other way or was stopped from outside.
    """
    command = [sys.executable, "-m", module, *arguments, str(memory)]
    try:
        done = subprocess.run(  # noqa: S603 -- our own module; the names of its files are ours too
            command, cwd=_CODE, env={"PYTHONPATH": str(_CODE), "LANG": "C.UTF-8"}, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=wall_seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Exhausted(f"> {wall_seconds} s") from None
    said = done.stderr.decode("utf-8", "replace")
    if done.returncode < 0 and -done.returncode not in _STOPPED:
        raise Exhausted(f"signal {-done.returncode}")
    if done.returncode and "MemoryError" in said:
        raise Exhausted(f"> {memory} bytes of memory")
    if done.returncode:
        raise RuntimeError(f"{module} failed with code {done.returncode}: {said[-2000:]}")
    return Done(done.stdout)


def limit(memory: int) -> None:
    """Take the limits upon this process. For children of `run` only."""
    limits = {
        resource.RLIMIT_AS: memory, resource.RLIMIT_CPU: CPU_SECONDS, resource.RLIMIT_FSIZE: OUTPUT,
        resource.RLIMIT_CORE: 0, resource.RLIMIT_NOFILE: 64,
    }  # fmt: skip
    for kind, value in limits.items():
        # macOS knows no address space limit; the others hold there too
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))
