"""A file as lines of bytes with their places, in constant memory: the ground of CSV and JSON Lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from licensing.intake import encoding as encodings
from licensing.intake import issues
from licensing.intake.encoding import Encoding
from licensing.intake.framing import MAX_RECORD


@dataclass(frozen=True, slots=True)
class Line:
    """One line with its end: number from 1, offset in bytes from the file's start (-1 when transcoded)."""

    raw: bytes
    number: int
    offset: int


def lines(path: Path, encoding: Encoding) -> Iterator[Line]:
    """All lines of a file. A file with no LF near its start is cut at CR. Refuses lines longer than MAX_RECORD."""
    source = encodings.open_source(path, encoding)
    first = next(source, b"")
    end = b"\r" if b"\n" not in first and b"\r" in first[:-1] else b"\n"
    number, offset = 1, encoding.bom
    rest: list[bytes] = []
    waiting = 0
    for chunk in _chain(first, source):
        head, found, tail = chunk.rpartition(end)
        if not found:
            rest.append(chunk)
            waiting += len(chunk)
            _limit(waiting, number)
            continue
        whole = b"".join([*rest, head])
        for raw in whole.split(end):
            line = raw + end
            yield Line(line, number, -1 if encoding.wide else offset)
            number, offset = number + 1, offset + len(line)
        rest, waiting = [tail], len(tail)
    last = b"".join(rest)
    if last:
        yield Line(last, number, -1 if encoding.wide else offset)


def _chain(first: bytes, source: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from source


def _limit(waiting: int, number: int) -> None:
    if waiting > MAX_RECORD:
        issues.refuse("record_too_large", line=number, column=1, seen=f"> {MAX_RECORD}", expected=f"<= {MAX_RECORD}")
