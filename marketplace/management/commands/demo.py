"""`manage.py demo`: start everything, make the whole journey over HTTP, stay up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketplace.demo import material, story
from marketplace.demo.client import Problem
from marketplace.demo.journey import Journey, good
from marketplace.stack import Stack, StackError, port_number


class Command(BaseCommand):
    help = "Start Licet on this machine and run one whole journey over HTTP, as its users would."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=port_number, default=8000, help="of the web server; 0 takes a free one")
        parser.add_argument("--once", action="store_true", help="exit when the journey is done")
        parser.add_argument("--from", dest="folder", type=Path, help="your own catalogues and texts")
        parser.add_argument("--json", action="store_true", help="print only the summary, as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EMBEDDED:
            raise CommandError("The demo runs on the embedded servers only: unset DATABASE_URL.")
        quiet = options["json"]
        try:
            chosen = material.load(options["folder"])
            stack = Stack(
                settings.VAR / "run", {}, web_port=options["port"], webhook_secret=settings.STRIPE_WEBHOOK_SECRET
            )
            with stack:
                summary = self._journey(stack, chosen, quiet=quiet)
                if not options["once"]:
                    self._stay(stack)
        except (StackError, material.MaterialError, Problem) as wrong:
            raise CommandError(str(wrong)) from wrong
        if not good(summary):
            raise CommandError("The journey ended, but not as it must: see the summary.")

    def _journey(self, stack: Stack, chosen: material.Material, *, quiet: bool) -> dict[str, Any]:
        def tell(text: str) -> None:
            if not quiet:
                self.stdout.write(text)
                self.stdout.flush()

        folder = settings.VAR / "demo"
        tell(f"Licet runs at {stack.web_url}; logs are in {stack.folder}.")
        try:
            journey = Journey(
                url=stack.web_url, stripe_url=stack.sandbox_url, folder=folder, material=chosen, tell=tell
            )
            summary = journey.run()
        except OSError as lost:  # a part that died says why, better than its closed connection
            raise StackError(stack.dead() or str(lost)) from lost
        if quiet:
            self.stdout.write(json.dumps(summary))
        tell("\nSummary")
        for line in story.summary(summary):
            tell(f"  {line}")
        tell(f"  as JSON       {folder / 'summary.json'}\n\nLogins")
        for email, password in journey.ring.passwords.items():
            tell(f"  {email:<32} {password}")
        return summary

    def _stay(self, stack: Stack) -> None:
        self.stdout.write(f"\nLicet stays up at {stack.web_url}. Ctrl-C stops it.")
        self.stdout.flush()
        try:
            stack.watch()
        except KeyboardInterrupt:
            self.stdout.write("\nStopping what was started ...")
            self.stdout.flush()
