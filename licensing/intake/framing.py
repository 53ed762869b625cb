"""Cutting an XML message into its records on the bytes as sent, in constant memory.

Each record gets its exact line, column, offset and hash, and a byte that cannot be decoded costs one record, not
the file.
The cutting knows only what XML needs for it: comments, CDATA sections and processing instructions hide tags, `<`
never
stands in an attribute value. Whatever is not well-formed fails when the pieces are parsed (`xml.py`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from licensing.intake import encoding as encodings
from licensing.intake import issues
from licensing.intake.encoding import Encoding
from licensing.intake.record import Position

MAX_RECORD: Final = 16 << 20
"""Longest record, comment or header accepted, in bytes."""
HEAD: Final = 1 << 16
"""Longest start tag, and longest text before the root element, in bytes."""
_TAIL: Final = 128

NAME: Final = rb"[A-Za-z_\x80-\xff][\w.\-\x80-\xff]*+"
START: Final = re.compile(rb"<((?:" + NAME + rb":)?" + NAME + rb")((?:[^<>\"']|\"[^<\"]*\"|'[^<']*')*)>")


@dataclass(frozen=True, slots=True)
class Frame:
    """One record as it stands in the file: bytes as read and position."""

    raw: bytes
    position: Position


def frames(path: Path, encoding: Encoding, skip: int, names: frozenset[str]) -> Iterator[bytes | Frame]:
    """Cut a document at its record elements (local names in `names`), in constant memory.

    `skip` is the number of bytes before the first piece wanted (the prolog), counted behind the byte order mark.

    Yields the bytes between records as `bytes` (for the skeleton) and each record as a `Frame`, in order.
    Refuses the file
    when a record, comment or section never ends.
    """
    return iter(_Framer(path, encoding, skip, names))


class _Framer:
    """The cutting itself: a buffer that moves over the file, and a place (line, column, offset) at its start."""

    def __init__(self, path: Path, encoding: Encoding, skip: int, names: frozenset[str]) -> None:
        self._source = encodings.open_source(path, encoding)
        self._codec = encodings.stream_codec(encoding)
        self._wide = encoding.wide
        self._buffer = b""
        self._done = False
        self._line, self._column, self._offset = 1, 1, 0 if encoding.wide else encoding.bom
        self._skip = skip
        local = b"|".join(name.encode() for name in sorted(names))
        prefix = rb"(?:" + NAME + rb":)?"
        self._token = re.compile(
            rb"<(?:(!--)|(!\[CDATA\[)|(\?)|(" + prefix + rb"(?:" + local + rb")(?=[\s/>]))"
            rb"|(/" + prefix + rb"(?:" + local + rb")\s*>))"
        )

    def __iter__(self) -> Iterator[bytes | Frame]:
        self._fill(self._skip)
        self._drop(self._skip)
        position = 0
        while True:
            match = self._token.search(self._buffer, position)
            if match is None:
                cut = len(self._buffer) if self._done else max(position, len(self._buffer) - _TAIL)
                if cut > 0:
                    yield self._take(cut)
                if self._done:
                    return
                self._more()
                position = 0
                continue
            if match[4] is None:
                position = self._past(match) if match[5] is None else match.end()
                continue
            if match.start():
                yield self._take(match.start())
            yield self._record()
            position = 0

    def _record(self) -> Frame:
        """The record that begins at the buffer's start."""
        depth, position = 0, 0
        while True:
            match = self._token.search(self._buffer, position)
            if match is None:
                position = max(position, len(self._buffer) - _TAIL)
                self._more_or_refuse("a record that never ends")
                continue
            if match[4] is not None:
                position, closed = self._start_tag(match.start())
                depth += 0 if closed else 1
            elif match[5] is not None:
                position, depth = match.end(), depth - 1
            else:
                position = self._past(match)
            if depth <= 0:
                return self._frame(position)

    def _frame(self, length: int) -> Frame:
        line, column, offset = self._line, self._column, self._offset
        raw = self._take(length)
        digest = hashlib.sha256(raw).hexdigest()
        place = -1 if self._wide else offset
        return Frame(raw, Position(line, column, place, length, digest))

    def _start_tag(self, position: int) -> tuple[int, bool]:
        """The end of a record's start tag and whether it closes itself."""
        while True:
            match = START.match(self._buffer, position)
            if match is not None:
                return match.end(), match[2].rstrip().endswith(b"/")
            if len(self._buffer) - position > HEAD:
                issues.refuse("xml_malformed", line=self._line, column=self._column, seen="a start tag that never ends")
            self._more_or_refuse("a start tag that never ends")

    def _past(self, match: re.Match[bytes]) -> int:
        """The end of a comment, CDATA section or processing instruction."""
        ending = b"-->" if match[1] else b"]]>" if match[2] else b"?>"
        position = match.end()
        while (found := self._buffer.find(ending, position)) < 0:
            position = max(match.end(), len(self._buffer) - 2)
            self._more_or_refuse(f"{match[0].decode()} that never ends")
        return found + len(ending)

    def _fill(self, length: int) -> None:
        while len(self._buffer) < length and self._more():
            pass

    def _more(self) -> bool:
        chunk = next(self._source, None)
        if chunk is None:
            self._done = True
            return False
        self._buffer += chunk
        return True

    def _more_or_refuse(self, what: str) -> None:
        if len(self._buffer) > MAX_RECORD:
            issues.refuse(
                "record_too_large",
                line=self._line,
                column=self._column,
                seen=f"> {MAX_RECORD}",
                expected=f"<= {MAX_RECORD}",
            )
        if not self._more():
            issues.refuse("xml_truncated", line=self._line, column=self._column, seen=what, expected="its end")

    def _take(self, length: int) -> bytes:
        taken = self._buffer[:length]
        self._drop(length)
        return taken

    def _drop(self, length: int) -> None:
        dropped = self._buffer[:length]
        self._buffer = self._buffer[length:]
        self._offset += len(dropped)
        breaks = dropped.count(b"\n")
        if breaks:
            self._line += breaks
            self._column = 1
            dropped = dropped[dropped.rfind(b"\n") + 1 :]
        self._column += len(dropped.decode(self._codec, "replace"))
