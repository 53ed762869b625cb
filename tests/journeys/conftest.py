"""Journeys: everything is real; databases, Redis numbers, files and processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from marketplace.demo import material
from marketplace.demo.journey import Journey
from marketplace.stack import Stack
from tests.support import processes
from tests.support.databases import Committed

Started = Callable[[], AbstractContextManager[Stack]]


@pytest.fixture
def started(committed: Committed, monkeypatch: pytest.MonkeyPatch) -> Started:
    """Start the processes over this test's database; a lost worker is noticed after two seconds."""
    monkeypatch.setenv("JOB_LEASE_SECONDS", "2")
    monkeypatch.setenv("STORAGE_URL", committed.files.as_uri())

    @contextmanager
    def start() -> Iterator[Stack]:
        with processes.stack(committed) as stack:
            yield stack

    return start


def journey(
    stack: Stack, committed: Committed, folder: Path | None = None, *, publishers: slice = slice(None)
) -> Journey:
    """The demo's journey over a running stack, on the project's own material or on `folder`, or on some of it."""
    found = material.load(folder)
    lines: list[str] = []
    return Journey(
        url=stack.web_url, stripe_url=stack.sandbox_url, folder=committed.folder / "demo",
        material=replace(found, publishers=found.publishers[publishers]), tell=lines.append,
    )  # fmt: skip
