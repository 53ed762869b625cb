"""Approvals: works whose holder wants to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.permissions import Scope
from accounts.unit import Actor, unit
from licensing.clearing import services as clearing
from licensing.clearing.models import Approval
from marketplace.api import shapes
from marketplace.api.doors import Door, Strict
from marketplace.api.find import by_id, visible


class ApprovalOut(shapes.Object):
    """A question to a holder: may this licensee use this work so?"""

    clearance = serializers.CharField()
    licensee = serializers.CharField()
    use = serializers.DictField()
    work = serializers.CharField()
    status = serializers.ChoiceField(Approval.STATES.all)
    due_at = serializers.DateTimeField()
    answer = serializers.DictField(allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)


def present_approval(row: Approval) -> Mapping[str, Any]:
    """The public form of an approval; clearance, use and work are fetched with it."""
    return shapes.thing(row, "approval") | {
        "clearance": row.clearance.name_id, "licensee": row.clearance.organisation.name_id,
        "use": row.clearance.use.body, "work": row.work.name_id, "status": row.status,
        "due_at": shapes.moment(row.due_at), "answer": row.answer, "answered_at": shapes.moment(row.answered_at),
    }  # fmt: skip


def asked_of(actor: Actor) -> QuerySet[Approval]:
    """The approvals the actor's organisation is asked for."""
    rows = Approval.objects.select_related("clearance__use", "clearance__organisation", "work")
    return visible(rows, actor)


class Approvals(Door):
    """GET: what the caller's organisation is asked."""

    paged = True
    query = frozenset({"status"})

    @extend_schema(
        responses=shapes.listing(ApprovalOut), operation_id="approvals_list",
        parameters=[OpenApiParameter("status", str)],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """`status=waiting` for the open ones."""
        wanted = self.chosen("status", Approval.STATES.all)
        with unit(self.actor):
            permissions.check(self.actor, "rights.read", Scope(self.actor.organisation_id))
            rows = asked_of(self.actor)
            return self.listed(rows.filter(status__in=wanted) if wanted else rows, present_approval)


class AnswerBody(Strict):
    """Yes or no; a yes may name another price for the work."""

    answer = serializers.ChoiceField(["approve", "decline"])
    reason = serializers.CharField(max_length=2000, required=False, default="", allow_blank=True)
    price_minor = shapes.Whole(min_value=0, required=False, default=None)


class ApprovalAnswer(Door):
    """POST: the holder's answer."""

    @extend_schema(request=AnswerBody, responses=ApprovalOut, operation_id="approvals_answer")
    def post(self, request: Request, approval: str) -> Response:
        """A yes is a private offer to that licensee for 30 days."""
        sent = self.body(AnswerBody)
        at = self.now()
        with unit(self.actor):
            found = by_id(asked_of(self.actor), approval)
            permissions.check(self.actor, "approvals.answer", Scope(found.organisation_id))
            clearing.answer_approval(
                approval=found, yes=sent["answer"] == "approve", reason=sent["reason"], price_minor=sent["price_minor"],
                actor=self.actor, at=at,
            )  # fmt: skip
            return Response(present_approval(by_id(asked_of(self.actor), approval)))
