"""Acts that need a second person: whoever may propose asks for them at their own door; here another one decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import countersign, permissions
from accounts.base import Named
from accounts.errors import Refused
from accounts.models import Countersign
from accounts.permissions import Scope
from accounts.unit import Actor, unit
from marketplace.api import shapes
from marketplace.api.doors import Door
from marketplace.api.find import by_id, visible

Do = Callable[[Mapping[str, Any], Actor, datetime], Named]


@dataclass(frozen=True, slots=True)
class Act:
    """What a proposal of one kind does when it is agreed to. `proposing` is the right to ask for it and to take that
    back, `right` is what the second person needs.
    """

    proposing: str
    right: str
    do: Do


ACTS: dict[str, Act] = {}
"""Name of an act (countersign.NEEDED) -> how it is done; filled by the doors that offer them."""


class ProposalOut(shapes.Object):
    """An act that waits for a second person, or what became of it; `result` in the answer that carried it out."""

    act = serializers.CharField()
    subject = serializers.CharField()
    payload = serializers.DictField()
    status = serializers.ChoiceField(Countersign.STATES.all)
    proposer = serializers.CharField()
    approver = serializers.CharField(allow_null=True)
    expires_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    result = serializers.CharField(allow_null=True)


def present_proposal(row: Countersign, result: str | None = None) -> Mapping[str, Any]:
    """The public form of a proposal; proposer and approver are fetched with it."""
    return shapes.thing(row, "proposal") | {
        "act": row.right, "subject": row.subject, "payload": row.payload, "status": row.status,
        "proposer": row.proposer.name_id, "approver": row.approver.name_id if row.approver else None,
        "expires_at": shapes.moment(row.expires_at), "decided_at": shapes.moment(row.decided_at), "result": result,
    }  # fmt: skip


def carry_out(
    door: Door, name: str, *, subject: str, payload: Mapping[str, Any], show: Callable[[Any], Mapping[str, Any]],
    do: Do | None = None,
) -> Response:  # fmt: skip
    """Do an act: 201 with what it made. Where a second person is needed: 202 with the proposal, and nothing is done.

    The act (or `do`, a lesser one) is tried first, so that what could never be done is refused and not proposed.
    """
    at = door.now()
    try:
        with unit(door.actor):
            return Response(show((do or ACTS[name].do)(payload, door.actor, at)), status.HTTP_201_CREATED)
    except Refused as refused:
        if refused.code != "countersign_needed":
            raise
    with unit(door.actor):
        made = countersign.propose(right=name, subject=subject, payload=payload, reason="", actor=door.actor, at=at)
        made = _rows(door.actor).get(pk=made.pk)
    headers = {"Location": f"/v1/proposals/{made.name_id}"}
    return Response(present_proposal(made), status.HTTP_202_ACCEPTED, headers=headers)


def alone(
    name: str, *, right: str, subject: str, payload: Mapping[str, Any], actor: Actor, at: datetime
) -> None:
    """Let a member pass who has `right` alone; everybody else needs the approval of exactly this act.

    Raises Refused("countersign_needed").
    """
    if not permissions.may(actor, right, Scope(actor.organisation_id)):
        countersign.use(right=name, subject=subject, payload=payload, actor=actor, at=at)


def _act(found: Countersign) -> Act:
    """What a proposal is about. Raises Refused("not_found") for an act no door offers."""
    act = ACTS.get(found.right)
    if act is None:
        raise Refused("not_found", "This proposal is not decided here.")
    return act


def _rows(actor: Actor) -> QuerySet[Countersign]:
    return visible(Countersign.objects.select_related("proposer", "approver"), actor)


class Proposals(Door):
    """GET: what waits for a second person, and what became of it."""

    query = frozenset({"status"})
    paged = True

    @extend_schema(
        responses=shapes.listing(ProposalOut), operation_id="proposals_list",
        parameters=[OpenApiParameter("status", str)],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Newest first; `status=proposed` for the open ones."""
        wanted = self.chosen("status", Countersign.STATES.all)
        with unit(self.actor):
            permissions.check(self.actor, "rights.read", Scope(self.actor.organisation_id))
            rows = _rows(self.actor)
            return self.listed(rows.filter(status__in=wanted) if wanted else rows, present_proposal)


class ProposalDoor(Door):
    """GET: one proposal."""

    @extend_schema(responses=ProposalOut, operation_id="proposals_read")
    def get(self, request: Request, proposal: str) -> Response:
        """What exactly is proposed, by whom, until when."""
        with unit(self.actor):
            found = by_id(_rows(self.actor), proposal)
            permissions.check(self.actor, "rights.read", Scope(found.organisation_id))
            return Response(present_proposal(found))


class ProposalApproval(Door):
    """POST: agree as the second person."""

    @extend_schema(request=None, responses=ProposalOut, operation_id="proposals_approve")
    def post(self, request: Request, proposal: str) -> Response:
        """What was proposed is done at once, exactly as written down; `result` names what it made."""
        at = self.now()
        with unit(self.actor):
            found = by_id(_rows(self.actor).select_for_update(of=("self",)), proposal)
            permissions.check(self.actor, "proposals.decide", Scope(found.organisation_id))
            act = _act(found)
            permissions.check(self.actor, act.right, Scope(found.organisation_id))
            countersign.approve(proposal=found, actor=self.actor, at=at)
            made = act.do(found.payload, self.actor, at)
            found = by_id(_rows(self.actor), proposal)
            if found.status == "approved":  # the act needed no second person from one who may do it alone
                countersign.use(
                    right=found.right, subject=found.subject, payload=found.payload, actor=self.actor, at=at
                )
                found = by_id(_rows(self.actor), proposal)
            return Response(present_proposal(found, made.name_id))


class ProposalRejection(Door):
    """POST: say no."""

    @extend_schema(request=None, responses=ProposalOut, operation_id="proposals_reject")
    def post(self, request: Request, proposal: str) -> Response:
        """By the second person, or by the proposer who takes it back. Nothing is done; it cannot be approved later."""
        at = self.now()
        with unit(self.actor):
            found = by_id(_rows(self.actor), proposal)
            mine = found.proposer_id == self.actor.user_id
            right = _act(found).proposing if mine else "proposals.decide"
            permissions.check(self.actor, right, Scope(found.organisation_id))
            countersign.reject(proposal=found, actor=self.actor, at=at)
            return Response(present_proposal(found))
