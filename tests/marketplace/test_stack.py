"""The processes of one machine start, are killed, come back, and leave nothing behind."""

from __future__ import annotations

import http.client
import os
import signal
import socket
from pathlib import Path

import pytest

from marketplace.embedded import processes as facts
from marketplace.stack import Stack, StackError, free_port, listening
from tests.support import processes
from tests.support.databases import Committed


def test_web_and_worker_start_and_stop(committed: Committed) -> None:
    with processes.stack(committed, parts=("web", "worker")) as stack:
        connection = http.client.HTTPConnection("127.0.0.1", stack.web_port, timeout=30)
        connection.request("GET", "/no-such-page")
        assert connection.getresponse().status == 404
        connection.close()
        stack.kill_worker()
        assert "worker" not in stack.running
        stack.start_part("worker")
        pids = [process.pid for process in stack.running.values()]
        port = stack.web_port
    assert not listening(port)
    assert [facts.started(pid) for pid in pids] == [None, None]


def test_a_busy_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StackError, match=f"Port {port} is taken by another program"):
            Stack(tmp_path, {}, parts=("web",), web_port=port).start()


def test_a_part_that_cannot_start_is_named_with_its_last_line(tmp_path: Path) -> None:
    broken = Stack(tmp_path, {"DJANGO_SETTINGS_MODULE": "no_such_settings"}, parts=("web",))
    with pytest.raises(StackError, match="The web ended with code"):
        broken.start()
    assert not broken.running


def test_the_parts_of_a_killed_run_are_ended_by_the_next(committed: Committed) -> None:
    folder = committed.folder / "run"
    port = free_port()
    lost = Stack(folder, committed.environment, parts=("web",), web_port=port)
    lost.start()
    orphan = lost.running["web"]
    following = Stack(folder, committed.environment, parts=("web",), web_port=port)
    try:
        with following:
            assert listening(port)
            assert orphan.wait(30) == -signal.SIGKILL
            assert following.running["web"].pid != orphan.pid
    finally:
        if orphan.poll() is None:
            os.killpg(orphan.pid, signal.SIGKILL)
