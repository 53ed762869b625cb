"""The queue of record: one row per piece of work, re-creatable, fenced (trust.md 1)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.base import Named
from licensing.kernel.states import States


class Job(Named):
    """Durable work. Celery only rings; this row decides who works, how often and whether it is done."""

    PREFIX = "job"
    STATES = States(
        "job",
        "ready",
        {
            "ready": ("running", "cancelled", "dead"),
            "running": ("ready", "done", "dead", "cancelled"),
            "dead": ("ready",),
        },
    )

    organisation = models.ForeignKey("accounts.Organisation", models.PROTECT, null=True, related_name="+")
    livemode = models.BooleanField()
    actor = models.CharField(max_length=60)
    kind = models.CharField(max_length=60)
    subject = models.CharField(max_length=120)
    queue = models.CharField(max_length=20, default="default")
    status = models.CharField(max_length=12, default="ready")
    attempts = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveIntegerField(default=12)
    due_at = models.DateTimeField()
    ring_at = models.DateTimeField()  # when the relay rings (again): due_at at first, later with growing pauses
    rings = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    token = models.UUIDField(null=True)
    cursor = models.JSONField(null=True)
    progress_done = models.BigIntegerField(default=0)
    progress_total = models.BigIntegerField(null=True)
    progress_unit = models.CharField(max_length=20, blank=True)
    result = models.JSONField(null=True)
    last_error = models.TextField(blank=True)
    cancel_requested = models.BooleanField(default=False)
    finished_at = models.DateTimeField(null=True)
    dedupe_key = models.CharField(max_length=200, unique=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["ring_at"], condition=models.Q(status="ready"), name="job_due"),
            models.Index(fields=["lease_until"], condition=models.Q(status="running"), name="job_lease"),
            models.Index(fields=["kind", "subject"], name="job_subject"),
            models.Index(fields=["kind", "finished_at"], name="job_finished"),
        ]
