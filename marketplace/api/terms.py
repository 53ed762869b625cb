"""Terms: drafts, publication, assignment to a level."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.permissions import Scope
from accounts.unit import Actor, unit
from licensing.rights import terms
from licensing.rights.models import Terms, TermsVersion
from marketplace.api import proposals, shapes
from marketplace.api.catalogues import own_organisation
from marketplace.api.doors import Door, Strict
from marketplace.api.find import by_id, visible
from marketplace.api.proposals import ProposalOut
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


def readable(actor: Actor) -> QuerySet[Terms]:
    """Offers the actor may read in full: its organisation's own, for licensees every published one, all for the house.

    An offer to one named licensee is read by that licensee only.
    """
    rows = Terms.objects.prefetch_related("versions").filter(livemode=actor.livemode)
    if actor.scope == "all":
        return rows
    own = Q(organisation_id=actor.organisation_id)
    if not permissions.may(actor, "terms.read", Scope()):
        return rows.filter(own)
    private = TermsVersion.objects.filter(terms=OuterRef("pk"), audience="named")
    private = private.exclude(audience_organisation_id=actor.organisation_id)
    return rows.filter(own | Q(status="published") & ~Exists(private))


def terms_tag(row: Terms) -> str:
    """Changes with every version and with publication; versions are fetched with the row."""
    last = max(version.number for version in row.versions.all())
    return f'"{row.name_id}-{last}-{row.status}"'


class TermsList(Door):
    """GET: offers the caller may read. POST: draft a version of an own one."""

    versioned = True
    query = frozenset({"status"})
    paged = True

    @extend_schema(
        responses=shapes.listing(TermsOut), operation_id="terms_list", parameters=[OpenApiParameter("status", str)]
    )
    def get(self, request: Request) -> Response:
        """Newest first: own ones in every state; for licensees those of every publisher once they are published."""
        wanted = self.chosen("status", Terms.STATES.all)
        with unit(self.actor):
            permissions.check(self.actor, "terms.read", Scope(self.actor.organisation_id))
            rows = readable(self.actor)
            return self.listed(rows.filter(status__in=wanted) if wanted else rows, present_terms)

    @extend_schema(request=TermsBody, responses={201: TermsOut, 202: ProposalOut}, operation_id="terms_create")
    def post(self, request: Request) -> Response:
        """Draft; the same body again returns the version there is. A version of a published offer would be in force at
        once, so it is proposed (202). If-Match: the offer as read.
        """
        sent = self.body(TermsBody)
        with unit(self.actor):
            permissions.check(self.actor, "terms.propose", Scope(self.actor.organisation_id))
            rows = visible(Terms.objects.prefetch_related("versions"), self.actor)
            earlier = rows.filter(own_key=sent["key"]).first()
            if earlier is not None:
                self.check_version(terms_tag(earlier))
        return proposals.carry_out(
            self, "terms.publish", subject=earlier.name_id if earlier else "", do=_draft, show=present_terms,
            payload=terms.written(sent["key"], sent["body"]),
        )  # fmt: skip


class TermsDoor(Door):
    """GET: one offer."""

    @extend_schema(responses=TermsOut, operation_id="terms_read")
    def get(self, request: Request, terms_id: str) -> Response:
        """The newest version in full, with the ETag that If-Match takes."""
        with unit(self.actor):
            found = by_id(readable(self.actor), terms_id)
            permissions.check(self.actor, "terms.read", Scope(found.organisation_id))
            return Response(present_terms(found), headers={"ETag": terms_tag(found)})


def _draft(raw: Mapping[str, Any], actor: Actor, at: datetime) -> Terms:
    made = terms.draft_terms(
        organisation=own_organisation(actor), own_key=raw["key"], body=raw["body"], actor=actor, at=at
    )
    return Terms.objects.prefetch_related("versions").get(pk=made.terms_id)


def _publish(raw: Mapping[str, Any], actor: Actor, at: datetime) -> Terms:
    """Bring an offer into force with exactly this wording."""
    found = _draft(raw, actor, at)
    terms.publish_terms(terms=found, actor=actor, at=at)
    return found


proposals.ACTS["terms.publish"] = proposals.Act("terms.propose", "terms.publish", _publish)


class TermsPublication(Door):
    """POST: make an offer valid."""

    versioned = True

    @extend_schema(request=None, responses={200: TermsOut, 202: ProposalOut}, operation_id="terms_publish")
    def post(self, request: Request, terms_id: str) -> Response:
        """A second person agrees to the newest wording (202); a published offer changes nothing. If-Match: as read."""
        with unit(self.actor):
            found = by_id(visible(Terms.objects.prefetch_related("versions"), self.actor), terms_id)
            permissions.check(self.actor, "terms.propose", Scope(found.organisation_id))
            self.check_version(terms_tag(found))
            if found.status == "published":
                return Response(present_terms(found))
            last = max(found.versions.all(), key=lambda version: version.number)
        return proposals.carry_out(
            self, "terms.publish", subject=found.name_id, payload=terms.written(found.own_key, last.body),
            show=present_terms,
        )  # fmt: skip


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

    versioned = True

    @extend_schema(request=AssignmentBody, responses={201: AssignmentOut}, operation_id="terms_assign")
    def post(self, request: Request, terms_id: str) -> Response:
        """Assign; the same again changes nothing."""
        sent = self.body(AssignmentBody)
        at = self.now()
        with unit(self.actor):
            rows = Terms.objects.select_related("organisation").prefetch_related("versions")
            found = by_id(visible(rows, self.actor), terms_id)
            permissions.check(self.actor, "terms.publish", Scope(found.organisation_id))
            self.check_version(terms_tag(found))
            made = terms.assign_terms(
                terms=found, target=target_of(sent["level"], sent["target"], self.actor), extends=sent["extends"],
                actor=self.actor, at=at,
            )  # fmt: skip
        body = {"object": "assignment", "terms": found.name_id, "level": made.level, "extends": made.extends}
        return Response(body, status.HTTP_201_CREATED)
