"""Frozen offers and their acceptance (domain.md 6)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.base import Named, Tenant
from licensing.kernel.states import States


class FeeSchedule(models.Model):
    """The operator's public fee: ppm of the works' price plus a fixed part, within min and max, from a date."""

    livemode = models.BooleanField()
    currency = models.CharField(max_length=3)
    ppm = models.IntegerField()
    fixed_minor = models.BigIntegerField(default=0)
    min_minor = models.BigIntegerField(default=0)
    max_minor = models.BigIntegerField(null=True)
    starts = models.DateField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["livemode", "currency", "starts"], name="fee_schedule_once")
        ]


class TaxRate(models.Model):
    """A jurisdiction's rate in ppm from a date; absent means no tax is charged and the quote says so."""

    livemode = models.BooleanField()
    jurisdiction = models.CharField(max_length=6)
    ppm = models.IntegerField()
    starts = models.DateField()
    source = models.TextField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["livemode", "jurisdiction", "starts"], name="tax_rate_once")
        ]


class Quote(Named, Tenant):
    """An immutable offer: works + tax = total; the platform fee is contained in the works' price and shown."""

    PREFIX = "qte"
    STATES = States("quote", "issued", {"issued": ("accepted", "expired")})

    clearance = models.ForeignKey("licensing.Clearance", models.PROTECT, related_name="+")
    idem = models.CharField(max_length=255, null=True)
    currency = models.CharField(max_length=3)
    works_count = models.BigIntegerField()
    works_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    expires_at = models.DateTimeField()
    body = models.JSONField()
    sha256 = models.CharField(max_length=64)
    status = models.CharField(max_length=10, default="issued")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "livemode", "idem"], name="quote_idem_once"),
            models.CheckConstraint(
                condition=models.Q(total_minor=models.F("works_minor") + models.F("tax_minor")),
                name="quote_total_sums",
            ),
        ]


class QuoteLine(models.Model):
    """One work of a quote at its frozen price, measure and terms."""

    quote = models.ForeignKey(Quote, models.CASCADE, related_name="lines")
    work = models.ForeignKey("licensing.Work", models.PROTECT, related_name="+")
    decision = models.ForeignKey("licensing.Decision", models.PROTECT, related_name="+")
    price_micro = models.BigIntegerField()
    detail = models.JSONField()  # rule, measure, multipliers, licence expression, attribution

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["quote", "work"], name="quote_line_once")]


class QuoteShare(models.Model):
    """One licensor of a line: the claim that licenses it, its share, terms version and split version, frozen."""

    line = models.ForeignKey(QuoteLine, models.CASCADE, related_name="shares")
    claim = models.ForeignKey("licensing.Claim", models.PROTECT, related_name="+")
    organisation = models.ForeignKey("accounts.Organisation", models.PROTECT, related_name="+")
    share_ppm = models.IntegerField()
    terms_version = models.ForeignKey("licensing.TermsVersion", models.PROTECT, related_name="+")
    split_version = models.ForeignKey("licensing.SplitVersion", models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["line", "claim"], name="quote_share_once")]


class Order(Named, Tenant):
    """The acceptance of one quote, once."""

    PREFIX = "ord"
    STATES = States(
        "order",
        "placed",
        {
            "placed": ("secured", "cancelled"),
            "secured": ("granted", "refunded"),
            "granted": ("refunded",),
        },
    )

    quote = models.OneToOneField(Quote, models.PROTECT, related_name="+")
    idem = models.CharField(max_length=255)
    currency = models.CharField(max_length=3)
    total_minor = models.BigIntegerField()
    status = models.CharField(max_length=10, default="placed")
    secured_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "livemode", "idem"], name="order_idem_once")
        ]
