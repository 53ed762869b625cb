"""What the frame of every page shows: the rail, the person, the organisation they act for."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import audit
from marketplace.web import units

HOUSE = frozenset({"operator", "auditor"})


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor. Asks the database nothing: `UnitMiddleware` has loaded who asks."""
    if units.is_machine(request.path):
        return {}
    actor = units.actor_of(request)
    return {
        "actor": actor,
        "organisation": request.__dict__.get("organisation"),
        "signed_in": actor.user_id is not None,
        "person": request.user if actor.user_id is not None else None,
        "rail": _rail(request.path, operator=bool(actor.roles & HOUSE)),
        "here": request.get_full_path(),
        "request_id": audit.request_id.get(),
    }


def _rail(path: str, *, operator: bool) -> list[dict[str, Any]]:
    links = [
        (reverse("web:landing"), _("Start")),
        (reverse("web:certificates"), _("Check a certificate")),
        (reverse("web:reasons"), _("Reasons and errors")),
        (reverse("docs"), _("API documentation")),
        (reverse("schema"), _("API schema")),
    ]
    if operator:
        links.append((reverse("admin:index"), _("Administration")))
    return [
        {"url": url, "name": name, "current": path == url if url == "/" else path.startswith(url)}
        for url, name in links
    ]
