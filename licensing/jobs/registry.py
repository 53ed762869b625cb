"""Which function does which kind of work: capabilities register in `tasks.py`, `licensing.tasks` imports those."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.unit import Actor
from licensing.jobs import rules

Handler = Callable[[str, Actor, datetime], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job: its handler, its queue, and how often the relay makes one by itself (None: never)."""

    name: str
    call: Handler
    queue: str
    every: timedelta | None = None


_kinds: dict[str, Kind] = {}


def handler(name: str, *, queue: str | None = None, every: timedelta | None = None) -> Callable[[Handler], Handler]:
    """Register the decorated ``(subject, actor, at) -> None`` as the handler of `name`.

    `queue` defaults to the one of the capability (rules.queue_of). `every` makes it periodic: the relay inserts one job
    per slot, its subject is the slot's number. Raises ValueError for an unknown queue or a kind registered twice.
    """
    chosen = queue or rules.queue_of(name)
    if chosen not in rules.QUEUES:
        raise ValueError(f"{chosen!r} is not a queue; there are {', '.join(rules.QUEUES)}")

    def register(call: Handler) -> Handler:
        earlier = _kinds.get(name)
        if earlier is not None and earlier.call.__qualname__ != call.__qualname__:
            raise ValueError(f"{name} already has the handler {earlier.call.__qualname__}")
        _kinds[name] = Kind(name, call, chosen, every)
        return call

    return register


def get(name: str) -> Kind:
    """The kind called `name`. Raises LookupError when no imported module registered it."""
    found = _kinds.get(name)
    if found is None:
        raise LookupError(f"no imported module handles {name}")
    return found


def queue_of(name: str) -> str:
    """The queue of a kind, also where its handler is not imported (web processes)."""
    kind = _kinds.get(name)
    return kind.queue if kind else rules.queue_of(name)


def periodic() -> list[Kind]:
    """Every kind the relay makes by itself."""
    return [kind for kind in _kinds.values() if kind.every is not None]
