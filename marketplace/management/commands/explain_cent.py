"""`manage.py explain_cent`: every number behind what one payee got of one work."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.errors import Refused
from accounts.unit import Actor, unit
from licensing.royalties import explain

ACTOR = Actor("command", roles=frozenset({"operator"}), scope="all")


class Command(BaseCommand):
    """Exits 1 when the amount stored is not the amount computed again."""

    help = "Explain one allocation (default: the first of the newest run) and compute it again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Options."""
        parser.add_argument("--run", help="allocation run, alr_...")
        parser.add_argument("--work", help="work, wrk_...")
        parser.add_argument("--payee", help="payee, pty_... (or cfl_... of an escrow, or a year of unclaimed money)")
        parser.add_argument("--part", help="number of the part, where the payee has several of the work")
        parser.add_argument("--json", action="store_true", help="print one object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Explain and print."""
        try:
            with unit(ACTOR):
                found = explain.cent(**{name: options[name] for name in ("run", "work", "payee", "part")})
        except Refused as refused:
            raise CommandError(refused.message) from refused
        if options["json"]:
            self.stdout.write(json.dumps(found, ensure_ascii=False))
        else:
            for name, value in found.items():
                self.stdout.write(f"{name:18} {value}")
        if not found["equal"]:
            sys.exit(1)
