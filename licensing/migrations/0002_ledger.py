from __future__ import annotations

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("licensing", "0001_initial"), ("accounts", "0002_guards")]
    operations: ClassVar = []
