"""Who uses the embedded servers: a lock file of process ids with start times, under an exclusive guard."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from marketplace.embedded import processes
from marketplace.embedded.errors import EmbeddedError
from marketplace.embedded.place import Place

GUARD_SECONDS = 90.0


class Users:
    """The lock file of one place. Read and written only inside `guard`."""

    def __init__(self, place: Place) -> None:
        self.base = place.base
        self.path = place.base / "servers.lock"

    @contextmanager
    def guard(self) -> Iterator[None]:
        """One process at a time starts, joins or stops. The kernel frees it when its holder dies."""
        try:
            handle = os.open(self.base / "servers.guard", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise EmbeddedError(
                f"{self.base} cannot be written ({error.strerror}): make it writable, or name another folder"
                " in LICET_VAR."
            ) from error
        try:
            self._acquire(handle)
            yield
        finally:
            os.close(handle)

    def _acquire(self, handle: int) -> None:
        deadline = time.monotonic() + GUARD_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EmbeddedError(
                        f"Another process has been starting or stopping the servers in {self.base} for"
                        f" {GUARD_SECONDS:.0f} seconds: stop it and start again."
                    ) from None
                time.sleep(0.05)
            else:
                return

    def others(self) -> list[int]:
        """Process ids of the living users; a reused id does not count, its start time differs.

        This process counts too when it joined before: then it shares with itself.
        """
        return [pid for pid, started in self._read() if processes.started(pid) == started]

    def join(self) -> None:
        """Register this process, once per call of `ensure`."""
        alive = set(self.others())
        entries = [entry for entry in self._read() if entry[0] in alive]
        entries.append((os.getpid(), processes.started(os.getpid()) or ""))
        self._write(entries)

    def leave(self) -> bool:
        """Give up one share of this process; True when a living user remains."""
        entries = self._read()
        mine = (os.getpid(), processes.started(os.getpid()) or "")
        if mine in entries:
            entries.remove(mine)
        self._write(entries)
        return bool(self.others())

    def _read(self) -> list[tuple[int, str]]:
        try:
            stored = json.loads(self.path.read_bytes())
            return [(int(pid), str(started)) for pid, started in stored]
        except (FileNotFoundError, ValueError, TypeError):
            # A half-written lock belongs to a run that was killed: nobody is left.
            return []

    def _write(self, entries: list[tuple[int, str]]) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(entries))
        fresh.replace(self.path)
