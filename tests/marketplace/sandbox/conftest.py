"""A stand-in as its own process, a gateway to it, and a receiver of its webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import stripe

from licensing.payments import gateway
from licensing.payments.gateway import Gateway
from marketplace.sandbox.stripe import process
from marketplace.sandbox.stripe.process import StandIn
from tests.marketplace.sandbox.receiver import SECRET, Receiver


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    """A running stand-in without a webhook target."""
    started = process.start()
    yield started
    started.stop()


@pytest.fixture
def reach(standin: StandIn) -> Gateway:
    """How our code reaches it."""
    standin.post("faults")
    return Gateway("sk_test_contract", standin.url, timeout=10)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks on a free port."""
    with Receiver() as listening:
        yield listening


@pytest.fixture
def hooked(receiver: Receiver, tmp_path: Path) -> Iterator[StandIn]:
    """A running stand-in that keeps its state in a file and posts to the receiver."""
    started = process.start(webhook=receiver.url, secret=SECRET, state=tmp_path / "stripe.jsonl")
    yield started
    started.stop()


def client(reach: Gateway) -> stripe.StripeClient:
    """The plain library with our configuration, for what our gateway never asks."""
    return gateway.client(reach)
