"""Peers in virtual environments of their own under var/bench/peers: installed once, or absent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import harness


def python(name: str, requirements: Sequence[str]) -> Path | None:
    """Interpreter of the peer's environment; None when it cannot be installed (tried again next time)."""
    place = harness.folder() / "peers" / name
    interpreter = place / "bin" / "python"
    stamp = place / "installed"
    wanted = "\n".join(requirements)
    if stamp.exists() and stamp.read_text() == wanted:
        return interpreter
    harness.progress(f"installing {name}")
    try:
        _quietly([sys.executable, "-m", "venv", "--clear", str(place)])
        _quietly([str(interpreter), "-m", "pip", "install", "-q", "--disable-pip-version-check", *requirements])
    except (subprocess.SubprocessError, OSError):
        return None
    stamp.write_text(wanted)
    return interpreter


def _quietly(command: list[str]) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run(command, check=True, capture_output=True, timeout=300, env=environment)
