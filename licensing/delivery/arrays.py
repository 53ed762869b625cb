"""Arrow arrays straight from bytes: one copy per column, and no detour through pandas.

`pa.array` on a Python list grows its buffer and imports pandas when that is installed (0.5 s, 100 MB).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate

import pyarrow as pa

from licensing.delivery import batch


def strings(values: Sequence[bytes | None]) -> pa.Array:
    """UTF-8 bytes (None = null) as a `string` array; ValueError when some value is not UTF-8."""
    validity = _validity(values)
    present = batch.present(values)
    buffers = [validity, _offsets(map(len, present)), pa.py_buffer(b"".join(present))]
    return pa.Array.from_buffers(pa.binary(), len(present), buffers).cast(pa.string())


def equal_strings(data: bytes, count: int) -> pa.Array:
    """`count` ASCII strings of equal length out of their joined bytes."""
    offsets = array("i", range(0, len(data) + 1, len(data) // count))
    return pa.Array.from_buffers(pa.string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def repeated(value: bytes | None, count: int, kind: pa.DataType) -> pa.Array:
    """One cell, `count` times."""
    if value is None:
        return pa.nulls(count, kind)
    one = integers([value], kind) if pa.types.is_integer(kind) else strings([value])
    return pa.repeat(one[0], count)


def integers(values: Sequence[bytes | None], kind: pa.DataType) -> pa.Array:
    """Decimal cells (None = null) as int32 or int64; OverflowError beyond the type."""
    numbers = array("i" if kind == pa.int32() else "q", [0 if value is None else int(value) for value in values])
    return pa.Array.from_buffers(kind, len(values), [_validity(values), pa.py_buffer(numbers)])


def lists(values: Sequence[Sequence[str]]) -> pa.Array:
    """Lists of strings."""
    return _list(values, strings([item.encode() for row in values for item in row]))


def structs(values: Sequence[Sequence[tuple[str, str]]]) -> pa.Array:
    """Lists of {name, role}."""
    flat = [item for row in values for item in row]
    names = strings([name.encode() for name, _ in flat])
    roles = strings([role.encode() for _, role in flat])
    return _list(values, pa.StructArray.from_arrays([names, roles], names=["name", "role"]))


def _list(values: Sequence[Sequence[object]], child: pa.Array) -> pa.Array:
    kind = pa.list_(child.type)
    return pa.Array.from_buffers(kind, len(values), [None, _offsets(map(len, values))], children=[child])


def _offsets(lengths: Iterable[int]) -> pa.Buffer:
    return pa.py_buffer(array("i", accumulate(lengths, initial=0)))


def _validity(values: Sequence[object]) -> pa.Buffer | None:
    if None not in values:
        return None
    bits = bytearray((len(values) + 7) // 8)
    for index, value in enumerate(values):
        if value is not None:
            bits[index >> 3] |= 1 << (index & 7)
    return pa.py_buffer(bytes(bits))
