"""Licences that paid orders become, and their signed form (delivery.md 3)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from accounts.base import Named, Tenant
from licensing.kernel.states import States


class IssuerKey(models.Model):
    """A public signing key with its record, signed by the offline root key; the private half is never here."""

    livemode = models.BooleanField()
    key_id = models.CharField(max_length=120, unique=True)
    public_key = models.CharField(max_length=120)
    record = models.JSONField()
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)


class Grant(Named, Tenant):
    """The licence of one order; `organisation` is the licensee. `secret` blinds leaves and the price commitment."""

    PREFIX = "grt"
    STATES = States(
        "grant",
        "active",
        {
            "active": ("at_risk", "suspended", "revoked", "ended"),
            "at_risk": ("active", "suspended", "revoked", "ended"),
            "suspended": ("active", "revoked", "ended"),
        },
    )

    order = models.OneToOneField("licensing.Order", models.PROTECT, related_name="+")
    version = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=10, default="active")
    issued_at = models.DateTimeField()
    starts = models.DateField()
    ends = models.DateField(null=True)
    works_count = models.BigIntegerField()
    works_root = models.CharField(max_length=64)
    terms_root = models.CharField(max_length=64)
    secret = models.BinaryField()
    status_index = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["livemode", "status_index"], name="grant_status_index_once")
        ]


class GrantUserPermission(UserObjectPermissionBase):
    """guardian: a right of one person on one grant."""

    content_object = models.ForeignKey(Grant, models.CASCADE)
    expires_at = models.DateTimeField(null=True)


class GrantGroupPermission(GroupObjectPermissionBase):
    """guardian: a right of one group on one grant."""

    content_object = models.ForeignKey(Grant, models.CASCADE)


class GrantWork(models.Model):
    """A licensed work: who licenses it, under which terms and licence expression."""

    grant = models.ForeignKey(Grant, models.CASCADE, related_name="works")
    work = models.ForeignKey("licensing.Work", models.PROTECT, related_name="+")
    line = models.ForeignKey("licensing.QuoteLine", models.PROTECT, related_name="+")
    organisation = models.ForeignKey("accounts.Organisation", models.PROTECT, related_name="+")
    terms_id = models.TextField()  # public ids of the terms joined by +, or the licence's name: as many as licensors
    terms_sha256 = models.CharField(max_length=64)
    licence = models.TextField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["grant", "work"], name="grant_work_once")]


class GrantSentinel(models.Model):
    """A rights-holder organisation registered when the grant was issued: two sentinel leaves each (delivery.md 2)."""

    grant = models.ForeignKey(Grant, models.CASCADE, related_name="sentinels")
    organisation = models.ForeignKey("accounts.Organisation", models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["grant", "organisation"], name="sentinel_once")]


class Certificate(models.Model):
    """The signed bytes of one version of a grant, stored as issued and never re-serialised."""

    grant = models.ForeignKey(Grant, models.PROTECT, related_name="certificates")
    version = models.PositiveIntegerField()
    key = models.ForeignKey(IssuerKey, models.PROTECT, related_name="+")
    document = models.BinaryField()
    sha256 = models.CharField(max_length=64, unique=True)
    issued_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["grant", "version"], name="certificate_version_once")
        ]
