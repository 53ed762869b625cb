"""The processes of one machine start, are killed, come back, and leave nothing behind."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from marketplace.embedded import processes as facts
from marketplace.stack import CHECKOUT, Stack, StackError, free_port, listening
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


@pytest.mark.parametrize("sent", ["99999", "-1", "http"])
def test_a_port_that_is_none_is_refused(sent: str) -> None:
    with pytest.raises(CommandError, match="invalid port_number value"):
        call_command("run", "--port", sent)


def test_a_part_that_cannot_start_is_named_with_its_last_line(tmp_path: Path) -> None:
    broken = Stack(tmp_path, {"DJANGO_SETTINGS_MODULE": "no_such_settings"}, parts=("web",))
    with pytest.raises(StackError, match="The web ended with code"):
        broken.start()
    assert not broken.running


# Starts the web server as a run would, says so, and waits to be killed.
RUN = """
import sys
from pathlib import Path
from marketplace.stack import Stack
stack = Stack(Path(sys.argv[1]), {}, parts=("web",), web_port=int(sys.argv[2]))
stack.start()
print(stack.running["web"].pid, flush=True)
stack.watch()
"""


@contextmanager
def _running(committed: Committed, folder: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A run in a process of its own, and the process id of its web server; whatever is left of it is killed."""
    environment = {**os.environ, **committed.environment}
    command = [sys.executable, "-c", RUN, str(folder), str(port)]
    run = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    web = int(run.stdout.readline())
    try:
        yield run, web
    finally:
        run.kill()
        run.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(web, signal.SIGKILL)


def test_the_parts_of_a_killed_run_are_ended_by_the_next(committed: Committed) -> None:
    folder, port = committed.folder / "run", free_port()
    with _running(committed, folder, port) as (run, orphan):
        run.kill()
        run.wait()
        assert facts.started(orphan) is not None
        with Stack(folder, committed.environment, parts=("web",), web_port=port) as following:
            assert listening(port)
            assert facts.started(orphan) is None
            assert following.running["web"].pid != orphan


def test_a_second_run_from_one_folder_is_refused_and_the_first_goes_on(committed: Committed) -> None:
    folder, port = committed.folder / "run", free_port()
    with _running(committed, folder, port) as (run, web):
        second = Stack(folder, committed.environment, parts=("web",))
        with pytest.raises(StackError, match=rf"already \(process {run.pid}, http://127.0.0.1:{port}\)"):
            second.start()
        assert facts.started(web) is not None
        assert listening(port)
        assert (folder / "processes.json").exists()


def test_a_second_ctrl_c_waits_until_everything_is_stopped(committed: Committed) -> None:
    stack = Stack(committed.folder / "run", committed.environment, parts=("web",))
    stack.start()
    web = stack.running["web"].pid
    # To the process, as a terminal does: one that another thread raises may wait until nobody expects it.
    hurry = threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGINT])
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a command run by another test may own it
    try:
        with pytest.raises(KeyboardInterrupt):
            hurry.start()
            stack.stop()
            hurry.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert facts.started(web) is None
    assert not stack.running


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(StackError, match="cannot be written"):
        Stack(tmp_path / "run", {}, parts=("web",)).start()
