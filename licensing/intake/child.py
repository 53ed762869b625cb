"""Reading a stranger's file in a process of its own, with limits: a hostile file can end its child, never the worker.

The child gets no environment but the path to this code: no settings, no secrets, no database. It writes JSON lines into
a file; nothing is believed before its last line says that the whole upload was read.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import orjson

from accounts.errors import Refused
from licensing.intake import flat, issues
from licensing.intake.readers import reading
from licensing.intake.readers.outcomes import FileInfo
from licensing.intake.validate import Checked, validate

MEMORY: Final = 1 << 30
"""Bytes of address space."""
CPU_SECONDS: Final = 900
WALL_SECONDS: Final = 1800
OUTPUT: Final = 16 << 30
_CODE: Final = Path(__file__).resolve().parents[2]


def run(path: Path, *, asked_format: str, into: Path, memory: int = MEMORY) -> Path:
    """Validate the file at `path` in a child; returns a new file of JSON lines in the folder `into`.

    Each line is one record (`line`); the last is {"end": ...} with the file's facts. Raises Refused("file_refused") for
    a file that must be refused whole, also when the child ran out of memory or time. The caller removes the file.
    """
    with tempfile.NamedTemporaryFile(dir=into, suffix=".jsonl", delete=False) as made:
        spool = Path(made.name)
    command = [sys.executable, "-m", "licensing.intake.child", str(path), asked_format, str(spool), str(memory)]
    try:
        done = subprocess.run(  # noqa: S603 -- our own module; the file's name is ours too
            command, cwd=_CODE, env={"PYTHONPATH": str(_CODE), "LANG": "C.UTF-8"}, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=WALL_SECONDS, check=False,
        )  # fmt: skip
        _judge(done.returncode, done.stderr.decode("utf-8", "replace"), spool)
    except subprocess.TimeoutExpired:
        spool.unlink()
        issues.refuse("file_exhausting", seen=f"> {WALL_SECONDS} s", expected=f"<= {WALL_SECONDS} s")
    except BaseException:
        spool.unlink(missing_ok=True)
        raise
    return spool


def lines(spool: Path) -> Iterator[dict[str, Any]]:
    """The lines of a finished child, in order, the last one too."""
    with spool.open("rb") as stream:
        for raw in stream:
            yield orjson.loads(raw)


def _judge(code: int, said: str, spool: Path) -> None:
    """Raise what the child could not: a refusal it wrote down, or its own end."""
    last = _last(spool) if code == 0 else {}
    if "end" in last:
        return
    if "refused" in last:
        one = last["refused"]
        line, column = [*one["pointer"].split(" ")[0].split(":"), "", ""][:2]
        issues.refuse(
            one["code"], line=int(line or 0), column=int(column or 0), path=one["pointer"].partition(" ")[2],
            seen=one["seen"], expected=one["expected"],
        )  # fmt: skip
    if code < 0 or "MemoryError" in said:
        issues.refuse("file_exhausting", seen=f"signal {-code}" if code < 0 else "memory", expected=f"{MEMORY} bytes")
    raise RuntimeError(f"the reader failed with code {code}: {said[-2000:]}")


def _last(spool: Path) -> dict[str, Any]:
    with spool.open("rb") as stream:
        stream.seek(max(0, spool.stat().st_size - 65536))
        tail = stream.read().splitlines()
    found: dict[str, Any] = orjson.loads(tail[-1]) if tail else {}
    return found


def main(arguments: list[str]) -> None:
    """The child: read, judge, flatten, write. A refusal of the file is an answer, not a failure."""
    path, asked_format, spool, memory = arguments
    _limit(int(memory))
    with Path(spool).open("wb") as out:
        try:
            found = reading.read(path, format_name=asked_format)
            sent_at = ""
            for number, checked in enumerate(validate(found), start=1):
                sent_at = sent_at or (checked.record.sent_at if checked.record else "")
                out.write(orjson.dumps(line(number, checked)) + b"\n")
            out.write(orjson.dumps(_end(found.info, found.issues, sent_at)) + b"\n")
        except Refused as refused:
            reason = refused.reasons[0]
            out.write(orjson.dumps({"refused": asdict(reason)}) + b"\n")


def line(number: int, checked: Checked) -> dict[str, Any]:
    """One record as the parent stores it; what cannot go in is not repeated, its issues say why."""
    record = checked.record
    found = [asdict(issue) for issue in checked.issues]
    verdict: str = checked.verdict
    if record is not None and verdict == "loadable":
        problems = [asdict(issue) for issue in flat.too_long(record)]
        found += problems
        verdict = "rejected" if problems else verdict
    return {
        "number": number,
        "line": checked.outcome.line,
        "ref": issues.shown(checked.outcome.ref),
        "verdict": verdict,
        "warned": any(issue["severity"] == "warning" for issue in found),
        "record": flat.flatten(record) if record is not None and verdict == "loadable" else None,
        "issues": found,
    }


def _end(info: FileInfo, found: list[issues.Issue], sent_at: str) -> dict[str, Any]:
    return {"end": {"info": asdict(info), "issues": [asdict(issue) for issue in found], "sent_at": sent_at}}


def _limit(memory: int) -> None:
    limits = {
        resource.RLIMIT_AS: memory, resource.RLIMIT_CPU: CPU_SECONDS, resource.RLIMIT_FSIZE: OUTPUT,
        resource.RLIMIT_CORE: 0, resource.RLIMIT_NOFILE: 64,
    }  # fmt: skip
    for kind, value in limits.items():
        # macOS knows no address space limit; the others hold there too
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))


if __name__ == "__main__":
    main(sys.argv[1:])
