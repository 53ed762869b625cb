"""`manage.py import_catalogue FILE... --organisation SLUG --catalogue NAME`: catalogues and content."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.text import slugify

from accounts import services as accounts
from accounts.errors import Refused
from accounts.models import Organisation
from accounts.unit import Actor, now, unit
from licensing.catalogue import services as catalogues
from licensing.catalogue.models import Catalogue
from licensing.intake import content, queries, services
from licensing.intake.models import Import

_SHOWN: Final = ("path", "format", "version", "encoding", "records", "outcomes", "issues")


class _DryRun(Exception):
    """Rolls everything back at the end of a dry run."""


class Command(BaseCommand):
    """Import catalogue files for an organisation."""

    help = "Validate catalogue files, put their good records into a catalogue and attach their content files."

    def add_arguments(self, parser: CommandParser) -> None:
        """Options."""
        parser.add_argument("files", nargs="+", metavar="FILE", help="ONIX, CSV or JSON Lines")
        parser.add_argument("--organisation", required=True, metavar="SLUG")
        parser.add_argument("--catalogue", required=True, metavar="NAME", help="name or slug")
        parser.add_argument("--create", action="store_true", help="make organisation and catalogue when they are new")
        parser.add_argument("--role", default="owner", help="in a new catalogue: owner, agent, distributor")
        parser.add_argument("--format", default="auto", dest="asked_format")
        parser.add_argument("--mode", default="upsert")
        parser.add_argument("--content", metavar="DIR", help="folder or zip of <isbn13 or own id>.txt")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen and change nothing")
        parser.add_argument(
            "--confirm-older", action="store_true", help="a message may change what one sent later said"
        )
        parser.add_argument("--live", action="store_true", help="live data; test data without it")
        parser.add_argument("--json", action="store_true", help="print the answer as JSON (docs/reference/commands.md)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import every file; ends with 1 when a file was refused whole, or is older and was not confirmed."""
        actor = Actor("command", None, options["live"], frozenset({"system"}), scope="all")
        missing = [name for name in options["files"] if not Path(name).is_file()]
        if missing:
            raise CommandError(f"there is no file {', '.join(missing)}")
        try:
            answer = self._dry_run(options, actor) if options["dry_run"] else self._run(options, actor)
        except Refused as refused:
            raise CommandError(f"{refused.code}: {refused.message}") from refused
        self.stdout.write(json.dumps(answer, ensure_ascii=False) if options["json"] else _text(answer))
        if any(found["format"] == "" or _unconfirmed(found, options) for found in answer["files"]):
            self.stdout.flush()
            raise SystemExit(1)

    def _dry_run(self, options: dict[str, Any], actor: Actor) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        with suppress(_DryRun), unit(actor):
            answer = self._run(options, actor)
            raise _DryRun
        return answer

    def _run(self, options: dict[str, Any], actor: Actor) -> dict[str, Any]:
        with unit(actor):
            at = now()
            catalogue = _catalogue(options, actor, at)
        if not options["dry_run"]:
            for left in services.abandoned(catalogue, actor=actor):  # by an earlier run that was killed
                services.commit(record_import=left, actor=actor, at=at)
        before = services.totals(catalogue, actor=actor)
        found = [_import(Path(name), catalogue, options, actor, at) for name in options["files"]]
        if options["content"] and not options["dry_run"]:
            for one in found:
                if one.status == "committed":
                    folder = Path(options["content"])
                    content.attach_folder(catalogue=catalogue, source=folder, record_import=one, actor=actor, at=at)
        after = services.totals(catalogue, actor=actor)
        with unit(actor):
            reports = [queries.report(queries.find(one.name_id, actor=actor)) for one in found]
        return {
            "files": [
                {name: report[name] for name in _SHOWN} | {"path": path}
                for path, report in zip(options["files"], reports, strict=True)
            ],
            "works": {"before": before[0], "after": after[0]},
            "editions": {"before": before[1], "after": after[1]},
            "dry_run": options["dry_run"],
        }


def _import(path: Path, catalogue: Catalogue, options: dict[str, Any], actor: Actor, at: datetime) -> Import:
    with path.open("rb") as stream:
        made = services.receive(
            catalogue=catalogue, filename=path.name, stream=stream, mode=options["mode"],
            asked_format=options["asked_format"], actor=actor, at=at, queued=False, afresh=True,
        )  # fmt: skip
    found = services.validate(import_id=made.name_id, actor=actor, at=at)
    if options["dry_run"] or found.status == "refused":
        return found
    try:
        return services.commit(record_import=found, actor=actor, at=at, confirm_older=options["confirm_older"])
    except Refused as refused:
        if refused.code != "sent_date_older":
            raise
        return found  # its issue says why it is not in


def _unconfirmed(found: dict[str, Any], options: dict[str, Any]) -> bool:
    touched = found["outcomes"]["changed"] + found["outcomes"]["erased"]
    older = any(issue["code"] == "sent_date_older" for issue in found["issues"])
    return bool(touched and older and not (options["confirm_older"] or options["dry_run"]))


def _catalogue(options: dict[str, Any], actor: Actor, at: datetime) -> Catalogue:
    slug, name = options["organisation"], options["catalogue"]
    organisation = Organisation.objects.filter(slug=slug).first()
    if organisation is None:
        if not options["create"]:
            raise CommandError(f"there is no organisation {slug}; --create makes it")
        organisation = accounts.register_organisation(
            name=slug, slug=slug, roles=["rights_holder"], actor=actor, at=at
        )
    own = Catalogue.objects.select_related("organisation").filter(organisation=organisation, livemode=actor.livemode)
    found = own.filter(name=name).first() or own.filter(slug=slugify(name, allow_unicode=True) or name).first()
    if found is not None:
        return found
    if not options["create"]:
        raise CommandError(f"{slug} has no catalogue {name}; --create makes it")
    return catalogues.create_catalogue(
        organisation=organisation, slug=slugify(name, allow_unicode=True)[:80] or "catalogue", name=name,
        role_of_sender=options["role"], declarations={}, actor=actor, at=at,
    )  # fmt: skip


def _text(answer: dict[str, Any]) -> str:
    lines = []
    for found in answer["files"]:
        counts = ", ".join(f"{count} {name}" for name, count in found["outcomes"].items() if count)
        kind = f"{found['format']} {found['version']}".strip() or "refused"
        lines.append(f"{found['path']}: {kind}, {found['records']} records: {counts}")
        lines += [_issue_text(one) for one in found["issues"]]
    works = answer["works"]
    lines.append(f"works {works['before']} -> {works['after']}" + (" (dry run)" if answer["dry_run"] else ""))
    return "\n".join(lines)


def _issue_text(one: dict[str, Any]) -> str:
    return f"  {one['line']}:{one['column']} {one['severity']} {one['code']}: {one['message']}"
