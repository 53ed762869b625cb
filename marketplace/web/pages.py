"""The public pages that need no row: start page, reasons and errors in plain language."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from marketplace.web import codes, picture, showcase
from marketplace.web.picture import Step


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """What this is, who does what next, how a licence comes about, what the demo has shown."""
    steps = _steps()
    told = {
        "title": _("How a licence comes about"),
        "description": " → ".join(f"{step.name} ({step.who})" for step in steps),
    }
    pictures = [picture.flow(steps, columns=columns, name=name, **told) for name, columns in (("wide", 5), ("tall", 1))]
    shown = {
        "pictures": pictures, "steps": steps, "logins": showcase.logins(), "figures": showcase.figures(get_language()),
    }  # fmt: skip
    return render(request, "web/landing.html", shown)


@require_safe
def reasons(request: HttpRequest) -> HttpResponse:
    """Every code with its first sentence, in the three lists people meet them in."""
    language = get_language()
    lists = [
        (_("Reasons of a decision"), "web:reason", codes.listed("reasons", language)),
        (_("Problems of a request"), "web:error", codes.listed("errors", language)),
        (_("Issues of an uploaded file"), "web:error", codes.listed("issues", language)),
    ]
    return render(request, "web/codes.html", {"lists": lists})


@require_safe
def reason(request: HttpRequest, code: str) -> HttpResponse:
    """One reason of a clearing decision."""
    return _code(request, code, [codes.explain("reasons", code, get_language())])


@require_safe
def error(request: HttpRequest, code: str) -> HttpResponse:
    """One problem code of the API, or one issue of an import: a code may be both."""
    found = [codes.explain(kind, code, get_language()) for kind in ("errors", "issues")]
    return _code(request, code, found)


def _code(request: HttpRequest, code: str, found: list[codes.Explanation | None]) -> HttpResponse:
    explained: list[Any] = [each for each in found if each is not None]
    if not explained:
        raise Http404(code)
    return render(request, "web/code.html", {"code": code, "explained": explained})


def _steps() -> list[Step]:
    publisher, developer, licet = _("publisher"), _("developer"), _("Licet")
    return [
        Step(_("Catalogue"), publisher, "holder"),
        Step(_("Claims, splits, terms"), publisher, "holder"),
        Step(_("Intended use"), developer, "buyer"),
        Step(_("Clearance"), licet, "house"),
        Step(_("Quote"), licet, "house"),
        Step(_("Payment"), developer, "buyer"),
        Step(_("Grant, signed"), licet, "house"),
        Step(_("Royalties divided"), licet, "house"),
        Step(_("Data delivered"), licet, "house"),
        Step(_("Checked offline"), developer, "buyer"),
    ]
