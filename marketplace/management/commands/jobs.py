"""`manage.py jobs`: what the queue of record holds; revive what died, stop what runs."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.errors import Refused
from accounts.unit import Actor, now, unit
from licensing.jobs import queries, services
from licensing.jobs.models import Job
from licensing.kernel import ids

ACTOR = Actor("command", roles=frozenset({"operator"}), scope="all")


class Command(BaseCommand):
    """Lists jobs, newest first."""

    help = "Show jobs by status and the newest ones; --revive or --cancel one of them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Options."""
        parser.add_argument("--status", choices=Job.STATES.all, help="only these")
        parser.add_argument("--kind", help="only this kind, e.g. delivery.build")
        parser.add_argument("--limit", type=int, default=50, help="how many of the newest to list")
        parser.add_argument("--revive", metavar="JOB", help="give a dead job new attempts")
        parser.add_argument("--cancel", metavar="JOB", help="stop a job")
        parser.add_argument("--check", action="store_true", help="exit code 1 when the queue is not well")
        parser.add_argument("--json", action="store_true", help="print {counts, health, jobs}")

    def handle(self, *args: Any, **options: Any) -> None:
        """Act, then show."""
        found = self._read(options)
        self._show(found, as_json=options["json"])
        if options["check"] and not found["health"]["ok"]:
            raise CommandError(f"The queue is not well: {json.dumps(found['health'])}")

    def _read(self, options: dict[str, Any]) -> dict[str, Any]:
        with unit(ACTOR):
            self._act(options)
            return {
                "counts": queries.counts(),
                "health": queries.health(),
                "jobs": queries.recent(status=options["status"], kind=options["kind"], limit=options["limit"]),
            }

    def _show(self, found: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(found, ensure_ascii=False))
            return
        self.stdout.write("  ".join(f"{status} {number}" for status, number in found["counts"].items()))
        for job in found["jobs"]:
            line = f"{job['id']}  {job['status']:<9} {job['attempts']:>2}x  {job['kind']:<20} {job['subject']}"
            self.stdout.write(line + (f"  {job['last_error']}" if job["last_error"] else ""))

    def _act(self, options: dict[str, Any]) -> None:
        try:
            if options["revive"]:
                services.revive(job=_find(options["revive"]), actor=ACTOR, at=now())
            if options["cancel"]:
                services.cancel(job=_find(options["cancel"]), actor=ACTOR, at=now())
        except Refused as refused:
            raise CommandError(refused.message) from refused


def _find(name: str) -> Job:
    try:
        return Job.objects.get(public_id=ids.decode(Job.PREFIX, name))
    except (ValueError, Job.DoesNotExist) as error:
        raise CommandError(f"There is no job {name}.") from error
