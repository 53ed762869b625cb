"""Sign-in by django-allauth: how its pages fit here, and the choice of organisation and mode."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from marketplace.web import units


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """People are registered by an organisation or the operator; nobody signs up alone."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False


@login_required
@require_http_methods(["GET", "POST"])
def acting(request: HttpRequest) -> HttpResponse:
    """Choose the organisation and the mode (test or live) to act in; kept in the session."""
    choices = units.choices(request)
    if request.method == "GET":
        return render(request, "web/acting.html", {"choices": choices})
    chosen = next((each for each in choices if each.name_id == request.POST.get("organisation")), None)
    if chosen is not None:
        request.session["organisation"] = chosen.pk
    request.session["livemode"] = request.POST.get("mode") == "live"
    return HttpResponseRedirect(_next(request))


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else reverse("web:landing")
