"""The embedded servers start, are shared, outlive nobody, and recover from every way of dying."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from django.conf import settings

from marketplace import embedded
from marketplace.embedded import EmbeddedError, processes
from marketplace.embedded.place import CHECKOUT, SOCKET_NAME, Place

# Joins the servers of the folder it is given and says so; then leaves in order, or waits to be killed.
CHILD = """
import sys
from pathlib import Path
from marketplace import embedded
servers = embedded.ensure(Path(sys.argv[1]))
print("owned" if servers.owned else "shared", flush=True)
sys.stdin.readline()
servers.stop()
"""


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    """A folder of its own where all databases of the tests lie; whatever runs there afterwards is ended."""
    folder: Path = settings.VAR / "servers" / tmp_path.name
    place = Place.of(folder)
    yield folder
    for name in ("pg", "redis"):
        processes.end(place.base / name, None)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(place.base, ignore_errors=True)
    shutil.rmtree(place.sockets, ignore_errors=True)


def _child(var: Path) -> tuple[subprocess.Popen[str], str]:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(var)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    return child, child.stdout.readline().strip()


def _works(servers: embedded.Servers) -> bool:
    with psycopg.connect(servers.database_url) as plain, redis.Redis.from_url(servers.redis_url) as client:
        found = plain.execute("SELECT session_user, current_database()").fetchone()
        return found == ("licet_app", "licet") and bool(client.ping())


def _running(var: Path) -> list[int]:
    base = Place.of(var).base
    return [pid for name in ("pg", "redis") for pid in processes.leftovers(base / name, None)]


def _kill_servers(var: Path) -> None:
    while pids := _running(var):  # a killed process keeps its socket until the kernel is done with it
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_start_and_stop_leave_nothing_running(var: Path) -> None:
    with embedded.ensure(var) as servers:
        assert servers.owned
        assert _works(servers)
    assert _running(var) == []


def test_data_survive_a_restart(var: Path) -> None:
    with embedded.ensure(var) as servers:
        with psycopg.connect(servers.owner_url) as owner:
            owner.execute("CREATE TABLE kept AS SELECT 7 AS n")
        redis.Redis.from_url(servers.redis_url).set("kept", "7")
    with embedded.ensure(var) as servers:
        with psycopg.connect(servers.owner_url) as owner:
            assert owner.execute("SELECT n FROM kept").fetchone() == (7,)
        assert redis.Redis.from_url(servers.redis_url).get("kept") == b"7"


def test_the_last_user_stops_the_servers(var: Path) -> None:
    first = embedded.ensure(var)
    child, said = _child(var)
    assert said == "shared"
    first.stop()
    assert _works(first)
    child.communicate("leave\n")
    assert _running(var) == []


def test_a_killed_run_is_cleaned_up(var: Path) -> None:
    child, said = _child(var)
    assert said == "owned"
    child.kill()
    child.wait()
    before = set(_running(var))
    assert before
    with embedded.ensure(var) as servers:
        assert servers.owned
        assert _works(servers)
        assert before.isdisjoint(_running(var))
    assert _running(var) == []


def test_killed_servers_are_started_again(var: Path) -> None:
    child, _ = _child(var)
    _kill_servers(var)
    child.kill()
    child.wait()
    with embedded.ensure(var) as servers:
        assert _works(servers)


def test_dead_servers_of_a_living_user_are_explained(var: Path) -> None:
    child, _ = _child(var)
    _kill_servers(var)
    try:
        with pytest.raises(EmbeddedError, match=f"do not answer although process {child.pid} still uses them"):
            embedded.ensure(var)
    finally:
        child.kill()
        child.wait()
    with embedded.ensure(var) as servers:  # takes the shared memory of the killed server back, too
        assert _works(servers)


def test_stale_socket_pid_file_and_lock_are_no_obstacle(var: Path) -> None:
    with embedded.ensure(var) as servers:
        place = servers.place
    for name in (SOCKET_NAME, "redis.sock"):
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(place.sockets / name))
    # The id of a living process that is no server of ours: it must not be touched.
    (place.base / "pg" / "postmaster.pid").write_text(f"{os.getpid()}\n{place.base / 'pg'}\n")
    (place.base / "servers.lock").write_text('[[1, "no such')
    with embedded.ensure(var) as servers:
        assert _works(servers)


def test_a_file_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    place = Place(base=tmp_path / "file" / "below", sockets=tmp_path / "sock", uid=None)
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedError, match=r"cannot be made or written .*LICET_VAR"):
        place.prepare()


def test_a_cluster_of_another_version_is_one_sentence(var: Path) -> None:
    with embedded.ensure(var) as servers:
        place = servers.place
    (place.base / "pg" / "PG_VERSION").write_text("11\n")
    with pytest.raises(EmbeddedError, match="was written by PostgreSQL 11"):
        embedded.ensure(var)


def test_sockets_go_elsewhere_when_the_path_is_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    long, short = Place.of(tmp_path / ("x" * 100)), Place.of(Path("/srv/v"))
    assert len(str(long.sockets / SOCKET_NAME)) < 100
    assert long.sockets != Place.of(tmp_path / ("y" * 100)).sockets
    assert short.sockets == Path("/srv/v/sock")


def test_what_root_keeps_in_memory_stays_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    memory, disk = Place.of(Path("/dev/shm/v")), Place.of(Path("/srv/v"))
    assert [memory.base.parent, disk.base.parent] == [Path("/dev/shm"), Path("/var/tmp")]


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("initdb: error: could not write: No space left on device\ninitdb: removing contents", "No space left"),
        ("LOG: starting\nFATAL:  lock file exists\nLOG: shut down", "FATAL:  lock file exists"),
        ("one\ntwo\n", "two"),
        ("", "no message"),
    ],
)
def test_the_telling_line_of_a_failed_tool(output: str, told: str) -> None:
    assert told in processes.telling(output)
