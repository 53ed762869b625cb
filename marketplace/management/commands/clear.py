"""`manage.py clear`: decide a bundle for a use, or explain one work of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.errors import Refused
from accounts.models import Organisation
from accounts.unit import Actor, now, unit
from licensing.catalogue import refs
from licensing.clearing import queries, services
from licensing.clearing.models import Clearance
from licensing.kernel import money


class Command(BaseCommand):
    """Creates the use and the bundle, clears, prints counts, reasons, money and hash."""

    help = "Clear works for a use: a JSON file with the body of POST /v1/uses."

    def add_arguments(self, parser: CommandParser) -> None:
        """Options; keys of --json are public (interfaces.md 3)."""
        parser.add_argument("--organisation", required=True, help="slug of the licensee")
        parser.add_argument("--use", required=True, metavar="FILE", help="body of POST /v1/uses")
        parser.add_argument("--query", default="", help='words, or filters: {"catalogue": "novels"}')
        parser.add_argument("--ids", help="works: wrk_..., isbn:..., own:..., with commas between")
        parser.add_argument("--currency", default="usd")
        parser.add_argument("--livemode", action="store_true", help="live works instead of test ones")
        parser.add_argument("--works", action="store_true", help="list every decision")
        parser.add_argument("--explain", metavar="WORK", help="why this work was decided so")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """One clearance."""
        actor = Actor("command", livemode=options["livemode"], roles=frozenset({"operator"}), scope="all")
        try:
            found = self._clear(actor, options)
        except (Refused, OSError, json.JSONDecodeError) as wrong:
            more = getattr(wrong, "reasons", ())
            reasons = "".join(f"\n  {one.pointer} {one.message} {one.expected}" for one in more)
            raise CommandError(f"{wrong}{reasons}") from wrong
        if options["json"]:
            self.stdout.write(json.dumps(found, ensure_ascii=False))
            return
        self._print(found)

    def _clear(self, actor: Actor, options: dict[str, Any]) -> dict[str, Any]:
        body = json.loads(Path(options["use"]).read_text(encoding="utf-8"))
        with unit(actor):
            at = now()
            organisation = Organisation.objects.filter(slug=options["organisation"]).first()
        if organisation is None:
            raise CommandError(f"There is no organisation {options['organisation']}.")
        # own:... ids are the licensee's own
        actor = replace(actor, organisation_id=organisation.pk)
        use = services.create_use(organisation=organisation, body=body, title="", actor=actor, at=at)
        bundle = services.create_bundle(organisation=organisation, title="", actor=actor, at=at, **_selection(options))
        clearance = services.clear(use=use, bundle=bundle, currency=options["currency"], actor=actor, at=at)
        found = _answer(clearance)
        with unit(actor):
            if options["works"]:
                found["works"] = queries.works(clearance)
            if options["explain"]:
                work = refs.all_works([options["explain"]], actor=actor)[0]
                found["works"] = [services.explain(clearance=clearance, work=work, actor=actor, at=at)]
        return found

    def _print(self, found: dict[str, Any]) -> None:
        counts = "  ".join(f"{outcome} {number}" for outcome, number in found["counts"].items())
        self.stdout.write(f"{found['clearance']}  {counts}  {found['total']['amount']} {found['total']['currency']}")
        for code, number in sorted(found["reasons"].items(), key=lambda item: -item[1]):
            self.stdout.write(f"  {number:>9}  {code}")
        for work in found.get("works", ()):
            codes = ", ".join(one["code"] for one in work["reasons"])
            self.stdout.write(f"{work['work']}  {work['outcome']:<14} {work['kind']:<13} {codes}")


def _selection(options: dict[str, Any]) -> dict[str, Any]:
    if options["ids"]:
        return {"ids": [one for one in options["ids"].split(",") if one]}
    text = options["query"].strip()
    return {"query": json.loads(text) if text.startswith("{") else {"q": text} if text else {}}


def _answer(clearance: Clearance) -> dict[str, Any]:
    return {
        "clearance": clearance.name_id,
        "at": clearance.at.isoformat().replace("+00:00", "Z"),
        "rule_version": clearance.rule_version,
        "hash": clearance.decisions_hash,
        "counts": clearance.counts,
        "reasons": clearance.reasons,
        "total": {"amount": money.half_up(clearance.total_micro, money.MICRO), "currency": clearance.currency},
    }
