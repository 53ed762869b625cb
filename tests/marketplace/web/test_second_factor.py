"""Finance and operators need a second factor on pages and in a browser's API calls; nobody else is asked."""

from __future__ import annotations

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.urls import reverse
from pytest_django import Settings

from accounts.unit import SYSTEM, unit
from tests.cast import hire
from tests.marketplace.web.visitors import signed_in

pytestmark = pytest.mark.django_db


def test_finance_and_operators_set_it_up_before_anything_else(settings: Settings) -> None:
    settings.MFA_REQUIRED = True
    cast = hire("operator", "colleague", "developer", "auditor")
    for person in (cast.operator, cast.colleague):
        client = signed_in(person.user)
        answer = client.get("/acting")
        assert (answer.status_code, answer.headers["Location"]) == (302, reverse("mfa_activate_totp"))
        assert client.get("/accounts/logout/").status_code == 200
        refused = client.get("/v1/organisations")
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    for person in (cast.developer, cast.auditor):
        assert signed_in(person.user).get("/acting").status_code == 200


def test_with_it_they_get_in(settings: Settings) -> None:
    settings.MFA_REQUIRED = True
    operator = hire("operator").operator
    with unit(SYSTEM):
        TOTP.activate(operator.user, generate_totp_secret())
    client = signed_in(operator.user)
    assert client.get("/acting").status_code == 200
    assert client.get("/v1/organisations").status_code == 200


def test_machines_are_asked_for_their_key_only(settings: Settings) -> None:
    settings.MFA_REQUIRED = True
    assert hire("operator").operator.get("organisations").status == 200


def test_it_is_required_in_production_and_not_where_the_logins_are_printed(settings: Settings) -> None:
    assert settings.MFA_REQUIRED is settings.PRODUCTION is False
