"""Canonical JSON: round trip, one text per value, agreement with an independent writer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licensing.kernel import canonical

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SAFE = st.integers(-canonical.INTEGER_MAX, canonical.INTEGER_MAX)
LEAVES = st.none() | st.booleans() | SAFE | TEXT
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)
UNWRITABLE = st.floats() | st.binary() | st.integers(min_value=2**53) | st.integers(max_value=-(2**53))


def keys_sorted(value: Any) -> Any:
    """Order keys by UTF-16 code units, written independently of the library."""
    if isinstance(value, dict):
        return {key: keys_sorted(value[key]) for key in sorted(value, key=lambda key: key.encode("utf-16-be"))}
    return [keys_sorted(item) for item in value] if isinstance(value, list) else value


@given(VALUES)
def test_round_trips_through_the_strict_reader(value: Any) -> None:
    """What is signed can be read, and reads as what was signed."""
    assert canonical.parse(canonical.jcs(value)) == value


@given(VALUES)
def test_agrees_with_another_writer(value: Any) -> None:
    """Python's own writer with sorted keys and no spaces writes the same bytes."""
    written = json.dumps(keys_sorted(value), ensure_ascii=False, separators=(",", ":"))
    assert canonical.jcs(value) == written.encode()


@given(st.dictionaries(TEXT, SAFE, min_size=2), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(value: dict[str, int], random: Any) -> None:
    """Two dicts that are equal have one text."""
    items = list(value.items())
    random.shuffle(items)
    assert canonical.jcs(dict(items)) == canonical.jcs(value)


@given(VALUES, UNWRITABLE)
def test_refuses_floats_and_large_numbers_wherever_they_stand(value: Any, bad: Any) -> None:
    """At the top, in a list, in an object."""
    for shape in (bad, [value, bad], {"a": value, "b": {"c": [bad]}}):
        with pytest.raises(ValueError, match=" at '"):
            canonical.jcs(shape)


@given(VALUES, st.integers(0, 200), st.sampled_from(list(b' \t\n0,:"[]{}')))
def test_whatever_is_read_is_canonical(value: Any, place: int, byte: int) -> None:
    """Insert one byte: either refused, or the bytes of another value."""
    data = canonical.jcs(value)
    changed = data[: place % (len(data) + 1)] + bytes([byte]) + data[place % (len(data) + 1) :]
    try:
        read = canonical.parse(changed)
    except ValueError:
        return
    assert canonical.jcs(read) == changed
