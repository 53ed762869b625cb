"""Territories: names to masks, dated sets, retired codes, parts of countries."""

from __future__ import annotations

from datetime import date

import pytest

from licensing.kernel import territories
from licensing.kernel.territories import WORLD, codes, excluded, mask, members, permitted


def test_the_table_only_grows() -> None:
    """Stored masks depend on these bits: 250 codes, no bit twice, the first and last where they were."""
    bits = territories.BITS
    assert sorted(bits.values()) == list(range(len(bits)))
    assert len(bits) >= 250
    assert (bits["AD"], bits["CN"], bits["DE"], bits["US"], bits["ZW"], bits["XK"]) == (
        0,
        47,
        56,
        232,
        248,
        249,
    )


def test_bit_zero_is_the_leftmost_character() -> None:
    """As PostgreSQL's get_bit(column, 0) reads it."""
    assert territories.to_bits(mask(["AD"])) == "1" + "0" * 255
    assert territories.from_bits("01" + "0" * 254) == mask(["AE"])
    assert territories.to_bits(WORLD) == "1" * 256


@pytest.mark.parametrize("text", ["", "1" * 255, "1" * 257, "2" * 256, "\u0661" * 256])
def test_refuses_text_that_is_no_mask(text: str) -> None:
    """256 characters, each 0 or 1."""
    with pytest.raises(ValueError, match="256 characters"):
        territories.from_bits(text)


@pytest.mark.parametrize("number", [-1, WORLD + 1])
def test_refuses_a_number_that_is_no_mask(number: int) -> None:
    """No sign and no 257th bit."""
    for read in (territories.to_bits, codes, members):
        with pytest.raises(ValueError, match="256 bits"):
            read(number)


def test_world_except() -> None:
    """Spare bits stay with the world, so a country made tomorrow is in it."""
    without = mask(["WORLD", "-US"])
    assert without == WORLD & ~mask(["US"])
    assert without.bit_count() == 255
    assert codes(without) == ["WORLD", "-US"]
    assert codes(WORLD) == ["WORLD"]
    assert members(without) == sorted(set(territories.BITS) - {"US"})


def test_taking_away_does_not_depend_on_order() -> None:
    """A minus wins wherever it stands."""
    assert mask(["-DE", "EU"]) == mask(["EU", "-DE"]) == mask(["EU"]) & ~mask(["DE"])


def test_a_mask_without_a_name_is_not_named() -> None:
    """One spare bit alone cannot come from names."""
    with pytest.raises(ValueError, match="spare bit"):
        codes(1 << 255)
    assert codes(0) == []


def test_the_european_union_by_date() -> None:
    """The United Kingdom left on 1 February 2020; without a day the set is today's."""
    assert "GB" in members(mask(["EU"], date(2020, 1, 31)))
    assert "GB" not in members(mask(["EU"], date(2020, 2, 1)))
    assert mask(["EU"]) == mask(["EU"], date(2020, 2, 1))
    assert len(members(mask(["EU"]))) == 27
    assert members(mask(["EU"], date(1970, 1, 1))) == ["BE", "DE", "FR", "IT", "LU", "NL"]
    assert len(members(mask(["EU"], date(2013, 7, 1)))) == 28


def test_the_other_sets() -> None:
    """EWR is the German name of the EEA; ECZ is ONIX's, with those who use the euro without being members."""
    assert mask(["EWR"]) == mask(["EEA"]) == mask(["EU", "IS", "LI", "NO"])
    assert "BG" in members(mask(["ECZ"]))
    assert "BG" not in members(mask(["ECZ"], date(2025, 12, 31)))
    assert {"AD", "MC", "ME", "SM", "VA"} <= set(members(mask(["ECZ"])))
    assert "XK" not in members(mask(["ECZ"]))  # the code list does not name it
    assert "XK" in members(excluded(["ECZ"]))


@pytest.mark.parametrize(
    ("name", "successors"),
    [
        ("AN", "BQ CW SX"),
        ("BU", "MM"),
        ("CS", "ME RS XK"),
        ("DD", "DE"),
        ("FX", "FR"),
        ("SU", "AM AZ BY EE GE KG KZ LT LV MD RU TJ TM UA UZ"),
        ("TP", "TL"),
        ("YU", "ME RS XK"),
        ("ZR", "CD"),
    ],
)
def test_retired_codes_expand(name: str, successors: str) -> None:
    """To the countries that are there now."""
    assert members(mask([name])) == successors.split()


def test_a_retired_code_with_two_meanings() -> None:
    """CS was Czechoslovakia before it was Serbia and Montenegro; an exclusion without a date means both."""
    assert members(mask(["CS"], date(1990, 1, 1))) == ["CZ", "SK"]
    assert members(mask(["CS"], date(2005, 1, 1))) == ["ME", "RS", "XK"]
    assert members(excluded(["CS"])) == ["CZ", "ME", "RS", "SK", "XK"]
    assert members(excluded(["CS"], date(1990, 1, 1))) == ["CZ", "SK"]
    assert "SI" in members(excluded(["YU"]))


def test_a_permitted_part_of_a_country_is_left_out_and_named() -> None:
    """New York is not the United States."""
    assert permitted(["US-NY", "DE", "GB-SCT"]) == (mask(["DE"]), ("US-NY", "GB-SCT"))
    assert permitted(["WORLD", "-US-NY"]) == (mask(["WORLD", "-US"]), ())


def test_an_excluded_part_takes_the_country() -> None:
    """Scotland reserved is the United Kingdom reserved."""
    assert members(excluded(["GB-SCT", "US-NY"])) == ["GB", "US"]
    assert members(excluded(["CN-11"])) == ["CN"]


def test_a_subdivision_with_a_code_of_its_own_is_that_code() -> None:
    """Hong Kong is HK, the Channel Islands are Guernsey and Jersey, ONIX's Kosovo-Metohija is XK."""
    assert members(mask(["CN-HK", "GB-CHA", "RS-KM"])) == ["GG", "HK", "JE", "XK"]
    assert members(excluded(["GB-IOM"])) == ["IM"]


def test_an_excluded_union_includes_its_far_regions() -> None:
    """Union law reaches Martinique, so it is not permitted by EU but excluded by it."""
    assert "MQ" not in members(mask(["EU"]))
    assert "MQ" in members(excluded(["EU"]))
    assert "MQ" not in members(mask(["WORLD", "-EU"]))


def test_a_part_has_no_bit() -> None:
    """A mask is exact or refused."""
    with pytest.raises(ValueError, match="US-NY is only a part"):
        mask(["US-NY"])


@pytest.mark.parametrize(
    "name",
    ["", "de", "QQ", "ROW", "US-", "US-TOOLONG", "US-ny", "QQ-NY", "US-\u0661", "US_NY", "--US", "Germany"],
)
def test_refuses_unknown_names(name: str) -> None:
    """Unknown is never guessed."""
    for read in (mask, permitted, excluded):
        with pytest.raises(ValueError, match="unknown territory"):
            read([name])


def test_an_exclusion_is_not_taken_away_from() -> None:
    """What is excluded is said without a minus."""
    with pytest.raises(ValueError, match="unknown territory '-US'"):
        excluded(["-US"])
