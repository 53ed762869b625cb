"""`manage.py verify_release DIR`: licet-verify over a release folder, with this house's own trust file by default."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.errors import Refused
from accounts.unit import SYSTEM, unit
from client.verify import release
from client.verify.certificate import Options
from client.verify.cli import trust_file
from client.verify.report import Unusable
from client.verify.signatures import Trust, read_trust
from licensing.grants import keys


class Command(BaseCommand):
    help = "Verify a release folder offline: signatures, every file, every row, roots, licences, dates."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="the release folder")
        parser.add_argument("--trust", type=Path, help="trust file (default: the keys of this installation)")
        parser.add_argument("--test", action="store_true", help="accept test certificates")
        parser.add_argument("--status", type=Path, help="folder with status lists and withdrawals")
        parser.add_argument("--sample", type=int, help="check this many rows instead of all")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            trust = self._trust(options["trust"])
            asked = Options(trust, options["test"], datetime.now(UTC), options["status"], options["sample"])
            report = release.check(options["folder"], asked)
        except (Unusable, Refused) as wrong:
            raise CommandError(str(wrong), returncode=2) from wrong
        self.stdout.write(json.dumps(report.value()) if options["json"] else report.text())
        if report.exit:
            raise SystemExit(report.exit)

    def _trust(self, path: Path | None) -> Trust:
        if path is not None:
            return trust_file(path)
        with unit(SYSTEM):
            return read_trust(keys.trust(), frozenset())
