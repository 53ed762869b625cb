"""The secret key of a machine without configuration: made once, kept in var/, readable by its owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def kept(path: Path) -> str:
    """The key in `path`; made on first use. Two processes that start together end up with the same one.

    In a folder that cannot be written the key lives as long as the process: commands that read still work.
    """
    try:
        return path.read_text()
    except OSError:
        pass
    fresh = secrets.token_urlsafe(48)
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(fresh)
        os.link(aside, path)  # fails when another process was first
    except OSError:
        pass
    finally:
        aside.unlink(missing_ok=True)
    return path.read_text() if path.exists() else fresh
