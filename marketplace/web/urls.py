"""The addresses of pages for people."""

from __future__ import annotations

from allauth.urls import urlpatterns as sign_in
from django.urls import URLPattern, URLResolver, include, path
from django.views.i18n import set_language

from marketplace.web import certificates, pages, people

web = (
    [
        path("", pages.landing, name="landing"),
        path("language", set_language, name="language"),
        path("acting", people.acting, name="acting"),
        path("certificates", certificates.check, name="certificates"),
        path("certificates/<str:grant>", certificates.show, name="certificate"),
        path("reasons", pages.reasons, name="reasons"),
        path("reasons/<slug:code>", pages.reason, name="reason"),
        path("errors/<slug:code>", pages.error, name="error"),
    ],
    "web",
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include(web)),
    path("accounts/", include(sign_in)),
]
