"""Territories: masks round-trip through bits and names, and no part of a country ever widens a permission."""

from __future__ import annotations

from datetime import date
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from licensing.kernel import territories
from licensing.kernel.territories import BITS, WORLD, codes, excluded, mask, members, permitted

CODES = st.sampled_from(sorted(BITS))
SETS = st.sampled_from(["EU", "EEA", "EWR", "ECZ", "WORLD", "YU", "CS", "AN", "SU", "GB-IOM", "CN-HK"])
PARTS = st.sampled_from(["US-NY", "GB-SCT", "CN-11", "DE-BY", "ES-CN"])
DAYS = st.none() | st.dates(date(1950, 1, 1), date(2030, 1, 1))
MASKS = st.integers(0, WORLD)


@given(MASKS)
def test_bits_round_trip(number: int) -> None:
    """Every mask, and each bit where PostgreSQL looks for it."""
    text = territories.to_bits(number)
    assert territories.from_bits(text) == number
    assert all((text[place] == "1") is bool(number >> place & 1) for place in range(256))


@given(st.sets(CODES), st.sampled_from([0, WORLD]))
def test_names_round_trip(chosen: set[str], flipped: int) -> None:
    """Some countries, or the world without them."""
    number = mask(chosen) ^ flipped
    assert mask(codes(number)) == number
    assert set(members(number)) == (set(BITS) - chosen if flipped else chosen)


@given(st.lists(CODES | SETS), DAYS, st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(names: list[str], on: date | None, random: Random) -> None:
    """A list of names is a set."""
    shuffled = names * 2
    random.shuffle(shuffled)
    assert mask(shuffled, on) == mask(names, on)


@given(st.lists(CODES | SETS), st.lists(CODES | SETS), DAYS)
def test_a_longer_list_never_means_less(names: list[str], more: list[str], on: date | None) -> None:
    """A union of names is the union of their masks."""
    assert mask(names + more, on) == mask(names, on) | mask(more, on)
    assert excluded(names + more, on) == excluded(names, on) | excluded(more, on)


@given(st.lists(CODES | SETS), st.lists(PARTS), DAYS)
def test_parts_never_widen_a_permission(names: list[str], parts: list[str], on: date | None) -> None:
    """They are named and left out; on the other side each takes its country."""
    assert permitted(names + parts, on) == (mask(names, on), tuple(parts))
    assert set(members(excluded(parts, on))) == {part[:2] for part in parts}


@given(st.lists(CODES | SETS | PARTS), DAYS)
def test_an_exclusion_is_at_least_as_wide(names: list[str], on: date | None) -> None:
    """When in doubt, not licensed: nothing permitted survives the exclusion of the same names."""
    allowed = permitted(names, on).mask
    assert allowed & ~excluded(names, on) == 0
    assert permitted(names + ["-" + name for name in names], on).mask == 0
