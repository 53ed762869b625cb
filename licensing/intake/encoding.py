"""Which encoding a file declares, which one it really has, and the first byte that proves it.

Every pass streams in constant memory. Nothing is coerced: a difference comes back as `first_bad` for an issue,
and bytes
that fit no reading make the record that holds them fail, not the file.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

CHUNK: Final = 1 << 18
BOMS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Codecs a declaration may name. Python's registry also holds rot13, zlib and others that are no character encodings.
_ALLOWED: Final = re.compile(
    r"ascii|utf-8|utf-16(-[lb]e)?|utf-32(-[lb]e)?|iso8859-\d+|cp\d+|koi8-[ru]|mac-roman|gb2312|gbk|gb18030|big5|big5hkscs"
    r"|shift_jis|euc_jp|euc_kr|tis-620"
)
_HIGH: Final = re.compile(rb"[\x80-\xff]+")
_C1: Final = re.compile(rb"[\x80-\x9f]")
_ESCAPED: Final = re.compile("[\udc80-\udcff]")
_NON_ASCII: Final = re.compile(r"[^\x00-\x7f]")


@dataclass(frozen=True, slots=True)
class BadByte:
    """The first byte that the declared encoding cannot explain. Line and column count from 1, offset from 0."""

    line: int
    column: int
    offset: int
    byte: int


@dataclass(frozen=True, slots=True)
class Encoding:
    """The verdict on a file: `declared` as written ("" when nothing is declared), `read` the Python codec to read with.

    `bom` bytes are skipped. `first_bad` is set when `read` differs from the declaration or some bytes fit
    neither; `mixed`
    then says that single records hold undecodable bytes. `wide` codecs (UTF-16, UTF-32) are transcoded before reading.
    """

    declared: str
    read: str
    bom: int = 0
    first_bad: BadByte | None = None
    mixed: bool = False

    @property
    def wide(self) -> bool:
        """Whether newlines and `<` are not single bytes in this encoding."""
        return self.read.startswith(("utf-16", "utf-32"))

    @property
    def wrong(self) -> bool:
        """Whether the declaration (or, without one, UTF-8) does not hold."""
        return self.first_bad is not None


def codec(name: str) -> str | None:
    """The canonical name of a declared character encoding, or None when it is unknown or not a character encoding."""
    try:
        found = codecs.lookup(name.strip()).name
    except (LookupError, ValueError):
        return None
    return found if _ALLOWED.fullmatch(found) else None


def detect(path: Path, declared: str) -> Encoding:
    """Read the whole file once or twice and say how it is encoded.

    `declared` is the text of the declaration ("" = none, then UTF-8 is expected). An unknown declared name is
    treated as
    wrong: the file is read as UTF-8 when it is UTF-8 throughout.
    """
    bom, marked = _bom(path)
    named = codec(declared) if declared else None
    if marked:
        return _with_bom(path, declared, named, bom, marked)
    if declared and named and named.startswith(("utf-16", "utf-32")):
        return _wide(path, declared, named)
    bad = first_bad(path, "utf-8")
    if named not in (None, "utf-8", "ascii"):
        return _legacy(path, declared, str(named), bad)
    if bad is None:
        unknown = bool(declared) and named is None
        return Encoding(declared, "utf-8", 0, BadByte(1, 1, 0, 0) if unknown else None)
    return _not_utf8(path, declared, 0, bad)


def first_bad(path: Path, name: str, skip: int = 0) -> BadByte | None:
    """The first byte of a file that is not valid in a codec, or None."""
    decoder = codecs.getincrementaldecoder(name)("strict")
    line, column, offset = 1, 0, skip
    for chunk, final in _chunks(path, skip):
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(name, "replace")
            line, column = _advance(before, line, column)
            place = offset - pending + error.start
            return BadByte(line, column + 1, place, error.object[error.start])
        line, column = _advance(text, line, column)
        offset += len(chunk)
    return None


def open_source(path: Path, encoding: Encoding) -> Iterator[bytes]:
    """The file's bytes in chunks, without BOM, in an encoding where ASCII stays ASCII (wide ones become UTF-8)."""
    if not encoding.wide:
        for chunk, _ in _chunks(path, encoding.bom):
            yield chunk
        return
    decoder = codecs.getincrementaldecoder(encoding.read)("replace")
    for chunk, final in _chunks(path, encoding.bom):
        yield decoder.decode(chunk, final).encode("utf-8", "replace")


def stream_codec(encoding: Encoding) -> str:
    """The codec of the bytes that `open_source` yields."""
    return "utf-8" if encoding.wide else encoding.read


