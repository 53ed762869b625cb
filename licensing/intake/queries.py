"""What there is to read about imports."""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery

from accounts import permissions
from accounts.errors import Refused
from accounts.permissions import Scope
from accounts.unit import Actor, unit
from licensing.intake.issues import Issue
from licensing.intake.models import Import, ImportIssue, ImportRecord
from licensing.intake.plan import OUTCOMES
from licensing.kernel import ids


def find(import_id: str, *, actor: Actor) -> Import:
    """An import of the actor's organisation by its public id. Raises Refused("not_found") for any other."""
    with unit(actor):
        try:
            found = visible(actor).get(public_id=ids.decode("imp", import_id))
        except (ValueError, Import.DoesNotExist):
            raise Refused("not_found", f"There is no import {import_id} here.") from None
    return found


def visible(actor: Actor) -> QuerySet[Import]:
    """The imports an actor may know of, newest first. Needs an open unit when it is read."""
    rows = Import.objects.select_related("upload", "catalogue__organisation").filter(livemode=actor.livemode)
    if actor.scope != "all":
        single = Q(catalogue_id__in=permissions.guest_ids(actor, "catalogue.read", "catalogue"))
        rows = rows.filter(single | Q(organisation_id__in=permissions.own_ids(actor, "catalogue.read")))
    return rows.order_by("-id")


def scope_of(found: Import) -> Scope:
    """Whose import it is, for `permissions.check`."""
    guarded = frozenset({("catalogue", found.catalogue_id), ("organisation", found.organisation_id)})
    return Scope(organisation=found.organisation_id, guarded=guarded)


def records(found: Import, *, outcome: str = "") -> QuerySet[ImportRecord]:
    """One row per input record in the order of the file; `outcome` filters."""
    rows = ImportRecord.objects.filter(record_import=found).select_related("work").defer("record").order_by("number")
    return rows.filter(outcome=outcome) if outcome else rows


def issues(found: Import, *, code: str = "", severity: str = "") -> QuerySet[ImportIssue]:
    """Issues in the order of the file, each with `ref`, the reference of its record."""
    ref = ImportRecord.objects.filter(record_import=OuterRef("record_import"), number=OuterRef("record_number"))
    rows = ImportIssue.objects.filter(record_import=found).annotate(ref=Subquery(ref.values("ref")[:1]))
    chosen = {name: value for name, value in (("code", code), ("severity", severity)) if value}
    return rows.filter(**chosen).order_by("record_number", "id")


def issue_json(row: ImportIssue) -> dict[str, Any]:
    """The public shape of an issue (interfaces.md 3), with its sentences."""
    return Issue(
        row.code, _severity(row.severity), row.line or 0, row.column or 0, str(getattr(row, "ref", "") or ""), row.path,
        row.seen, row.expected,
    ).as_json()  # fmt: skip


def report(found: Import) -> dict[str, Any]:
    """What became of a file: {path, format, version, encoding, records, outcomes, issues, status, refusal}.

    Needs an open unit. A refused file has its reason as its only issue.
    """
    return {
        "path": found.upload.filename,
        "import": found.name_id,
        "status": found.status,
        "format": found.format,
        "version": found.version,
        "encoding": {"declared": found.encoding_declared, "read": found.encoding_read},
        "records": found.records,
        "outcomes": dict.fromkeys((*OUTCOMES, "warned"), 0) | dict(found.outcomes),
        "issues": _refusal_issues(found) if found.refusal else [issue_json(row) for row in issues(found)],
        "issues_by_code": dict(found.issues_by_code),
        "refusal": found.refusal,
    }


def _refusal_issues(found: Import) -> list[dict[str, Any]]:
    said = []
    for reason in (found.refusal or {}).get("reasons", []):
        place, _, path = str(reason["pointer"]).partition(" ")
        line, _, column = place.partition(":")
        said.append(
            Issue(
                reason["code"], "error", int(line or 0), int(column or 0), "", path, reason["seen"], reason["expected"]
            ).as_json()
        )
    return said


def _severity(text: str) -> Any:
    return text
