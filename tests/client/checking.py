"""Calls the verifier as the command line does, with the sample's keys and time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from client.verify.certificate import Options
from client.verify.release import check
from client.verify.report import Report
from client.verify.signatures import read_trust
from licensing.kernel import canonical, digests
from licensing.outside import signing
from tests.licensing.delivery import sample

LATER = sample.AT + timedelta(days=30)


def options(**changes: Any) -> Options:
    """Trusting the sample's root, test mode on, a month after the sale."""
    return replace(_trusting(), **changes)


@functools.cache
def _trusting() -> Options:
    return Options(read_trust(sample.trust_file(), frozenset()), True, LATER)


def verify(target: Path, **changes: Any) -> Report:
    """The report on `target`."""
    return check(target, options(**changes))


def code(report: Report) -> tuple[int, str | None, str | None]:
    """Exit code, code and path of the first wrong thing."""
    wrong = report.first_wrong or {}
    return report.exit, wrong.get("code"), wrong.get("path")


def resign(release: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Sign the manifest again over the folder as it is now: an issuer who lies, or has a bug."""
    path = release / "manifest.json"
    manifest = canonical.parse(path.read_bytes())
    del manifest["proof"]
    for item in manifest["files"]:
        data = (release / item["path"]).read_bytes()
        item |= {"bytes": len(data), "sha256": digests.sha256_hex(data)}
    manifest["grant"]["certificate_sha256"] = digests.sha256_hex((release / "certificate.json").read_bytes())
    change(manifest)
    path.write_bytes(canonical.jcs(signing.secure(manifest, sample.TEST_KEY, sample.AT)))
