"""Uses and bundles: what a licensee intends, and with which works."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.errors import Reason, Refused
from accounts.permissions import Scope
from accounts.unit import unit
from licensing.catalogue.models import Catalogue
from licensing.clearing import services as clearing
from licensing.clearing.models import Bundle, UseProfile
from marketplace.api import shapes
from marketplace.api.catalogues import own_organisation
from marketplace.api.doors import Door, Strict
from marketplace.api.find import by_id, visible


class WindowBody(Strict):
    """Days, half-open."""

    until = serializers.DateField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`from` is a word of Python."""
        return {"from": serializers.DateField(), **super().get_fields()}


class UseBody(serializers.Serializer[Any]):
    """What a licensee intends. Only the schema: the fields are read by `clearing.services`, which names wrong ones."""

    title = serializers.CharField(max_length=200, required=False)
    actions = serializers.ListField(child=serializers.CharField())
    territories = shapes.Territories()
    model_territories = shapes.Territories(required=False)
    training_window = WindowBody()
    copy_retention_days = shapes.Whole(required=False, allow_null=True)
    model_survival = serializers.CharField(required=False)
    model_kind = serializers.CharField(required=False)
    size_band = serializers.CharField(required=False)
    outputs = serializers.ListField(child=serializers.CharField())
    distribution = serializers.ListField(child=serializers.CharField(), required=False)
    commercial = serializers.BooleanField(required=False)
    research = serializers.BooleanField(required=False)
    non_profit = serializers.BooleanField(required=False)
    exclusive = serializers.BooleanField(required=False)
    min_assurance = serializers.CharField(required=False)
    attribution = serializers.BooleanField(required=False)
    accepts_share_alike = serializers.BooleanField(required=False)
    accepts_contested = serializers.BooleanField(required=False)
    declines = serializers.ListField(child=serializers.CharField(), required=False)
    delivery = serializers.CharField(required=False)
    exclusions = serializers.DictField(required=False)
    max_price_minor = shapes.Whole(required=False, allow_null=True)
    past_use = serializers.BooleanField(required=False)


class UseOut(shapes.Object):
    """A use profile, complete with its defaults."""

    title = serializers.CharField(allow_blank=True)
    sha256 = serializers.CharField()
    body = UseBody()


def present_use(row: UseProfile) -> Mapping[str, Any]:
    """The public form of a use."""
    return shapes.thing(row, "use") | {"title": row.title, "sha256": row.sha256, "body": row.body}


class Uses(Door):
    """GET: the caller's use profiles. POST: declare one."""

    paged = True

    @extend_schema(responses=shapes.listing(UseOut), operation_id="uses_list")
    def get(self, request: Request) -> Response:
        """Newest first."""
        with unit(self.actor):
            permissions.check(self.actor, "clearances.read", Scope(self.actor.organisation_id))
            return self.listed(visible(UseProfile.objects.all(), self.actor), present_use)

    @extend_schema(request=UseBody, responses={201: UseOut}, operation_id="uses_create")
    def post(self, request: Request) -> Response:
        """Declare a use; every wrong field is named."""
        sent = dict(object_of(request.data))
        title = sent.pop("title", "")
        if not isinstance(title, str) or len(title) > 200:
            raise Refused("field_invalid", "The title is a text.", [Reason("field_invalid", "A text.", "/title")])
        at = self.now()
        with unit(self.actor):
            permissions.check(self.actor, "uses.write", Scope(self.actor.organisation_id))
            made = clearing.create_use(
                organisation=own_organisation(self.actor), body=sent, title=title, actor=self.actor, at=at
            )
        return Response(present_use(made), status.HTTP_201_CREATED)


def object_of(data: Any) -> Mapping[str, Any]:
    """The body, which must be a JSON object. Raises Refused("field_invalid")."""
    if not isinstance(data, Mapping):
        raise Refused("field_invalid", "Send a JSON object.", [Reason("field_invalid", "An object is expected.")])
    return data


