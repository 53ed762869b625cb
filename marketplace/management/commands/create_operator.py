"""Make the operating organisation and its first people: everybody else is invited over REST."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from accounts import services as accounts
from accounts import unit as units
from accounts.errors import Refused
from accounts.models import Organisation
from accounts.unit import Actor


class Command(BaseCommand):
    help = "Make the operating organisation where it is missing, and let a person act for it. Again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="address of the person; they set their password by mail")
        parser.add_argument("--name", required=True, help="name of the organisation, as printed in certificates")
        parser.add_argument("--slug", required=True, help="its short name")
        parser.add_argument("--country", default="", help="ISO 3166-1 alpha-2")
        parser.add_argument("--full-name", default="", help="name of the person")
        parser.add_argument("--role", choices=("operator", "auditor"), default="operator")
        parser.add_argument("--key", choices=("test", "live"), help="also issue an API key of this mode, shown once")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = Actor("command", scope="all", roles=frozenset({"system"}))
        try:
            with units.unit(actor):
                found = _create(options, actor)
        except Refused as refused:
            raise CommandError(refused.message) from refused
        if options["json"]:
            self.stdout.write(json.dumps(found))
            return
        self.stdout.write(f"{found['email']} acts for {found['organisation']} as {found['role']}.")
        self.stdout.write(f"The password is set by mail: {settings.PUBLIC_URL}{reverse('account_reset_password')}")
        if found["key"]:
            self.stdout.write(f"API key, shown this once: {found['key']}")


def _create(options: dict[str, Any], actor: Actor) -> dict[str, Any]:
    at = units.now()
    house = Organisation.objects.filter(slug=options["slug"], is_operator=True).first()
    if house is None:
        house = accounts.register_organisation(
            name=options["name"], slug=options["slug"], roles=["operator"], country=options["country"], actor=actor,
            at=at,
        )  # fmt: skip
    person = accounts.ensure_user(
        email=options["email"], password=None, full_name=options["full_name"], actor=actor, at=at
    )
    accounts.invite(organisation=house, user=person, role=options["role"], actor=actor, at=at)
    secret = None
    if options["key"]:
        _, secret = accounts.issue_key(
            user=person, organisation=house, livemode=options["key"] == "live", scopes=["*"], label="first",
            actor=actor, at=at,
        )  # fmt: skip
    return {"organisation": house.name_id, "email": person.email, "role": options["role"], "key": secret}
