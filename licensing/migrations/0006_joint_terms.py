"""Works with three licensors and more have longer names of terms than a column of 80 characters holds."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Widening a varchar to text rewrites no row."""

    dependencies: ClassVar = [("licensing", "0005_guards")]

    operations: ClassVar = [
        migrations.AlterField("grantwork", "terms_id", models.TextField()),
        migrations.AlterField("grantwork", "licence", models.TextField()),
    ]
