"""Terms: drafts, publication, assignment to a level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.permissions import Scope
from accounts.unit import unit
from licensing.rights import terms
from licensing.rights.models import Terms
from marketplace.api import shapes
from marketplace.api.catalogues import own_organisation
from marketplace.api.doors import Door, Strict
from marketplace.api.find import by_id, visible
from marketplace.api.rights import target_of


class TermsBody(Strict):
    """The next version of an offer; `body` as the guide to terms describes it."""

    key = serializers.CharField(max_length=120)
    body = serializers.DictField()


class TermsOut(shapes.Object):
    """An offer with its newest version."""

    key = serializers.CharField()
    status = serializers.CharField()
    version = serializers.IntegerField()
    sha256 = serializers.CharField()
    body = serializers.DictField()


def present_terms(row: Terms) -> Mapping[str, Any]:
    """The public form of an offer; versions are fetched with it."""
    last = max(row.versions.all(), key=lambda version: version.number)
    return shapes.thing(row, "terms") | {
        "key": row.own_key, "status": row.status, "version": last.number, "sha256": last.sha256, "body": last.body,
    }  # fmt: skip


class TermsList(Door):
    """GET: offers of the caller's organisation. POST: draft a version."""

    @extend_schema(responses=shapes.listing(TermsOut), operation_id="terms_list")
    def get(self, request: Request) -> Response:
        """Newest first."""
        with unit(self.actor):
            permissions.check(self.actor, "terms.read", Scope(self.actor.organisation_id))
            rows = visible(Terms.objects.prefetch_related("versions"), self.actor)
            return self.listed(rows, present_terms)

    @extend_schema(request=TermsBody, responses={201: TermsOut}, operation_id="terms_create")
    def post(self, request: Request) -> Response:
        """Draft; the same body again returns the version there is."""
        sent = self.body(TermsBody)
        at = self.now()
        with unit(self.actor):
            permissions.check(self.actor, "terms.propose", Scope(self.actor.organisation_id))
            version = terms.draft_terms(
                organisation=own_organisation(self.actor), own_key=sent["key"], body=sent["body"], actor=self.actor,
                at=at,
            )  # fmt: skip
            body = present_terms(version.terms)
        return Response(body, status.HTTP_201_CREATED)


class TermsPublication(Door):
    """POST: make an offer valid."""

    @extend_schema(request=None, responses=TermsOut, operation_id="terms_publish")
    def post(self, request: Request, terms_id: str) -> Response:
        """Publish; doing it again changes nothing."""
        at = self.now()
        with unit(self.actor):
            found = by_id(visible(Terms.objects.prefetch_related("versions"), self.actor), terms_id)
            permissions.check(self.actor, "terms.publish", Scope(found.organisation_id))
            terms.publish_terms(terms=found, actor=self.actor, at=at)
            return Response(present_terms(found))


class AssignmentBody(Strict):
    """Where an offer applies; `extends` adds to broader levels instead of replacing their sets."""

    level = serializers.ChoiceField(["catalogue", "imprint", "work"])
    target = serializers.CharField()
    extends = serializers.BooleanField(required=False, default=False)


class AssignmentOut(serializers.Serializer[Any]):
    """An assignment."""

    object = serializers.CharField()
    terms = serializers.CharField()
    level = serializers.CharField()
    extends = serializers.BooleanField()


class TermsAssignments(Door):
    """POST: put an offer into the set of a level."""

    @extend_schema(request=AssignmentBody, responses={201: AssignmentOut}, operation_id="terms_assign")
    def post(self, request: Request, terms_id: str) -> Response:
        """Assign; the same again changes nothing."""
        sent = self.body(AssignmentBody)
        at = self.now()
        with unit(self.actor):
            found = by_id(visible(Terms.objects.select_related("organisation"), self.actor), terms_id)
            permissions.check(self.actor, "terms.publish", Scope(found.organisation_id))
            made = terms.assign_terms(
                terms=found, target=target_of(sent["level"], sent["target"], self.actor), extends=sent["extends"],
                actor=self.actor, at=at,
            )  # fmt: skip
        body = {"object": "assignment", "terms": found.name_id, "level": made.level, "extends": made.extends}
        return Response(body, status.HTTP_201_CREATED)
