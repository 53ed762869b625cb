"""State and truth log. One line of the log is one request with all its effects, so a crash leaves whole requests.

The same file is the state: reading it from the start gives every object, saved answer and undelivered event again.
"""

from __future__ import annotations

import copy
import json
import secrets
import string
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from marketplace.sandbox.stripe.errors import Json, missing

LETTERS = string.ascii_letters + string.digits
LOG_LIMIT = 100_000


def identifier(prefix: str, length: int = 24) -> str:
    """An id in Stripe's look: prefix, underscore, letters and digits."""
    return f"{prefix}_{''.join(secrets.choice(LETTERS) for _ in range(length))}"


class Store:
    """All objects by id in order of creation, their private sides, saved answers, and the log.

    `lock` is held while a request executes: the stand-in's effects are serial, as a database would make them.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.objects: dict[str, Json] = {}
        self.kinds: dict[str, list[str]] = {}
        self.hidden: dict[str, Json] = {}
        self.answers: dict[str, Json] = {}
        self.undelivered: dict[str, None] = {}
        self.log: deque[Json] = deque(maxlen=LOG_LIMIT)
        self.lines = 0
        self._offset = 0
        self._file: TextIO | None = None
        if path is not None:
            self._open(path)

    def now(self) -> int:
        """Unix seconds, moved by the control endpoint's clock."""
        return int(time.time()) + self._offset

    def advance(self, seconds: int) -> None:
        """Move the clock forward; written to the log, so that a restart keeps it."""
        with self.lock:
            self._write({"op": "clock", "seconds": seconds})

    def delivered(self, event: str, *, attempt: int, status: int | None, final: bool) -> None:
        """Log one delivery attempt of a webhook; `final` when it will not be tried again."""
        with self.lock:
            self._write({"op": "delivery", "event": event, "attempt": attempt, "status": status, "final": final})

    def record(self, line: Json) -> None:
        """Apply and write one line of the log."""
        with self.lock:
            self._write(line)

    def note(self, line: Json) -> None:
        """A line that is kept in memory only (a read changes nothing)."""
        with self.lock:
            self.lines += 1
            self.log.append({"n": self.lines, **line})

    def _write(self, line: Json) -> None:
        line = {"n": self.lines + 1, **line}
        if self._file is not None:
            self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
            self._file.flush()
        self._apply(line)

    def _apply(self, line: Json) -> None:
        self.lines = line["n"]
        self.log.append(line)
        if line["op"] == "clock":
            self._offset += line["seconds"]
        elif line["op"] == "delivery" and line["final"]:
            self.undelivered.pop(line["event"], None)
        elif line["op"] == "request":
            self._apply_request(line)

    def _apply_request(self, line: Json) -> None:
        for item in line["put"]:
            if item["id"] not in self.objects:
                self.kinds.setdefault(item["object"], []).append(item["id"])
                if item["object"] == "event":
                    self.undelivered[item["id"]] = None
            self.objects[item["id"]] = item
        self.hidden.update(line["hidden"])
        if line.get("answer") is not None:
            self.answers[line["idempotency_key"]] = line["answer"]

    def _open(self, path: Path) -> None:
        if path.exists():
            whole = path.read_bytes()
            kept = whole[: whole.rfind(b"\n") + 1]  # a killed process may leave half a line: that effect never was
            for line in kept.decode().splitlines():
                self._apply(json.loads(line))
            if len(kept) != len(whole):
                path.write_bytes(kept)
        self._file = path.open("a", encoding="utf-8")


@dataclass
class Unit:
    """One request's view of the store: reads see its own writes, and nothing is kept until `commit`."""

    store: Store
    request: str
    key: str | None = None
    base_url: str = ""
    late_balance: bool = False
    changed: dict[str, Json] = field(default_factory=dict)
    hidden: dict[str, Json] = field(default_factory=dict)
    answer: Json | None = None

    @property
    def at(self) -> int:
        """Unix seconds of the stand-in's clock."""
        return self.store.now()

    def find(self, kind: str, ident: str) -> Json | None:
        """A copy of the object, or None."""
        found = self.changed.get(ident) or self.store.objects.get(ident)
        return copy.deepcopy(found) if found is not None and found["object"] == kind else None

    def get(self, kind: str, ident: str, param: str = "id", *, in_path: bool = True) -> Json:
        """A copy of the object; ApiError resource_missing."""
        found = self.find(kind, ident)
        if found is None:
            raise missing(kind.replace("checkout.", "checkout "), ident, param, in_path=in_path)
        return found

    def any(self, ident: str) -> Json | None:
        """A copy of the object of whatever kind, or None."""
        return copy.deepcopy(self.changed.get(ident) or self.store.objects.get(ident))

    def all(self, kind: str) -> Iterable[Json]:
        """All objects of a kind, newest first. Not copies: read only."""
        fresh = [key for key, item in self.changed.items() if item["object"] == kind and key not in self.store.objects]
        for ident in reversed([*self.store.kinds.get(kind, []), *fresh]):
            yield self.changed.get(ident) or self.store.objects[ident]

    def private(self, ident: str) -> Json:
        """What the API does not show of an object."""
        return copy.deepcopy(self.hidden.get(ident) or self.store.hidden.get(ident) or {})

    def put(self, item: Json, **hidden: Any) -> Json:
        """Create or replace an object; keyword arguments are added to its private side."""
        self.changed[item["id"]] = copy.deepcopy(item)
        if hidden:
            self.hidden[item["id"]] = {**self.private(item["id"]), **hidden}
        return item

    def discard(self) -> None:
        """Forget every change of this request."""
        self.changed.clear()
        self.hidden.clear()

    def commit(self, line: Json) -> list[str]:
        """Write the request with its effects as one line; the ids of the events it made, in order."""
        events = [ident for ident, item in self.changed.items() if item["object"] == "event"]
        full = {
            "op": "request",
            "at": self.at,
            "request": self.request,
            "idempotency_key": self.key,
            **line,
            "put": list(self.changed.values()),
            "hidden": self.hidden,
            "answer": self.answer,
        }
        if self.changed or self.answer is not None:
            self.store.record(full)
        else:
            self.store.note(full)
        return events
