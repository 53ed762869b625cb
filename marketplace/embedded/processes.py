"""Small facts about processes: start time, leftovers in a folder, running a server's tool as its user."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from marketplace.embedded.errors import EmbeddedError
from marketplace.embedded.place import Place

PROC = Path("/proc")
SERVER_NAMES = frozenset({"postgres", "redis-server", "valkey-server"})
#: Ctrl-C, `kill`, and the terminal that is closed.
REQUESTS_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def unhurried() -> Iterator[None]:
    """Requests to end wait until the block is done and are delivered then, once each.

    For starting and stopping: between a process that runs and the note that it is ours nobody may interrupt us, and
    a second Ctrl-C must not leave half of them behind. Other threads than the main one get no signals anyway.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.signal(number, note) for number in REQUESTS_TO_END}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for missed in dict.fromkeys(came):
            signal.raise_signal(missed)


def started(pid: int) -> str | None:
    """When process `pid` started, in the kernel's own words; None when there is no such process."""
    if (PROC / "self/stat").exists():
        try:
            fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        # Field 3 is the state; a zombie is dead. Field 22: clock ticks since boot (proc(5)).
        return None if fields[0] == "Z" else fields[19]
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


def leftovers(folder: Path, recorded: int | None) -> list[int]:
    """Server processes that work in `folder`: ours and nobody else's.

    With /proc the working folder tells; elsewhere the recorded process id is believed only when its command
    line names the folder.
    """
    if not (PROC / "self/stat").exists():
        return [recorded] if recorded and str(folder) in _command(recorded) else []
    found = []
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            name = (entry / "comm").read_text().strip()
            if name in SERVER_NAMES and (entry / "cwd").readlink() == folder.resolve():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def _command(pid: int) -> str:
    answer = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout


def end(folder: Path, recorded: int | None) -> None:
    """End what a killed run left in `folder`: asked first (SIGINT is a fast shutdown to both), then forced."""
    for number, patience in ((signal.SIGINT, 10.0), (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + patience
        pids = leftovers(folder, recorded)
        for pid in pids:
            _signal(pid, number)
        while pids and time.monotonic() < deadline:
            time.sleep(0.05)
            pids = leftovers(folder, recorded)
        if not pids:
            return
    raise EmbeddedError(f"Processes {pids} of an earlier run in {folder} cannot be stopped: stop them and start again.")


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
    except PermissionError as error:
        raise EmbeddedError(f"Process {pid} of an earlier run belongs to another user: stop it first.") from error


def run(place: Place, command: Sequence[str | Path], *, stdin: str = "", seconds: float = 120.0) -> str:
    """Run one tool of a server as the servers' user with a clean environment; its output.

    Raises EmbeddedError with the tool's complaint when it fails.
    """
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": str(place.base)}
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            [os.fspath(part) for part in command],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            cwd=place.base,
            env=environment,
            start_new_session=True,  # Ctrl-C in the terminal is ours to handle, not the servers'
            user=place.uid,
            group=place.uid,
            extra_groups=None if place.uid is None else [],
        )
    except subprocess.TimeoutExpired as error:
        raise EmbeddedError(f"{name} did not finish within {seconds:.0f} seconds in {place.base}.") from error
    except OSError as error:
        raise EmbeddedError(f"{command[0]} cannot be run ({error.strerror}).") from error
    if done.returncode != 0:
        raise EmbeddedError(f"{name} failed in {place.base}: {telling(done.stderr.strip() or done.stdout.strip())}")
    return done.stdout


def telling(output: str) -> str:
    """The line of a server's or tool's output that says what went wrong: the last complaint, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["no message"]
    complaints = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "error:", "could not"))]
    return (complaints or lines)[-1]
