"""Proposals of the two modes do not meet; an answer is kept with the rights it was given for.

Safe beside running code: the wider index is built without a lock that stops writers, under a name of its own, before
the narrower one goes; the new column may be null, which is what the earlier code leaves in it. It can be run again
after a failure at any step.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

OPEN_PER_MODE = [
    "DROP INDEX CONCURRENTLY IF EXISTS countersign_open_per_mode",  # an attempt that failed leaves it, invalid
    """CREATE UNIQUE INDEX CONCURRENTLY countersign_open_per_mode ON accounts_countersign
       (livemode, "right", subject, payload_hash) WHERE status IN ('proposed', 'approved')""",
    "DROP INDEX CONCURRENTLY IF EXISTS countersign_open_once",
]


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar = [("accounts", "0003_key_limits")]
    operations: ClassVar = [
        migrations.RunSQL(
            OPEN_PER_MODE,
            state_operations=[
                migrations.RemoveConstraint("countersign", "countersign_open_once"),
                migrations.AddConstraint(
                    "countersign",
                    models.UniqueConstraint(
                        condition=models.Q(status__in=["proposed", "approved"]),
                        fields=["livemode", "right", "subject", "payload_hash"],
                        name="countersign_open_per_mode",
                    ),
                ),
            ],
        ),
        migrations.AddField("idempotencyrecord", "rights", models.JSONField(null=True)),
    ]
