"""Real processes over a committed database: web server, Celery worker, relay, Stripe's stand-in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from marketplace.stack import PARTS, Stack
from tests.support.databases import Committed


@contextmanager
def stack(committed: Committed, *, parts: Sequence[str] = PARTS, worker_processes: int = 1) -> Iterator[Stack]:
    """Start `parts` on free ports; `stack.web_url`, `stack.kill_worker()`, `stack.start_part("worker")`.

    On a failure inside, the last lines of every log are added to the error's notes.
    """
    running = Stack(committed.folder / "run", committed.environment, parts=parts, worker_processes=worker_processes)
    try:
        with running:
            yield running
    except BaseException as error:
        for part in parts:
            log = running.log(part)
            if log.exists():
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-40:])
                error.add_note(f"--- {part} ---\n{tail}")
        raise
