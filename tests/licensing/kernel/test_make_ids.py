"""Identifiers: known values, and every text that must be refused."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from licensing.kernel import ids

# RFC 9562, appendix A.6: the example of a UUIDv7.
RFC_UUID = UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
PUBLISHED = (
    "org pty cat wrk edn ast clm enc cfl spl trm rsv use bdl clr apr qte ord pay rfd dsp grt rel shd upl"
    " imp exp alr usr hld stm pyo lde per evt whk key job"
)
RFC_TIME = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)


def test_the_example_of_rfc_9562() -> None:
    """Time and random bits of the standard's example give the standard's identifier."""
    noise = (0xCC3 << 62 | 0x18C4DC0C0C07398F).to_bytes(10, "big")
    assert ids.uuid7(RFC_TIME, noise) == RFC_UUID
    assert ids.time_of(RFC_UUID) == RFC_TIME


def test_text_of_the_smallest_and_largest() -> None:
    """Both ends of the range, so no bit is lost."""
    assert ids.encode("wrk", UUID(int=0)) == "wrk_" + "0" * 26
    assert ids.encode("wrk", UUID(int=2**128 - 1)) == "wrk_7" + "Z" * 25
    assert ids.decode("wrk", "wrk_7" + "Z" * 25) == UUID(int=2**128 - 1)


def test_prefixes_are_distinct_and_three_letters() -> None:
    """A prefix names one kind of object."""
    prefixes = list(ids.PREFIXES.values())
    assert len(prefixes) == len(set(prefixes))
    assert set(PUBLISHED.split()) <= set(prefixes)
    assert all(len(prefix) == 3 and prefix.islower() for prefix in prefixes)
    assert ids.PREFIXES["organisation"] == "org"


@pytest.mark.parametrize(
    ("prefix", "text", "sentence"),
    [
        ("wrk", "org_" + "0" * 26, "starts with wrk_"),
        ("wrk", "wrk" + "0" * 26, "starts with wrk_"),
        ("wrk", "", "starts with wrk_"),
        ("wrk", "wrk_" + "0" * 25, "26 characters"),
        ("wrk", "wrk_" + "0" * 27, "26 characters"),
        ("wrk", "wrk_" + "0" * 25 + "I", "'I' is not a character"),
        ("wrk", "wrk_" + "0" * 25 + "a", "'a' is not a character"),
        ("wrk", "wrk_" + "0" * 25 + "\u0660", "is not a character"),
        ("wrk", "wrk_8" + "0" * 25, "larger than any"),
        ("nix", "nix_" + "0" * 26, "unknown identifier prefix"),
    ],
)
def test_refuses_other_texts(prefix: str, text: str, sentence: str) -> None:
    """One identifier has one text; everything else is refused with its reason."""
    with pytest.raises(ValueError, match=sentence):
        ids.decode(prefix, text)


def test_refuses_an_unknown_prefix() -> None:
    """A prefix nobody knows could never be read back."""
    with pytest.raises(ValueError, match="unknown identifier prefix 'nix'"):
        ids.encode("nix", RFC_UUID)


def test_refuses_bad_times_and_randomness() -> None:
    """No zone, before 1970 or too little randomness: no identifier."""
    with pytest.raises(ValueError, match="without zone"):
        ids.uuid7(RFC_TIME.replace(tzinfo=None), bytes(10))
    with pytest.raises(ValueError, match="before 1970"):
        ids.uuid7(datetime(1969, 12, 31, tzinfo=UTC), bytes(10))
    with pytest.raises(ValueError, match="10 random bytes, not 9"):
        ids.uuid7(RFC_TIME, bytes(9))


def test_only_version_7_holds_a_time() -> None:
    """A random identifier has no time to read."""
    with pytest.raises(ValueError, match="not a UUIDv7"):
        ids.time_of(UUID("5f6d9a3e-2f4b-4c1d-9e8a-7b6c5d4e3f2a"))
