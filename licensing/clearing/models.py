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

    class Meta:
        indexes: ClassVar = [
            # Looked through every minute, for those nobody will decide.
            models.Index(fields=["id"], condition=models.Q(status="deciding"), name="clearance_deciding"),
        ]


class ClearanceFit(models.Model):
    """What the rules said of one distinct set of rights in a clearance: many works share it.
    `detail` names the cells.
    """

    clearance = models.ForeignKey(Clearance, models.CASCADE, related_name="fits")
    number = models.IntegerField()
    outcome = models.CharField(max_length=14)
    kind = models.CharField(max_length=14, blank=True)
    reasons: models.Field[list[str], list[str]] = ArrayField(models.CharField(max_length=40), default=list)
    considered: models.Field[list[str], list[str]] = ArrayField(models.CharField(max_length=40), default=list)
    notes: models.Field[list[str], list[str]] = ArrayField(models.CharField(max_length=40), default=list)
    assurance = models.CharField(max_length=10, blank=True)
    detail = models.JSONField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["clearance", "number"], name="clearance_fit_once")]


class Decision(models.Model):
    """One work's answer, written in bulk and never changed.

    `claims`, `shares` and `versions` are parallel: for root claim claims[i], whose splits are paid, shares[i] ppm are
    licensed under terms version versions[i]. They are empty where no terms are needed. The cells of each reason are in
    the fit. There is no database check of the two long keys: rows come from one INSERT..SELECT over the very tables.
    """

    clearance = models.ForeignKey(Clearance, models.CASCADE, related_name="decisions", db_constraint=False)
    work = models.ForeignKey("licensing.Work", models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    fit = models.IntegerField()  # number of the ClearanceFit
    outcome = models.CharField(max_length=14)  # cleared, needs_approval, refused
    kind = models.CharField(max_length=14, blank=True)  # terms, open_licence, public_domain, mixed
    reasons: models.Field[list[str], list[str]] = ArrayField(models.CharField(max_length=40), default=list)
    considered: models.Field[list[str], list[str]] = ArrayField(models.CharField(max_length=40), default=list)
    notes: models.Field[list[str], list[str]] = ArrayField(models.CharField(max_length=40), default=list)
    price_micro = models.BigIntegerField(null=True)
    assurance = models.CharField(max_length=10, blank=True)
    claims: models.Field[list[int], list[int]] = ArrayField(models.BigIntegerField(), default=list)
    shares: models.Field[list[int], list[int]] = ArrayField(models.IntegerField(), default=list)
    versions: models.Field[list[int], list[int]] = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["clearance", "work"], name="decision_once")]


class Approval(Named, Tenant):
    """A holder's answer to a work that needs approval; `organisation` is the holder."""

    PREFIX = "apr"
    STATES = States("approval", "waiting", {"waiting": ("approved", "declined", "expired")})

    clearance = models.ForeignKey(Clearance, models.PROTECT, related_name="+")
    work = models.ForeignKey("licensing.Work", models.PROTECT, related_name="+")
    version = models.ForeignKey("licensing.TermsVersion", models.PROTECT, null=True, related_name="+")
    status = models.CharField(max_length=10, default="waiting")
    due_at = models.DateTimeField()
    answer = models.JSONField(null=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["clearance", "work", "organisation"], name="approval_once")
        ]
