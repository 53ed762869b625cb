"""Grants, their certificates and works; what anybody may check of a certificate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts import unit as units
from accounts.unit import SYSTEM, unit
from licensing.grants import keys, queries
from licensing.grants.models import Grant, GrantWork
from licensing.grants.queries import Public
from marketplace.api import shapes
from marketplace.api.doors import Door
from marketplace.api.find import by_id
from marketplace.api.uses import object_of


class GrantOut(shapes.Object):
    """A licence."""

    order = serializers.CharField()
    licensee = serializers.CharField()
    version = serializers.IntegerField()
    status = serializers.ChoiceField(Grant.STATES.all)
    issued_at = serializers.DateTimeField()
    starts = serializers.DateField()
    ends = serializers.DateField(allow_null=True)
    works_count = serializers.IntegerField()
    works_root = serializers.CharField()
    terms_root = serializers.CharField()


class PriceOpening(serializers.Serializer[Any]):
    """What the price commitment of the certificate commits to: SHA-256(salt || JCS(price))."""

    salt = serializers.CharField()
    price = serializers.DictField(child=serializers.CharField())


class GrantWithPrice(GrantOut):
    """A licence, and for its licensee and the operator the opening of its price commitment."""

    price_opening = PriceOpening(allow_null=True)


def present_grant(row: Grant) -> Mapping[str, Any]:
    """The public form of a grant; order and licensee are fetched with it."""
    return shapes.thing(row, "grant") | {
        "order": row.order.name_id, "licensee": row.organisation.name_id, "version": row.version,
        "status": row.status, "issued_at": shapes.moment(row.issued_at), "starts": row.starts, "ends": row.ends,
        "works_count": row.works_count, "works_root": row.works_root, "terms_root": row.terms_root,
    }  # fmt: skip


class Grants(Door):
    """GET: grants of the caller's organisation, and for holders those that license their works."""

    paged = True

    @extend_schema(responses=shapes.listing(GrantOut), operation_id="grants_list")
    def get(self, request: Request) -> Response:
        """Newest first."""
        with unit(self.actor):
            permissions.check(self.actor, "orders.read", permissions.listing(self.actor, "grant"))
            return self.listed(queries.visible(self.actor), present_grant)


class GrantDoor(Door):
    """GET: one grant."""

    @extend_schema(responses=GrantWithPrice, operation_id="grants_read")
    def get(self, request: Request, grant: str) -> Response:
        """A grant the caller may know of; holders and auditors get no price opening."""
        with unit(self.actor):
            found = by_id(queries.visible(self.actor), grant)
            permissions.check(self.actor, "orders.read", queries.scope_of(found))
            return Response({**present_grant(found), "price_opening": queries.price_opening(found, self.actor)})


class GrantCertificate(Door):
    """GET: the certificate as signed."""

    @extend_schema(
        responses={(200, "application/vc+ld+json"): OpenApiTypes.OBJECT}, operation_id="grants_certificate"
    )
    def get(self, request: Request, grant: str) -> HttpResponseBase:
        """The stored bytes; licensees and the house only, since it names the licensee and the use."""
        with unit(self.actor):
            found = by_id(queries.visible(self.actor), grant)
            permissions.check(self.actor, "releases.manifest", queries.scope_of(found))
            return HttpResponse(queries.certificate(found), content_type="application/vc+ld+json")


class GrantWorkOut(serializers.Serializer[Any]):
    """A licensed work and what licenses it."""

    work = serializers.CharField()
    title = serializers.CharField()
    organisation = serializers.CharField()
    terms = serializers.CharField(allow_blank=True)
    terms_sha256 = serializers.CharField(allow_blank=True)
    licence = serializers.CharField(allow_blank=True)


def present_grant_work(row: GrantWork) -> Mapping[str, Any]:
    """The public form of a licensed work."""
    return {
        "work": row.work.name_id, "title": row.work.title, "organisation": row.organisation.name_id,
        "terms": row.terms_id, "terms_sha256": row.terms_sha256, "licence": row.licence,
    }  # fmt: skip


class GrantWorks(Door):
    """GET: the works of a grant; a holder sees its own."""

    paged = True

    @extend_schema(responses=shapes.listing(GrantWorkOut), operation_id="grants_works")
    def get(self, request: Request, grant: str) -> Response:
        """In the order they were sold."""
        with unit(self.actor):
            found = by_id(queries.visible(self.actor), grant)
            permissions.check(self.actor, "orders.read", queries.scope_of(found))
            return self.listed(queries.works(found, self.actor), present_grant_work, by="pk")


class IssuerOut(serializers.Serializer[Any]):
    """Who signed."""

    id = serializers.CharField()
    name = serializers.CharField()


class CertificateOut(serializers.Serializer[Any]):
    """What anybody may know of a certificate: neither licensee nor works."""

    object = serializers.CharField()
    grant = serializers.CharField()
    version = serializers.IntegerField()
    livemode = serializers.BooleanField()
    status = serializers.ChoiceField(["valid", "expired", "not_yet", "suspended", "revoked"])
    issuer = IssuerOut()
    issued_at = serializers.DateTimeField()
    valid_from = serializers.DateTimeField()
    valid_until = serializers.DateTimeField(allow_null=True)
    kind = serializers.CharField()
    sha256 = serializers.CharField()


def present_certificate(found: Public) -> Mapping[str, Any]:
    """The public form of a certificate."""
    return {
        "object": "certificate", "grant": found.grant, "version": found.version, "livemode": found.livemode,
        "status": found.status, "issuer": dict(found.issuer), "issued_at": shapes.moment(found.issued_at),
        "valid_from": found.valid_from, "valid_until": found.valid_until, "kind": found.kind, "sha256": found.sha256,
    }  # fmt: skip


class CertificateDoor(Door):
    """GET: the status of a certificate, without a key."""

    public = True

    @extend_schema(responses=CertificateOut, operation_id="certificates_read")
    def get(self, request: Request, grant: str) -> Response:
        """By the grant's id, as printed on it."""
        return Response(present_certificate(queries.public_facts(grant, at=clock())))


class VerdictOut(serializers.Serializer[Any]):
    """The verdict over a presented certificate, and what it says when it is ours."""

    object = serializers.CharField()
    ok = serializers.BooleanField()
    status = serializers.ChoiceField(["valid", "expired", "not_yet", "suspended", "revoked", "superseded", "unknown"])
    authentic = serializers.BooleanField()
    problem = serializers.CharField(allow_null=True)
    certificate = CertificateOut(allow_null=True)
    document = serializers.DictField(allow_null=True)


class CertificateCheck(Door):
    """POST: check a certificate somebody has; without a key."""

    public = True

    @extend_schema(request=OpenApiTypes.OBJECT, responses=VerdictOut, operation_id="certificates_verify")
    def post(self, request: Request) -> Response:
        """The whole document as the body. A wrong one is an answer, not an error."""
        verdict = queries.presented(object_of(request.data), at=clock())
        found = verdict["certificate"]
        return Response({"object": "verdict", **verdict, "certificate": found and present_certificate(found)})


def clock() -> Any:
    """The database's time for a caller without a key."""
    with unit(SYSTEM):
        return units.now()


class Trust(Door):
    """GET: the root key and the issuer keys it signed."""

    public = True

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponseBase:
        """What `licet-verify --trust` takes; compare its fingerprint with the printed one."""
        with unit(SYSTEM):
            return HttpResponse(keys.trust(), content_type="application/json")
