"""Clearances: what may be used, why not, what it costs, and what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.permissions import Scope
from accounts.unit import Actor, unit
from licensing.catalogue import queries as catalogue
from licensing.clearing import queries
from licensing.clearing import services as clearing
from licensing.clearing.models import Bundle, Clearance, Decision, UseProfile
from licensing.kernel.money import MICRO
from marketplace.api import jobs, shapes
from marketplace.api.doors import Door, Strict
from marketplace.api.find import by_id, visible


class ClearanceBody(Strict):
    """Decide every work of a bundle for a use."""

    use = serializers.CharField()
    bundle = serializers.CharField()
    currency = serializers.CharField(max_length=3)


class CountsOut(serializers.Serializer[Any]):
    """How many works have each outcome."""

    cleared = serializers.IntegerField()
    needs_approval = serializers.IntegerField()
    refused = serializers.IntegerField()


class ClearanceOut(shapes.Object):
    """A stored decision; same inputs, same `hash`. `total_micro` is the exact sum of cleared works."""

    use = serializers.CharField()
    bundle = serializers.CharField()
    status = serializers.ChoiceField(Clearance.STATES.all)
    at = serializers.DateTimeField()
    rule_version = serializers.CharField()
    hash = serializers.CharField()
    counts = CountsOut()
    reasons = serializers.DictField(child=serializers.IntegerField())
    total = shapes.Money()
    total_micro = serializers.CharField()


def present_clearance(row: Clearance) -> Mapping[str, Any]:
    """The public form of a clearance; use and bundle are fetched with it."""
    return shapes.thing(row, "clearance") | {
        "use": row.use.name_id, "bundle": row.bundle.name_id, "status": row.status, "at": shapes.moment(row.at),
        "rule_version": row.rule_version, "hash": row.decisions_hash, "reasons": row.reasons,
        "counts": dict.fromkeys(clearing.COUNTED, 0) | row.counts,
        "total": shapes.money((2 * row.total_micro + MICRO) // (2 * MICRO), row.currency),
        "total_micro": str(row.total_micro),
    }  # fmt: skip


class Clearances(Door):
    """GET: the caller's clearances. POST: clear, at once or by a job."""

    paged = True
    waits = True

    @extend_schema(responses=shapes.listing(ClearanceOut), operation_id="clearances_list")
    def get(self, request: Request) -> Response:
        """Newest first."""
        with unit(self.actor):
            permissions.check(self.actor, "clearances.read", Scope(self.actor.organisation_id))
            rows = visible(Clearance.objects.select_related("use", "bundle"), self.actor)
            return self.listed(rows, present_clearance)

    @extend_schema(
        request=ClearanceBody, responses={201: ClearanceOut, 202: jobs.JobOut}, operation_id="clearances_create"
    )
    def post(self, request: Request) -> Response:
        """Decide. A refused work is an answer, not an error. From 1,000 works on a job does it: 202, its subject is the
        clearance; with `Prefer: wait=20` the answer is 201 when it is done by then.
        """
        sent = self.body(ClearanceBody)
        at = self.now()
        with unit(self.actor):
            use = by_id(visible(UseProfile.objects.select_related("organisation"), self.actor), sent["use"])
            bundle = by_id(visible(Bundle.objects.all(), self.actor), sent["bundle"])
            permissions.check(self.actor, "clear", Scope(use.organisation_id))
        asked: dict[str, Any] = {"use": use, "bundle": bundle, "currency": sent["currency"]}
        asked |= {"actor": self.actor, "at": at}
        if bundle.works_count < clearing.INLINE:
            return Response(present_clearance(clearing.clear(**asked)), status.HTTP_201_CREATED)
        made, job = clearing.start(**asked)
        waited, job = jobs.awaited(self, job)
        if job.status != "done":
            return jobs.told(job, waited)
        with unit(self.actor):
            rows = Clearance.objects.select_related("use", "bundle")
            return Response(present_clearance(rows.get(pk=made.pk)), status.HTTP_201_CREATED, headers=waited)


class ClearanceDoor(Door):
    """GET: one clearance with its counts, reasons and total."""

    @extend_schema(responses=ClearanceOut, operation_id="clearances_read")
    def get(self, request: Request, clearance: str) -> Response:
        """A clearance of the caller's organisation."""
        with unit(self.actor):
            return Response(present_clearance(_mine(clearance, self.actor)))


class SummaryOut(serializers.Serializer[Any]):
    """What a clearance comes to: by outcome and kind, by reason with what would change it, by note."""

    object = serializers.CharField()
    clearance = serializers.CharField()
    counts = CountsOut()
    outcomes = serializers.ListField(child=serializers.DictField())
    reasons = serializers.ListField(child=serializers.DictField())
    notes = serializers.DictField(child=serializers.IntegerField())
    total = shapes.Money()
    total_micro = serializers.CharField()


class ClearanceSummary(Door):
    """GET: counts and money of a clearance."""

    @extend_schema(responses=SummaryOut, operation_id="clearances_summary")
    def get(self, request: Request, clearance: str) -> Response:
        """The most frequent reason first."""
        with unit(self.actor):
            found = _mine(clearance, self.actor)
            whole = present_clearance(found)
            body = {"object": "clearance_summary", "clearance": found.name_id, **queries.summary(found)}
            return Response(body | {name: whole[name] for name in ("counts", "total", "total_micro")})


