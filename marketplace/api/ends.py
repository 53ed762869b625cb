"""Acts on what is stated of works: a claim is verified or given up, a reservation lifted."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.permissions import Scope
from accounts.unit import unit
from licensing.rights import ends
from licensing.rights.models import Claim, Reservation
from marketplace.api.doors import Door, Strict
from marketplace.api.find import by_id, visible
from marketplace.api.rights import ClaimOut, ReservationOut, claim_tag, present_claim, present_reservation


class EvidenceBody(Strict):
    """What the operator has seen."""

    evidence = serializers.CharField(max_length=2000)


class ClaimVerification(Door):
    """POST: an operator has seen what proves a claim."""

    @extend_schema(request=EvidenceBody, responses=ClaimOut, operation_id="claims_verify")
    def post(self, request: Request, claim: str) -> Response:
        """Verified, where a use asks for it; 409 for a contested claim, which is decided instead."""
        sent = self.body(EvidenceBody)
        at = self.now()
        with unit(self.actor):
            found = by_id(visible(Claim.objects.select_related("holder"), self.actor), claim)
            permissions.check(self.actor, "claims.verify", Scope(found.organisation_id))
            ends.verify_claim(claim=found, evidence=sent["evidence"], actor=self.actor, at=at)
            return Response(present_claim(found))


class EndBody(Strict):
    """Why."""

    reason = serializers.CharField(max_length=2000)


class ClaimEnd(Door):
    """POST: give a claim up."""

    versioned = True

    @extend_schema(request=EndBody, responses=ClaimOut, operation_id="claims_end")
    def post(self, request: Request, claim: str) -> Response:
        """From now on it licenses nothing; grants stay. A conflict it was needed for is closed. If-Match: as read."""
        sent = self.body(EndBody)
        at = self.now()
        with unit(self.actor):
            found = by_id(visible(Claim.objects.select_related("holder"), self.actor), claim)
            permissions.check(self.actor, "claims.write", Scope(found.organisation_id))
            self.check_version(claim_tag(found))
            ends.end_claim(claim=found, reason=sent["reason"], actor=self.actor, at=at)
            return Response(present_claim(found), headers={"ETag": claim_tag(found)})


class ReservationEnd(Door):
    """POST: lift a reservation."""

    @extend_schema(request=EndBody, responses=ReservationOut, operation_id="reservations_end")
    def post(self, request: Request, reservation: str) -> Response:
        """Decisions that were made stay as they are."""
        sent = self.body(EndBody)
        at = self.now()
        with unit(self.actor):
            found = by_id(visible(Reservation.objects.all(), self.actor), reservation)
            permissions.check(self.actor, "claims.write", Scope(found.organisation_id))
            ends.end_reservation(reservation=found, reason=sent["reason"], actor=self.actor, at=at)
            return Response(present_reservation(found))
