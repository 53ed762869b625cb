"""Identifiers: any time and randomness round-trip, and order follows time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licensing.kernel import ids

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = st.timedeltas(timedelta(), timedelta(days=365 * 1000)).map(lambda since: EPOCH + since)
NOISE = st.binary(min_size=10, max_size=10)
UUIDS = st.integers(0, 2**128 - 1).map(lambda number: UUID(int=number))
PREFIXES = st.sampled_from(sorted(ids.PREFIXES.values()))


@given(TIMES, NOISE)
def test_uuid7_keeps_its_time_and_says_its_version(at: datetime, noise: bytes) -> None:
    """Milliseconds survive; version and variant are those of RFC 9562."""
    value = ids.uuid7(at, noise)
    assert ids.time_of(value) == at.replace(microsecond=at.microsecond // 1000 * 1000)
    assert (value.version, value.variant) == (7, "specified in RFC 4122")


@given(NOISE, NOISE)
def test_uuid7_keeps_74_random_bits(first: bytes, second: bytes) -> None:
    """Two identifiers of one moment are equal only when the bits that are used are."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    used = 2**74 - 1
    same = int.from_bytes(first, "big") & used == int.from_bytes(second, "big") & used
    assert (ids.uuid7(at, first) == ids.uuid7(at, second)) is same


@given(TIMES, TIMES, NOISE, NOISE)
def test_uuid7_and_its_text_sort_by_time(early: datetime, late: datetime, first: bytes, second: bytes) -> None:
    """The later millisecond sorts later, as number and as text."""
    a, b = ids.uuid7(early, first), ids.uuid7(late, second)
    if ids.time_of(a) != ids.time_of(b):
        assert (a < b) is (early < late)
    assert (a < b) is (ids.encode("wrk", a) < ids.encode("wrk", b))


@given(PREFIXES, UUIDS)
def test_text_round_trips(prefix: str, value: UUID) -> None:
    """Every identifier, not only UUIDv7."""
    text = ids.encode(prefix, value)
    assert len(text) == 30
    assert ids.decode(prefix, text) == value


@given(PREFIXES, st.text(max_size=40))
def test_only_canonical_text_is_read(prefix: str, body: str) -> None:
    """Whatever is accepted is what would have been written."""
    text = f"{prefix}_{body}"
    try:
        value = ids.decode(prefix, text)
    except ValueError:
        return
    assert ids.encode(prefix, value) == text


@given(PREFIXES, UUIDS, st.integers(4, 29), st.characters())
def test_a_changed_character_is_another_identifier_or_none(
    prefix: str, value: UUID, place: int, character: str
) -> None:
    """No two texts mean one identifier."""
    text = ids.encode(prefix, value)
    changed = text[:place] + character + text[place + 1 :]
    try:
        read = ids.decode(prefix, changed)
    except ValueError:
        return
    assert (read == value) is (changed == text)


@given(UUIDS, PREFIXES, PREFIXES)
def test_another_kind_of_object_is_refused(value: UUID, one: str, other: str) -> None:
    """A work's identifier is never read as a grant's."""
    if one != other:
        with pytest.raises(ValueError, match=f"starts with {other}_"):
            ids.decode(other, ids.encode(one, value))
