"""The files of a folder against its manifest: all there, nothing more, every byte as signed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .hashing import file_sha256
from .jcs import parse
from .report import Report, Unusable, Wrong

MANIFEST = "manifest.json"


def read_signed(path: Path, name: str) -> dict[str, Any]:
    """A signed JSON file: canonical byte for byte; Unusable when it cannot be opened, Wrong when malformed."""
    try:
        value = parse(path.read_bytes())
    except OSError as error:
        raise Unusable(f"{name} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise Wrong("not_canonical", name, str(error)) from None
    if not isinstance(value, dict):
        raise Wrong("not_canonical", name, "not a JSON object")
    return value


def check_files(folder: Path, listed: list[dict[str, Any]], report: Report) -> None:
    """Compare every file with the manifest by size and SHA-256; Wrong for the first that differs."""
    expected = {item["path"]: item for item in listed}
    if len(expected) != len(listed):
        raise Wrong("manifest", MANIFEST, "a file is listed twice")
    present = _present(folder)
    for path in sorted(expected):
        item = expected[path]
        if path not in present:
            raise Wrong("file_missing", path, "the file is listed but not here")
        size = present[path]
        if size != item["bytes"]:
            raise Wrong("file_size", path, f"{size} bytes, the manifest says {item['bytes']}")
        if file_sha256(folder / path) != item["sha256"]:
            raise Wrong("file_hash", path, "the file is not the one that was signed")
        report.files += 1
        report.bytes += size
    for path in sorted(present.keys() - expected.keys() - {MANIFEST}):
        raise Wrong("file_unlisted", path, "the file is not listed in the manifest")


def _present(folder: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for parent, folders, names in os.walk(folder):
        for name in [*names, *(name for name in folders if (Path(parent) / name).is_symlink())]:
            path = Path(parent) / name
            relative = path.relative_to(folder).as_posix()
            if path.is_symlink() or not path.is_file():
                raise Wrong("not_a_file", relative, "links and special files have no place in a release")
            found[relative] = path.stat().st_size
    return found
