"""The site: who may enter, in which order things are listed, and the wider script policy its pages need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_update
from django.contrib.auth.views import redirect_to_login
from django.db.models import Model
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from marketplace.web.context import HOUSE
from marketplace.web.units import actor_of

GROUPS: Final[dict[str, tuple[str | Promise, dict[str, str | Promise]]]] = {
    "people": (
        _("People"),
        {"organisation": _("Organisations"), "user": _("People"), "apikey": _("API keys"), "auditrow": _("Audit log")},
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
            "clearance": _("Clearances"), "decision": _("Decisions"), "quote": _("Quotes"), "order": _("Orders"),
            "payment": _("Payments"), "webhookevent": _("Webhook events"),
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
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        """A member with the role operator or auditor, in the organisation they act for."""
        return bool(actor_of(request).roles & HOUSE)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        """Unfold's pages run Alpine (which evaluates expressions) and set styles: allowed here, nowhere else."""
        wider: Callable[..., Any] = csp_update({"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]})(
            super().admin_view(view, cacheable)
        )
        return wider

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Send people to the one sign-in page, and signed-in strangers to the choice of organisation."""
        wanted = request.GET.get("next") or reverse("admin:index")
        if actor_of(request).user_id is not None:
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


site: Final = Site(name="admin")
