"""Makes .venv and installs the locked requirements: `setup.py run` (what runs) or `setup.py dev` (tools too).

Runs on the system's Python with the standard library alone. Each thing a bare machine may lack is checked
before anything is downloaded. A stamp (hash of the requirements and the Python version) makes the next call
return at once, also without a network.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
FILES = {
    "run": ("requirements.txt", "requirements-embedded.txt"),
    "dev": ("requirements.txt", "requirements-embedded.txt", "requirements-dev.txt"),
}
GIB = 2**30
NEEDED_BYTES = 2 * GIB
OLDEST_GLIBC = (2, 28)


def main(level: str) -> None:
    """Install `level` unless its stamp, or that of a level that contains it, says it is there."""
    if not ready(level):
        check_machine()
        install(level)


def digest(level: str) -> str:
    """Name of what a finished installation of `level` holds."""
    found = hashlib.sha256(f"{sys.version}\0{VENV}\0".encode())
    for name in FILES[level]:
        found.update((ROOT / name).read_bytes())
    return found.hexdigest()


def stamp(level: str) -> Path:
    """Where it is written down."""
    return VENV / f"licet-{level}.stamp"


def ready(level: str) -> bool:
    """Whether a level that holds this one is installed, for this Python and these requirements."""
    levels = ("dev",) if level == "dev" else ("run", "dev")
    return PYTHON.exists() and any(
        stamp(other).exists() and stamp(other).read_text() == digest(other) for other in levels
    )


def check_machine() -> None:
    """Stop with one sentence when something is missing, before anything is downloaded."""
    version = "{}.{}".format(*sys.version_info[:2])
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        stop(f"Python {version} came without venv: install the package python{version}-venv.")
    if sys.platform.startswith("linux"):
        name, number = platform.libc_ver()
        found = tuple(int(part) for part in number.split(".")[:2]) if number else (0, 0)
        if name != "glibc":
            stop("this Linux has no glibc (Alpine?): the ready-made PostgreSQL needs glibc 2.28 or newer.")
        if found < OLDEST_GLIBC:
            stop(f"glibc {number} is too old: 2.28 or newer is needed (Debian 10, Ubuntu 20.04, RHEL 8).")
    elif sys.platform != "darwin":
        stop("only Linux and macOS are supported.")
    free = shutil.disk_usage(ROOT).free
    if free < NEEDED_BYTES:
        stop(f"{free / GIB:.1f} GB are free in {ROOT}, 2 GB are needed: free some space.")


def install(level: str) -> None:
    """Create the virtual environment where it is missing or broken, and install with hashes checked."""
    try:
        VENV.mkdir(exist_ok=True)
        lock = (VENV / "licet.lock").open("w")
    except OSError as error:
        stop(f"{VENV} cannot be written ({error.strerror}): make the folder writable.")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two `make` at once: the second waits, then finds the stamp
        if ready(level):
            return
        for other in FILES:
            stamp(other).unlink(missing_ok=True)
        if not usable():
            say(f"Creating .venv with Python {platform.python_version()}")
            call([sys.executable, "-m", "venv", "--clear", str(VENV)], "the virtual environment cannot be created")
        say("Installing the locked requirements (about 250 MB, once)")
        command = [str(PYTHON), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        command += ["--require-hashes", "--no-deps", "--no-user"]
        for name in FILES[level]:
            command += ["-r", str(ROOT / name)]
        call(command, "the requirements cannot be installed: is there a network?")
        stamp(level).write_text(digest(level))


def usable() -> bool:
    """Whether .venv holds this very Python version with pip, and was made where it lies: scripts name its path."""
    made = VENV / "pyvenv.cfg"
    if not PYTHON.exists() or not made.exists() or f"--clear {VENV}\n" not in made.read_text(errors="replace"):
        return False
    same = "import sys, pip; print(sys.version)"
    answer = subprocess.run([str(PYTHON), "-c", same], capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout.strip() == sys.version


def call(command: list[str], trouble: str) -> None:
    """Run a step with its output shown; stop with one sentence when it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    if subprocess.run(command, check=False, stdin=subprocess.DEVNULL, env=environment).returncode != 0:
        stop(f"{trouble}.")


def say(text: str) -> None:
    """Progress for people."""
    print(f"licet: {text} ...", flush=True)


def stop(text: str) -> NoReturn:
    """The one sentence, and a failing exit."""
    sys.exit(f"licet: {text}")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit(130)
