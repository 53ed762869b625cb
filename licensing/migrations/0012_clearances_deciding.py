"""The clearances that are being decided are found without reading all of them."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar = [("licensing", "0011_plan_by_size")]
    operations: ClassVar = [
        AddIndexConcurrently(
            "clearance",
            models.Index(fields=["id"], condition=models.Q(status="deciding"), name="clearance_deciding"),
        ),
    ]
