"""Start-up of every Django process."""

from __future__ import annotations

import gc

from django.apps import AppConfig

from marketplace import logs
from marketplace.celery import app as celery_app

# What loading makes stays for good: until `ready` nobody looks for garbage in it, a third of the time it takes.
gc.disable()


class MarketplaceConfig(AppConfig):
    """The doors. Owns no table."""

    name = "marketplace"

    def ready(self) -> None:
        """Make our Celery application the one that rings, whatever process this is; set up logs; end loading."""
        celery_app.set_default()
        logs.configure()
        gc.freeze()
        gc.enable()
