"""Where the databases of the tests lie: in memory where there is room."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

from marketplace.embedded.place import CHECKOUT, MEMORY

ROOM = 3 << 30
"""Bytes that must be free: the log may take 2 GB. A run takes about 250 MB and leaves 150 MB to the next one."""


def var() -> Path:
    """The folder of everything the tests write; LICET_VAR decides where it is set.

    Each clone of a database is a thousand files, and a disk takes longer to make them than most tests take.
    """
    chosen = os.environ.get("LICET_VAR")
    disk = (Path(chosen) if chosen else CHECKOUT / "var").absolute() / "test"
    if chosen or not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM:
        return disk
    folder = MEMORY / f"licet-test-{os.geteuid()}-{hashlib.sha256(bytes(CHECKOUT)).hexdigest()[:12]}"
    with suppress(OSError):  # somebody's file stands there, or nobody may write
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder if folder.lstat().st_uid == os.geteuid() else disk
    return disk
