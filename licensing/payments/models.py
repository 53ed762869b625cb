"""What was asked of Stripe, what it said, and what was paid (money.md 4)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.base import Named, Tenant
from licensing.kernel.states import States


class Payment(Named, Tenant):
    """One attempt to fund an order: a PaymentIntent, or a Checkout Session and the intent behind it."""

    PREFIX = "pay"
    STATES = States(
        "payment",
        "created",
        {
            "created": ("pending", "unknown", "failed", "cancelled"),
            "unknown": ("pending", "captured", "failed", "cancelled"),
            "pending": ("captured", "failed", "cancelled", "suspense"),
            "failed": ("pending", "captured"),
            "captured": ("refunded", "failed"),
        },
    )

    order = models.ForeignKey("licensing.Order", models.PROTECT, related_name="+")
    idem = models.CharField(max_length=255)
    method = models.CharField(max_length=20)  # payment_intent, checkout
    stripe_id = models.CharField(max_length=80, null=True, unique=True)
    session_id = models.CharField(max_length=120, null=True, unique=True)
    client_secret = models.CharField(max_length=200, blank=True)
    hosted_url = models.TextField(blank=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    captured_minor = models.BigIntegerField(default=0)
    fee_minor = models.BigIntegerField(null=True)
    balance_transaction = models.CharField(max_length=80, blank=True)
    status = models.CharField(max_length=10, default="created")
    captured_at = models.DateTimeField(null=True)
    facts = models.JSONField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "idem"], name="payment_idem_once"),
            models.UniqueConstraint(
                fields=["order"],
                condition=models.Q(status__in=["created", "pending", "unknown"]),
                name="payment_open_once",
            ),
        ]


class StripeCall(models.Model):
    """A call written down before it is made; a key is never used with other parameters."""

    STATES = States("stripe_call", "stored", {"stored": ("answered", "unknown"), "unknown": ("answered",)})

    key = models.CharField(max_length=255, unique=True)
    subject = models.CharField(max_length=60, db_index=True)
    method = models.CharField(max_length=60)
    params = models.JSONField()
    params_hash = models.CharField(max_length=64)
    status = models.CharField(max_length=10, default="stored")
    response = models.JSONField(null=True)
    first_sent_at = models.DateTimeField()


class WebhookEvent(models.Model):
    """The inbox: one row per event id, whoever sends it and however often."""

    STATES = States(
        "webhook_event",
        "received",
        {"received": ("handled", "ignored", "parked"), "parked": ("handled", "ignored")},
    )

    endpoint = models.CharField(max_length=20)
    account = models.CharField(max_length=80, default="", blank=True)
    event_id = models.CharField(max_length=120)
    type = models.CharField(max_length=80)
    api_version = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=120)
    livemode = models.BooleanField()
    raw = models.JSONField()
    status = models.CharField(max_length=10, default="received")
    attempts = models.PositiveIntegerField(default=0)
    received_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["endpoint", "account", "event_id"], name="webhook_event_once")
        ]


class Refund(Named, Tenant):
    """Money given back; the sum of refunds not failed never exceeds what was captured (trigger)."""

    PREFIX = "rfd"
    STATES = States(
        "refund", "requested", {"requested": ("pending", "failed"), "pending": ("settled", "failed")}
    )

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds")
    stripe_id = models.CharField(max_length=80, null=True, unique=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=60)
    status = models.CharField(max_length=10, default="requested")


class Dispute(Named, Tenant):
    """A chargeback, driven by its balance transactions."""

    PREFIX = "dsp"
    STATES = States("dispute", "open", {"open": ("won", "lost")})

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="disputes")
    stripe_id = models.CharField(max_length=80, unique=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=10, default="open")
