"""The embedded Redis (or Valkey): append-only, never evicting, on a unix socket."""

from __future__ import annotations

import time
from pathlib import Path

from marketplace.embedded import binaries, postgres, processes
from marketplace.embedded.errors import EmbeddedError
from marketplace.embedded.place import Place

START_SECONDS = 30.0
#: Tests give every clone of the database a number of its own.
DATABASES = 256


def socket(place: Place) -> Path:
    """Path of the unix socket."""
    return place.sockets / "redis.sock"


def _data(place: Place) -> Path:
    return place.base / "redis"


def answers(place: Place) -> bool:
    """Whether something accepts connections on the socket."""
    return postgres.reachable(socket(place))


def clean(place: Place) -> None:
    """End the server of a killed run and remove its socket."""
    pid_file = _data(place) / "redis.pid"
    try:
        recorded = int(pid_file.read_text())
    except (OSError, ValueError):
        recorded = None
    processes.end(_data(place), recorded)
    for stale in (pid_file, socket(place)):
        stale.unlink(missing_ok=True)


def start(place: Place) -> None:
    """Start the server in the background and wait until it answers."""
    data = place.folder("redis")
    log = data / "server.log"
    values = {
        "port": "0",
        "unixsocket": str(socket(place)),
        "unixsocketperm": "700",
        "dir": str(data),
        "pidfile": str(data / "redis.pid"),
        "logfile": str(log),
        "daemonize": "yes",
        "databases": str(DATABASES),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    arguments = [text for name, value in values.items() for text in (f"--{name}", value)]
    processes.run(place, [binaries.redis(place), *arguments])
    deadline = time.monotonic() + START_SECONDS
    while not answers(place):
        if time.monotonic() > deadline:
            raise EmbeddedError(f"Redis does not answer within {START_SECONDS:.0f} seconds (log: {log}).")
        time.sleep(0.02)


def stop(place: Place) -> None:
    """Stop the server if it runs; its append-only file is complete afterwards."""
    clean(place)
