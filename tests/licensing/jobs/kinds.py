"""Kinds of work for the tests; a real worker learns them by `--include tests.licensing.jobs.kinds`.

Their effect is one audit row in a unit of their own: nothing but the fence keeps it single.
"""

from __future__ import annotations

import os
import signal
import time
from datetime import datetime
from pathlib import Path

from accounts import audit
from accounts.errors import Refused
from accounts.unit import Actor, unit
from licensing.jobs import registry, worker


def effect(subject: str, actor: Actor, at: datetime) -> None:
    with unit(actor):
        audit.record(actor=actor, act="test.effect", subject=subject, at=at)


@registry.handler("test.effect")
def plain(subject: str, actor: Actor, at: datetime) -> None:
    effect(subject, actor, at)


@registry.handler("test.fails")
def fails(subject: str, actor: Actor, at: datetime) -> None:
    with unit(actor):
        audit.record(actor=actor, act="test.effect", subject=subject, at=at)
        raise ZeroDivisionError(subject)


@registry.handler("test.refuses")
def refuses(subject: str, actor: Actor, at: datetime) -> None:
    raise Refused("no", "It cannot be.", retryable=subject == "later")


@registry.handler("test.poison")
def poison(subject: str, actor: Actor, at: datetime) -> None:
    """Kills the process that does it, as running out of memory would."""
    os.kill(os.getpid(), signal.SIGKILL)


@registry.handler("test.batches")
def batches(subject: str, actor: Actor, at: datetime) -> None:
    """Six batches of one effect each; says after each how far it is, and waits at a gate before the fourth.

    `subject` is a folder: `at_gate` appears when the gate is reached, `open` opens it.
    """
    folder = Path(subject)
    for number in range(int(worker.cursor() or 0), 6):
        if number == 3:
            (folder / "at_gate").touch()
            while not (folder / "open").exists():
                time.sleep(0.05)
        with unit(actor):
            audit.record(actor=actor, act="test.effect", subject=f"batch {number}", at=at)
            worker.checkpoint(number + 1)
        worker.progress(number + 1, 6, "batches")
