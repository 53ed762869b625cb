"""Canonical JSON: the vectors of RFC 8785's authors, and every value that is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from licensing.kernel import canonical

VECTORS = Path(__file__).parents[4] / "shared" / "data" / "standards" / "jcs"
WITHOUT_FLOATS = ["arrays", "french", "unicode", "weird"]
WITH_FLOATS = ["structures", "values"]

needs_vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason="the RFC 8785 vectors are not beside this checkout")


@needs_vectors
def test_every_vector_is_used() -> None:
    """A vector added to the folder must be sorted into one of the lists."""
    found = {path.stem for path in (VECTORS / "input").glob("*.json")}
    assert found == {*WITHOUT_FLOATS, *WITH_FLOATS}


@needs_vectors
@pytest.mark.parametrize("name", WITHOUT_FLOATS)
def test_the_vectors_of_rfc_8785(name: str) -> None:
    """Byte for byte what the authors of the standard expect, and readable again."""
    given = json.loads((VECTORS / "input" / f"{name}.json").read_text("utf-8"))
    expected = (VECTORS / "output" / f"{name}.json").read_bytes()
    assert canonical.jcs(given) == expected
    assert canonical.parse(expected) == given


@needs_vectors
@pytest.mark.parametrize(("name", "pointer"), [("structures", "/1/\n"), ("values", "/numbers/")])
def test_vectors_with_floats_are_refused(name: str, pointer: str) -> None:
    """The standard allows floats, we do not, and say where one stands."""
    given = json.loads((VECTORS / "input" / f"{name}.json").read_text("utf-8"))
    with pytest.raises(ValueError, match="is a float") as refusal:
        canonical.jcs(given)
    assert repr(pointer)[1:-1] in str(refusal.value)


def test_orders_keys_by_utf_16() -> None:
    """A character beyond the basic plane sorts before U+FB33, though its number is larger."""
    assert canonical.jcs({"\ufb33": 1, "\U0001f602": 2}) == '{"\U0001f602":2,"\ufb33":1}'.encode()


def test_writes_tuples_and_literals() -> None:
    """A tuple is an array; the largest safe integers are still allowed."""
    largest = 2**53 - 1
    text = f'[null,true,false,{largest},-{largest},""]'
    assert canonical.jcs((None, True, False, largest, -largest, "")) == text.encode()


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"a": [1, 2.0]}, "'/a/1' is a float"),
        ({"a/b~": float("nan")}, "'/a~1b~0' is a float"),
        ([2**53], r"'/0' is beyond 2\^53-1"),
        ([-(2**53)], r"'/0' is beyond 2\^53-1"),
        ({1: "x"}, "the key 1 at '' is not text"),
        ({"a": b"x"}, "'/a' is bytes"),
        ({"a": "\ud800"}, "'/a' holds a lone surrogate"),
        ({"\udfff": 1}, "'' holds a lone surrogate"),
        ({"a": {1, 2}}, "'/a' is set"),
    ],
)
def test_refuses_by_name(value: Any, sentence: str) -> None:
    """Every refusal says where."""
    with pytest.raises(ValueError, match=sentence):
        canonical.jcs(value)


def test_refuses_deep_nesting() -> None:
    """One hundred levels are enough for anything we sign."""
    value: list[Any] = []
    for _ in range(100):
        value = [value]
    assert canonical.jcs(value) == b"[" * 101 + b"]" * 101
    with pytest.raises(ValueError, match="deeper than 100"):
        canonical.jcs([value])
    with pytest.raises(ValueError, match="deeper than 100"):
        canonical.parse(b"[" * 100_000 + b"]" * 100_000)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b'{"a":1,"a":1}', "'a' appears twice"),
        (b'{"a": 1}', "not canonical"),
        (b'{"b":1,"a":1}', "not canonical"),
        (b'"\\u0041"', "not canonical"),
        (b"-0", "not canonical"),
        (b"1 ", "not canonical"),
        (b"1.0", "1.0 is not an integer"),
        (b"1e2", "1e2 is not an integer"),
        (b"NaN", "NaN is not an integer"),
        (b"9007199254740992", "beyond 2"),
        (b"\xef\xbb\xbf1", "BOM"),
        (b'"\xff"', "utf-8"),
        ('"a"'.encode("utf-16"), "utf-8"),
        (b"", "Expecting value"),
        (b"{", "Expecting property"),
    ],
)
def test_reads_nothing_but_canonical_bytes(data: bytes, sentence: str) -> None:
    """Two byte strings never mean the same signed value."""
    with pytest.raises(ValueError, match=sentence):
        canonical.parse(data)
