"""`manage.py run`: web server, worker, relay and (without a Stripe of your own) the payment stand-in."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketplace.stack import PARTS, Stack, StackError, port_number


class Command(BaseCommand):
    """Runs everything on this machine until Ctrl-C."""

    help = "Run web server, worker and relay together on this machine until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        """Options."""
        parser.add_argument("--port", type=port_number, default=8000, help="of the web server; 0 takes a free one")
        parser.add_argument("--sandbox-port", type=port_number, default=0, help="of the stand-in; 0 takes a free one")
        parser.add_argument("--workers", type=int, default=2, help="processes that do jobs")
        parser.add_argument("--json", action="store_true", help="print the addresses as one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start, print the address, watch until a part ends or somebody interrupts."""
        stack = Stack(
            settings.VAR / "run",
            {},
            parts=PARTS if settings.EMBEDDED else [part for part in PARTS if part != "sandbox"],
            web_port=options["port"],
            sandbox_port=options["sandbox_port"],
            webhook_secret=settings.STRIPE_WEBHOOK_SECRET,
            worker_processes=options["workers"],
        )
        try:
            with stack:
                if options["json"]:
                    self.stdout.write(json.dumps({"web": stack.web_url, "stripe": stack.sandbox_url}))
                else:
                    self.stdout.write(f"Licet runs at {stack.web_url} (logs: {stack.folder}). Ctrl-C stops it.")
                self.stdout.flush()
                stack.watch()
        except StackError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("\nStopped.")
