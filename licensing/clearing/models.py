"""Uses, bundles and the stored answer over them (domain.md 3 and 4)."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.base import Named, Tenant
from licensing.kernel.states import States


class UseProfile(Named, Tenant):
    """What a licensee intends, stored once and reused; `body` is the canonical profile, `sha256` its hash."""

    PREFIX = "use"

    title = models.CharField(max_length=200, blank=True)
    body = models.JSONField()
    sha256 = models.CharField(max_length=64)


class Bundle(Named, Tenant):
    """A selection of works by query or list, resolved when it is made."""

    PREFIX = "bdl"

    title = models.CharField(max_length=200, blank=True)
    query = models.JSONField(null=True)
    works_count = models.BigIntegerField(default=0)
    unknown_ids: models.Field[list[str], list[str]] = ArrayField(models.CharField(max_length=200), default=list)
    duplicate_ids = models.BigIntegerField(default=0)


class BundleWork(models.Model):
    """A work of a bundle, with the licensee's own reference when one was sent."""

    bundle = models.ForeignKey(Bundle, models.CASCADE, related_name="items")
    work = models.ForeignKey("licensing.Work", models.PROTECT, related_name="+")
    own_ref = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["bundle", "work"], name="bundle_work_once")]


class Clearance(Named, Tenant):
    """The stored decision over a bundle for a use at a moment; same inputs, same `decisions_hash`."""

    PREFIX = "clr"
    STATES = States("clearance", "deciding", {"deciding": ("decided", "failed")})

    use = models.ForeignKey(UseProfile, models.PROTECT, related_name="+")
    bundle = models.ForeignKey(Bundle, models.PROTECT, related_name="+")
    request = models.JSONField()
    rule_version = models.CharField(max_length=40)
    at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    counts = models.JSONField(default=dict)
    reasons = models.JSONField(default=dict)
    total_micro = models.BigIntegerField(default=0)
    decisions_hash = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=10, default="deciding")


class Decision(models.Model):
    """One work's answer. `detail` carries cells, licensors with terms versions and claims, and what would change it."""

    clearance = models.ForeignKey(Clearance, models.CASCADE, related_name="decisions")
    work = models.ForeignKey("licensing.Work", models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=14)  # cleared, needs_approval, refused
    kind = models.CharField(max_length=14, blank=True)  # terms, open_licence, public_domain, mixed
    reasons: models.Field[list[str], list[str]] = ArrayField(models.CharField(max_length=40), default=list)
    considered: models.Field[list[str], list[str]] = ArrayField(models.CharField(max_length=40), default=list)
    notes: models.Field[list[str], list[str]] = ArrayField(models.CharField(max_length=40), default=list)
    price_micro = models.BigIntegerField(null=True)
    assurance = models.CharField(max_length=10, blank=True)
    detail = models.JSONField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["clearance", "work"], name="decision_once")]


class Approval(Named, Tenant):
    """A holder's answer to a work that needs approval; `organisation` is the holder."""

    PREFIX = "apr"
    STATES = States("approval", "waiting", {"waiting": ("approved", "declined", "expired")})

    clearance = models.ForeignKey(Clearance, models.PROTECT, related_name="+")
    work = models.ForeignKey("licensing.Work", models.PROTECT, related_name="+")
    status = models.CharField(max_length=10, default="waiting")
    due_at = models.DateTimeField()
    answer = models.JSONField(null=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["clearance", "work", "organisation"], name="approval_once")
        ]