class UseDoor(Door):
    """GET: one use profile."""

    @extend_schema(responses=UseOut, operation_id="uses_read")
    def get(self, request: Request, use: str) -> Response:
        """A use of the caller's organisation."""
        with unit(self.actor):
            found = by_id(visible(UseProfile.objects.all(), self.actor), use)
            permissions.check(self.actor, "clearances.read", Scope(found.organisation_id))
            return Response(present_use(found))


class QueryBody(Strict):
    """Which works; every filter must fit."""

    organisation = serializers.CharField(max_length=100, required=False)
    catalogue = serializers.CharField(max_length=100, required=False)
    catalogues = serializers.ListField(child=serializers.CharField(max_length=100), required=False, max_length=100)
    language = serializers.CharField(max_length=40, required=False)
    form = serializers.CharField(max_length=40, required=False)
    q = serializers.CharField(max_length=400, required=False)


class BundleBody(Strict):
    """A selection by query, or by a list of references."""

    title = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    query = QueryBody(required=False, default=None)
    ids = serializers.ListField(
        child=serializers.CharField(max_length=300), required=False, default=None, max_length=1000
    )


class BundleOut(shapes.Object):
    """A bundle as resolved."""

    title = serializers.CharField(allow_blank=True)
    query = serializers.DictField(allow_null=True)
    works_count = serializers.IntegerField()
    unknown_ids = serializers.ListField(child=serializers.CharField())
    duplicate_ids = serializers.IntegerField()


def present_bundle(row: Bundle) -> Mapping[str, Any]:
    """The public form of a bundle."""
    return shapes.thing(row, "bundle") | {
        "title": row.title, "query": row.query, "works_count": row.works_count, "unknown_ids": row.unknown_ids,
        "duplicate_ids": row.duplicate_ids,
    }  # fmt: skip


class Bundles(Door):
    """GET: the caller's bundles. POST: select works."""

    paged = True

    @extend_schema(responses=shapes.listing(BundleOut), operation_id="bundles_list")
    def get(self, request: Request) -> Response:
        """Newest first."""
        with unit(self.actor):
            permissions.check(self.actor, "clearances.read", Scope(self.actor.organisation_id))
            return self.listed(visible(Bundle.objects.all(), self.actor), present_bundle)

    @extend_schema(request=BundleBody, responses={201: BundleOut}, operation_id="bundles_create")
    def post(self, request: Request) -> Response:
        """Resolve the selection now; unknown and repeated ids are counted, not refused."""
        sent = self.body(BundleBody)
        at = self.now()
        query = None if sent["query"] is None else _by_key(sent["query"])
        with unit(self.actor):
            permissions.check(self.actor, "uses.write", Scope(self.actor.organisation_id))
            made = clearing.create_bundle(
                organisation=own_organisation(self.actor), title=sent["title"], query=query, ids=sent["ids"],
                actor=self.actor, at=at,
            )  # fmt: skip
        return Response(present_bundle(made), status.HTTP_201_CREATED)


def _by_key(query: Mapping[str, Any]) -> dict[str, Any]:
    """Catalogue ids as the keys the selection compares with; slugs stay."""
    found = dict(query)
    if "catalogue" in found:
        found["catalogue"] = _key(found["catalogue"])
    if "catalogues" in found:
        found["catalogues"] = [_key(name) for name in found["catalogues"]]
    return found


def _key(name: str) -> str:
    try:
        return str(Catalogue.decode(name))
    except ValueError:
        return name


class BundleDoor(Door):
    """GET: one bundle."""

    @extend_schema(responses=BundleOut, operation_id="bundles_read")
    def get(self, request: Request, bundle: str) -> Response:
        """A bundle of the caller's organisation."""
        with unit(self.actor):
            found = by_id(visible(Bundle.objects.all(), self.actor), bundle)
            permissions.check(self.actor, "clearances.read", Scope(found.organisation_id))
            return Response(present_bundle(found))
