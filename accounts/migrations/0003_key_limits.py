"""What was ordered with a key, so that its spend cap holds over its life; rights of guests that end."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("accounts", "0002_guards")]
    operations: ClassVar = [
        migrations.AddField("apikey", "spent_minor", models.BigIntegerField(default=0)),
        migrations.AddField("organisationuserpermission", "expires_at", models.DateTimeField(null=True)),
    ]
