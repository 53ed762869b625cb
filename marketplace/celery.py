"""The Celery application: `celery --skip-checks -A marketplace worker`. Its settings are the CELERY_* ones."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")

app = Celery("licet")
app.config_from_object("django.conf:settings", namespace="CELERY")
