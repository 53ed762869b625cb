"""Where the embedded servers keep their data and sockets, and as which user they run."""

from __future__ import annotations

import hashlib
import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from marketplace.embedded.errors import EmbeddedError

CHECKOUT = Path(__file__).resolve().parents[2]
#: sun_path holds 104 bytes on macOS, 108 on Linux.
LONGEST_SOCKET_PATH = 100
SOCKET_NAME = ".s.PGSQL.5432"
NOBODY = 65534
SHORT = Path("/tmp")  # noqa: S108 -- the folder made in it is private and checked for its owner
ROOTS_DATA = Path("/var/tmp")  # noqa: S108 -- survives a reboot; the folder in it is checked for its owner
MEMORY = Path("/dev/shm")  # noqa: S108 -- measured; written to only for who names a folder in it


@dataclass(frozen=True)
class Place:
    """Folders of one pair of servers. `uid` is None when they run as the caller."""

    base: Path
    sockets: Path
    uid: int | None

    @classmethod
    def of(cls, var: Path) -> Place:
        """The place that belongs to `var`: the same answer for every process of a checkout.

        PostgreSQL refuses to run as root, and the folders above a root user's checkout are often closed to
        everybody else. So for root data and binaries live in a folder of their own under /var/tmp, or in memory
        when `var` does.
        """
        var = var.resolve()
        name = hashlib.sha256(f"{CHECKOUT}\0{var}".encode()).hexdigest()[:12]
        if os.geteuid() == 0:
            base = (MEMORY if var.is_relative_to(MEMORY) else ROOTS_DATA) / f"licet-{name}"
            return cls(base=base, sockets=base / "sock", uid=_unprivileged())
        sockets = var / "sock"
        if len(os.fsencode(sockets / SOCKET_NAME)) > LONGEST_SOCKET_PATH:
            sockets = _short() / f"licet-{os.geteuid()}-{name}"
        return cls(base=var, sockets=sockets, uid=None)

    @property
    def owner(self) -> int:
        """User id the servers run as."""
        return os.geteuid() if self.uid is None else self.uid

    def prepare(self) -> None:
        """Make the folders, private where they hold data or sockets. EmbeddedError where that is refused."""
        if self.uid is None:
            _make(self.base, None, private=False)
        else:
            _make(self.base, self.uid, private=True)
        _make(self.sockets, self.uid, private=True)

    def folder(self, name: str) -> Path:
        """A private folder `name` below the base, made when it is missing."""
        path = self.base / name
        _make(path, self.uid, private=True)
        return path


def _short() -> Path:
    """A folder with a short path that does not depend on one shell's TMPDIR: every process must find the sockets."""
    return SHORT if os.access(SHORT, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


def _unprivileged() -> int:
    users = {user.pw_uid: user.pw_name for user in pwd.getpwall()}
    for uid, name in users.items():
        if uid == NOBODY or name == "nobody":
            return uid
    raise EmbeddedError(
        "PostgreSQL does not run as root and there is no user `nobody` to run it as: start as another user."
    )


def _make(path: Path, uid: int | None, *, private: bool) -> None:
    try:
        path.mkdir(mode=0o700 if private else 0o755, parents=True, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) and (private or not path.is_dir()):
            raise EmbeddedError(f"{path} must be a folder, but something else stands there.")
        if private and found.st_uid not in {os.geteuid(), uid}:
            raise EmbeddedError(f"{path} belongs to another user (id {found.st_uid}): remove it and start again.")
        if private:
            path.chmod(0o700)
            if uid is not None and found.st_uid != uid:
                os.chown(path, uid, uid)
    except OSError as error:
        raise EmbeddedError(
            f"{path} cannot be made or written ({error.strerror}): free the folder, or name another one in LICET_VAR."
        ) from error
    if uid is None and not os.access(path, os.W_OK):
        raise EmbeddedError(f"{path} is read-only: make it writable, or name another folder in LICET_VAR.")
