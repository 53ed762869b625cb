"""Who sends this request: a machine by its key, a person by the session. The answer is an Actor."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from accounts import services as accounts
from accounts import unit as units
from accounts.errors import Refused
from accounts.models import Organisation, User
from accounts.unit import SYSTEM, Actor
from marketplace import second_factor

ANONYMOUS = Actor("anonymous", livemode=True, roles=frozenset({"anonymous"}))
"""Nobody we know; sees what is public of the live mode. Test data belongs to those who test."""


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer lk_...`. request.auth is the Actor."""

    def authenticate(self, request: Request) -> tuple[Any, Actor] | None:
        """Return (no person: a machine asks, actor), or None when there is no Bearer header."""
        header = request.headers.get("Authorization", "")
        if not header:
            return None
        scheme, _, secret = header.partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise Refused("key_unknown", "Send your key as: Authorization: Bearer lk_...")
        with units.unit(SYSTEM):
            actor = accounts.actor_of_key(secret=secret.strip(), address=address_of(request), at=units.now())
        return no_user(), actor

    def authenticate_header(self, request: Request) -> str:
        """What a 401 tells the client to send."""
        return 'Bearer realm="licet"'


class PersonAuthentication(SessionAuthentication):
    """A signed-in person in a browser, with CSRF; acts in the organisation chosen in the session."""

    def authenticate(self, request: Request) -> tuple[Any, Actor] | None:
        """Return (person, actor), or None when nobody is signed in."""
        with units.unit(SYSTEM):
            found = super().authenticate(request)
            if found is None:
                return None
            person = found[0]
            assert isinstance(person, User)
            chosen = request.session.get("organisation")
            organisation = Organisation.objects.filter(pk=chosen).first() if chosen else None
            actor = accounts.actor_of_user(
                user=person, organisation=organisation, livemode=bool(request.session.get("livemode", False))
            )
        if second_factor.missing(person, actor):
            raise Refused("forbidden", "Set up your second factor first: this role needs one.")
        return person, actor


def address_of(request: Request) -> str:
    """The caller's IP address; behind a proxy that always sets X-Forwarded-For the last one in it."""
    if settings.BEHIND_PROXY:
        return str(request.META.get("HTTP_X_FORWARDED_FOR", "")).rpartition(",")[2].strip()
    return str(request.META.get("REMOTE_ADDR", ""))


def actor_of(request: Request) -> Actor:
    """The actor of an authenticated request; anonymous ones get an actor without rights."""
    return request.auth if isinstance(request.auth, Actor) else ANONYMOUS


def no_user() -> AnonymousUser:
    """DRF's UNAUTHENTICATED_USER."""
    return AnonymousUser()
