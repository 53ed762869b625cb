"""What `licet-verify --status` reads: Bitstring Status Lists and the withdrawals of a grant. Pure.

Source: W3C Bitstring Status List 1.0. Both documents are signed by `outside.signing.secure`.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from licensing.grants.certificate import CREDENTIALS

SIZE: Final = 131_072
"""Least entries of a list, so that an index tells nothing about its holder."""
WITHDRAWALS_FORMAT: Final = "licet-withdrawals-1"


def encode(indexes: Iterable[int], size: int = SIZE) -> str:
    """Multibase base64url of the gzipped bitstring with the bits at `indexes` set; bit 0 is the left-most."""
    if size < SIZE or size % 8:
        raise ValueError(f"a status list has at least {SIZE} entries, in whole bytes")
    bits = bytearray(size // 8)
    for index in indexes:
        if not 0 <= index < size:
            raise ValueError(f"index {index} is outside the list")
        bits[index >> 3] |= 0x80 >> (index & 7)
    return "u" + base64.urlsafe_b64encode(gzip.compress(bytes(bits), mtime=0)).decode().rstrip("=")


def status_list(
    *, url: str, issuer_id: str, purpose: str, indexes: Iterable[int], valid_from: datetime, valid_until: datetime
) -> dict[str, Any]:
    """Unsigned BitstringStatusListCredential for one purpose (revocation or suspension)."""
    if purpose not in ("revocation", "suspension"):
        raise ValueError("the purpose of a status list is revocation or suspension")
    return {
        "@context": [CREDENTIALS],
        "id": url,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": issuer_id,
        "validFrom": _time(valid_from),
        "validUntil": _time(valid_until),
        "credentialSubject": {
            "id": url + "#list",
            "type": "BitstringStatusList",
            "statusPurpose": purpose,
            "encodedList": encode(indexes),
        },
    }


def withdrawals(
    *,
    grant_id: str,
    sequence: int,
    as_of: datetime,
    valid_until: datetime,
    current_release: int,
    works: Mapping[str, datetime],
) -> dict[str, Any]:
    """Unsigned cumulative list of the works withdrawn from a grant: {work id: effective from}."""
    return {
        "format": WITHDRAWALS_FORMAT,
        "grant": grant_id,
        "sequence": sequence,
        "as_of": _time(as_of),
        "valid_until": _time(valid_until),
        "current_release": current_release,
        "works": {work_id: _time(at) for work_id, at in works.items()},
    }


def _time(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError("a time needs a zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
