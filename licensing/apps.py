"""Django's name for the tables of all capabilities."""

from __future__ import annotations

from django.apps import AppConfig


class LicensingConfig(AppConfig):
    """WHAT: catalogue, rights, clearing, money and delivery, one app with capabilities as packages."""

    name = "licensing"
    default_auto_field = "django.db.models.BigAutoField"
