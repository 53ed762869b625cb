"""Imports: announce a file, send its parts, look at every record's outcome, commit or take back."""

from __future__ import annotations

import base64
import binascii
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import FileResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.errors import Reason, Refused
from accounts.unit import unit
from licensing.catalogue import queries as catalogues
from licensing.intake import queries, rejected, services, uploads
from licensing.intake.models import Import, ImportIssue, ImportRecord, Upload
from licensing.intake.plan import OUTCOMES
from licensing.intake.sniff import FORMATS
from licensing.outside import storage
from marketplace.api import shapes
from marketplace.api.doors import Door, Strict
from marketplace.api.find import by_id
from marketplace.api.jobs import JobOut, accepted, latest
from marketplace.api.parsers import Raw, spool

SEVERITIES = ("error", "warning", "note")


class ImportBody(Strict):
    """A file that will be sent: its size and SHA-256 are checked when it is complete."""

    catalogue = serializers.CharField()
    filename = serializers.CharField(max_length=300)
    format = serializers.ChoiceField(["auto", *FORMATS], required=False, default="auto")
    mode = serializers.ChoiceField(services.MODES, required=False, default="upsert")
    bytes = shapes.Whole(min_value=1)
    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$")


class PartOut(serializers.Serializer[Any]):
    """Where a part goes by PUT, and its SHA-256 once it has arrived."""

    number = serializers.IntegerField()
    url = serializers.CharField()
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField(allow_null=True)


class EncodingOut(serializers.Serializer[Any]):
    """What the file says of itself, and what it was read as."""

    declared = serializers.CharField(allow_blank=True)
    read = serializers.CharField(allow_blank=True)


class ImportOut(shapes.Object):
    """An import; counts once it is validated, `refusal` when the whole file was refused."""

    catalogue = serializers.CharField()
    upload = serializers.CharField()
    filename = serializers.CharField()
    status = serializers.ChoiceField(Import.STATES.all)
    format = serializers.CharField(allow_blank=True)
    version = serializers.CharField(allow_blank=True)
    encoding = EncodingOut()
    mode = serializers.CharField()
    records = serializers.IntegerField()
    outcomes = serializers.DictField(child=serializers.IntegerField())
    issues_by_code = serializers.DictField(child=serializers.IntegerField())
    refusal = serializers.DictField(allow_null=True)
    committed_at = serializers.DateTimeField(allow_null=True)
    parts = PartOut(many=True)


def present_import(row: Import, request: Request) -> Mapping[str, Any]:
    """The public form of an import; its upload and parts are fetched with it."""
    return shapes.thing(row, "import") | {
        "catalogue": row.catalogue.name_id, "upload": row.upload.name_id, "filename": row.upload.filename,
        "status": row.status, "format": row.format, "version": row.version,
        "encoding": {"declared": row.encoding_declared, "read": row.encoding_read}, "mode": row.mode,
        "records": row.records, "outcomes": dict.fromkeys((*OUTCOMES, "warned"), 0) | row.outcomes,
        "issues_by_code": row.issues_by_code, "refusal": row.refusal,
        "committed_at": shapes.moment(row.committed_at), "parts": _parts(row.upload, request),
    }  # fmt: skip


