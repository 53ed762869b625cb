"""Finding works."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.errors import Reason, Refused
from accounts.permissions import Scope
from accounts.unit import unit
from licensing.catalogue import queries as catalogue
from licensing.catalogue import refs
from licensing.catalogue.models import Work
from licensing.search import queries as search
from licensing.search.queries import Question
from marketplace.api import paging, shapes
from marketplace.api.doors import Door, Strict

FILTERS = {
    "language": "languages", "form": "forms", "catalogue": "catalogues", "organisation": "organisations",
    "imprint": "imprints",
}  # fmt: skip
"""Parameter -> field of the question; several values are separated by commas."""


class ContributorOut(serializers.Serializer[Any]):
    """Somebody who made it."""

    sequence = serializers.IntegerField()
    role = serializers.CharField()
    name = serializers.CharField()
    party = serializers.CharField(allow_null=True)


class IdentifierOut(serializers.Serializer[Any]):
    """An identifier of an edition; `valid` false: kept as sent, never matched."""

    type = serializers.CharField()
    value = serializers.CharField()
    valid = serializers.BooleanField()


class AssetOut(serializers.Serializer[Any]):
    """A content file."""

    id = serializers.CharField()
    layer = serializers.CharField()
    filename = serializers.CharField()
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField()


class WorkOut(shapes.Object):
    """A work with what a list shows of it."""

    organisation = serializers.CharField()
    catalogue = serializers.CharField()
    imprint = serializers.CharField(allow_null=True)
    own_id = serializers.CharField()
    title = serializers.CharField()
    subtitle = serializers.CharField(allow_blank=True)
    form = serializers.CharField()
    language = serializers.CharField()
    subjects = serializers.ListField(child=serializers.CharField())
    characters = serializers.IntegerField(allow_null=True)
    words = serializers.IntegerField(allow_null=True)
    tokens = serializers.IntegerField(allow_null=True)
    status = serializers.CharField()
    contributors = ContributorOut(many=True)
    identifiers = IdentifierOut(many=True)
    assets = AssetOut(many=True)


def present_work(row: Work) -> Mapping[str, Any]:
    """The public form of a work; what belongs to it is fetched with it (`catalogue.queries.listed`)."""
    return shapes.thing(row, "work") | {
        "organisation": row.organisation.name_id, "catalogue": row.catalogue.name_id,
        "imprint": row.imprint.name if row.imprint else None, "own_id": row.own_id, "title": row.title,
        "subtitle": row.subtitle, "form": row.form, "language": row.language, "subjects": row.subjects,
        "characters": row.characters, "words": row.words, "tokens": row.tokens, "status": row.status,
        "contributors": [
            {"sequence": one.sequence, "role": one.role, "name": one.name, "party": one.party and one.party.name_id}
            for one in row.contributors.all()
        ],
        "identifiers": [
            {"type": one.scheme, "value": one.value, "valid": one.valid}
            for edition in row.editions.all() for one in edition.identifiers.all()
        ],
        "assets": [
            {"id": one.name_id, "layer": one.layer, "filename": one.filename, "bytes": one.bytes, "sha256": one.sha256}
            for one in row.assets.all()
        ],
    }  # fmt: skip


class FacetOut(serializers.Serializer[Any]):
    """How many works have a value."""

    value = serializers.CharField()
    count = serializers.IntegerField()


class SizeOut(serializers.Serializer[Any]):
    """What the works with content measure together."""

    works = serializers.IntegerField()
    characters = serializers.IntegerField()
    words = serializers.IntegerField()
    tokens = serializers.IntegerField()


class FoundOut(serializers.Serializer[Any]):
    """A page of works; `count`, `facets` and `size` with include=count. `capped`: there are more than `count`."""

    object = serializers.CharField()
    next_cursor = serializers.CharField(allow_null=True)
    has_more = serializers.BooleanField()
    count = serializers.IntegerField(required=False)
    capped = serializers.BooleanField(required=False)
    facets = serializers.DictField(child=serializers.ListField(child=FacetOut()), required=False)
    size = SizeOut(required=False)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`data` is an attribute of DRF's serializers, so it cannot be declared as one of ours."""
        return {**super().get_fields(), "data": WorkOut(many=True)}


