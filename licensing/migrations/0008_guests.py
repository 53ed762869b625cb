"""Rights of guests on one catalogue, grant or release end."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("licensing", "0007_foreign_claims")]
    operations: ClassVar = [
        migrations.AddField(f"{name}userpermission", "expires_at", models.DateTimeField(null=True))
        for name in ("catalogue", "grant", "release")
    ]
