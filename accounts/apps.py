"""Django's name for the people's tables."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """WHO: people, organisations, keys, permissions, audit."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
