"""Reading a catalogue file in a confined child: it writes JSON lines into a file, and nothing is believed before its
last line says that the whole upload was read.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from accounts.errors import Refused
from licensing.intake import flat, issues
from licensing.intake.readers import reading
from licensing.intake.readers.outcomes import FileInfo
from licensing.intake.validate import Checked, validate
from licensing.outside import confined


def run(path: Path, *, asked_format: str, into: Path, memory: int = confined.MEMORY) -> Path:
    """Validate the file at `path` in a child; returns a new file of JSON lines in the folder `into`.

    Each line is one record (`line`); the last is {"end": ...} with the file's facts. Raises Refused("file_refused") for
    a file that must be refused whole, also when the child ran out of memory or time. The caller removes the file.
    """
    with tempfile.NamedTemporaryFile(dir=into, suffix=".jsonl", delete=False) as made:
        spool = Path(made.name)
    try:
        confined.run("licensing.intake.child", str(path), asked_format, str(spool), memory=memory)
        _judge(spool)
    except confined.Exhausted as exhausted:
        spool.unlink()
        issues.refuse("file_exhausting", seen=str(exhausted), expected=f"{memory} bytes, {confined.WALL_SECONDS} s")
    except BaseException:
        spool.unlink(missing_ok=True)
        raise
    return spool


def lines(spool: Path) -> Iterator[dict[str, Any]]:
    """The lines of a finished child, in order, the last one too."""
    with spool.open("rb") as stream:
        for raw in stream:
            yield orjson.loads(raw)


def _judge(spool: Path) -> None:
    """Raise the refusal that the child wrote down."""
    last = _last(spool)
    if "end" in last:
        return
    if "refused" not in last:
        raise RuntimeError("the reader ended without a last line")
    one = last["refused"]
    line, column = [*one["pointer"].split(" ")[0].split(":"), "", ""][:2]
    issues.refuse(
        one["code"], line=int(line or 0), column=int(column or 0), path=one["pointer"].partition(" ")[2],
        seen=one["seen"], expected=one["expected"],
    )  # fmt: skip


def _last(spool: Path) -> dict[str, Any]:
    with spool.open("rb") as stream:
        stream.seek(max(0, spool.stat().st_size - 65536))
        tail = stream.read().splitlines()
    found: dict[str, Any] = orjson.loads(tail[-1]) if tail else {}
    return found


def main(arguments: list[str]) -> None:
    """The child: read, judge, flatten, write. A refusal of the file is an answer, not a failure."""
    path, asked_format, spool, memory = arguments
    confined.limit(int(memory))
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


if __name__ == "__main__":
    main(sys.argv[1:])
