"""Organisations, members and keys: the operator's first key is made here, everything else over REST."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accounts import services as accounts
from accounts import unit as units
from accounts.errors import Refused
from accounts.models import ApiKey, Organisation, User
from accounts.unit import SYSTEM
from licensing.grants import keys as issuer
from licensing.orders import rules as fees
from licensing.orders import services as orders
from marketplace.demo.client import Client, Problem

FEE_PPM = 150_000  # the demo house keeps 15 % of each work's price


class KeyRing:
    """The demo's keys and logins, kept in var/demo (mode 0600) so that a second run uses the same ones."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "keys.json"
        self._logins = folder / "logins.json"
        known = json.loads(self._path.read_text("utf-8")) if self._path.is_file() else {}
        self.keys: dict[str, str] = known.get("keys", {})
        self.passwords: dict[str, str] = known.get("passwords", {})
        self.people: dict[str, dict[str, Any]] = known.get("people", {})
        #: Catalogues whose rights are stated completely.
        self.stated: list[str] = known.get("stated", [])

    def password(self, email: str) -> str:
        """The login of a demo person; made once."""
        return self.passwords.setdefault(email, secrets.token_urlsafe(9))

    def introduce(self, member: Mapping[str, Any], organisation: str) -> None:
        """Who a login belongs to, for the landing page."""
        told = {"name": member["name"], "organisation": organisation, "roles": list(member["roles"])}
        self.people[str(member["email"])] = told

    def save(self) -> None:
        """Write the ring; logins.json is what the landing page of the demo shows."""
        for path, data in (
            (
                self._path,
                {"keys": self.keys, "passwords": self.passwords, "people": self.people, "stated": self.stated},
            ),
            (
                self._logins,
                [
                    {"email": email, "password": word, **self.people.get(email, {})}
                    for email, word in self.passwords.items()
                ],
            ),
        ):
            fresh = path.with_suffix(".new")  # a run killed in the middle must not leave half a ring
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(data, file, indent=1)
            fresh.replace(path)


def found_house(operator: Mapping[str, Any], ring: KeyRing) -> str:
    """Make the operator, its members, issuer keys and fee where they are missing; returns the operator's API key."""
    with units.unit(SYSTEM):
        at = units.now()
        slug = operator["organisation"]["slug"]
        house = Organisation.objects.filter(slug=slug).first() or accounts.register_organisation(
            **operator["organisation"], actor=SYSTEM, at=at
        )
        people = [_person(member, house, ring) for member in operator["members"]]
        orders.set_fee(livemode=False, currency="usd", fee=fees.Fee(FEE_PPM), actor=SYSTEM, at=at)
    issuer.create(actor=SYSTEM, at=at)
    for member, person in zip(operator["members"], people, strict=True):
        _ensure_key(member["email"], person, house, ring)
    ring.save()
    return ring.keys[operator["members"][0]["email"]]


def _person(member: Mapping[str, Any], house: Organisation, ring: KeyRing) -> User:
    at = units.now()
    ring.introduce(member, house.name)
    password = ring.password(member["email"])
    person = accounts.ensure_user(
        email=member["email"], password=password, full_name=member["name"], actor=SYSTEM, at=at
    )
    if not person.check_password(password):
        person.set_password(password)
        person.save(update_fields=["password"])
    for role in member["roles"]:
        accounts.invite(organisation=house, user=person, role=role, actor=SYSTEM, at=at)
    return person


def _ensure_key(email: str, person: User, house: Organisation, ring: KeyRing) -> None:
    with units.unit(SYSTEM):
        at = units.now()
        if email in ring.keys and _works(ring.keys[email]):
            return
        for old in ApiKey.objects.filter(user=person, organisation=house, revoked_at__isnull=True):
            accounts.revoke_key(key=old, actor=SYSTEM, at=at)
        _, ring.keys[email] = accounts.issue_key(
            user=person, organisation=house, livemode=False, scopes=["*"], label="demo", actor=SYSTEM, at=at
        )


def _works(secret: str) -> bool:
    try:
        accounts.actor_of_key(secret=secret, address="127.0.0.1", at=units.now())
    except Refused:
        return False
    return True


def join(operator: Client, who: Mapping[str, Any], ring: KeyRing) -> dict[str, Client]:
    """Register an organisation with its members over REST where missing; returns role -> a client with its key.

    A role is played by whoever has the fewest: what one proposes, another person must agree to.
    """
    organisation = _organisation(operator, who["organisation"])
    clients: dict[str, Client] = {}
    for member in sorted(who["members"], key=lambda member: len(member["roles"])):
        email = str(member["email"])
        ring.introduce(member, who["organisation"]["name"])
        for role in member["roles"]:
            operator.post(
                f"/v1/organisations/{organisation}/members",
                {"email": email, "full_name": member["name"], "role": role, "password": ring.password(email)},
            )
        if email not in ring.keys or not _answers(operator.url, ring.keys[email]):
            _revoke_lost_keys(email)
            asked = {"organisation": organisation, "email": email, "label": "demo", "scopes": ["*"]}
            ring.keys[email] = operator.post("/v1/keys", asked)["secret"]
        for role in member["roles"]:
            clients.setdefault(role, Client(operator.url, ring.keys[email]))
    ring.save()
    return clients


def _revoke_lost_keys(email: str) -> None:
    """End demo keys of a member whose secrets are gone with var/demo: a member has two active keys at most."""
    with units.unit(SYSTEM):
        at = units.now()
        for key in ApiKey.objects.filter(user__email=email, label="demo", revoked_at__isnull=True):
            accounts.revoke_key(key=key, actor=SYSTEM, at=at)


def _organisation(operator: Client, wanted: Mapping[str, Any]) -> str:
    for known in operator.everything("/v1/organisations"):
        if known["slug"] == wanted["slug"]:
            return str(known["id"])
    return str(operator.post("/v1/organisations", wanted)["id"])


def _answers(url: str, key: str) -> bool:
    try:
        Client(url, key).get("/v1/organisations")
    except Problem:
        return False
    return True
