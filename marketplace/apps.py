"""Start-up of every Django process."""

from __future__ import annotations

from django.apps import AppConfig

from marketplace import logs
from marketplace.celery import app as celery_app


class MarketplaceConfig(AppConfig):
    """The doors. Owns no table."""

    name = "marketplace"

    def ready(self) -> None:
        """Make our Celery application the one that rings, whatever process this is; set up logs."""
        celery_app.set_default()
        logs.configure()
