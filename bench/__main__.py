"""`python -m bench`: all benchmarks; `NAME [N]`: one, scaled by N; `report`: docs/benchmarks.md from what ran.

Writes var/bench/NAME.json. Exit code 1 when a run broke an invariant or failed; a missed target is shown, not an
error.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from bench import harness, report

HELPERS = frozenset({"__init__", "__main__", "harness", "report", "peers"})
NO_SERVERS = "DATABASE = False"


def names() -> list[str]:
    """The benchmarks of this folder: modules with a function `run`."""
    modules = [path for path in Path(__file__).parent.glob("*.py") if path.stem not in HELPERS]
    return sorted(path.stem for path in modules if "\ndef run(" in path.read_text())


def main(arguments: list[str]) -> int:
    """Run what the arguments say; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", nargs="?", help=f"{', '.join(names())} or report; all when left out")
    parser.add_argument("n", nargs="?", type=int, help="scales the work")
    given = parser.parse_args(arguments)
    if given.name is None:
        return _all()
    if given.name == "report":
        print(f"wrote {report.write(harness.folder())}")
        return 0
    if given.name not in names():
        parser.error(f"there is no benchmark {given.name!r}: choose from {', '.join(names())} or report")
    if given.n is not None and given.n < 1:
        parser.error("N is a whole number from 1")
    return _one(given.name, given.n)


def _all() -> int:
    codes = [subprocess.run([sys.executable, "-m", "bench", name], check=False).returncode for name in names()]
    print(report.table(report.load(harness.folder())))
    return max(codes, default=0)


def _one(name: str, n: int | None) -> int:
    code = 0
    try:
        with _around(name):
            rows = _call(importlib.import_module(f"bench.{name}"), n)
    except (AssertionError, RuntimeError) as error:  # the gate of harness, or a bench's own
        rows = [{**harness.row(f"{name}: broken", str(error), "", 0, 0, "correct", holds=False)}]
        code = 1
    rows = harness.stamped(rows)
    report.save(harness.folder(), name, rows)
    print(report.table({name: rows}))
    return code


def _around(name: str) -> AbstractContextManager[None]:
    found = importlib.util.find_spec(f"bench.{name}")
    source = Path(found.origin).read_text() if found and found.origin else ""
    return nullcontext() if f"\n{NO_SERVERS}" in source else harness.servers(name)


def _call(module: Any, n: int | None) -> list[dict[str, Any]]:
    default = inspect.signature(module.run).parameters["n"].default
    if n is None and default is not inspect.Parameter.empty:
        return list(module.run())
    return list(module.run(n))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
