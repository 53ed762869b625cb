"""The first operator of an installation, who invites everybody else."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.models import ApiKey, Membership, Organisation
from accounts.unit import SYSTEM, unit

pytestmark = pytest.mark.django_db


def created(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("create_operator", *arguments, "--name", "The House", "--slug", "house", "--json", stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_an_operator_is_made_once_and_sets_the_password_by_mail(client: Client) -> None:
    answer = created("vera@house.example")
    assert created("vera@house.example") == answer
    with unit(SYSTEM):
        assert Organisation.objects.get(slug="house").name_id == answer["organisation"]
        assert [one.role for one in Membership.objects.filter(user__email="vera@house.example")] == ["operator"]
    client.post(reverse("account_reset_password"), {"email": "vera@house.example"})
    assert [message.to for message in mail.outbox] == [["vera@house.example"]]
    assert re.search(r"/password/reset/key/", str(mail.outbox[0].body))


def test_the_key_of_the_first_operator_registers_others(client: Client) -> None:
    secret = created("vera@house.example", "--key", "test")["key"]
    answer = client.post(
        "/v1/organisations", {"name": "Press", "slug": "press", "roles": ["rights_holder"]},
        content_type="application/json", headers={"Authorization": f"Bearer {secret}"},
    )  # fmt: skip
    assert answer.status_code == 201, answer.content
    with unit(SYSTEM):
        assert secret not in str(ApiKey.objects.get().__dict__)


def test_the_short_name_of_another_organisation_is_not_taken_over() -> None:
    created("vera@house.example")
    with unit(SYSTEM):
        Organisation.objects.update(is_operator=False, is_licensee=True)
    with pytest.raises(CommandError, match="taken"):
        created("vera@house.example")