def bad_in(raw: bytes, name: str, line: int, column: int) -> BadByte | None:
    """The first undecodable byte of a piece that begins at line and column, or None. `offset` is within the piece."""
    if raw.isascii():
        return None
    try:
        raw.decode(name)
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode(name, "replace")
        at_line, at_column = _advance(before, line, column - 1)
        return BadByte(at_line, at_column + 1, error.start, raw[error.start])
    return None


def _advance(text: str, line: int, column: int) -> tuple[int, int]:
    breaks = text.count("\n")
    if not breaks:
        return line, column + len(text)
    return line + breaks, len(text) - text.rfind("\n") - 1


def _chunks(path: Path, skip: int) -> Iterator[tuple[bytes, bool]]:
    with path.open("rb") as stream:
        stream.seek(skip)
        yield from _read(stream)


def _read(stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    chunk = stream.read(CHUNK)
    while chunk:
        following = stream.read(CHUNK)
        yield chunk, not following
        chunk = following


def _bom(path: Path) -> tuple[int, str]:
    with path.open("rb") as stream:
        head = stream.read(4)
    for mark, name in BOMS:
        if head.startswith(mark):
            return len(mark), name
    return 0, ""


def _with_bom(path: Path, declared: str, named: str | None, bom: int, marked: str) -> Encoding:
    bad = first_bad(path, marked, bom)
    agrees = not declared or (named is not None and (marked.startswith(named) or named == "ascii"))
    if bad is not None and marked == "utf-8":
        return _not_utf8(path, declared, bom, bad)
    if bad is not None:
        return Encoding(declared, marked, bom, bad, mixed=True)
    return Encoding(declared, marked, bom, None if agrees else BadByte(1, 1, 0, marked.encode()[0]))


def _wide(path: Path, declared: str, named: str) -> Encoding:
    """A wide encoding is declared without a byte order mark: believe the bytes."""
    with path.open("rb") as stream:
        head = stream.read(4)
    if b"\x00" not in head:
        bad = first_bad(path, "utf-8")
        return Encoding(declared, "utf-8", 0, BadByte(1, 1, 0, head[0] if head else 0), mixed=bad is not None)
    size = "utf-32" if named.startswith("utf-32") else "utf-16"
    order = "be" if head.startswith(b"\x00") else "le"
    read = f"{size}-{order}"
    bad = first_bad(path, read)
    return Encoding(declared, read, 0, bad, mixed=bad is not None)


def _legacy(path: Path, declared: str, named: str, bad_utf8: BadByte | None) -> Encoding:
    """A legacy encoding is declared. UTF-8 throughout with any multi-byte character means that it is UTF-8."""
    if bad_utf8 is None:
        high = first_bad(path, "ascii")
        return Encoding(declared, "utf-8" if high else named, 0, high)
    if named in ("iso8859-1", "iso8859-15") and (found := _c1(path)) and first_bad(path, "cp1252") is None:
        return Encoding(declared, "cp1252", 0, found)
    bad = first_bad(path, named)
    return Encoding(declared, named, 0, bad, mixed=bad is not None)


def _not_utf8(path: Path, declared: str, bom: int, bad: BadByte) -> Encoding:
    """UTF-8 is declared or expected and does not hold: another encoding throughout, or single damaged places."""
    damaged = sound = isolated = runs = 0
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    for chunk, final in _chunks(path, bom):
        text = decoder.decode(chunk, final)
        escaped = len(_ESCAPED.findall(text))
        damaged += escaped
        sound += len(_NON_ASCII.findall(text)) - escaped
        for run in _HIGH.findall(chunk):
            runs += 1
            isolated += len(run) == 1
    # Pairs of GB 18030 look like UTF-8 by chance now and then; letters of one byte hardly ever do.
    if sound < damaged and isolated * 5 < runs and first_bad(path, "gb18030", bom) is None:
        return Encoding(declared, "gb18030", bom, bad)
    if sound * 10 >= damaged:
        return Encoding(declared, "utf-8", bom, bad, mixed=True)
    if first_bad(path, "cp1252", bom) is None:
        return Encoding(declared, "cp1252", bom, bad)
    return Encoding(declared, "utf-8", bom, bad, mixed=True)


def _c1(path: Path) -> BadByte | None:
    """The first byte 80-9F, a control character in ISO 8859 and a letter or quotation mark in Windows-1252."""
    line, column, offset = 1, 0, 0
    for chunk, _ in _chunks(path, 0):
        found = _C1.search(chunk)
        if found:
            line, column = _advance(chunk[: found.start()].decode("latin-1"), line, column)
            return BadByte(line, column + 1, offset + found.start(), chunk[found.start()])
        line, column = _advance(chunk.decode("latin-1"), line, column)
        offset += len(chunk)
    return None
