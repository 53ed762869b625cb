"""A stand-in as its own process for the gateway's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from marketplace.sandbox.stripe import process
from marketplace.sandbox.stripe.process import StandIn


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    """A running stand-in without a webhook target."""
    started = process.start()
    yield started
    started.stop()
