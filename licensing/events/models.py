"""What happened, in the past tense, written in the transaction in which it happened."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.base import Named


class DomainEvent(Named):
    """One fact such as ``order.placed``; `subject` is the public id it is about."""

    PREFIX = "evt"

    organisation = models.ForeignKey("accounts.Organisation", models.PROTECT, null=True, related_name="+")
    livemode = models.BooleanField()
    kind = models.CharField(max_length=60)
    subject = models.CharField(max_length=80)
    actor = models.CharField(max_length=60)
    data = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["organisation", "-id"], name="event_recent")]
