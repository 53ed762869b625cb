"""Runs one management command with a database under it: the configured one, or the embedded servers."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from django.core.exceptions import ImproperlyConfigured
from django.core.management import ManagementUtility

from marketplace import embedded

CHECKOUT = Path(__file__).resolve().parents[1]
#: Commands that work without a database: they must not start one.
WITHOUT_DATABASE = frozenset(
    {
        "check", "collectstatic", "compilemessages", "findstatic", "help", "makemessages", "makemigrations",
        "create_max_migration_files", "reference", "spectacular", "startapp", "version", "--help", "-h", "--version",
    }
)  # fmt: skip


def run(arguments: Sequence[str]) -> None:
    """Run `arguments` as `manage.py` does; exits with one sentence when the servers or settings cannot be had."""
    command = arguments[1] if len(arguments) > 1 else "help"
    try:
        if "DATABASE_URL" in os.environ or command in WITHOUT_DATABASE or "--help" in arguments:
            _execute(command, arguments)
        else:
            _embedded(command, arguments)
    except (embedded.EmbeddedError, ImproperlyConfigured) as error:
        sys.exit(f"licet: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _embedded(command: str, arguments: Sequence[str]) -> None:
    # A plain `kill` or a closed terminal becomes an orderly exit, so that the servers stop with us.
    signal.signal(signal.SIGTERM, _leave)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup wants to go on
        signal.signal(signal.SIGHUP, _leave)
    with embedded.ensure(var_folder()) as servers:
        os.environ.update(servers.environment())
        if command != "migrate":
            _migrate(servers, arguments[0])
        _execute(command, arguments)


def _execute(command: str, arguments: Sequence[str]) -> None:
    if command == "demo" and "LICET_EMBEDDED" not in os.environ:
        sys.exit("licet: The demo runs on the embedded servers only: unset DATABASE_URL.")
    ManagementUtility(list(arguments)).execute()


def var_folder() -> Path:
    """Folder of everything this checkout writes: `var/`, or LICET_VAR."""
    return Path(os.environ.get("LICET_VAR") or CHECKOUT / "var").absolute()


def migrations_digest() -> str:
    """SHA-256 over the bytes of all migration files: the schema they make has this name."""
    found = hashlib.sha256()
    files = [*CHECKOUT.glob("*/migrations/*.py"), CHECKOUT / "requirements.txt"]
    for path in sorted(path for path in files if path.exists()):
        found.update(f"{path.relative_to(CHECKOUT)}\0{path.stat().st_size}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def _migrate(servers: embedded.Servers, program: str) -> None:
    """Bring the embedded database up to date, unless it already has these migrations."""
    stamp = servers.place.base / "migrated"
    digest = migrations_digest()
    with servers.guard():
        if stamp.exists() and stamp.read_text() == digest:
            return
        ManagementUtility([program, "migrate", "--database", "owner", "--verbosity", "0"]).execute()
        stamp.write_text(digest)


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
