"""The files of a folder against its manifest: all there, nothing more, every byte as signed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .hashing import file_sha256
from .jcs import parse
from .report import Report, Unusable, Wrong

MANIFEST = "manifest.json"
ALWAYS = (
    *("README.md", "certificate.json", "croissant.json", "rights/attribution.csv", "rights/terms.jsonl"),
    *("rights/tombstones.jsonl", "rights/works.parquet"),
)
"""Files every release has."""
MIB = 1024 * 1024
MOST = 256 * MIB
"""Largest signed file that is read; a certificate is smaller by its format."""


def read_signed(path: Path, name: str, most: int = MOST) -> dict[str, Any]:
    """A signed JSON file: canonical byte for byte; Unusable when it cannot be opened, Wrong when malformed."""
    try:
        value = parse(read_bytes(path, name, most))
    except OSError as error:
        raise Unusable(f"{name} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise Wrong("not_canonical", name, str(error)) from None
    if not isinstance(value, dict):
        raise Wrong("not_canonical", name, "not a JSON object")
    return value


def read_bytes(path: Path, name: str, most: int) -> bytes:
    """A whole file of at most `most` bytes; Wrong above, OSError when it cannot be opened."""
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise Wrong("too_large", name, f"more than {most} bytes")
    return data


def check_files(folder: Path, listed: list[dict[str, Any]], report: Report) -> None:
    """Compare every file with the manifest by size and SHA-256; Wrong for the first that differs."""
    expected = _listed(listed)
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


def _listed(listed: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Files by path. A path is only ever compared with those that are here, so none can lead out of the folder."""
    expected = {item["path"]: item for item in listed}
    if len(expected) != len(listed):
        raise Wrong("manifest", MANIFEST, "a file is listed twice")
    for path in ALWAYS:
        if path not in expected:
            raise Wrong("file_missing", path, "every release has this file, the manifest does not list it")
    return expected


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
