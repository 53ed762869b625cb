from __future__ import annotations

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("licensing", "0004_royalties")]
    operations: ClassVar = []
