"""The audit log: who did what to which object, and whether it is still what was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import chain, permissions
from accounts.models import AuditRow
from accounts.unit import Actor, unit
from marketplace.api import shapes
from marketplace.api.doors import Door


class AuditOut(serializers.Serializer[Any]):
    """One act; `position` and `hash` once it is a link of its organisation's chain."""

    object = serializers.CharField()
    act = serializers.CharField()
    actor = serializers.CharField()
    subject = serializers.CharField()
    before = serializers.DictField(allow_null=True)
    after = serializers.DictField(allow_null=True)
    request_id = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()
    livemode = serializers.BooleanField()
    position = serializers.IntegerField(allow_null=True)
    hash = serializers.CharField(allow_null=True)


def present_act(row: AuditRow) -> Mapping[str, Any]:
    """The public form of an audit row; its link is fetched with it."""
    link = getattr(row, "link", None)
    return {
        "object": "audit_row", "act": row.act, "actor": row.actor, "subject": row.subject, "before": row.before,
        "after": row.after, "request_id": row.request_id, "at": shapes.moment(row.at), "livemode": row.livemode,
        "position": link and link.position, "hash": link and link.hash,
    }  # fmt: skip


def _acts(actor: Actor) -> QuerySet[AuditRow]:
    rows = AuditRow.objects.select_related("link").filter(livemode=actor.livemode)
    if actor.scope == "all":
        return rows
    return rows.filter(organisation_id__in=permissions.own_ids(actor, "audit.read"))


class Audit(Door):
    """GET: what was done to the things of the caller's organisation."""

    query = frozenset({"subject", "act"})
    paged = True

    @extend_schema(
        responses=shapes.listing(AuditOut), operation_id="audit_list",
        parameters=[OpenApiParameter(name, str) for name in ("subject", "act")],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Newest first; `subject=` is a public id, `act=` such as split.set."""
        with unit(self.actor):
            permissions.check(self.actor, "audit.read", permissions.listing(self.actor, "organisation"))
            rows = _acts(self.actor)
            for name in ("subject", "act"):
                if request.query_params.get(name):
                    rows = rows.filter(**{name: request.query_params[name]})
            return self.listed(rows, present_act)


class ProofOut(serializers.Serializer[Any]):
    """The verdict over a chain; rows that wait are linked by the next job."""

    object = serializers.CharField()
    ok = serializers.BooleanField()
    links = serializers.IntegerField()
    waiting = serializers.IntegerField()
    first_bad = serializers.CharField(allow_null=True)


class AuditVerification(Door):
    """GET: check the hash chain now."""

    @extend_schema(responses=ProofOut, operation_id="audit_verification")
    def get(self, request: Request) -> Response:
        """The chain of the caller's organisation; all of them for auditors and operators."""
        with unit(self.actor):
            permissions.check(self.actor, "audit.read", permissions.listing(self.actor))
            proof = chain.verify(None if self.actor.scope == "all" else self.actor.tenant)
        return Response(
            {
                "object": "audit_verification", "ok": proof.first_bad is None, "links": proof.links,
                "waiting": proof.waiting, "first_bad": proof.first_bad,
            }
        )  # fmt: skip
