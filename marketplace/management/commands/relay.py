"""`manage.py relay`: the only clock. Rings for due jobs, takes over from dead workers, makes periodic jobs."""

from __future__ import annotations

import json
import logging
import signal
import threading
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error, connection

from licensing import tasks  # noqa: F401  # registers every kind of job, the periodic ones too
from licensing.jobs.relay import BATCH, Relay, Tick

log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Runs until SIGTERM or Ctrl-C; any number may run beside each other."""

    # A clock loads no page, address or form: `manage.py check` and `migrate` look at those.
    requires_system_checks = ()
    help = "Ring for due jobs, take over what dead workers held, make periodic jobs; run one or more of these."

    def add_arguments(self, parser: CommandParser) -> None:
        """Options."""
        parser.add_argument("--once", action="store_true", help="one round, then exit")
        parser.add_argument("--every", type=float, default=1.0, help="seconds between rounds when nothing is due")
        parser.add_argument("--json", action="store_true", help="print what each round did as one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Loop over rounds."""
        relay, over = Relay(), threading.Event()

        def leave(_number: int, _frame: FrameType | None) -> None:
            over.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, leave)
        while not over.is_set():
            tick = self._round(relay)
            if options["json"] and tick is not None and (options["once"] or tick != Tick()):
                self.stdout.write(json.dumps(tick.as_json()))
            if options["once"]:
                return
            if tick is None or tick.rung < BATCH:
                over.wait(options["every"])

    def _round(self, relay: Relay) -> Tick | None:
        """One round; None when the database does not answer: the next round tries a new connection."""
        try:
            return relay.tick()
        except Error:
            log.exception("the relay could not work this round")
            connection.close()
            return None
