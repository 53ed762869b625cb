"""Units for pages: the session and the person are read in a system unit of their own, the view runs in the person's.

Two pieces of middleware, because the session is read long before anybody knows who asks, and written after the view:
`SessionMiddleware` writes it in a system unit; `UnitMiddleware` finds the person and opens `unit(actor)` for the view.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.sessions import middleware
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse

from accounts import services as accounts
from accounts import unit as units
from accounts.models import Organisation, User
from accounts.unit import SYSTEM, Actor
from marketplace import second_factor

if TYPE_CHECKING:
    from django.http import HttpResponse

ANONYMOUS = Actor("anonymous", roles=frozenset({"anonymous"}))
MACHINES = ("/v1/", "/hooks/", "/.well-known/", "/livez", "/readyz", "/status/", "/files/")
"""Doors for machines: they find out who asks themselves and open their own units."""
SIGN_IN = ("/accounts/", "/language")
"""Pages a person without a second factor still gets, to set one up or to leave."""
OWN_UNITS = ("/certificates",)
"""Pages that look into both modes, so that no unit of one mode may be open around them."""


class _Undo(Exception):
    """Leaves the unit of a page that broke without keeping what it wrote."""


class SessionMiddleware(middleware.SessionMiddleware):
    """Django's, with the write after the view in a unit. Reading is lazy and happens in `UnitMiddleware`."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Save the session when it was changed."""
        if not request.session.modified:
            return super().process_response(request, response)
        with units.unit(SYSTEM):
            return super().process_response(request, response)


class UnitMiddleware:
    """Stands right behind AuthenticationMiddleware. Sets `request.actor` and `request.organisation`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Find the person, open the unit, run the view; an answer of 5xx keeps nothing that was written."""
        if is_machine(request.path):
            return self.get_response(request)
        actor = identify(request)
        if request.path.startswith(OWN_UNITS):
            return self.get_response(request)
        if not request.path.startswith(SIGN_IN) and second_factor.missing(request.user, actor):
            return HttpResponseRedirect(reverse("mfa_activate_totp"))
        try:
            with units.unit(actor):
                response = self.get_response(request)
                if response.status_code >= 500:
                    raise _Undo  # noqa: TRY301 -- the one way out of a unit that keeps nothing
        except _Undo:
            pass
        return response


def is_machine(path: str) -> bool:
    """Whether a path belongs to a door for machines or to static files, which know no person."""
    return path.startswith((*MACHINES, "/" + settings.STATIC_URL.lstrip("/")))


def identify(request: HttpRequest) -> Actor:
    """Load session and person, and say as whom they act:
    the organisation and mode they chose, else the first joined.
    """
    actor, organisation = ANONYMOUS, None
    if settings.SESSION_COOKIE_NAME in request.COOKIES:
        with units.unit(SYSTEM):
            if isinstance(person := _person(request), User):
                actor = _actor(request, person)
                chosen = Organisation.objects.filter(pk=actor.organisation_id or 0)  # 0 is nobody's
                organisation = chosen.first()
    request.__dict__.update(actor=actor, organisation=organisation)
    return actor


def actor_of(request: HttpRequest) -> Actor:
    """Who `identify` found; nobody on a path for machines."""
    found = request.__dict__.get("actor", ANONYMOUS)
    return found if isinstance(found, Actor) else ANONYMOUS


def choices(request: HttpRequest) -> list[Organisation]:
    """The organisations the signed-in person may act for. Needs an open unit."""
    member = Organisation.objects.filter(
        memberships__user_id=actor_of(request).user_id or 0, memberships__ended_at__isnull=True
    )
    return list(member.distinct().order_by("name", "id"))


def _person(request: HttpRequest) -> object:
    """The user behind the lazy `request.user`, loaded now."""
    return request.user if request.user.is_authenticated else None


def _actor(request: HttpRequest, person: User) -> Actor:
    chosen = request.session.get("organisation")
    organisation = Organisation.objects.filter(pk=chosen).first() if chosen else None
    return accounts.actor_of_user(
        user=person, organisation=organisation, livemode=bool(request.session.get("livemode", False))
    )
