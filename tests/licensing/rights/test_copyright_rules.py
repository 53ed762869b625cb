"""Public domain by evidence: worked examples, and what must hold for any facts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licensing.kernel import territories
from licensing.rights import rules
from licensing.rights.rules import Evidence, Interval, Person

ON = date(2026, 11, 22)


def exactly(year: int) -> Interval:
    return Interval(date(year, 6, 1), date(year, 6, 1))


def one(died: int, *, complete: bool = True, published: int | None = None, **more: Any) -> Evidence:
    when = exactly(published) if published else rules.UNKNOWN
    return Evidence([Person("author", death=exactly(died))], complete, when, **more)


def with_another(role: str) -> Evidence:
    """A text of an author long dead, and somebody else without dates."""
    return Evidence([Person("author", death=exactly(1800)), Person(role)], complete=True, published=rules.UNKNOWN)


def answer(evidence: Evidence, place: str, on: date = ON) -> str:
    found, bit = rules.status(evidence, on), territories.mask([place])
    return next(name for name in ("public_domain", "protected", "unknown") if getattr(found, name) & bit)


@pytest.mark.parametrize(
    ("died", "place", "expected"),
    [
        (1955, "DE", "public_domain"), (1956, "DE", "protected"), (1975, "CN", "public_domain"),
        (1976, "CN", "protected"), (1965, "IN", "public_domain"), (1971, "CA", "public_domain"),
        (1972, "CA", "protected"), (1957, "JP", "public_domain"), (1967, "JP", "unknown"), (1968, "JP", "protected"),
        (1973, "NZ", "public_domain"), (1975, "NZ", "unknown"), (1976, "NZ", "protected"),
        (1962, "KR", "public_domain"), (1954, "AU", "public_domain"), (1943, "MX", "public_domain"),
        (1944, "MX", "protected"), (1945, "ES", "public_domain"), (1946, "ES", "protected"),
        (1925, "VN", "public_domain"), (1926, "VN", "unknown"), (1944, "FR", "unknown"),
        (1955, "FR", "public_domain"), (1975, "HK", "public_domain"), (1942, "CH", "public_domain"),
    ],
)  # fmt: skip
def test_life_terms(died: int, place: str, expected: str) -> None:
    assert answer(one(died), place) == expected


def test_whoever_was_born_after_the_publication_has_no_part_in_that_text() -> None:
    """The date is that of another text: of the original of a translation, or simply wrong."""
    assert answer(born(exactly(1890), published=1910), "US") == "public_domain"
    assert answer(born(exactly(1920), published=1910), "US") == "unknown"
    assert answer(born(exactly(1910), published=1910), "US") == "public_domain"
    late = [Person("author", death=exactly(1900)), Person("narrator", birth=exactly(1980))]
    assert answer(Evidence(late, complete=True, published=exactly(1910)), "US") == "public_domain"


def born(birth: Interval, *, published: int) -> Evidence:
    return Evidence([Person("author", birth=birth, death=exactly(1950))], complete=True, published=exactly(published))


def test_terms_end_with_the_calendar_year() -> None:
    assert answer(one(1955), "DE", date(2025, 12, 31)) == "protected"
    assert answer(one(1955), "DE", date(2026, 1, 1)) == "public_domain"
    assert rules.status(one(1956), ON).free_from["DE"] == date(2027, 1, 1)


def test_the_united_states_count_from_publication() -> None:
    assert answer(one(1900, published=1930), "US") == "public_domain"
    assert answer(one(1900, published=1931), "US") == "unknown"
    assert answer(one(1900), "US") == "unknown"


@pytest.mark.parametrize(
    "evidence",
    [
        one(1900, complete=False),
        one(1900, translated=True),
        Evidence([], complete=True, published=rules.UNKNOWN),
        Evidence([Person("author")], complete=True, published=rules.UNKNOWN),
        Evidence([Person("illustrator", death=exactly(1850))], complete=True, published=rules.UNKNOWN),
        one(1900, published=1890, translated=True),
        with_another("added_matter"),
        with_another("editor"),
        with_another("librettist"),
        with_another("A24"),
        one(1800, published=1790, form="image"),
        one(1800, published=1790, form="audio"),
        one(1800, published=1790, form="score"),
    ],
    ids=[
        "list of contributors open", "translator unnamed", "nobody", "no dates", "not a relevant role",
        "translator unnamed, published long ago", "an introduction by somebody without dates", "an editor",
        "a librettist", "a role nobody knows", "a picture", "a recording", "a score",
    ],
)
def test_what_is_missing_is_never_free(evidence: Evidence) -> None:
    assert rules.status(evidence, ON).public_domain == 0


def test_nobody_lives_beyond_125_years() -> None:
    born = Evidence([Person("author", birth=exactly(1800))], complete=True, published=rules.UNKNOWN)
    assert answer(born, "DE") == "public_domain"
    assert answer(Evidence([Person("author", birth=exactly(1880))], True, rules.UNKNOWN), "DE") == "unknown"


def test_the_last_to_die_counts() -> None:
    both = [Person("author", death=exactly(1900)), Person("translator", death=exactly(1970))]
    assert answer(Evidence(both, complete=True, published=rules.UNKNOWN, translated=True), "DE") == "protected"


def test_a_wartime_extension_is_not_for_what_appeared_in_japan() -> None:
    assert answer(one(1967, country="JP"), "JP") == "public_domain"
    assert answer(one(1967, country="US"), "JP") == "unknown"
    people = [Person("author", death=exactly(1961)), Person("translator", death=exactly(1965))]
    assert answer(Evidence(people, complete=True, published=exactly(1955), country="JP"), "JP") == "unknown"
    assert answer(one(1968, country="JP"), "JP", date(2039, 1, 1)) == "public_domain"
    assert answer(one(1968), "JP", date(2039, 1, 1)) == "unknown"


def test_what_appeared_after_the_last_death_counts_from_then_too() -> None:
    late = one(1900, published=1990)
    for place in ("DE", "GB", "IN", "AU", "CA", "MX", "FR", "VN"):
        assert answer(late, place) != "public_domain", place
    assert answer(one(1900, published=1900), "DE") == "public_domain"
    assert answer(one(1850, published=1860), "DE") == "public_domain"
    assert answer(one(1900, published=1990), "DE", date(2061, 1, 1)) == "public_domain"
    assert answer(one(1900, published=1990), "US") == "unknown"


def test_anonymous_and_corporate_works_count_from_publication_where_a_rule_says_so() -> None:
    nobody = Evidence([Person("author", anonymous=True)], complete=True, published=exactly(1950))
    house = Evidence([Person("author", corporate=True)], complete=True, published=exactly(1950))
    assert [answer(nobody, place) for place in ("DE", "GB", "CN", "CA", "MX")] == [
        "public_domain", "public_domain", "public_domain", "public_domain", "unknown",
    ]  # fmt: skip
    assert [answer(house, place) for place in ("DE", "GB", "CN", "CA")] == [
        "public_domain", "unknown", "public_domain", "unknown",
    ]  # fmt: skip
    undated = Evidence([Person("author", anonymous=True)], complete=True, published=rules.UNKNOWN)
    assert rules.status(undated, ON).public_domain == 0
    assert answer(Evidence([Person("author", anonymous=True)], True, exactly(1990)), "DE") == "protected"
    mixed = Evidence([Person("author", anonymous=True), Person("author")], True, exactly(1850))
    assert answer(mixed, "DE") == "unknown"


def test_a_date_that_may_be_the_originals_frees_no_translation() -> None:
    def told(**life: Interval) -> Evidence:
        people = [Person("author", death=exactly(1890)), Person("translator", **life)]
        return Evidence(people, complete=True, published=exactly(1880), translated=True)

    assert answer(told(), "US") == "unknown"
    assert answer(told(birth=exactly(1920), death=exactly(1930)), "US") == "unknown"
    assert answer(told(birth=exactly(1850), death=exactly(1900)), "US") == "public_domain"


def test_dates_beyond_the_calendar_are_no_crash() -> None:
    far = Interval(date(1900, 1, 1), date.max)
    evidence = Evidence([Person("author", birth=far, death=far)], complete=True, published=far)
    assert rules.status(evidence, ON).public_domain == 0


days = st.dates(date(1700, 1, 1), date(2020, 12, 31))


@given(days, st.integers(0, 20_000), days, st.booleans())
def test_every_territory_has_one_answer(died: date, width: int, published: date, complete: bool) -> None:
    late = min(died + timedelta(days=width), date(2025, 1, 1))
    evidence = Evidence([Person("author", death=Interval(died, late))], complete, Interval(published, published))
    found = rules.status(evidence, ON)
    assert found.public_domain | found.protected | found.unknown == territories.WORLD
    assert found.public_domain & found.protected == found.public_domain & found.unknown == 0
    assert found.protected & found.unknown == 0


@given(days, st.integers(0, 20_000))
def test_less_knowledge_never_frees(died: date, width: int) -> None:
    late = min(died + timedelta(days=width), date(2025, 1, 1))
    exact = Evidence([Person("author", death=Interval(late, late))], True, rules.UNKNOWN)
    vague = Evidence([Person("author", death=Interval(died, late))], True, rules.UNKNOWN)
    assert rules.status(vague, ON).public_domain & ~rules.status(exact, ON).public_domain == 0
