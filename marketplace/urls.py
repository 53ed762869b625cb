"""Every address we answer at."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from marketplace.admin.site import site
from marketplace.api import grants, health
from marketplace.hooks import stripe

handler400 = "marketplace.api.errors.unreadable"
handler404 = "marketplace.api.errors.not_found"
handler500 = "marketplace.api.errors.broken"

urlpatterns: list[URLPattern | URLResolver] = [
    path("livez", health.live, name="livez"),
    path("readyz", health.ready, name="readyz"),
    path("hooks/stripe", stripe.receive, name="stripe-webhook"),
    path(".well-known/licet-trust.json", grants.Trust.as_view(), name="trust"),
    path("v1/", include("marketplace.api.urls")),
    path("admin/", site.urls),
    path("", include("marketplace.web.urls")),
]
