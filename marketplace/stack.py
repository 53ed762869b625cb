"""Starts and stops the processes of Licet on one machine: Stripe's stand-in, web server, worker, relay.

Used by `manage.py run`, the demo and the journeys of the tests. The database and Redis are running already;
their addresses are in the environment that is passed in.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, NoReturn, Self

from marketplace.embedded import processes

CHECKOUT = Path(__file__).resolve().parents[1]
PARTS = ("sandbox", "web", "worker", "relay")
HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 20.0


class StackError(Exception):
    """Why the processes cannot run: one sentence."""


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def port_number(text: str) -> int:
    """A port of the command line; 0 means any free one. Raises ValueError."""
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError(text)
    return port


def listening(port: int) -> bool:
    """Whether something accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def _silent(port: int) -> bool:
    return not listening(port)


def answers(port: int) -> bool:
    """Whether an HTTP server answers on the port, with whatever status."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", "/livez")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


class Stack:
    """The processes over one database. Each part writes its own log into `folder`.

    Ports of 0 mean any free one. `webhook_secret` and `api_key` are what the stand-in and we agree on.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        *,
        parts: Sequence[str] = PARTS,
        web_port: int = 0,
        sandbox_port: int = 0,
        webhook_secret: str | None = None,
        worker_processes: int = 2,
    ) -> None:
        self.folder = folder
        self.parts = tuple(parts)
        self.web_port = web_port or free_port()
        self.sandbox_port = sandbox_port or free_port()
        self.worker_processes = worker_processes
        self.webhook_secret = webhook_secret or f"whsec_{secrets.token_hex(20)}"
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: list[IO[bytes]] = []
        self._lock: IO[str] | None = None
        self._record = folder / "processes.json"
        self.environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "marketplace.settings", **environment}
        self.environment.update(PUBLIC_URL=self.web_url, PYTHONUNBUFFERED="1")
        if "sandbox" in self.parts:
            self.environment.update(
                STRIPE_API_BASE=self.sandbox_url,
                STRIPE_API_KEY="sk_test_local",
                STRIPE_WEBHOOK_SECRET=self.webhook_secret,
            )

    @property
    def web_url(self) -> str:
        """Where the web server answers, without a slash."""
        return f"http://{HOST}:{self.web_port}"

    @property
    def sandbox_url(self) -> str:
        """Where the stand-in answers, without a slash."""
        return f"http://{HOST}:{self.sandbox_port}"

    def command(self, part: str) -> list[str]:
        """The command line of a part."""
        python = sys.executable
        return {
            "sandbox": [
                *(python, "-m", "marketplace.sandbox.stripe", "--port", str(self.sandbox_port)),
                *("--webhook", f"{self.web_url}/hooks/stripe", "--secret", self.webhook_secret),
                *("--state", str(self.folder / "stripe.jsonl")),
            ],
            "web": [
                *(python, "-m", "gunicorn", "marketplace.wsgi", "--bind", f"{HOST}:{self.web_port}"),
                *("--worker-class", "gthread", "--workers", "1", "--threads", "8", "--timeout", "120"),
                *("--graceful-timeout", "10", "--log-level", "warning"),
            ],
            "worker": [
                # Who starts us and who migrates makes Django's checks: a worker loads no pages, addresses and forms.
                *(python, "-m", "celery", "--skip-checks", "-A", "marketplace", "worker", "--loglevel", "WARNING"),
                *("--concurrency", str(self.worker_processes), "--queues", "intake,royalties,delivery,hooks,default"),
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ],
            "relay": [python, str(CHECKOUT / "manage.py"), "relay"],
        }[part]

    def log(self, part: str) -> Path:
        """The file a part writes to."""
        return self.folder / f"{part}.log"

    def start(self) -> None:
        """Start every part and wait until the web server answers. StackError with one sentence otherwise."""
        self._take_folder()
        try:
            self._expect_free_ports()
            for part in self.parts:
                self.start_part(part)
            for part, port in self._ports().items():
                self._wait_for(part, port)
        except BaseException:
            self.stop()
            raise

    def start_part(self, part: str) -> None:
        """Start one part, also again after `kill`."""
        log = self.log(part).open("ab")
        self._logs.append(log)
        with processes.unhurried():
            self.running[part] = subprocess.Popen(
                self.command(part),
                cwd=CHECKOUT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone; we stop the parts in order
            )
            self._write_record()

    def kill(self, part: str) -> None:
        """Kill -9 of a part with all its children, as a machine that loses power would."""
        process = self.running.pop(part)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._write_record()

    def kill_worker(self) -> None:
        """Kill -9 of the Celery worker; `start_part("worker")` brings a new one."""
        self.kill("worker")

    def dead(self) -> str | None:
        """One sentence on the first part that ended by itself, else None."""
        for part, process in self.running.items():
            if process.poll() is not None:
                return (
                    f"The {part} ended with code {process.returncode}: {self._last_line(part)} (log: {self.log(part)})"
                )
        return None

    def watch(self) -> NoReturn:
        """Wait until a part ends by itself: StackError says which and why. Ctrl-C ends the waiting too."""
        while not (reason := self.dead()):
            time.sleep(0.5)
        raise StackError(reason)

    def stop(self) -> None:
        """Stop every part: asked first, forced after a while. A second Ctrl-C waits for the end of it."""
        with processes.unhurried():
            self._stop()

    def _stop(self) -> None:
        running = list(self.running.values())
        for process in running:
            _signal(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            # Children that outlived their parent, or the part itself.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.running.clear()
        for log in self._logs:
            log.close()
        self._logs.clear()
        if self._lock is not None:
            self._record.unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _take_folder(self) -> None:
        """One stack per folder. The kernel frees the lock when its holder dies, however that happens."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "stack.lock").open("a+")
        except OSError as error:
            raise StackError(f"{self.folder} cannot be written ({error.strerror}): make it writable.") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            with lock:
                holder = lock.read().strip()
            raise StackError(f"Licet runs from this folder already ({holder}): use it, or stop it first.") from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, {self.web_url}")
        lock.flush()
        self._lock = lock

    def _expect_free_ports(self) -> None:
        # A process that was just killed may hold its port a moment longer.
        patience = 5.0 if self._end_earlier() else 0.0
        for port in self._ports().values():
            if not _wait(partial(_silent, port), patience):
                raise StackError(f"Port {port} is taken by another program: stop it, or choose another (PORT=).")

    def _ports(self) -> dict[str, int]:
        ports = {"sandbox": self.sandbox_port, "web": self.web_port}
        return {part: port for part, port in ports.items() if part in self.parts}

    def _wait_for(self, part: str, port: int) -> None:
        """Until the part answers HTTP: gunicorn listens long before it can answer."""
        if not _wait(lambda: self.dead() is not None or answers(port), START_SECONDS):
            raise StackError(f"The {part} does not answer on port {port} (log: {self.log(part)}).")
        reason = self.dead()
        if reason:
            raise StackError(reason)

    def _last_line(self, part: str) -> str:
        try:
            lines = self.log(part).read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else "it said nothing"

    def _write_record(self) -> None:
        entries = [[process.pid, processes.started(process.pid)] for process in self.running.values()]
        self._record.write_text(json.dumps(entries))

    def _end_earlier(self) -> bool:
        """End the parts of a run that was killed, True if any; a process id counts only with its start time."""
        try:
            entries = json.loads(self._record.read_text())
        except (OSError, ValueError):
            return False
        alive = [pid for pid, began in entries if began and processes.started(pid) == began]
        for pid in alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        self._record.unlink(missing_ok=True)
        return bool(alive)


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    """Ask until `done` says yes, at most `seconds`, at least once."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