def _parts(upload: Upload, request: Request) -> list[dict[str, Any]]:
    arrived = {part.number: part for part in upload.parts.all()}
    wanted = set(arrived)
    if upload.status == "open":
        wanted |= set(range(1, -(-upload.bytes // uploads.PART) + 1))
    return [
        {
            "number": number,
            "url": request.build_absolute_uri(f"/v1/uploads/{upload.name_id}/parts/{number}"),
            "bytes": arrived[number].bytes if number in arrived
            else min(uploads.PART, upload.bytes - (number - 1) * uploads.PART),
            "sha256": arrived[number].sha256 if number in arrived else None,
        }
        for number in sorted(wanted)
    ]  # fmt: skip


class Imports(Door):
    """GET: the caller's imports. POST: announce a file."""

    paged = True

    @extend_schema(responses=shapes.listing(ImportOut), operation_id="imports_list")
    def get(self, request: Request) -> Response:
        """Newest first."""
        with unit(self.actor):
            scope = permissions.listing(self.actor, "catalogue", "organisation")
            permissions.check(self.actor, "catalogue.read", scope)
            rows = queries.visible(self.actor).prefetch_related("upload__parts")
            return self.listed(rows, lambda row: present_import(row, request))

    @extend_schema(request=ImportBody, responses={201: ImportOut, 200: ImportOut}, operation_id="imports_create")
    def post(self, request: Request) -> Response:
        """201 with the parts to send; 200 with the earlier import when these bytes are known."""
        sent = self.body(ImportBody)
        at = self.now()
        with unit(self.actor):
            found = catalogues.find_catalogue(sent["catalogue"], actor=self.actor)
            permissions.check(self.actor, "catalogue.write", catalogues.scope_of(found))
            made, new = uploads.open_import(
                catalogue=found, filename=sent["filename"], size=sent["bytes"], sha256=sent["sha256"],
                mode=sent["mode"], asked_format=sent["format"], actor=self.actor, at=at,
            )  # fmt: skip
            body = present_import(made, request)
        return Response(body, status.HTTP_201_CREATED if new else status.HTTP_200_OK)


class UploadPartDoor(Door):
    """PUT: one part of an announced file."""

    parser_classes = (Raw,)
    streams = True

    @extend_schema(
        request={"application/octet-stream": OpenApiTypes.BINARY}, responses=PartOut, operation_id="uploads_parts_put"
    )
    def put(self, request: Request, upload: str, number: int) -> Response:
        """Bytes as they are, in any order, as often as needed; Content-Digest (RFC 9530) is checked when sent."""
        with unit(self.actor):
            mine = queries.visible(self.actor)
            found = by_id(Upload.objects.filter(pk__in=mine.order_by().values("upload_id")), upload)
            permissions.check(self.actor, "catalogue.write", queries.scope_of(mine.filter(upload=found)[0]))
        expected = digest_of(request)
        with spool(request, at_most=uploads.LARGEST_PART) as file:
            part = uploads.put_part(
                upload=found, number=number, stream=file, expected_sha256=expected, actor=self.actor
            )
        body = {"number": number, "url": request.build_absolute_uri(request.path), "bytes": part.bytes}
        return Response(body | {"sha256": part.sha256})


def digest_of(request: Request) -> str | None:
    """Hex SHA-256 of the Content-Digest header, None when there is none. Raises Refused("syntax")."""
    header = request.headers.get("Content-Digest")
    if header is None:
        return None
    for field in header.split(","):
        name, _, value = field.strip().partition("=")
        if name == "sha-256":
            try:
                return base64.b64decode(value.strip(":"), validate=True).hex()
            except binascii.Error:
                break
    reason = Reason("syntax", "The digest cannot be read.", "", header[:80], "sha-256=:base64:")
    raise Refused("syntax", "Content-Digest takes sha-256=:base64:", [reason])


class ImportDoor(Door):
    """GET: one import."""

    @extend_schema(responses=ImportOut, operation_id="imports_read")
    def get(self, request: Request, import_id: str) -> Response:
        """Counts by outcome and issues by code."""
        with unit(self.actor):
            found = queries.find(import_id, actor=self.actor)
            permissions.check(self.actor, "catalogue.read", queries.scope_of(found))
            return Response(present_import(found, request))


class ImportCompletion(Door):
    """POST: every part is sent."""

    waits = True

    @extend_schema(request=None, responses={202: JobOut, 200: JobOut}, operation_id="imports_complete")
    def post(self, request: Request, import_id: str) -> Response:
        """202 with the job that validates; parts that are missing or wrong are a 422 and can be sent again."""
        at = self.now()
        with unit(self.actor):
            found = queries.find(import_id, actor=self.actor)
            permissions.check(self.actor, "catalogue.write", queries.scope_of(found))
        uploads.complete(record_import=found, actor=self.actor, at=at)
        with unit(self.actor):
            job = latest("intake.validate", found.name_id)
        return accepted(self, job)


class CommitBody(Strict):
    """`all_or_nothing`: not even the good records go in when one is bad. `confirm_older`: a message may change what a
    newer one said.
    """

    all_or_nothing = serializers.BooleanField(required=False, default=False)
    confirm_older = serializers.BooleanField(required=False, default=False)


class ImportCommit(Door):
    """POST: let the good records in."""

    waits = True

    @extend_schema(request=CommitBody, responses={202: JobOut, 200: JobOut}, operation_id="imports_commit")
    def post(self, request: Request, import_id: str) -> Response:
        """202 with the job that commits."""
        sent = self.body(CommitBody)
        at = self.now()
        with unit(self.actor):
            found = queries.find(import_id, actor=self.actor)
            permissions.check(self.actor, "catalogue.write", queries.scope_of(found))
            services.begin_commit(record_import=found, actor=self.actor, at=at, **sent)
            job = latest("intake.commit", found.name_id)
        return accepted(self, job)


class ImportReversal(Door):
    """POST: take a committed import back."""

    @extend_schema(request=None, responses=ImportOut, operation_id="imports_revert")
    def post(self, request: Request, import_id: str) -> Response:
        """Refused once a right, a decision or a licence depends on it."""
        at = self.now()
        with unit(self.actor):
            found = queries.find(import_id, actor=self.actor)
            permissions.check(self.actor, "catalogue.write", queries.scope_of(found))
            done = services.revert(record_import=found, actor=self.actor, at=at)
            return Response(present_import(done, request))


class ImportCancellation(Door):
    """POST: give up an import that is not committed."""

    @extend_schema(request=None, responses=ImportOut, operation_id="imports_cancel")
    def post(self, request: Request, import_id: str) -> Response:
        """The same file may be sent again afterwards."""
        at = self.now()
        with unit(self.actor):
            found = queries.find(import_id, actor=self.actor)
            permissions.check(self.actor, "catalogue.write", queries.scope_of(found))
            return Response(present_import(services.cancel(record_import=found, actor=self.actor, at=at), request))


class IssueOut(serializers.Serializer[Any]):
    """A problem with one place of the file."""

    code = serializers.CharField()
    severity = serializers.CharField()
    line = serializers.IntegerField()
    column = serializers.IntegerField()
    record = serializers.CharField(allow_blank=True)
    path = serializers.CharField(allow_blank=True)
    seen = serializers.CharField(allow_blank=True)
    expected = serializers.CharField(allow_blank=True)
    message = serializers.CharField()
    how_to_fix = serializers.CharField()


class RecordOut(serializers.Serializer[Any]):
    """What became of one input record; `diff` is field -> [before, after] where a known record changes."""

    number = serializers.IntegerField()
    line = serializers.IntegerField()
    ref = serializers.CharField()
    outcome = serializers.ChoiceField(OUTCOMES)
    work = serializers.CharField(allow_null=True)
    diff = serializers.DictField(child=serializers.ListField(), allow_null=True)
    issues = IssueOut(many=True)


def _records(rows: Sequence[ImportRecord]) -> list[dict[str, Any]]:
    said: dict[int, list[dict[str, Any]]] = defaultdict(list)
    if rows:
        found = queries.issues(rows[0].record_import).filter(record_number__in=[row.number for row in rows])
        for issue in found:
            said[issue.record_number or 0].append(queries.issue_json(issue))
    return [
        {
            "number": row.number, "line": row.line, "ref": row.ref, "outcome": row.outcome,
            "work": row.work.name_id if row.work else None, "diff": _diff(row), "issues": said[row.number],
        }
        for row in rows
    ]  # fmt: skip


def _diff(row: ImportRecord) -> dict[str, Any] | None:
    """Field -> [before, after] of a changed record; what is derived from its fields is not shown."""
    return row.diff and {name: values for name, values in row.diff.items() if not name.startswith("_")}


class ImportRecords(Door):
    """GET: one outcome per input record, in the order of the file."""

    paged = True
    query = frozenset({"outcome"})

    @extend_schema(
        responses=shapes.listing(RecordOut), operation_id="imports_records",
        parameters=[OpenApiParameter("outcome", str)],
    )  # fmt: skip
    def get(self, request: Request, import_id: str) -> Response:
        """`outcome=rejected` for those to fix."""
        wanted = self.chosen("outcome", OUTCOMES)
        with unit(self.actor):
            found = queries.find(import_id, actor=self.actor)
            permissions.check(self.actor, "catalogue.read", queries.scope_of(found))
            rows = queries.records(found).select_related("work", "record_import")
            return self.together(rows.filter(outcome__in=wanted) if wanted else rows, _records, by="number")


class ImportRejected(Door):
    """GET: the rejected records as they were sent, each with what is wrong: mend them and send back only those."""

    @extend_schema(
        responses={(200, media): OpenApiTypes.BINARY for media in rejected.MEDIA.values()},
        operation_id="imports_rejected",
    )
    def get(self, request: Request, import_id: str) -> HttpResponseBase:
        """A file in the format of the upload; what `licet_comment` (in XML: comments) says is ignored on return."""
        with unit(self.actor):
            found = queries.find(import_id, actor=self.actor)
            permissions.check(self.actor, "catalogue.read", queries.scope_of(found))
            file = tempfile.TemporaryFile(dir=storage.scratch(), prefix="rejected-")  # noqa: SIM115  the answer reads it
            rejected.write(found, file)
        file.seek(0)
        name = f"rejected-{found.name_id}.{rejected.SUFFIX[found.format]}"
        return FileResponse(file, as_attachment=True, filename=name, content_type=rejected.MEDIA[found.format])


class ImportIssues(Door):
    """GET: every issue, in the order of the file."""

    paged = True
    query = frozenset({"code", "severity"})

    @extend_schema(
        responses=shapes.listing(IssueOut), operation_id="imports_issues",
        parameters=[OpenApiParameter("code", str), OpenApiParameter("severity", str, enum=SEVERITIES)],
    )  # fmt: skip
    def get(self, request: Request, import_id: str) -> Response:
        """`code=` and `severity=` choose."""
        severity = self.chosen("severity", SEVERITIES)
        code = request.query_params.get("code", "")
        with unit(self.actor):
            found = queries.find(import_id, actor=self.actor)
            permissions.check(self.actor, "catalogue.read", queries.scope_of(found))
            rows = queries.issues(found, code=code).order_by()
            if severity:
                rows = rows.filter(severity__in=severity)
            return self.listed(rows, _issue, by="pk")


def _issue(row: ImportIssue) -> Mapping[str, Any]:
    return queries.issue_json(row)
