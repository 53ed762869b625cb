"""Identifiers: UUIDv7 (RFC 9562, section 5.7) and their public text, e.g. ``wrk_01JD...``.

The public text is part of signed hashes, so each identifier has exactly one: a known prefix, an underscore
and 26 upper-case characters of Crockford's base32. The alphabet is in ASCII order, so the text sorts like
the identifier, and a UUIDv7 sorts by its time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from uuid import UUID

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 26
RANDOM_BYTES = 10

PREFIXES: Mapping[str, str] = MappingProxyType(
    {
        "organisation": "org",
        "party": "pty",
        "catalogue": "cat",
        "work": "wrk",
        "edition": "edn",
        "asset": "ast",
        "claim": "clm",
        "encumbrance": "enc",
        "conflict": "cfl",
        "split": "spl",
        "terms": "trm",
        "reservation": "rsv",
        "use": "use",
        "bundle": "bdl",
        "clearance": "clr",
        "approval": "apr",
        "quote": "qte",
        "order": "ord",
        "payment": "pay",
        "refund": "rfd",
        "dispute": "dsp",
        "grant": "grt",
        "release": "rel",
        "shard": "shd",
        "upload": "upl",
        "import": "imp",
        "export": "exp",
        "allocation_run": "alr",
        "user": "usr",
        "hold": "hld",
        "statement": "stm",
        "payout": "pyo",
        "ledger_entry": "lde",
        "period": "per",
        "event": "evt",
        "webhook": "whk",
        "key": "key",
        "job": "job",
        "countersign": "csg",
        "imprint": "imr",
        "open_licence": "olc",
    }
)
"""Object name -> prefix without its underscore."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_KNOWN = frozenset(PREFIXES.values())
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
"""Two characters at a time: identifiers are written by the million when an allocation is hashed."""
_VALUES = {character: value for value, character in enumerate(ALPHABET)}


def uuid7(at: datetime, randomness: bytes) -> UUID:
    """Return the UUIDv7 of the millisecond of `at` (aware) and 10 random bytes, of which 74 bits are used.

    Raises ValueError for a naive or pre-1970 time or another number of bytes. Source: RFC 9562, 5.7.
    """
    if at.tzinfo is None:
        raise ValueError("a time without zone cannot be put into an identifier")
    if len(randomness) != RANDOM_BYTES:
        raise ValueError(f"an identifier needs {RANDOM_BYTES} random bytes, not {len(randomness)}")
    milliseconds = (at - _EPOCH) // _MILLISECOND
    if milliseconds < 0:
        raise ValueError("a time before 1970 cannot be put into an identifier")
    noise = int.from_bytes(randomness, "big")
    rand_a = noise >> 62 & 0xFFF
    rand_b = noise & (1 << 62) - 1
    return UUID(int=milliseconds << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)


def time_of(value: UUID) -> datetime:
    """Return the time (UTC, whole milliseconds) inside a UUIDv7; ValueError for any other version."""
    if value.version != 7:
        raise ValueError(f"{value} is not a UUIDv7")
    return _EPOCH + (value.int >> 80) * _MILLISECOND


def encode(prefix: str, value: UUID) -> str:
    """Return the public text of an identifier: prefix, underscore, 26 characters of Crockford's base32.

    Raises ValueError for a prefix that is not in PREFIXES.
    """
    if prefix not in _KNOWN:
        raise ValueError(f"unknown identifier prefix {prefix!r}")
    number = value.int
    return prefix + "_" + "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])


def decode(prefix: str, text: str) -> UUID:
    """Return the identifier written as `text`, which must be exactly what encode(prefix, ...) writes.

    Lower case and Crockford's look-alikes (I, L, O, U) are refused: one identifier has one text.
    Raises ValueError with a sentence that names what is wrong.
    """
    head, underscore, body = text.partition("_")
    if prefix not in _KNOWN:
        raise ValueError(f"unknown identifier prefix {prefix!r}")
    if head != prefix or not underscore:
        raise ValueError(f"expected an identifier that starts with {prefix}_, not {text[:40]!r}")
    if len(body) != LENGTH:
        raise ValueError(f"an identifier has {LENGTH} characters after {prefix}_, not {len(body)}")
    number = 0
    for character in body:
        if character not in _VALUES:
            raise ValueError(f"{character!r} is not a character of an identifier")
        number = number << 5 | _VALUES[character]
    if number >> 128:
        raise ValueError(f"{text!r} is larger than any identifier")
    return UUID(int=number)