class ComparisonBody(Strict):
    """The later clearance."""

    to = serializers.CharField()


class ComparisonOut(serializers.Serializer[Any]):
    """Works and money by (outcome before, outcome after), reasons before and after, and the works that differ."""

    object = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()
    moves = serializers.ListField(child=serializers.DictField())
    reasons = serializers.DictField()
    works = serializers.ListField(child=serializers.DictField())


class ClearanceComparison(Door):
    """POST: what changed from one clearance to another."""

    @extend_schema(request=ComparisonBody, responses=ComparisonOut, operation_id="clearances_compare")
    def post(self, request: Request, clearance: str) -> Response:
        """Two clearances of the caller, of whatever uses and bundles; the first 100 works that differ are named."""
        sent = self.body(ComparisonBody)
        with unit(self.actor):
            before, after = _mine(clearance, self.actor), _mine(sent["to"], self.actor)
            found = queries.compare(before, after)
            body = {"object": "clearance_comparison", "before": before.name_id, "after": after.name_id}
            return Response(body | found)


def _mine(name: str, actor: Actor) -> Clearance:
    """A clearance the caller may read."""
    rows = visible(Clearance.objects.select_related("use", "bundle"), actor)
    found = by_id(rows, name)
    permissions.check(actor, "clearances.read", Scope(found.organisation_id))
    return found


class ReasonOut(serializers.Serializer[Any]):
    """A reason with the cells it speaks of."""

    code = serializers.CharField()
    detail = serializers.JSONField()


class PriceOut(serializers.Serializer[Any]):
    """An exact price in micro units of a currency."""

    micro = serializers.CharField()
    currency = serializers.CharField()


class DecisionOut(serializers.Serializer[Any]):
    """One work's answer."""

    work = serializers.CharField()
    outcome = serializers.ChoiceField(clearing.COUNTED)
    kind = serializers.CharField(allow_blank=True)
    reasons = serializers.ListField(child=serializers.CharField())
    considered = serializers.ListField(child=serializers.CharField())
    notes = serializers.ListField(child=serializers.CharField())
    price = PriceOut(allow_null=True)
    terms = serializers.ListField(child=serializers.CharField())


class Decisions(Door):
    """GET: the answer for every work of a clearance."""

    paged = True
    query = frozenset({"outcome"})

    @extend_schema(
        responses=shapes.listing(DecisionOut), operation_id="clearances_decisions",
        parameters=[OpenApiParameter("outcome", str)],
    )  # fmt: skip
    def get(self, request: Request, clearance: str) -> Response:
        """`outcome=cleared,refused` chooses."""
        wanted = self.chosen("outcome", clearing.COUNTED)
        with unit(self.actor):
            found = by_id(visible(Clearance.objects.all(), self.actor), clearance)
            permissions.check(self.actor, "clearances.read", Scope(found.organisation_id))
            rows = Decision.objects.filter(clearance=found).select_related("work")
            if wanted:
                rows = rows.filter(outcome__in=wanted)
            return self.together(rows, lambda page: _decisions(page, found.currency))


def _decisions(rows: Sequence[Decision], currency: str) -> list[dict[str, Any]]:
    terms = queries.version_names({version for row in rows for version in row.versions})
    return [
        {
            "work": row.work.name_id, "outcome": row.outcome, "kind": row.kind, "reasons": row.reasons,
            "considered": row.considered, "notes": row.notes,
            "price": None if row.price_micro is None else {"micro": str(row.price_micro), "currency": currency},
            "terms": sorted({terms[version] for version in row.versions}),
        }
        for row in rows
    ]  # fmt: skip


class PremiseOut(serializers.Serializer[Any]):
    """What must hold on a route in some cells (null: everywhere), whether it does now, and the row that says so."""

    route = serializers.CharField()
    premise = serializers.CharField()
    satisfied = serializers.BooleanField()
    row = serializers.CharField(allow_null=True)
    against = serializers.ListField(child=serializers.CharField())
    cells = serializers.DictField(allow_null=True)


class ExplanationOut(serializers.Serializer[Any]):
    """A decision as stored, with cells, and what the rules say of the work now."""

    work = serializers.CharField()
    outcome = serializers.CharField()
    kind = serializers.CharField(allow_blank=True)
    reasons = ReasonOut(many=True)
    considered = ReasonOut(many=True)
    notes = serializers.ListField(child=serializers.CharField())
    price = PriceOut(allow_null=True)
    terms = serializers.ListField(child=serializers.CharField())
    now = serializers.DictField()
    premises = PremiseOut(many=True)


class Explanation(Door):
    """GET: why one work was decided as it was."""

    query = frozenset({"work"})

    @extend_schema(
        responses=ExplanationOut, operation_id="clearances_explain",
        parameters=[OpenApiParameter("work", str, required=True)],
    )  # fmt: skip
    def get(self, request: Request, clearance: str) -> Response:
        """`work=` takes any reference."""
        wanted = self.asked("work")
        at = self.now()
        with unit(self.actor):
            rows = visible(Clearance.objects.select_related("use", "organisation"), self.actor)
            found = by_id(rows, clearance)
            permissions.check(self.actor, "clearances.read", Scope(found.organisation_id))
            work = catalogue.find_work(wanted, actor=self.actor)
            return Response(clearing.explain(clearance=found, work=work, actor=self.actor, at=at))
