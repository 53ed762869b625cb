"""Splits: who is paid for a claim's money."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.permissions import Scope
from accounts.unit import Actor, unit
from licensing.catalogue import refs
from licensing.rights import services as rights
from licensing.rights import splits
from licensing.rights.models import WHOLE, Claim, SplitVersion
from marketplace.api import proposals, shapes
from marketplace.api.doors import Door, Strict, read
from marketplace.api.find import by_id, visible
from marketplace.api.proposals import ProposalOut
from marketplace.api.rights import claim_tag, period_of


class PartBody(Strict):
    """One payee's part."""

    party = serializers.CharField(allow_null=True)
    ppm = shapes.Whole(min_value=1, max_value=WHOLE)
    role = serializers.CharField(max_length=40)


class SplitBody(Strict):
    """Who is paid for a claim's money; the parts sum to exactly 1,000,000 ppm."""

    claim = serializers.CharField()
    parts = serializers.ListField(child=PartBody(), min_length=1, max_length=1000)
    starts = serializers.DateField(required=False, default=None, allow_null=True)
    ends = serializers.DateField(required=False, default=None, allow_null=True)
    document = serializers.CharField(required=False, default="", allow_blank=True)


class SplitOut(shapes.Object):
    """A version of a split."""

    claim = serializers.CharField()
    number = serializers.IntegerField()
    parts = PartBody(many=True)
    frozen = serializers.BooleanField()


def present_split(row: SplitVersion) -> Mapping[str, Any]:
    """The public form of a split version; parts are fetched with it."""
    parts = [
        {"party": part.party.name_id if part.party else None, "ppm": part.ppm, "role": part.role}
        for part in row.parts.all()
    ]
    return shapes.thing(row, "split") | {
        "claim": row.claim.name_id, "number": row.number, "parts": parts, "frozen": row.frozen_at is not None,
        "livemode": row.claim.livemode,
    }  # fmt: skip


class Splits(Door):
    """GET: splits of the caller's claims. POST: write the next version of one."""

    versioned = True
    paged = True

    @extend_schema(responses=shapes.listing(SplitOut), operation_id="splits_list")
    def get(self, request: Request) -> Response:
        """Newest first."""
        with unit(self.actor):
            permissions.check(self.actor, "rights.read", Scope(self.actor.organisation_id))
            rows = SplitVersion.objects.filter(claim__in=visible(Claim.objects.all(), self.actor))
            return self.listed(rows.select_related("claim").prefetch_related("parts__party"), present_split)

    @extend_schema(request=SplitBody, responses={201: SplitOut, 202: ProposalOut}, operation_id="splits_create")
    def post(self, request: Request) -> Response:
        """Say who is paid; a second person agrees (202). Refused when the parts do not sum. If-Match: the claim's."""
        raw = self.object_body(SplitBody)
        with unit(self.actor):
            wanted = _split(raw, self.actor)
            permissions.check(self.actor, "splits.propose", Scope(wanted["claim"].organisation_id))
            self.check_version(claim_tag(wanted["claim"]))
        return proposals.carry_out(
            self, "splits.write", subject=wanted["claim"].name_id, payload=splits.written(**wanted), show=present_split
        )


class SplitDoor(Door):
    """GET: one version of a split."""

    @extend_schema(responses=SplitOut, operation_id="splits_read")
    def get(self, request: Request, split: str) -> Response:
        """With the ETag of its claim, which the next version names in If-Match."""
        with unit(self.actor):
            rows = SplitVersion.objects.filter(claim__in=visible(Claim.objects.all(), self.actor))
            found = by_id(rows.select_related("claim").prefetch_related("parts__party"), split)
            permissions.check(self.actor, "rights.read", Scope(found.claim.organisation_id))
            return Response(present_split(found), headers={"ETag": claim_tag(found.claim)})


def _split(raw: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
    """What a split body names, found: claim, parts, days, document."""
    sent = read(SplitBody, raw)
    claim = by_id(visible(Claim.objects.all(), actor), sent["claim"])
    parts = [
        splits.Part(
            refs.party(part["party"], organisation_id=claim.organisation_id, actor=actor) if part["party"] else None,
            part["ppm"], part["role"],
        )
        for part in sent["parts"]
    ]  # fmt: skip
    known = rights.as_period(claim.period)
    valid = period_of(sent["starts"] or known.start, sent["ends"] or known.end)
    return {"claim": claim, "parts": parts, "valid": valid, "document": sent["document"]}


def _set_split(raw: Mapping[str, Any], actor: Actor, at: datetime) -> SplitVersion:
    return splits.set_split(**_split(raw, actor), actor=actor, at=at)


proposals.ACTS["splits.write"] = proposals.Act("splits.propose", "splits.write", _set_split)
