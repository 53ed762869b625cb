"""The people of the tests, each with a key."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.test import Client

from accounts import services as accounts
from accounts.models import ApiKey, Organisation, User
from accounts.unit import SYSTEM, Actor, unit

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""When the cast was hired."""

#: name -> (organisation, its kinds, role)
ROLES: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "publisher": ("harbour", ("rights_holder",), "publisher_editor"),
    "colleague": ("harbour", ("rights_holder",), "publisher_finance"),
    "developer": ("kite", ("licensee",), "developer"),
    "admin": ("kite", ("licensee",), "developer_admin"),
    "auditor": ("counters", ("operator",), "auditor"),
    "operator": ("house", ("operator",), "operator"),
    "stranger": ("foreign", ("licensee",), "developer_admin"),
    "rival": ("rivals", ("rights_holder",), "publisher_finance"),
}
_turn = itertools.count(1)
_here = threading.local()


def _client() -> Client:
    """One client per thread: each new one would build the middleware anew, with a walk over all static files."""
    if not hasattr(_here, "client"):
        _here.client = Client(raise_request_exception=True)
    client: Client = _here.client
    client.cookies.clear()
    return client


@dataclass(frozen=True)
class Answer:
    """An HTTP answer as a client sees it."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @cached_property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.content)

    @property
    def code(self) -> str:
        """The code of a problem."""
        assert self.headers["Content-Type"] == "application/problem+json", self.content
        return str(self.json["code"])

    @property
    def pointers(self) -> dict[str, str]:
        """Pointer -> code of a problem's errors."""
        return {error["pointer"]: error["code"] for error in self.json["errors"]}


@dataclass
class Person:
    """One of the cast, with the key that speaks for them; without a secret: nobody."""

    secret: str = ""
    actor: Actor = SYSTEM
    organisation: Organisation | None = None
    user: User | None = None
    key: ApiKey | None = None

    def get(self, path: str, **headers: str) -> Answer:
        """GET /v1/..."""
        return self.send("GET", path, headers=headers)

    def post(self, path: str, body: Any = None, *, idem: str | None = None, **headers: str) -> Answer:
        """POST JSON; `idem` is the Idempotency-Key."""
        return self.send("POST", path, body, headers=headers | ({"Idempotency-Key": idem} if idem else {}))

    def send(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Answer:  # fmt: skip
        """Any request through the whole stack, middleware included; bytes go out as they are."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        signed = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        address = path if path.startswith("/") else f"/v1/{path}"
        answer = _client().generic(
            method, address, data, content_type=content_type, headers={**signed, **(headers or {})}
        )
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        return Answer(answer.status_code, dict(answer.items()), content)


@dataclass
class Cast:
    """Everybody by name, each hired when first asked for: a test pays for the people it needs."""

    houses: dict[str, Organisation] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=lambda: {"nobody": Person()})

    def __getattr__(self, name: str) -> Person:
        if name not in self.people:
            if name not in ROLES:
                raise AttributeError(name)
            slug, kinds, role = ROLES[name]
            if slug not in self.houses:
                self.houses[slug] = accounts.register_organisation(
                    name=slug.title(), slug=f"{slug}-{next(_turn)}", roles=kinds, country="DE", actor=SYSTEM, at=AT
                )
            self.people[name] = person(role, self.houses[slug])
        return self.people[name]


def person(
    role: str, organisation: Organisation, *, scopes: tuple[str, ...] = ("*",), at: datetime = AT,
    livemode: bool = False,
) -> Person:
    """A new member with a role and a key."""
    user = accounts.register_user(email=f"{role}-{next(_turn)}@example.org", password=None, actor=SYSTEM, at=at)
    accounts.invite(organisation=organisation, user=user, role=role, actor=SYSTEM, at=at)
    return keyed(user, organisation, scopes=scopes, at=at, livemode=livemode)


def keyed(
    user: User, organisation: Organisation, *, scopes: tuple[str, ...] = ("*",), at: datetime = AT,
    livemode: bool = False,
) -> Person:
    """Another key of a member."""
    key, secret = accounts.issue_key(
        user=user, organisation=organisation, livemode=livemode, scopes=scopes, actor=SYSTEM, at=at,
        limits=accounts.Limits(days=None),
    )  # fmt: skip
    with unit(SYSTEM):
        actor = accounts.actor_of_key(secret=secret, address="127.0.0.1", at=at)
    return Person(secret, actor, organisation, user, key)


def hire(*names: str) -> Cast:
    """A cast with the people named already there. Needs a database, and no unit of anybody else."""
    cast = Cast()
    for name in names:
        getattr(cast, name)
    return cast
