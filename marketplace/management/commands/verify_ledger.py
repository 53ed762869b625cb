"""`manage.py verify_ledger`: does every cent add up, and is every guard in its place."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.unit import Actor, unit
from licensing.ledger import verify

ACTOR = Actor("command", roles=frozenset({"operator"}), scope="all")


class Command(BaseCommand):
    """Exits 1 when anything is wrong."""

    help = "Check all entries and lines of the ledger and its guards; exit code 1 when something is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        """Options."""
        parser.add_argument("--json", action="store_true", help="print {imbalance, entries, lines, first_bad}")

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify and print."""
        with unit(ACTOR):
            proof = verify.verify()
        if options["json"]:
            self.stdout.write(json.dumps(asdict(proof), ensure_ascii=False))
        else:
            self.stdout.write(f"{proof.entries} entries, {proof.lines} lines")
            for currency, total in proof.imbalance.items():
                self.stdout.write(f"{currency}: sum {total} micro")
            bad = proof.first_bad
            self.stdout.write(f"first bad: {bad.what}: {bad.why}" if bad else "nothing is wrong")
        if not proof.ok:
            sys.exit(1)
