"""Form-encoded parameters with brackets, as Stripe's v1 takes them, and their checking against a small spec.

A spec is a mapping of names to leaves, nested specs, lists of a spec, or `Need(...)` for what must be there. Names
outside the spec are refused as Stripe refuses unknown parameters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from marketplace.sandbox.stripe.errors import invalid

Leaf = Callable[[str, str], Any]
MAX_METADATA_KEYS = 50
MAX_METADATA_KEY = 40
MAX_METADATA_VALUE = 500
TEXT_LIMIT = 5000
NAME = re.compile(r"\A([^\[\]]+)((?:\[[^\[\]]*\])*)\Z")
PART = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True, slots=True)
class Need:
    """A required parameter."""

    spec: Any


@dataclass(frozen=True, slots=True)
class Either:
    """A parameter that is a plain value or a nested object."""

    leaf: Leaf
    spec: Mapping[str, Any]


def parse(text: str) -> dict[str, Any]:
    """Nested dictionaries and lists from `a=1&b[c]=2&d[0][e]=3&f[]=4`; a name that is no such path is refused."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        matched = NAME.match(name)
        if matched is None:
            raise invalid(f"Invalid parameter name: {name}", param=name)
        _place(tree, [matched[1], *PART.findall(matched[2])], value, name)
    return {key: _lists(value) for key, value in tree.items()}


def _place(tree: dict[str, Any], path: list[str], value: str, name: str) -> None:
    node = tree
    for part in path[:-1]:
        node = node.setdefault(part or str(len(node)), {})
        if not isinstance(node, dict):
            raise invalid(f"Invalid parameter: {name}", param=name)
    last = path[-1] or str(len(node))
    if isinstance(node.get(last), dict):
        raise invalid(f"Invalid parameter: {name}", param=name)
    node[last] = value


def _lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node and all(key.isascii() and key.isdigit() for key in node):
        return [_lists(node[key]) for key in sorted(node, key=int)]
    return {key: _lists(value) for key, value in node.items()}


def read(spec: Mapping[str, Any], raw: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """The values of `raw` by `spec`: typed, nothing unknown, nothing required missing (ApiError 400 otherwise)."""
    unknown = sorted(set(raw) - set(spec))
    if unknown:
        name = _join(path, unknown[0])
        raise invalid(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)
    values: dict[str, Any] = {}
    for key, wanted in spec.items():
        name = _join(path, key)
        inner = wanted.spec if isinstance(wanted, Need) else wanted
        if key in raw:
            values[key] = _value(inner, raw[key], name)
        elif isinstance(wanted, Need):
            raise invalid(f"Missing required param: {name}.", code="parameter_missing", param=name)
    return values


def _join(path: str, key: str) -> str:
    return f"{path}[{key}]" if path else key


def _value(spec: Any, raw: Any, name: str) -> Any:
    if isinstance(spec, Either):
        spec = spec.spec if isinstance(raw, Mapping) else spec.leaf
    if isinstance(spec, Mapping):
        if not isinstance(raw, Mapping):
            raise invalid("Invalid object", param=name)
        return read(spec, raw, name)
    if isinstance(spec, list):
        if not isinstance(raw, list):
            raise invalid("Invalid array", param=name)
        return [_value(spec[0], item, f"{name}[{number}]") for number, item in enumerate(raw)]
    if spec is metadata:
        return metadata(name, raw)
    if not isinstance(raw, str):
        raise invalid(f"Invalid string: {raw}", param=name)
    return spec(name, raw)


def text(name: str, raw: str) -> str:
    """A string of at most 5,000 characters."""
    if len(raw) > TEXT_LIMIT:
        raise invalid(f"Invalid string: {raw[:20]}…; must be at most {TEXT_LIMIT} characters", param=name)
    return raw


def integer(name: str, raw: str) -> int:
    """An integer, as digits."""
    if not re.fullmatch(r"-?[0-9]{1,18}", raw):
        raise invalid(f"Invalid integer: {raw}", code="parameter_invalid_integer", param=name)
    return int(raw)


def boolean(name: str, raw: str) -> bool:
    """`true` or `false`."""
    if raw not in {"true", "false"}:
        raise invalid(f"Invalid boolean: {raw}", param=name)
    return raw == "true"


def choice(*allowed: str) -> Leaf:
    """One of the given words."""

    def leaf(name: str, raw: str) -> str:
        if raw not in allowed:
            raise invalid(f"Invalid {name}: must be one of {', '.join(allowed)}", param=name)
        return raw

    return leaf


def currency(name: str, raw: str) -> str:
    """A presentment currency, lower case in the answer."""
    if raw.lower() not in CURRENCIES:
        raise invalid(f"Invalid currency: {raw}.", param=name)
    return raw.lower()


def metadata(name: str, raw: Any) -> dict[str, str]:
    """At most 50 keys of 40 characters with values of 500; an empty string clears."""
    if raw == "":
        return {}
    if not isinstance(raw, Mapping) or not all(isinstance(value, str) for value in raw.values()):
        raise invalid("Invalid object", param=name)
    if len(raw) > MAX_METADATA_KEYS:
        raise invalid(f"Metadata can have at most {MAX_METADATA_KEYS} keys", param=name)
    for key, value in raw.items():
        if len(key) > MAX_METADATA_KEY or len(value) > MAX_METADATA_VALUE:
            raise invalid(
                f"Metadata keys have at most {MAX_METADATA_KEY} characters and values {MAX_METADATA_VALUE}",
                param=f"{name}[{key}]",
            )
    return {key: value for key, value in raw.items() if value != ""}


_CODES = """
aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf
clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl hrk htg huf
idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop
mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd
scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd
xof xpf yer zar zmw
"""
CURRENCIES = frozenset(_CODES.split())
