"""Content files as they come: a folder, or a zip that is not trusted."""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Final, cast

from accounts.errors import Reason, Refused

SUFFIXES: Final = (".txt",)
RATIO: Final = 100
"""Unpacked bytes a zip entry may have per packed byte."""
TOTAL: Final = 2 << 30
"""Unpacked bytes of a zip."""
DIRECTORY: Final = 32 << 20
"""Bytes of a zip's table of contents: it is read into memory as a whole."""
_END: Final = b"PK\x05\x06"
_END64: Final = b"PK\x06\x07"
# What reading a stranger's zip may raise: damaged, encrypted, packed in a way not known here.
_DAMAGED: Final = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, NotImplementedError, OSError, ValueError,
)  # fmt: skip

Opener = Callable[[], AbstractContextManager[BinaryIO]]


def files(source: Path) -> Iterator[tuple[str, Opener]]:
    """Name and opener of every text file in a folder (not below it) or a zip, by name.

    Raises Refused("archive_unsafe") for absolute or climbing names, links, or more than RATIO, TOTAL and DIRECTORY
    allow, Refused("archive_invalid") for a zip that cannot be opened, and Refused("not_found"). Opening and reading a
    file raises Refused("content_damaged") when its bytes cannot be had.
    """
    if source.is_dir():
        for path in sorted(source.iterdir()):
            if path.suffix.casefold() in SUFFIXES and path.is_file() and not path.is_symlink():
                yield path.name, partial(_opened, partial(_binary, path), path.name)
        return
    if not zipfile.is_zipfile(source):
        raise Refused("not_found", f"{source.name} is no folder and no zip file.")
    _check_directory(source)
    try:
        archive = zipfile.ZipFile(source)
    except _DAMAGED as error:
        raise _invalid(str(error)) from None
    with archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        _check(entries)
        for entry in sorted(entries, key=lambda one: one.filename):
            if PurePosixPath(entry.filename).suffix.casefold() in SUFFIXES:
                name = PurePosixPath(entry.filename).name
                yield name, partial(_opened, partial(archive.open, entry), name)


@contextmanager
def _opened(opener: Callable[[], IO[bytes]], name: str) -> Iterator[BinaryIO]:
    try:
        stream = opener()
    except _DAMAGED as error:
        raise _damaged(name, error) from None
    with stream:
        yield cast("BinaryIO", _Guarded(stream, name))


def _binary(path: Path) -> IO[bytes]:
    return path.open("rb")


class _Guarded:
    """A file being read whose damage is a refusal."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream, self._name = stream, name

    def read(self, size: int = -1) -> bytes:
        """The next bytes. Raises Refused("content_damaged")."""
        try:
            return self._stream.read(size)
        except _DAMAGED as error:
            raise _damaged(self._name, error) from None


def _damaged(name: str, error: Exception) -> Refused:
    seen = str(error)[:200]
    return Refused("content_damaged", f"{name} cannot be read.", [Reason("content_damaged", "", name, seen)])


def _check_directory(source: Path) -> None:
    """The size of the table of contents, before Python reads it all."""
    size = source.stat().st_size
    with source.open("rb") as stream:
        stream.seek(max(0, size - (1 << 16) - 22))
        tail = stream.read()
    place = tail.rfind(_END)
    end = tail[place : place + 22]
    if place < 0 or len(end) < 22:
        raise _invalid("no end of the table of contents")
    if tail[max(0, place - 20) : place].startswith(_END64):
        raise _unsafe("zip64", "at most 65,534 entries and 4 GiB")
    length = struct.unpack("<I", end[12:16])[0]
    if length > DIRECTORY:
        raise _unsafe(f"a table of contents of {length} bytes", f"at most {DIRECTORY}")


def _check(entries: list[zipfile.ZipInfo]) -> None:
    for entry in entries:
        parts = PurePosixPath(entry.filename.replace("\\", "/"))
        linked = stat.S_ISLNK(entry.external_attr >> 16)
        if parts.is_absolute() or ".." in parts.parts or linked or ":" in entry.filename:
            raise _unsafe(entry.filename, "a plain name inside the archive")
        if entry.file_size > RATIO * max(entry.compress_size, 1):
            seen = f"{entry.filename}: {entry.file_size} of {entry.compress_size} bytes"
            raise _unsafe(seen, f"at most {RATIO} times")
    total = sum(entry.file_size for entry in entries)
    if total > TOTAL:
        raise _unsafe(f"{total} bytes unpacked", f"at most {TOTAL}")


def _unsafe(seen: str, expected: str) -> Refused:
    reason = Reason("archive_unsafe", "The archive is not opened.", "", seen[:300], expected)
    return Refused("archive_unsafe", f"The zip file cannot be accepted: {seen[:300]}.", [reason])


def _invalid(seen: str) -> Refused:
    reason = Reason("archive_invalid", "The archive cannot be read.", "", seen[:300], "a zip file")
    return Refused("archive_invalid", f"The zip file cannot be read: {seen[:300]}.", [reason])
