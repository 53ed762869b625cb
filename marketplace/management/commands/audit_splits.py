"""`manage.py audit_splits`: divide every payment again by the oracle and compare."""

from __future__ import annotations

import json
import sys
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.unit import Actor, unit
from licensing.royalties import queries

ACTOR = Actor("command", roles=frozenset({"operator"}), scope="all")


class Command(BaseCommand):
    """Exits 1 when a number differs."""

    help = "Divide every payment again from its frozen inputs and compare; exit code 1 when something differs."

    def add_arguments(self, parser: CommandParser) -> None:
        """Options."""
        parser.add_argument("--since", type=date.fromisoformat, help="only runs from this day on (YYYY-MM-DD)")
        parser.add_argument("--json", action="store_true", help="print {runs, differences}")

    def handle(self, *args: Any, **options: Any) -> None:
        """Audit and print."""
        with unit(ACTOR):
            found = queries.audit_splits(options["since"])
        if options["json"]:
            self.stdout.write(json.dumps(found, ensure_ascii=False))
        else:
            self.stdout.write(f"{found['runs']} runs, {len(found['differences'])} differences")
            for one in found["differences"]:
                where = " ".join(filter(None, (one["run"], one["work"], str(one["part_no"] or ""))))
                self.stdout.write(f"{where}: {one['field']} is {one['seen']}, must be {one['expected']}")
        if found["differences"]:
            sys.exit(1)
