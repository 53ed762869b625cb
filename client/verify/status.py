"""`--status DIR`: signed status lists and the grant's signed withdrawals, as published by the issuer."""

from __future__ import annotations

import base64
import gzip
import io
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from .certificate import Options
from .files import read_signed
from .report import STATUS_UNKNOWN, Report, Unusable, Wrong
from .signatures import moment, verify

BITS = 131_072
MOST = 1 << 27
"""Most bytes a list may unpack to: a hostile file must not fill the memory."""


@dataclass
class Published:
    """Newest authenticated documents of the folder."""

    lists: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    withdrawals: dict[str, Any] | None = None
    unusable: str | None = None


def read_status(folder: Path, grant: str, test: bool, options: Options) -> Published:
    """Read every *.json of `folder`; one that no trusted key signed makes the status unknown."""
    published = Published()
    if not folder.is_dir():
        raise Unusable(f"--status {folder} is not a folder")
    for path in sorted(folder.glob("*.json")):
        try:
            document = read_signed(path, path.name)
            signed = verify(document, path.name)
            if options.trust is not None and options.trust.authenticates(signed, path.name, test=test):
                _keep(published, document, grant, options.at)
            else:
                published.unusable = f"{path.name}: not signed by a trusted key"
        except (Wrong, Unusable, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            published.unusable = f"{path.name}: {error}"
    return published


def _keep(published: Published, document: dict[str, Any], grant: str, at: datetime) -> None:
    if document.get("format") == "licet-withdrawals-1":
        for withdrawn_at in document["works"].values():
            moment(withdrawn_at)
        if not all(type(document[name]) is int for name in ("sequence", "current_release")):
            raise ValueError("sequence and current_release are whole numbers")
        last = published.withdrawals
        if document["grant"] == grant and (last is None or document["sequence"] > last["sequence"]):
            published.withdrawals = document
        return
    if "BitstringStatusListCredential" not in document["type"]:
        raise ValueError("neither a status list nor withdrawals")
    key = (document["id"], document["credentialSubject"]["statusPurpose"])
    last = published.lists.get(key)
    begins = moment(document["validFrom"])
    if begins <= at and (last is None or begins > moment(last["validFrom"])):
        published.lists[key] = document


def judge(certificate: dict[str, Any], published: Published, options: Options, report: Report) -> None:
    """Set `report.status` from lists and withdrawals; unknown and stale are never shown as valid.

    Wrong when revoked or suspended.
    """
    try:
        unknown = published.unusable or _bits(certificate, published, options, report)
        unknown = unknown or _withdrawals(published, options, report)
    except (LookupError, TypeError, ValueError, AttributeError, OSError, EOFError, zlib.error) as error:
        unknown = f"a status document cannot be used: {error}"
    if unknown:
        report.status = f"unknown since {report.status_as_of}" if report.status_as_of else "unknown"
        value = {"code": "status_unknown", "path": "status", "detail": unknown, "work": None, "row": None}
        report.stop(STATUS_UNKNOWN, value)
    elif report.status == "not_checked":
        report.status = "valid"


def _bits(certificate: dict[str, Any], published: Published, options: Options, report: Report) -> str | None:
    if not certificate.get("credentialStatus"):
        return "the certificate names no status list"
    for entry in certificate["credentialStatus"]:
        purpose = entry["statusPurpose"]
        document = published.lists.get((entry["statusListCredential"], purpose))
        if document is None:
            return f"no {purpose} list {entry['statusListCredential']}"
        report.status_as_of = min(filter(None, (report.status_as_of, document["validFrom"])))
        if _bit(document["credentialSubject"]["encodedList"], int(entry["statusListIndex"])):
            report.status = {"revocation": "revoked", "suspension": "suspended"}[purpose]
            raise Wrong(report.status, "certificate.json", f"{report.status} as of {document['validFrom']}")
        if options.at >= moment(document["validUntil"]):
            return f"the {purpose} list was good until {document['validUntil']}"
    return None


def _bit(encoded: str, index: int) -> bool:
    packed = base64.urlsafe_b64decode(encoded[1:] + "=" * (-len(encoded[1:]) % 4))
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
        bits = file.read(MOST)
    if len(bits) * 8 < BITS or not 0 <= index < len(bits) * 8:
        raise ValueError("the list is too short")
    return bool(bits[index >> 3] & (0x80 >> (index & 7)))


def _withdrawals(published: Published, options: Options, report: Report) -> str | None:
    document = published.withdrawals
    if document is None:
        return "no withdrawals of this grant"
    report.status_as_of = min(filter(None, (report.status_as_of, document["as_of"])))
    if options.at >= moment(document["valid_until"]):
        return f"the withdrawals were good until {document['valid_until']}"
    return None


def withdrawn(published: Published, options: Options) -> frozenset[str]:
    """Works withdrawn at `options.at` as far as the issuer has published."""
    works = published.withdrawals["works"] if published.withdrawals else {}
    return frozenset(work for work, at in works.items() if moment(at) <= options.at)