class Works(Door):
    """GET: works the caller may know of; without a key the live ones."""

    public = True
    paged = True
    query = frozenset({"q", "with_content", *FILTERS})

    @extend_schema(
        responses=FoundOut, operation_id="works_list",
        parameters=[
            *(OpenApiParameter(name, str) for name in ("q", *FILTERS)), OpenApiParameter("with_content", bool),
        ],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Words in title, names, subjects, publisher; filters take several values; include=count adds facets."""
        chosen = {
            field: tuple(value for value in request.query_params.get(name, "").split(",") if value)
            for name, field in FILTERS.items()
        }
        asked = Question(
            text=request.query_params.get("q", "")[:400], with_content=_flag(request, "with_content"),
            languages=chosen["languages"], forms=chosen["forms"], catalogues=chosen["catalogues"],
            organisations=chosen["organisations"], imprints=chosen["imprints"],
        )  # fmt: skip
        counted = paging.counted(request)
        with unit(self.actor):
            permissions.check(self.actor, "public.read", Scope())
            found = search.find(
                asked, actor=self.actor, limit=paging.limit_of(request), after=_after(request), facets=counted
            )
            data = [present_work(work) for work in found.works]
        body: dict[str, Any] = {
            "object": "list", "data": data, "next_cursor": found.after and found.after.hex,
            "has_more": found.after is not None,
        }  # fmt: skip
        if counted:
            facets = {
                name: [{"value": value, "count": times} for value, times in rows] for name, rows in found.facets.items()
            }
            body |= {"count": found.total, "capped": found.capped, "facets": facets, "size": dict(found.size)}
        return Response(body, headers=paging.link(request, body["next_cursor"]))


def _after(request: Request) -> UUID | None:
    sent = request.query_params.get("cursor")
    if not sent:
        return None
    try:
        return UUID(sent)
    except ValueError:
        raise paging.bad_cursor(sent) from None


def _flag(request: Request, name: str) -> bool:
    sent = request.query_params.get(name, "false")
    if sent not in ("true", "false"):
        reason = Reason("parameter_invalid", "Yes or no.", f"/{name}", sent[:40], "true or false")
        raise Refused("parameter_invalid", f"{name} is true or false.", [reason])
    return sent == "true"


class WorkDoor(Door):
    """GET: one work by its id or by a name of the world: isbn:, doi:, own:."""

    public = True

    @extend_schema(responses=WorkOut, operation_id="works_read")
    def get(self, request: Request, work: str) -> Response:
        """A work the caller may know of."""
        with unit(self.actor):
            permissions.check(self.actor, "public.read", Scope())
            found = catalogue.find_work(work, actor=self.actor)
            rows = catalogue.listed(catalogue.visible(self.actor).filter(pk=found.pk))
            return Response(present_work(rows.get()))


class BatchBody(Strict):
    """Works by any references."""

    ids = serializers.ListField(child=serializers.CharField(max_length=300), min_length=1, max_length=1000)


class BatchOut(serializers.Serializer[Any]):
    """The works found, in the order asked for, and the references that name none."""

    object = serializers.CharField()
    unknown = serializers.ListField(child=serializers.CharField())

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`data`, as above."""
        return {**super().get_fields(), "data": WorkOut(many=True)}


class WorkBatch(Door):
    """POST: up to 1,000 works at once."""

    public = True

    @extend_schema(request=BatchBody, responses=BatchOut, operation_id="works_batch_get")
    def post(self, request: Request) -> Response:
        """What exists and may be known; the rest is listed as unknown."""
        asked = self.body(BatchBody)["ids"]
        with unit(self.actor):
            permissions.check(self.actor, "public.read", Scope())
            named = refs.works(asked, actor=self.actor)
            wanted = {work.pk for work in named.values()}
            rows = catalogue.listed(catalogue.visible(self.actor).filter(pk__in=wanted))
            found = {row.pk: row for row in rows}
            there = [ref for ref in dict.fromkeys(asked) if ref in named and named[ref].pk in found]
            data = [present_work(found[named[ref].pk]) for ref in there]
        unknown = [ref for ref in dict.fromkeys(asked) if ref not in there]
        return Response({"object": "list", "data": data, "unknown": unknown})
