"""The site: who may enter, in which order things are listed, and for how long a page may ask the database."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.db import OperationalError, connection
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template import loader
from django.template.response import SimpleTemplateResponse
from django.urls import path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from psycopg.errors import QueryCanceled
from unfold.sites import UnfoldAdminSite

from marketplace.web.context import HOUSE
from marketplace.web.units import actor_of

GROUPS: Final[dict[str, tuple[str | Promise, dict[str, str | Promise]]]] = {
    "people": (
        _("People"),
        {
            "organisation": _("Organisations"), "user": _("People"), "party": _("Parties"), "apikey": _("API keys"),
            "auditrow": _("Audit log"),
        },
    ),
    "works": (
        _("Works and rights"),
        {
            "catalogue": _("Catalogues"), "work": _("Works"), "claim": _("Claims"), "conflict": _("Conflicts"),
            "splitversion": _("Splits"), "terms": _("Terms"), "reservation": _("Reservations"),
        },
    ),
    "imports": (_("Imports"), {"import": _("Imports"), "importissue": _("Issues")}),
    "buying": (
        _("Clearing and buying"),
        {
            "useprofile": _("Uses"), "clearance": _("Clearances"), "decision": _("Decisions"), "quote": _("Quotes"),
            "order": _("Orders"), "payment": _("Payments"), "webhookevent": _("Webhook events"),
        },
    ),
    "grants": (_("Grants and delivery"), {"grant": _("Grants"), "release": _("Releases")}),
    "books": (
        _("Books"),
        {
            "ledgerentry": _("Entries"), "ledgeraccount": _("Accounts"), "allocationrun": _("Allocation runs"),
            "statement": _("Statements"),
        },
    ),
    "jobs": (_("Jobs"), {"job": _("Jobs"), "domainevent": _("Events")}),
}  # fmt: skip
"""Headings of the index and the tables under them, in order, by the words of the glossary."""


class Site(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """Operators and auditors read; nobody writes. People sign in on the same page as everywhere."""

    site_header = "Licet"
    site_title = "Licet"
    index_title = _("Administration")
    enable_nav_sidebar = False
    seconds = 5.0
    """A page of the administration asks the database no longer than this."""

    def has_permission(self, request: HttpRequest) -> bool:
        """A member with the role operator or auditor, in the organisation they act for."""
        return bool(actor_of(request).roles & HOUSE)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        """Every view with a bound on its time; the pages need no wider script policy, as their templates are ours."""
        bounded: Callable[..., Any] = super().admin_view(_bounded(view), cacheable)
        return bounded

    def get_urls(self) -> list[Any]:
        """Django's pages that read, and the search for a public id; no auto-completion, no jump to other sites."""
        closed = {"autocomplete", "view_on_site", "search"}
        kept = [each for each in super().get_urls() if getattr(each, "name", None) not in closed]
        return [
            path("find/", self.admin_view(self.find), name="find_form"),
            path("find/<str:name>", self.admin_view(self.find), name="find"),
            *kept,
        ]

    def find(self, request: HttpRequest, name: str = "") -> HttpResponseBase:
        """Lead from a public id to its page, in the mode the person chose."""
        wanted = (name or request.GET.get("id", "")).strip()
        model = self.named(wanted)
        if model is None:
            raise Http404(wanted)
        row = self._registry[model].get_queryset(request).filter(public_id=model.decode(wanted)).first()
        if row is None:
            raise Http404(wanted)
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])
        return HttpResponseRedirect(address)

    def named(self, name: str) -> Any:
        """The table a public id belongs to, None for anything else and for tables without a page."""
        model = next((each for each in self._registry if name.startswith(f"{getattr(each, 'PREFIX', '-')}_")), None)
        try:
            return model and model.decode(name) and model
        except ValueError:
            return None

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Our groups are no Django apps: one page has them all."""
        return HttpResponseRedirect(reverse("admin:index"))

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The one page where people change their password."""
        return HttpResponseRedirect(reverse("account_change_password"))

    password_change_done = password_change

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Send people to the one sign-in page, and signed-in strangers to the choice of organisation."""
        wanted = request.GET.get("next") or reverse("admin:index")
        if actor_of(request).user_id is not None:
            wrong = _("The administration is for operators and auditors. Act for their organisation.")
            messages.warning(request, wrong)
            return HttpResponseRedirect(reverse("web:acting"))
        return redirect_to_login(wanted, reverse("account_login"))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """The one sign-out page."""
        return HttpResponseRedirect(reverse("account_logout"))

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """The models by what they are about instead of by Django app."""
        known = {
            model["object_name"].lower(): model
            for app in self._build_app_dict(request).values()
            for model in app["models"]
        }
        return [
            {
                "name": name,
                "app_label": label,
                "app_url": reverse("admin:index"),
                "has_module_perms": True,
                "models": [known[each] | {"name": title} for each, title in members.items() if each in known],
            }
            for label, (name, members) in GROUPS.items()
            if known and (app_label is None or app_label == label)
        ]

    def name_of(self, model: type[Model]) -> str:
        """Our name of a table."""
        key = str(model._meta.model_name)
        return next(str(members[key]) for _name, members in GROUPS.values() if key in members)


def _bounded(view: Callable[..., Any]) -> Callable[..., Any]:
    """No page of the administration keeps the database busy for long, whatever is searched for or sorted by."""

    @functools.wraps(view)
    def bounded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{site.seconds}s"])
        try:
            answer: HttpResponseBase = view(request, *args, **kwargs)
            return answer.render() if isinstance(answer, SimpleTemplateResponse) else answer
        except OperationalError as error:
            if not isinstance(error.__cause__, QueryCanceled):
                raise
        page = loader.render_to_string("too_long.html", {"seconds": f"{site.seconds:g}"}, request)
        return HttpResponse(page, status=503)

    return bounded


site: Final = Site(name="admin")
