"""Uploads and imports: every record of a file gets an outcome, every problem an issue (interfaces.md 2)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.base import Named, Tenant
from licensing.kernel.states import States


class Upload(Named, Tenant):
    """A file sent in parts, any order, repeatable; complete when size and SHA-256 agree."""

    PREFIX = "upl"
    STATES = States("upload", "open", {"open": ("complete", "expired")})

    filename = models.CharField(max_length=300)
    bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    status = models.CharField(max_length=10, default="open")
    completed_at = models.DateTimeField(null=True)


class UploadPart(models.Model):
    """One part that arrived."""

    upload = models.ForeignKey(Upload, models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["upload", "number"], name="upload_part_once")]


class Import(Named, Tenant):
    """One catalogue file on its way in. Nothing is in the catalogue before `committed`."""

    PREFIX = "imp"
    STATES = States(
        "import",
        "received",
        {
            "received": ("validating",),
            "validating": ("validated", "refused"),
            "validated": ("committing", "cancelled"),
            "committing": ("committed", "validated"),
            "committed": ("reverted",),
        },
    )

    catalogue = models.ForeignKey("licensing.Catalogue", models.PROTECT, related_name="+")
    upload = models.ForeignKey(Upload, models.PROTECT, related_name="+")
    mode = models.CharField(max_length=8, default="upsert")
    asked_format = models.CharField(max_length=10, default="auto")
    format = models.CharField(max_length=10, blank=True)
    version = models.CharField(max_length=20, blank=True)
    encoding_declared = models.CharField(max_length=30, blank=True)
    encoding_read = models.CharField(max_length=30, blank=True)
    status = models.CharField(max_length=12, default="received")
    records = models.BigIntegerField(default=0)
    outcomes = models.JSONField(default=dict)
    issues_by_code = models.JSONField(default=dict)
    refusal = models.JSONField(null=True)
    sent_at = models.DateTimeField(null=True)
    committed_at = models.DateTimeField(null=True)


class ImportRecord(models.Model):
    """The outcome of one input record and, until commit, the normalised record itself."""

    record_import = models.ForeignKey(Import, models.CASCADE, related_name="lines")
    number = models.BigIntegerField()
    line = models.BigIntegerField()
    ref = models.CharField(max_length=200)
    outcome = models.CharField(max_length=10)  # new, changed, unchanged, erased, rejected
    warned = models.BooleanField(default=False)
    record = models.JSONField(null=True)
    own_id = models.CharField(max_length=120, blank=True)  # of the work it belongs to, as the grouping decided
    work = models.ForeignKey("licensing.Work", models.SET_NULL, null=True, related_name="+")
    diff = models.JSONField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["record_import", "number"], name="import_record_once")
        ]


class ImportIssue(models.Model):
    """A problem with one place of the file, said so that its sender can fix it."""

    record_import = models.ForeignKey(Import, models.CASCADE, related_name="issues")
    record_number = models.BigIntegerField(null=True)
    code = models.CharField(max_length=60)
    severity = models.CharField(max_length=8)
    line = models.BigIntegerField(null=True)
    column = models.BigIntegerField(null=True)
    path = models.CharField(max_length=300, blank=True)
    seen = models.TextField(blank=True)
    expected = models.TextField(blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["record_import", "code"], name="import_issue_code")]
