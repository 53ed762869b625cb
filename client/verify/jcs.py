"""Canonical JSON (RFC 8785) for documents without floats, in twenty lines."""

from __future__ import annotations

import json
from typing import Any

MOST = 2**53 - 1


def jcs(value: Any) -> bytes:
    """Canonical bytes; ValueError for floats, integers beyond 2^53-1 and lone surrogates."""
    return _write(value).encode()


def _write(value: Any) -> str:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{_write(key)}:{_write(value[key])}" for key in keys) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_write, value)) + "]"
    if value is None or isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int) and abs(value) <= MOST:
        return str(value)
    raise ValueError(f"{value!r:.50} cannot stand in a signed document")


def parse(data: bytes) -> Any:
    """Value of canonical bytes; ValueError when the bytes are not exactly those `jcs` writes."""
    try:
        value = json.loads(data)
        same = jcs(value) == data  # also refuses duplicate keys: they do not survive
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not same:
        raise ValueError("the file is not canonical JSON")
    return value
