"""Immutable versions of the delivered data of a grant (delivery.md 1)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from accounts.base import Named, Tenant
from licensing.kernel.states import States


class Release(Named, Tenant):
    """One version of a grant's data; `organisation` is the licensee."""

    PREFIX = "rel"
    STATES = States(
        "release",
        "planned",
        {"planned": ("building", "blocked"), "building": ("ready", "blocked"), "ready": ("superseded",)},
    )

    grant = models.ForeignKey("licensing.Grant", models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=12, default="first")  # first, addition, withdrawal, correction
    previous = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    status = models.CharField(max_length=10, default="planned")
    works_root = models.CharField(max_length=64, blank=True)
    rows_root = models.CharField(max_length=64, blank=True)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    rows = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    blocked_reason = models.TextField(blank=True)
    ready_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["grant", "number"], name="release_number_once")]


class ReleaseUserPermission(UserObjectPermissionBase):
    """guardian: a right of one person on one release."""

    content_object = models.ForeignKey(Release, models.CASCADE)
    expires_at = models.DateTimeField(null=True)


class ReleaseGroupPermission(GroupObjectPermissionBase):
    """guardian: a right of one group on one release."""

    content_object = models.ForeignKey(Release, models.CASCADE)


class Shard(Named):
    """One shard of a release: planned with its works, built by one job, named by its content."""

    PREFIX = "shd"
    STATES = States("shard", "planned", {"planned": ("built",)})

    release = models.ForeignKey(Release, models.CASCADE, related_name="shards")
    number = models.PositiveIntegerField()
    shard_key = models.CharField(max_length=64, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    bytes = models.BigIntegerField(default=0)
    raw_bytes = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    rows_root = models.CharField(max_length=64, blank=True)
    counts = models.JSONField(default=dict)
    writer = models.CharField(max_length=80, blank=True)
    status = models.CharField(max_length=8, default="planned")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["release", "number"], name="shard_number_once")]


class ReleaseWork(models.Model):
    """The packing: which rows of which work lie in which shard, in order; never changed in later releases."""

    release = models.ForeignKey(Release, models.CASCADE, related_name="works")
    position = models.BigIntegerField()
    work = models.ForeignKey("licensing.GrantWork", models.PROTECT, related_name="+")
    asset = models.ForeignKey("licensing.Asset", models.PROTECT, null=True, related_name="+")
    shard = models.ForeignKey(Shard, models.CASCADE, null=True, related_name="works")
    first = models.PositiveIntegerField(default=1)  # sequence numbers of the rows in this shard
    last = models.PositiveIntegerField(default=1)
    parts = models.PositiveIntegerField(default=1)  # rows of the whole work
    status = models.CharField(max_length=12, default="included")  # included, no_content, withdrawn

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["release", "position"], name="release_position_once")
        ]


class ShardFile(models.Model):
    """shard_key -> the file that holds those rows, whatever writer made it; unchanged keys reuse it."""

    shard_key = models.CharField(max_length=64, unique=True)
    sha256 = models.CharField(max_length=64)
    bytes = models.BigIntegerField()
    writer = models.CharField(max_length=80)
    created_at = models.DateTimeField()


class ReleaseFile(models.Model):
    """A file of the release folder as the manifest lists it; bytes lie in the store by their SHA-256."""

    release = models.ForeignKey(Release, models.CASCADE, related_name="files")
    path = models.CharField(max_length=300)
    bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    media_type = models.CharField(max_length=100)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["release", "path"], name="release_path_once")]
