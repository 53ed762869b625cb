"""Jobs and events: what is being done for the caller, and what happened."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, Final

from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.errors import Refused
from accounts.permissions import Scope
from accounts.unit import Actor, unit
from licensing.catalogue.models import Catalogue
from licensing.events import names
from licensing.events.models import DomainEvent
from licensing.jobs import services as jobs
from licensing.jobs.models import Job
from marketplace.api import shapes
from marketplace.api.doors import Door
from marketplace.api.find import by_id, visible


class Progress(serializers.Serializer[Any]):
    """How far a job is; total null when nobody knows."""

    done = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True)
    unit = serializers.CharField(allow_blank=True)


class JobOut(shapes.Object):
    """Work that is done for the caller."""

    kind = serializers.CharField()
    subject = serializers.CharField()
    status = serializers.ChoiceField(Job.STATES.all)
    attempts = serializers.IntegerField()
    progress = Progress()
    result = serializers.JSONField()
    error = serializers.CharField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


def present_job(row: Job) -> Mapping[str, Any]:
    """The public form of a job; of an error its last line."""
    last = row.last_error.strip().splitlines()[-1:] or [""]
    return shapes.thing(row, "job") | {
        "kind": row.kind, "subject": row.subject, "status": row.status, "attempts": row.attempts,
        "progress": {"done": row.progress_done, "total": row.progress_total, "unit": row.progress_unit},
        "result": row.result, "error": last[0][:300] or None, "finished_at": shapes.moment(row.finished_at),
    }  # fmt: skip


ASKED = frozenset({"clearing.decide", "intake.validate", "intake.commit"})
"""Kinds that members ask for. All others follow from what happened, also when a member's act began it."""
ENDED = frozenset({"done", "dead", "cancelled"})
LONGEST_WAIT: Final = 20.0
PAUSE: Final = 0.2
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,6})(?:$|[,;\s])")


def accepted(door: Door, job: Job) -> Response:
    """202 with the job and where to ask for it; 200 when `Prefer: wait=20` (RFC 7240) saw it end. Opens own units."""
    waited, job = awaited(door, job)
    return told(job, waited)


def told(job: Job, waited: dict[str, str] | None) -> Response:
    """The answer of `accepted` after `awaited`."""
    ended = waited is not None and job.status in ENDED
    headers = {"Location": f"/v1/jobs/{job.name_id}"} | (waited or {})
    return Response(present_job(job), status.HTTP_200_OK if ended else status.HTTP_202_ACCEPTED, headers=headers)


def awaited(door: Door, job: Job) -> tuple[dict[str, str] | None, Job]:
    """Wait as the caller prefers, at most 20 s, for a job to end; None when nothing was preferred."""
    asked = _WAIT.search(door.request.headers.get("Prefer", ""))
    if asked is None:
        return None, job
    seconds = min(float(asked.group(1)), LONGEST_WAIT)
    until = time.monotonic() + seconds
    while job.status not in ENDED and time.monotonic() < until:
        _pause()
        with unit(door.actor):
            job = Job.objects.get(pk=job.pk)
    return {"Preference-Applied": f"wait={seconds:.0f}"}, job


def _pause() -> None:
    time.sleep(PAUSE)


def latest(kind: str, subject: str) -> Job:
    """The newest job of a kind about a subject; runs inside a unit. Raises Refused("not_found")."""
    found = Job.objects.filter(kind=kind, subject=subject).order_by("-id").first()
    if found is None:
        raise Refused("not_found", f"There is no {kind} job about {subject}.")
    return found


def _find(name: str, actor: Actor) -> tuple[Job, Scope]:
    """A job of the actor's organisation, or one it asked for as a guest and still is, as the matrix sees it."""
    rows = Job.objects.filter(livemode=actor.livemode)
    if actor.scope != "all":
        shelves = Catalogue.objects.filter(pk__in=permissions.guest_ids(actor, "catalogue.write", "catalogue"))
        as_guest = Q(actor=actor.name, organisation_id__in=shelves.values("organisation_id"))
        rows = rows.filter(Q(organisation_id=actor.organisation_id) | as_guest)
    found = by_id(rows, name)
    return found, Scope(actor.organisation_id, facts=frozenset({"asked"} if found.kind in ASKED else ()))


class Jobs(Door):
    """GET: jobs of the caller's organisation."""

    paged = True
    query = frozenset({"status", "kind", "subject"})

    @extend_schema(
        responses=shapes.listing(JobOut), operation_id="jobs_list",
        parameters=[OpenApiParameter(name, str) for name in ("status", "kind", "subject")],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Newest first; `status=ready,running`."""
        wanted = self.chosen("status", Job.STATES.all)
        with unit(self.actor):
            permissions.check(self.actor, "jobs.read", Scope(self.actor.organisation_id))
            rows = visible(Job.objects.all(), self.actor)
            if wanted:
                rows = rows.filter(status__in=wanted)
            for name in ("kind", "subject"):
                if request.query_params.get(name):
                    rows = rows.filter(**{name: request.query_params[name]})
            return self.listed(rows, present_job)


class JobDoor(Door):
    """GET: one job."""

    waits = True

    @extend_schema(responses=JobOut, operation_id="jobs_read")
    def get(self, request: Request, job: str) -> Response:
        """Status, progress, result or error; `Prefer: wait=20` answers when it ends, or after 20 s."""
        with unit(self.actor):
            found, scope = _find(job, self.actor)
            permissions.check(self.actor, "jobs.read", scope)
        waited, found = awaited(self, found)
        return Response(present_job(found), headers=waited)


class JobCancellation(Door):
    """POST: stop a job."""

    @extend_schema(request=None, responses=JobOut, operation_id="jobs_cancel")
    def post(self, request: Request, job: str) -> Response:
        """At once when it waits, at its next step when it runs; 409 when it has ended. Only what a member asked for."""
        at = self.now()
        with unit(self.actor):
            found, scope = _find(job, self.actor)
            permissions.check(self.actor, "jobs.cancel", scope)
            jobs.cancel(job=found, actor=self.actor, at=at)
            found.refresh_from_db()
            return Response(present_job(found))


class EventOut(shapes.Object):
    """Something that happened."""

    kind = serializers.ChoiceField([(name, name) for name in names.NAMES])
    subject = serializers.CharField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`data` is an attribute of DRF's serializers, so it cannot be declared as one of ours."""
        return {**super().get_fields(), "data": serializers.DictField()}


def present_event(row: DomainEvent) -> Mapping[str, Any]:
    """The public form of an event."""
    return shapes.thing(row, "event") | {"kind": row.kind, "subject": row.subject, "data": row.data}


class Events(Door):
    """GET: what happened to the caller's things."""

    paged = True
    query = frozenset({"kind", "subject"})

    @extend_schema(
        responses=shapes.listing(EventOut), operation_id="events_list",
        parameters=[OpenApiParameter(name, str) for name in ("kind", "subject")],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Newest first; `kind=grant.issued,delivery.ready`."""
        wanted = self.chosen("kind", names.NAMES)
        with unit(self.actor):
            permissions.check(self.actor, "jobs.read", Scope(self.actor.organisation_id))
            rows = visible(DomainEvent.objects.all(), self.actor)
            if wanted:
                rows = rows.filter(kind__in=wanted)
            if request.query_params.get("subject"):
                rows = rows.filter(subject=request.query_params["subject"])
            return self.listed(rows, present_event)
