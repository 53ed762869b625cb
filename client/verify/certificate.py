"""The certificate: who signed it, which mode, which dates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from .files import read_signed
from .report import AUTHENTICATED, NOT_AUTHENTICATED, WRONG, Report, Wrong, formed
from .signatures import Signed, Trust, moment, verify

TYPES = {"LicetCertificate": False, "LicetTestCertificate": True}
NAME = "certificate.json"
MOST = 64 * 1024
CONTEXTS = ["https://www.w3.org/ns/credentials/v2", "https://licet.example/ns/licence/v1"]


@dataclass(frozen=True)
class Options:
    """What the command line asks for. `at` is the moment the licence is judged at."""

    trust: Trust | None
    test: bool
    at: datetime
    status: Path | None = None
    sample: int | None = None


def read_certificate(path: Path, options: Options, report: Report) -> dict[str, Any]:
    """The certificate, its signature and mode checked; Wrong when something does not fit."""
    document = read_signed(path, NAME, MOST)
    with formed("certificate", NAME):
        types = [item for item in document["type"] if item in TYPES]
        if len(types) != 1 or document["@context"] != CONTEXTS:
            raise Wrong("certificate", NAME, "not a certificate of this format")
        check_mode(TYPES[types[0]], NAME, options, report)
        signed = verify(document, NAME)
        if document["issuer"]["id"] != signed.key.split("#")[0]:
            raise Wrong("signature", NAME, "not signed by the issuer it names")
        authenticate(signed, NAME, TYPES[types[0]], options, report)
    return document


def check_mode(test: bool, path: str, options: Options, report: Report) -> None:
    """Refuse a test document unless it was asked for, and a live one when test was: Wrong."""
    report.test = report.test or test
    if test and not options.test:
        raise Wrong("test_certificate", path, "made in test mode: it permits nothing (--test checks it all the same)")


def authenticate(signed: Signed, path: str, test: bool, options: Options, report: Report) -> None:
    """Set `report.trust`; an untrusted or unknown issuer is remembered, the checks go on."""
    if options.trust is None:
        reason = "no --trust given: consistent, issuer not authenticated"
    elif options.trust.authenticates(signed, path, test=test):
        if report.exit != NOT_AUTHENTICATED:
            report.trust = AUTHENTICATED
        return
    else:
        reason = f"the key {signed.key} is not trusted: consistent, issuer not authenticated"
    report.trust = "not_authenticated"
    value = {"code": "not_authenticated", "path": path, "detail": reason, "work": None, "row": None}
    report.stop(NOT_AUTHENTICATED, value)


def check_dates(document: dict[str, Any], options: Options, report: Report) -> None:
    """Wrong with status `not_yet` or `expired` when the licence does not run at `options.at`."""
    with formed("certificate", NAME):
        begins, ends = document["validFrom"], document.get("validUntil")
        if options.at < moment(begins):
            report.status = "not_yet"
            raise Wrong("not_yet", NAME, f"the licence begins at {begins}")
        if ends is not None and options.at >= moment(ends):
            report.status = "expired"
            raise Wrong("expired", NAME, f"the licence ended at {ends}")


def settle(report: Report, wrong: Wrong) -> None:
    """A wrong thing outweighs a missing authentication or an unknown status."""
    report.first_wrong, report.exit = wrong.value, WRONG
