"""Statements of payees, and one cent explained."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import IO, Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.errors import Refused
from accounts.permissions import Scope
from accounts.unit import Actor, unit
from licensing.catalogue import refs
from licensing.catalogue.models import Party
from licensing.outside import storage
from licensing.royalties import explain
from licensing.royalties import statements as service
from licensing.royalties.models import COLUMNS, Statement
from marketplace.api import shapes
from marketplace.api.books import runs
from marketplace.api.doors import Door, Strict
from marketplace.api.find import by_id


class ControlOut(serializers.Serializer[Any]):
    """Lines against ledger in micro units; `difference` is the sum over all accounts, always 0."""

    difference = serializers.CharField()
    accounts = serializers.DictField(child=serializers.DictField(child=serializers.CharField()))


class StatementOut(shapes.Object):
    """What a payee earned in [starts, ends), in micro units."""

    payee = serializers.CharField()
    currency = serializers.CharField()
    starts = serializers.DateField()
    ends = serializers.DateField()
    version = serializers.IntegerField()
    status = serializers.ChoiceField(Statement.STATES.all)
    amounts_micro = serializers.DictField(child=serializers.CharField())
    lines_count = serializers.IntegerField()
    file_sha256 = serializers.CharField()
    control = ControlOut()


def present_statement(row: Statement) -> Mapping[str, Any]:
    """The public form of a statement; its payee is fetched with it."""
    accounts = row.control["accounts"]
    difference = sum(abs(int(one["difference"])) for one in accounts.values())
    return shapes.thing(row, "statement") | {
        "payee": row.payee.name_id, "currency": row.currency, "starts": row.starts, "ends": row.ends,
        "version": row.version, "status": row.status, "lines_count": row.lines_count, "file_sha256": row.file_sha256,
        "amounts_micro": {name: str(getattr(row, name)) for name in COLUMNS},
        "control": {"difference": str(difference), "accounts": accounts},
    }  # fmt: skip


class StatementBody(Strict):
    """Whose, in which currency; the running month unless days are given (half-open)."""

    payee = serializers.CharField()
    currency = serializers.RegexField(r"^[a-z]{3}$")
    starts = serializers.DateField(required=False, default=None)
    ends = serializers.DateField(required=False, default=None)


class Statements(Door):
    """GET: statements of the caller's payees. POST: draw up a draft."""

    paged = True

    @extend_schema(responses=shapes.listing(StatementOut), operation_id="statements_list")
    def get(self, request: Request) -> Response:
        """Newest first."""
        with unit(self.actor):
            permissions.check(self.actor, "statements.read", permissions.listing(self.actor, "organisation"))
            return self.listed(_readable(self.actor), present_statement)

    @extend_schema(request=StatementBody, responses={201: StatementOut}, operation_id="statements_create")
    def post(self, request: Request) -> Response:
        """The same period again makes the draft anew; an issued statement is final."""
        sent = self.body(StatementBody)
        at = self.now()
        with unit(self.actor):
            permissions.check(self.actor, "statements.draft", Scope(self.actor.organisation_id))
            payee = refs.party(sent["payee"], organisation_id=self.actor.tenant, actor=self.actor)
            first = at.date().replace(day=1)
            made = service.draft(
                payee=payee, currency=sent["currency"], starts=sent["starts"] or first,
                ends=sent["ends"] or _next_month(sent["starts"] or first), actor=self.actor, at=at,
            )  # fmt: skip
            body = present_statement(made)
        return Response(body, status.HTTP_201_CREATED)


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


class StatementDoor(Door):
    """GET: one statement."""

    @extend_schema(responses=StatementOut, operation_id="statements_read")
    def get(self, request: Request, statement: str) -> Response:
        """Columns and control total."""
        with unit(self.actor):
            return Response(present_statement(_find(statement, self.actor)))


class StatementJson(Door):
    """GET: a statement with its lines as one JSON object."""

    @extend_schema(responses={(200, "application/json"): OpenApiTypes.OBJECT}, operation_id="statements_json")
    def get(self, request: Request, statement: str) -> HttpResponseBase:
        """The file whose SHA-256 the statement names; of a draft the file as it would be drawn up now."""
        with unit(self.actor):
            found = service.current(_find(statement, self.actor))
            return _sent(service.as_json(found), "application/json", f"{found.name_id}.json")


class StatementCsv(Door):
    """GET: the lines of a statement as CSV."""

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR}, operation_id="statements_csv")
    def get(self, request: Request, statement: str) -> HttpResponseBase:
        """The same lines; a text that a spreadsheet would run is made harmless."""
        with unit(self.actor):
            found = _find(statement, self.actor)
            return _sent(service.as_csv(found), "text/csv; charset=utf-8", f"{found.name_id}.csv")


def _readable(actor: Actor) -> QuerySet[Statement]:
    rows = Statement.objects.select_related("payee").filter(livemode=actor.livemode)
    if actor.scope == "all":
        return rows
    return rows.filter(organisation_id__in=permissions.own_ids(actor, "statements.read"))


def _find(name: str, actor: Actor) -> Statement:
    found = by_id(_readable(actor), name)
    owner = found.organisation_id
    permissions.check(actor, "statements.read", Scope(owner, guarded=frozenset({("organisation", owner)})))
    return found


def _sent(pieces: Iterable[str], media_type: str, name: str) -> HttpResponseBase:
    """The pieces written down inside the unit, then sent without one: a slow reader holds no transaction."""
    file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by _drained, when the answer has gone out
    for piece in pieces:
        file.write(piece.encode())
    size = file.tell()
    headers = {"Content-Length": str(size), "Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(_drained(file), content_type=media_type, headers=headers)


def _drained(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(storage.CHUNK):
            yield piece


class CentOut(serializers.Serializer[Any]):
    """How one allocation came about, and the same recomputed from the frozen inputs."""

    run = serializers.CharField()
    work = serializers.CharField()
    payee = serializers.CharField()
    amount_micro = serializers.IntegerField()
    recomputed_micro = serializers.IntegerField()
    equal = serializers.BooleanField()


class Cent(Door):
    """GET: explain this cent."""

    query = frozenset({"run", "work", "payee", "part"})

    @extend_schema(
        responses=CentOut, operation_id="allocations_explain",
        parameters=[
            *(OpenApiParameter(name, str, required=True) for name in ("run", "work", "payee")),
            OpenApiParameter("part", str, description="Which one, where the payee has several parts of the work."),
        ],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Every number of the division, from the payment to the payee; further members as in the guide."""
        run, work, payee = (self.asked(name) for name in ("run", "work", "payee"))
        with unit(self.actor):
            permissions.check(self.actor, "allocations.read", permissions.listing(self.actor))
            by_id(runs(self.actor), run)
            _check_payee(payee, self.actor)
            part = self.request.query_params.get("part")
            return Response(explain.cent(run=run, work=work, payee=payee, part=part))


def _check_payee(name: str, actor: Actor) -> None:
    """A holder asks about its own parties only."""
    if actor.scope == "all":
        return
    try:
        own = Party.objects.filter(public_id=Party.decode(name), organisation_id=actor.tenant, livemode=actor.livemode)
    except ValueError:
        own = Party.objects.none()
    if not own.exists():
        raise Refused("not_found", "There is no such payee here.")
