"""Command line of licet-verify."""

from __future__ import annotations

import argparse
import io
import json
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from .certificate import Options
from .files import MIB, read_bytes
from .release import check
from .report import UNUSABLE, Report, Unusable, Wrong
from .signatures import Trust, moment, read_trust

try:
    import resource
except ImportError:  # not a Unix
    resource = None  # type: ignore[assignment] # where there is none, no limit is set

MEMORY = 4 * 1024**3
"""Most address space in bytes: a few hundred bytes of Parquet can unpack to gigabytes."""
EPILOG = "exit: 0 good, 1 wrong, 2 unusable input, 3 issuer not authenticated, 4 status unknown or stale"


def main(arguments: list[str] | None = None) -> int:
    """Check, print, return the exit code."""
    parsed = _parser().parse_args(arguments)
    _bound_memory()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        report = check(parsed.target, _options(parsed))
    except Unusable as error:
        report = Report(exit=UNUSABLE)
        value = {"code": "unusable", "path": str(parsed.target), "detail": str(error), "work": None, "row": None}
        report.first_wrong = value
    if parsed.json:
        print(json.dumps(report.value()))
    else:
        print(report.text())
    return report.exit


def _bound_memory() -> None:
    """A file that unpacks to more than MEMORY is unreadable instead of the end of the machine."""
    if resource is not None:
        with suppress(ValueError, OSError):
            soft, hard = resource.getrlimit(resource.RLIMIT_AS)
            if soft == resource.RLIM_INFINITY or soft > MEMORY:
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, hard))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="licet-verify", description="Check a Licet release folder or certificate, offline.", epilog=EPILOG
    )
    parser.add_argument("target", type=Path, help="release folder or certificate.json")
    parser.add_argument("--trust", type=Path, metavar="FILE", help="trust file with the issuer's keys")
    parser.add_argument("--fingerprint", action="append", default=[], metavar="HEX", help="trust this key")
    parser.add_argument("--test", action="store_true", help="accept test certificates")
    parser.add_argument("--at", metavar="TIME", help="judge at this time, e.g. 2026-01-31T00:00:00Z (default: now)")
    parser.add_argument("--status", type=Path, metavar="DIR", help="status lists and withdrawals of the issuer")
    parser.add_argument("--sample", type=int, metavar="N", help="hash the texts of at least N rows, not of all")
    parser.add_argument("--json", action="store_true", help="answer as JSON")
    return parser


def _options(parsed: argparse.Namespace) -> Options:
    pins = frozenset(pin.lower().replace(":", "") for pin in parsed.fingerprint)
    trust = Trust(pins=pins) if pins else None
    if parsed.trust is not None:
        trust = trust_file(parsed.trust, pins)
    try:
        at = moment(parsed.at) if parsed.at else datetime.now(UTC)
    except ValueError:
        raise Unusable(f"--at {parsed.at}: write it as 2026-01-31T00:00:00Z") from None
    return Options(trust, parsed.test, at, parsed.status, parsed.sample)


def trust_file(path: Path, pins: frozenset[str] = frozenset()) -> Trust:
    """Whom the trust file at `path` trusts; Unusable when it cannot be read or used."""
    try:
        return read_trust(read_bytes(path, "the trust file", MIB), pins)
    except OSError as error:
        raise Unusable(f"the trust file cannot be read: {error.strerror}") from None
    except Wrong as error:
        raise Unusable(f"the trust file cannot be used: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
