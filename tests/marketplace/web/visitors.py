"""People in front of a browser: Django's test client, whole middleware, signed in or not."""

from __future__ import annotations

from django.test import Client

from accounts.models import User
from accounts.unit import SYSTEM, unit


def visitor(language: str = "en") -> Client:
    """Somebody who is not signed in."""
    client = Client(raise_request_exception=False)
    client.cookies["django_language"] = language
    return client


def signed_in(user: User | None, language: str = "en") -> Client:
    """Somebody whose session exists already."""
    assert user is not None
    client = visitor(language)
    with unit(SYSTEM):
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client
