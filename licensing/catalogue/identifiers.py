"""Identifiers of works, editions and parties: one normal form, verified, with what was sent beside it.

Pure: no Django, no clock, no I/O. A value that fails its check is kept and marked (`valid=False`, `problem`), and the
callers never match on it. Sources: ISO 2108 (ISBN), 3297 (ISSN), 3901 (ISRC), 10957 (ISMN), 15706 (ISAN), 15707 (ISWC),
21047 (ISTC), 26324 (DOI), 27729 (ISNI); GS1 General Specifications (GTIN); ror.org (ROR); CISAC (IPI).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from stdnum import isan as std_isan
from stdnum import isbn as std_isbn
from stdnum import ismn as std_ismn
from stdnum import isni as std_isni
from stdnum import isrc as std_isrc
from stdnum import issn as std_issn
from stdnum.exceptions import ValidationError

__all__ = ["CONTAINER_SCHEMES", "MATCHING_SCHEMES", "SCHEMES", "Identifier", "normalise", "restore_isbn_zeros"]

# Schemes that may join two records of one edition; the others describe people, containers or nothing but themselves.
MATCHING_SCHEMES: Final = frozenset({"isbn", "doi", "isrc", "iswc", "ismn", "isan", "gtin", "istc", "uri", "own"})
CONTAINER_SCHEMES: Final = frozenset({"issn"})

_SPACES = re.compile(r"[\s\u00ad\u200b-\u200f\u2060\ufeff]+")
_DASHES = re.compile(r"[-\u2010-\u2015\u2212\uff0d]")
# What people write before a number, per scheme: an ISRC of Iceland or the Dominican Republic begins with letters that
# would be a prefix elsewhere, and its own prefix needs a mark behind it.
_PREFIXES = {
    scheme: re.compile(rf"^(?:urn:)?(?:{words}){end}", re.IGNORECASE)
    for scheme, words, end in (
        ("isbn", "e-?isbn|isbn(?:-1[03])?", r":?\s*"), ("issn", "e-?issn|issn(?:-l)?", r":?\s*"),
        ("ismn", "ismn", r":?\s*"), ("isrc", "isrc", r"(?::\s*|\s+)"), ("iswc", "iswc", r":?\s*"),
        ("isan", "isan", r":?\s*"), ("istc", "istc", r":?\s*"), ("isni", "isni", r":?\s*"), ("ipi", "ipi", r":?\s*"),
        ("gtin", "gtin(?:-1[234])?|ean", r":?\s*"), ("doi", "doi", r":?\s*"), ("orcid", "orcid", r":?\s*"),
    )
}  # fmt: skip
_DOI = re.compile(r"10\.\d{4,9}(?:\.\d+)*/\S+")
_DOI_HOST = re.compile(r"^https?://(?:dx\.|www\.)?doi\.org/", re.IGNORECASE)
_ORCID_HOST = re.compile(r"^https?://(?:www\.)?orcid\.org/", re.IGNORECASE)
_ISNI_HOST = re.compile(r"^https?://(?:www\.)?isni\.org/(?:isni/)?", re.IGNORECASE)
_ROR = re.compile(r"^(?:https?://)?(?:www\.)?(?:ror\.org/)?(0[0-9a-hjkmnp-tv-z]{6}\d{2})$")
_ROR_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_ISWC = re.compile(r"T(\d{9})(\d)")
_ISTC = re.compile(r"[0-9A-F]{15}[0-9A-F]")
_ISTC_WEIGHTS = (11, 9, 3, 1)


@dataclass(frozen=True, slots=True)
class Identifier:
    """One identifier: `sent` exactly as it came, `value` in normal form ("" when none could be made).

    `valid` is true only when syntax and check digit hold; `problem` is a short English reason, "" when valid.
    """

    scheme: str
    sent: str
    value: str
    valid: bool
    problem: str = ""


class _Bad(ValueError):
    """A value that is not of its scheme; the text is the problem shown to people."""


def normalise(scheme: str, value: str) -> Identifier:
    """Bring an identifier to its normal form and verify it.

    `scheme` is one of SCHEMES (lower case). ISBN-10 becomes ISBN-13. A number that names its own scheme comes back
    with that one: 979-0 is `ismn`, never `isbn`; a `gtin` of 978 or 979 is the ISBN itself; one of 977 is the ISSN
    of a serial. Raises nothing for bad values; an unknown scheme comes back invalid with its text kept.
    """
    sent = value
    text = unicodedata.normalize("NFKC", value).strip()
    scheme = _bookland(text) if scheme == "gtin" else scheme
    check = SCHEMES.get(scheme)
    if check is None:
        return Identifier(scheme, sent, text, False, f"unknown scheme {scheme}")
    if not text:
        return Identifier(scheme, sent, "", False, "empty")
    if "\x00" in text or any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        return Identifier(scheme, sent, "", False, "contains a character that cannot be stored")
    try:
        normal = check(text)
    except (_Bad, ValidationError) as error:
        return Identifier(scheme, sent, _compact(text, scheme), False, _sentence(error))
    if scheme == "isbn" and normal.startswith("9790"):
        return Identifier("ismn", sent, normal, True, "")
    if scheme == "gtin" and normal.startswith("977") and len(normal) == 13:
        return Identifier("issn", sent, normal[3:10] + std_issn.calc_check_digit(normal[3:10]), True, "")
    return Identifier(scheme, sent, normal, True, "")


def restore_isbn_zeros(text: str) -> str | None:
    """The ISBN-10 whose leading zeros a spreadsheet dropped, or None when no padding makes the check digit fit.

    Only 6 to 9 characters are considered; the padding to ten is unique, so a fit is a proof by check digit, not a guess
    among several.
    """
    digits = _compact(text, "isbn")
    if not 6 <= len(digits) <= 9 or not re.fullmatch(r"\d+[\dX]", digits):
        return None
    padded = digits.rjust(10, "0")
    return padded if std_isbn.is_valid(padded) else None


def _sentence(error: Exception) -> str:
    name = type(error).__name__
    known = {
        "InvalidChecksum": "the check digit does not fit",
        "InvalidLength": "the length is wrong",
        "InvalidFormat": "it contains characters that do not belong there",
        "InvalidComponent": "a part of it is not assigned",
    }
    return known.get(name) or str(error)


def _bookland(text: str) -> str:
    """The scheme of a GTIN: books and sheet music have their own numbers inside it."""
    digits = _compact(text, "gtin")
    digits = digits[1:] if len(digits) == 14 and digits[0] == "0" else digits
    return "isbn" if len(digits) == 13 and digits.startswith(("978", "979")) else "gtin"


def _compact(text: str, scheme: str) -> str:
    prefix = _PREFIXES.get(scheme)
    return _DASHES.sub("", _SPACES.sub("", prefix.sub("", text) if prefix else text)).upper()


def _ascii(text: str) -> str:
    if not text.isascii():
        raise _Bad("it contains characters that do not belong there")
    return text


def _isbn(text: str) -> str:
    compact = _ascii(_compact(text, "isbn"))
    if re.fullmatch(r"\d\.\d+E\+?\d+", compact) or re.fullmatch(r"\d+\.0", compact):
        raise _Bad("a spreadsheet changed it into a number")
    if len(compact) == 14 and compact[0] == "0":
        compact = compact[1:]  # a GTIN-14 of a single copy
    if len(compact) not in (10, 13):
        raise _Bad(f"it has {len(compact)} characters, not 10 or 13")
    if compact.startswith("9790"):
        return _ismn(compact)
    if len(compact) == 13 and compact.isdigit() and compact.startswith(("978", "979")):
        # What python-stdnum says too, at a tenth of the time: a feed has a million of them.
        if (sum(map(int, compact[::2])) + 3 * sum(map(int, compact[1::2]))) % 10:
            raise _Bad("the check digit does not fit")
        return compact
    return str(std_isbn.to_isbn13(std_isbn.validate(compact)))


def _ismn(text: str) -> str:
    compact = _ascii(_compact(text, "ismn"))
    return str(std_ismn.to_ismn13(std_ismn.validate(compact)))


def _issn(text: str) -> str:
    return str(std_issn.validate(_ascii(_compact(text, "issn"))))


def _isrc(text: str) -> str:
    return str(std_isrc.validate(_ascii(_compact(text, "isrc"))))


def _isan(text: str) -> str:
    number = str(std_isan.validate(_ascii(_compact(text, "isan")), strip_check_digits=True))
    return number[:16] if number[16:] == "00000000" else number  # version 0 is the work itself


def _isni(text: str) -> str:
    return str(std_isni.validate(_ascii(_compact(_ISNI_HOST.sub("", text), "isni"))))


def _orcid(text: str) -> str:
    compact = str(std_isni.validate(_ascii(_compact(_ORCID_HOST.sub("", text), "orcid"))))
    return "-".join(compact[i : i + 4] for i in range(0, 16, 4))


def _gtin(text: str) -> str:
    compact = _ascii(_compact(text, "gtin"))
    if not compact.isdigit():
        raise _Bad("it contains characters that do not belong there")
    if len(compact) not in (8, 12, 13, 14):
        raise _Bad(f"it has {len(compact)} digits, not 8, 12, 13 or 14")
    full = compact.rjust(14, "0")
    total = sum(int(digit) * (3 if index % 2 == 0 else 1) for index, digit in enumerate(full))
    if total % 10:
        raise _Bad("the check digit does not fit")
    # GTIN-12 and -13 name the same thing with and without the leading zero: 13 digits unless a package
    # indicator is set.
    return full if full[0] != "0" else full[1:]


def _iswc(text: str) -> str:
    compact = _ascii(_compact(text, "iswc")).replace(".", "")
    match = _ISWC.fullmatch(compact)
    if match is None:
        raise _Bad("an ISWC is T, nine digits and a check digit")
    total = 1 + sum(int(digit) * (index + 1) for index, digit in enumerate(match[1]))
    if (total + int(match[2])) % 10:
        raise _Bad("the check digit does not fit")
    return compact


def _istc(text: str) -> str:
    compact = _ascii(_compact(text, "istc"))
    if not _ISTC.fullmatch(compact):
        raise _Bad("an ISTC is sixteen hexadecimal characters")
    total = sum(int(digit, 16) * _ISTC_WEIGHTS[index % 4] for index, digit in enumerate(compact[:15]))
    if int(compact[15], 16) != total % 16:
        raise _Bad("the check digit does not fit")
    return compact


def _ipi(text: str) -> str:
    compact = _ascii(_compact(text, "ipi")).replace(".", "")
    if not compact.isdigit() or not 9 <= len(compact) <= 11:
        raise _Bad("an IPI name number has 9 to 11 digits")
    full = compact.rjust(11, "0")
    total = sum(int(digit) * (10 - index) for index, digit in enumerate(full[:9])) % 101
    check = (101 - total) % 101 % 100
    if int(full[9:]) != check:
        raise _Bad("the check digits do not fit")
    return full


def _ror(text: str) -> str:
    match = _ROR.fullmatch(_ascii(text.strip().lower().rstrip("/")))
    if match is None:
        raise _Bad("a ROR is 0, six characters and two digits")
    number = 0
    for character in match[1][:7]:
        number = number * 32 + _ROR_ALPHABET.index(character)
    if 98 - (number * 100) % 97 != int(match[1][7:]):
        raise _Bad("the check digits do not fit")
    return match[1]


def _doi(text: str) -> str:
    bare = _PREFIXES["doi"].sub("", text).strip()
    if _DOI_HOST.match(bare):
        bare = unquote(_DOI_HOST.sub("", bare))
    if not _DOI.fullmatch(bare):
        raise _Bad("a DOI is 10., a registrant and / with a suffix")
    # Only ASCII letters fold in a DOI (ISO 26324, 4.2); str.lower would also fold others.
    return "".join(c.lower() if c.isascii() else c for c in bare)


def _uri(text: str) -> str:
    if _SPACES.search(text):
        raise _Bad("a URI holds no spaces")
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise _Bad("it is not a URI") from error
    if not parts.scheme or not (parts.netloc or parts.path):
        raise _Bad("a URI begins with a scheme such as https:")
    return parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl()


def _own(text: str) -> str:
    if any(unicodedata.category(c) == "Cc" for c in text):
        raise _Bad("it contains control characters")
    if len(text) > 500:
        raise _Bad("it is longer than 500 characters")
    return text


SCHEMES: Final[dict[str, Callable[[str], str]]] = {
    "isbn": _isbn,
    "issn": _issn,
    "doi": _doi,
    "isrc": _isrc,
    "iswc": _iswc,
    "ismn": _ismn,
    "isan": _isan,
    "gtin": _gtin,
    "istc": _istc,
    "isni": _isni,
    "orcid": _orcid,
    "ipi": _ipi,
    "ror": _ror,
    "uri": _uri,
    "own": _own,
}
