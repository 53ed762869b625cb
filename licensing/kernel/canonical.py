"""Canonical JSON (RFC 8785) for everything that is hashed or signed.

Stricter than the RFC: no floats and no integer beyond 2^53-1 in size, since readers in other languages do
not agree on them. Larger numbers (micro amounts, masks) are written as strings by those who build the value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import rfc8785

INTEGER_MAX = 2**53 - 1
DEPTH_MAX = 100

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def jcs(value: Any) -> bytes:
    """Return the RFC 8785 bytes of dicts, lists, tuples, text, integers, booleans and None.

    Raises ValueError, naming the JSON pointer, for a float, an integer beyond 2^53-1, a key that is not text,
    text with a lone surrogate, nesting deeper than 100, or any other type.
    """
    _check(value)
    return rfc8785.dumps(value)


def parse(data: bytes) -> Any:
    """Return the value of canonical JSON bytes.

    Raises ValueError for anything but the exact bytes jcs() writes: duplicate keys, other spacing or order,
    floats, a byte order mark, bytes that are not UTF-8.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
    except RecursionError:
        raise ValueError(f"nested deeper than {DEPTH_MAX}") from None
    if jcs(value) != data:
        raise ValueError("not canonical JSON: the bytes differ from those of RFC 8785")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} appears twice")
        found[key] = value
    return found


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"the number {text} is not an integer")


def _check(value: Any) -> None:
    """Walk without recursion, so that hostile nesting is a sentence and not a crash."""
    waiting: list[tuple[Any, str, int]] = [(value, "", 0)]
    while waiting:
        item, path, depth = waiting.pop()
        if depth > DEPTH_MAX:
            raise ValueError(f"nested deeper than {DEPTH_MAX} at {path[:80]!r}")
        if isinstance(item, dict | list | tuple):
            waiting.extend((child, f"{path}/{name}", depth + 1) for name, child in _children(item, path))
        else:
            _check_scalar(item, path)


def _children(item: dict[Any, Any] | list[Any] | tuple[Any, ...], path: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(item, dict):
        yield from ((str(index), child) for index, child in enumerate(item))
        return
    for key, child in item.items():
        yield _name(key, path), child


def _name(key: object, path: str) -> str:
    """Return the key as a JSON pointer writes it (RFC 6901), or refuse it."""
    if isinstance(key, str):
        _check_scalar(key, path)
        return key.replace("~", "~0").replace("/", "~1")
    raise ValueError(f"the key {key!r} at {path!r} is not text")


def _check_scalar(item: object, path: str) -> None:
    problem = _problem(item)
    if problem:
        raise ValueError(f"the value at {path!r} {problem}")


def _problem(item: object) -> str:
    """Say what keeps a scalar from being written; empty when nothing does."""
    if item is None or isinstance(item, bool):
        return ""
    if isinstance(item, str):
        return "holds a lone surrogate" if _LONE_SURROGATE.search(item) else ""
    if isinstance(item, int):
        return "is beyond 2^53-1: write it as text" if abs(item) > INTEGER_MAX else ""
    if isinstance(item, float):
        return f"is a float ({item!r}): write an integer or text"
    return f"is {type(item).__name__}, which JSON cannot write"
