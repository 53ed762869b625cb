"""The embedded PostgreSQL: initdb, configuration, start, stop, roles and the database."""

from __future__ import annotations

import shutil
import socket as sockets
from pathlib import Path

from marketplace.embedded import binaries, processes
from marketplace.embedded.errors import EmbeddedError
from marketplace.embedded.place import MEMORY, SOCKET_NAME, Place

SUPERUSER = "licet_root"
OWNER = "licet_owner"
APP = "licet_app"
SMALL_SHM = 256 * 1024 * 1024


def _data(place: Place) -> Path:
    return place.base / "pg"


def answers(place: Place) -> bool:
    """Whether something accepts connections on the socket."""
    return reachable(place.sockets / SOCKET_NAME)


def reachable(path: Path) -> bool:
    """Whether a unix socket accepts a connection."""
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as client:
        client.settimeout(5)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def clean(place: Place) -> None:
    """End the server of a killed run and remove its pid file and sockets."""
    data = _data(place)
    pid_file = data / "postmaster.pid"
    try:
        recorded = int(pid_file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        recorded = None
    processes.end(data, recorded)
    for stale in (pid_file, place.sockets / SOCKET_NAME, place.sockets / f"{SOCKET_NAME}.lock"):
        stale.unlink(missing_ok=True)


def start(place: Place, database: str) -> None:
    """Create the cluster on the first run, start it, and make roles and database where they are missing."""
    tools = binaries.postgres(place)
    data = _data(place)
    if not (data / "PG_VERSION").exists():
        _initialise(place, tools, data)
    _check_version(place, tools, data)
    _configure(place, data)
    log = data / "server.log"
    try:
        processes.run(place, [tools / "pg_ctl", "start", "-w", "-t", "90", "-s", "-D", data, "-l", log])
    except EmbeddedError as error:
        raise EmbeddedError(f"PostgreSQL does not start: {_reason(log)} (log: {log}).") from error
    ready = place.base / "pg.ready"
    if not ready.exists():
        _prepare(place, tools, database)
        ready.touch()


def stop(place: Place) -> None:
    """Stop the server if it runs, rolling back what is open."""
    data = _data(place)
    if not (data / "postmaster.pid").exists():
        return
    tools = binaries.postgres(place)
    try:
        processes.run(place, [tools / "pg_ctl", "stop", "-w", "-t", "60", "-s", "-m", "fast", "-D", data])
    except EmbeddedError:
        clean(place)


def _initialise(place: Place, tools: Path, data: Path) -> None:
    # Made aside and renamed, so that a run killed in the middle leaves no half cluster behind.
    fresh = place.base / "pg.new"
    shutil.rmtree(fresh, ignore_errors=True)
    (place.base / "pg.ready").unlink(missing_ok=True)
    place.folder("pg.new")
    command: list[str | Path] = [
        tools / "initdb",
        "-D",
        fresh,
        "-U",
        SUPERUSER,
        "--auth=trust",
        "--encoding=UTF8",
        "--no-sync",
    ]
    command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
    processes.run(place, command)
    fresh.rename(data)


def _check_version(place: Place, tools: Path, data: Path) -> None:
    wanted = processes.run(place, [tools / "postgres", "--version"]).split()[-1].split(".")[0]
    found = (data / "PG_VERSION").read_text().strip()
    if not wanted.startswith(found):
        raise EmbeddedError(
            f"{data} was written by PostgreSQL {found}, but {wanted} is installed: dump it with the old"
            " version, or remove the folder to begin afresh."
        )


def _configure(place: Place, data: Path) -> None:
    """Write the whole configuration at every start: modest for two cores, and never less durable."""
    small = not MEMORY.is_dir() or shutil.disk_usage(MEMORY).total < SMALL_SHM
    values = {
        "listen_addresses": "",
        "unix_socket_directories": str(place.sockets),
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "shared_buffers": "256MB",
        # Containers give /dev/shm 64 MB, too little for a parallel hash join.
        "dynamic_shared_memory_type": "mmap" if small else "posix",
        "work_mem": "32MB",
        "maintenance_work_mem": "128MB",
        "max_wal_size": "2GB",
        "random_page_cost": "1.1",
        "max_parallel_workers_per_gather": "1",
        "jit": "off",
        "fsync": "on",
        "synchronous_commit": "on",
        "password_encryption": "scram-sha-256",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "datestyle": "iso, mdy",
        "default_text_search_config": "pg_catalog.simple",
        "log_min_messages": "warning",
        "logging_collector": "off",
    }
    lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in values.items()]
    (data / "postgresql.conf").write_text("\n".join(lines) + "\n")


def _prepare(place: Place, tools: Path, database: str) -> None:
    """The two login roles and an empty database of the owner's; what the roles may do is in the migrations."""
    base: list[str | Path] = [tools / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", place.sockets, "-U", SUPERUSER]
    # psql quotes the names itself: %I and %L of format().
    no_database = f"NOT EXISTS (SELECT FROM pg_database WHERE datname = '{database}')"
    wanted = (
        f"format('CREATE ROLE %I LOGIN CREATEDB', '{OWNER}') WHERE to_regrole('{OWNER}') IS NULL",
        f"format('CREATE ROLE %I LOGIN', '{APP}') WHERE to_regrole('{APP}') IS NULL",
        f"format('CREATE DATABASE %I OWNER %I', '{database}', '{OWNER}') WHERE {no_database}",
    )
    roles = "".join(f"SELECT {line} \\gexec\n" for line in wanted)
    processes.run(place, [*base, "-d", "postgres", "-f", "-"], stdin=roles)


def _reason(log: Path) -> str:
    try:
        return processes.telling(log.read_text(errors="replace")[-8000:])
    except OSError:
        return "it left no log"
