"""The price of an offer as it is sent: checked to the last field, so that no clearance stumbles on it (pricing.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from licensing.kernel import money

KINDS: Final = (
    "flat", "per_1000_tokens", "per_1000_words", "per_1000_characters", "per_minute", "per_image", "free",
)  # fmt: skip
FIELDS: Final = ("rules", "minimum_per_work_micro", "minimum_per_order_minor", "multipliers")
DEAREST: Final = 10**14
"""Micro of all rules of an offer together: the engine's sums of integers stay whole below it."""
STEEPEST: Final = 10_000
"""Numerator and denominator of a multiplier."""
MOST: Final = 50
"""Rules, and bands of a multiplier."""


def read(price: Any) -> dict[str, Any] | None:
    """{rules: [{kind, amount_micro}], minimum_per_work_micro, minimum_per_order_minor, multipliers}, or None.

    Raises ValueError that says what is wrong; nothing is coerced.
    """
    if price is None:
        return None
    fields = _object(price, "a price", FIELDS)
    _rules(fields.get("rules"))
    for name in ("minimum_per_work_micro", "minimum_per_order_minor"):
        if money.parse_minor(fields.get(name, 0)) > DEAREST:
            raise ValueError(f"{name} is at most {DEAREST}")
    _multipliers(fields.get("multipliers", {}))
    return dict(fields)


def _rules(rules: Any) -> None:
    if not isinstance(rules, list) or not 0 < len(rules) <= MOST:
        raise ValueError(f"a price needs a list of 1 to {MOST} rules; say free by the rule free")
    total = 0
    for rule in rules:
        said = _object(rule, "a price rule", ("kind", "amount_micro"))
        if not isinstance(said.get("kind"), str) or said["kind"] not in KINDS:
            raise ValueError(f"price kind {said.get('kind')!r} is unknown; expected {', '.join(KINDS)}")
        if said["kind"] != "free":
            total += money.parse_minor(said.get("amount_micro"))
        elif money.parse_minor(said.get("amount_micro", 0)):
            raise ValueError("the rule free has no amount")
    if total > DEAREST:
        raise ValueError(f"the rules of an offer add up to at most {DEAREST} micro")


def _multipliers(multipliers: Any) -> None:
    said = _object(multipliers, "multipliers", ("commercial", "exclusive", "per_year", "size"))
    for name in ("commercial", "exclusive"):
        if name in said:
            _fraction(said[name], name)
    if type(said.get("per_year", False)) is not bool:
        raise ValueError("per_year is true or false")
    bands = _object(said.get("size", {}), "size", None)
    if len(bands) > MOST:
        raise ValueError(f"size has at most {MOST} bands")
    for band, factor in bands.items():
        _fraction(factor, f"size {band}")


def _fraction(value: Any, name: str) -> None:
    whole = isinstance(value, list) and len(value) == 2 and all(type(part) is int for part in value)
    if not whole or not all(0 < part <= STEEPEST for part in value):
        raise ValueError(f"the multiplier {name} is [numerator, denominator], whole numbers from 1 to {STEEPEST}")


def _object(value: Any, what: str, known: tuple[str, ...] | None) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what}: an object is expected")  # noqa: TRY004 -- a value of the caller's, not our type
    unknown = sorted(str(name) for name in value if known is not None and name not in known)
    if unknown:
        raise ValueError(f"{what} has no {unknown[0]}; expected {', '.join(known or ())}")
    return value
