"""Scripted trouble. Requests: the next n matching ones go wrong in a named way. Webhooks: how deliveries misbehave.

A script is posted to /_sandbox/faults as JSON and drawn from one seeded generator, so a run can be repeated.
"""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass, field, fields
from typing import Any

REQUEST_KINDS = frozenset(
    {
        "429",  # refused before anything executed; nothing is saved for the key
        "500",  # no effect, and the 500 is saved for the key
        "500_after_effect",  # the effect is there, and the 500 is saved for the key
        "drop",  # the effect is there and saved, the connection closes without an answer
        "delay",  # the answer takes `milliseconds` longer; the key is in use meanwhile
        "late_balance",  # the charge gets its balance transaction only at /_sandbox/settle
    }
)
MILLION = 1_000_000


@dataclass
class RequestFault:
    """`times` requests whose "METHOD /path" matches the expression `match` suffer `kind`."""

    kind: str
    match: str = "POST .*"
    times: int = 1
    milliseconds: int = 0


@dataclass
class WebhookFaults:
    """Deliveries: copies of each event, delay, spread (shuffles), share lost for ever, or held until released."""

    copies: int = 1
    delay_milliseconds: int = 0
    spread_milliseconds: int = 0
    loss_ppm: int = 0
    hold: bool = False


@dataclass
class Faults:
    """The current script; safe to use from several threads."""

    seed: int = 0
    requests: list[RequestFault] = field(default_factory=list)
    webhooks: WebhookFaults = field(default_factory=WebhookFaults)

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        self.random = _generator(self.seed)

    def load(self, script: dict[str, Any]) -> None:
        """Replace the script; ValueError names what it does not understand."""
        requests = [_make(RequestFault, item) for item in script.get("requests", [])]
        webhooks = _make(WebhookFaults, script.get("webhooks", {}))
        unknown = set(script) - {"seed", "requests", "webhooks"}
        wrong = [item.kind for item in requests if item.kind not in REQUEST_KINDS]
        if unknown or wrong:
            raise ValueError(f"unknown: {sorted(unknown) + wrong}")
        with self.lock:
            self.random = _generator(script.get("seed", 0))
            self.requests, self.webhooks = requests, webhooks

    def take(self, method: str, path: str) -> RequestFault | None:
        """The fault for this request, used up once; None when it shall go well."""
        with self.lock:
            for fault in self.requests:
                if fault.times > 0 and re.fullmatch(fault.match, f"{method} {path}"):
                    fault.times -= 1
                    return fault
        return None

    def delays(self) -> list[int]:
        """For one event: the milliseconds after which each of its copies is sent; empty when it is lost."""
        with self.lock:
            script = self.webhooks
            if self.random.randrange(MILLION) < script.loss_ppm:
                return []
            return [
                script.delay_milliseconds + self.random.randrange(script.spread_milliseconds + 1)
                for _ in range(script.copies)
            ]


def _make(kind: Any, values: dict[str, Any]) -> Any:
    unknown = set(values) - {item.name for item in fields(kind)}
    if unknown:
        raise ValueError(f"unknown: {sorted(unknown)}")
    return kind(**values)


def _generator(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - trouble that can be repeated, no secret
