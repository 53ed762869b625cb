"""Files by content: written once under the SHA-256 of their bytes, never changed, never half there."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from django.conf import settings

from accounts.errors import Reason, Refused

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that is safely on disk: lower-case hex SHA-256 and size in bytes."""

    sha256: str
    bytes: int


def put(stream: BinaryIO, *, expected_sha256: str | None = None, at_most: int | None = None) -> Stored:
    """Store a stream: temporary name, fsync, rename. The same bytes again are the same file.

    Raises Refused("checksum_mismatch") when the bytes are not the announced ones and Refused("too_large") above
    `at_most` bytes; nothing is kept then.
    """
    root = _root()
    digest, size = hashlib.sha256(), 0
    with tempfile.NamedTemporaryFile(dir=_folder(root / "incoming"), delete=False) as file:
        temporary = Path(file.name)
        try:
            while chunk := stream.read(CHUNK):
                size += len(chunk)
                _check_size(size, at_most)
                digest.update(chunk)
                file.write(chunk)
            _check_digest(digest.hexdigest(), expected_sha256)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    return Stored(_adopt(temporary, digest.hexdigest()), size)


def adopt(path: Path, *, digest: str | None = None) -> Stored:
    """Move a finished local file (a built shard) into the store; it must be on the store's file system or is copied.

    `digest` is the hash of its bytes where whoever wrote them knows it, so that they are not read again.
    """
    digest = digest or sha256_of(path)
    size = path.stat().st_size
    if path.stat().st_dev != _root().stat().st_dev:
        with path.open("rb") as stream:
            return put(stream, expected_sha256=digest)
    return Stored(_adopt(path, digest), size)


def open_file(sha256: str) -> BinaryIO:
    """Open a stored file for reading. Raises FileNotFoundError when it is not here."""
    return path_of(sha256).open("rb")


def exists(sha256: str) -> bool:
    """Say whether the bytes are here."""
    return path_of(sha256).is_file()


def path_of(sha256: str) -> Path:
    """Where the bytes lie. Raises ValueError for anything but 64 hex digits: nothing else ever becomes a path."""
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise ValueError("a stored file is named by 64 lower-case hexadecimal digits")
    return _root() / sha256[:2] / sha256[2:4] / sha256


def scratch() -> Path:
    """A folder on the store's file system for files in the making."""
    return _folder(_root() / "incoming")


def sweep(*, before: datetime) -> None:
    """Remove what killed workers left in `scratch` and nobody has touched since `before`.

    Whoever is at work there meanwhile, or sweeps too, may take a file away first.
    """
    for path in scratch().iterdir():
        with suppress(FileNotFoundError):
            if path.lstat().st_mtime >= before.timestamp():
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a local file, in constant memory."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest(data: bytes) -> str:
    """Hex SHA-256 of bytes in memory: the name they would have in the store."""
    return hashlib.sha256(data).hexdigest()


def chunks(stream: BinaryIO, *, start: int = 0, length: int | None = None, size: int = CHUNK) -> Iterator[bytes]:
    """Read a byte range in pieces of at most `size` bytes; `length` None: to the end."""
    stream.seek(start)
    left = length
    while left is None or left > 0:
        data = stream.read(size if left is None else min(size, left))
        if not data:
            return
        if left is not None:
            left -= len(data)
        yield data


def _root() -> Path:
    address = urlsplit(settings.STORAGE_URL)
    if address.scheme != "file":
        raise Refused("storage_unsupported", f"STORAGE_URL {address.scheme}:// is not supported yet; use file://.")
    return _folder(Path(unquote(address.path)))


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def _adopt(temporary: Path, digest: str) -> str:
    final = path_of(digest)
    _folder(final.parent)
    if final.exists():
        temporary.unlink()
    else:
        temporary.chmod(0o400)
        temporary.replace(final)
        descriptor = os.open(final.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return digest


def _check_size(size: int, at_most: int | None) -> None:
    if at_most is not None and size > at_most:
        reason = Reason("too_large", "The file is larger than allowed.", "", f"more than {at_most}", f"{at_most} bytes")
        raise Refused("too_large", f"A file may have at most {at_most} bytes.", [reason])


def _check_digest(seen: str, expected: str | None) -> None:
    if expected is not None and seen != expected.lower():
        reason = Reason("checksum_mismatch", "The bytes are not the announced ones.", "/sha256", seen, expected)
        raise Refused("checksum_mismatch", "The file arrived changed; send it again.", [reason])
