"""Every reason code with its one effect, from data/reasons.json: for pages, the reference and tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class ReasonCode:
    """`effect` is gate, route, approval or note; `route` names the route a blocker belongs to. `_zh`: in Chinese."""

    code: str
    effect: str
    route: str | None
    en: str
    zh: str
    lifted_by: str
    would_change: str
    example: str
    lifted_by_zh: str
    would_change_zh: str
    example_zh: str


_ROWS = json.loads(Path(__file__).with_name("data").joinpath("reasons.json").read_bytes())
CODES: Mapping[str, ReasonCode] = MappingProxyType({row["code"]: ReasonCode(**row) for row in _ROWS})
"""Code -> what it means, in the order of the file."""
