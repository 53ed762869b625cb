"""No secret reaches the log, whatever goes wrong with it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from marketplace import logs
from marketplace.api import people
from tests import cast as casting
from tests.cast import Cast, Person

PLANTED = "Planted-Secret-4711"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything any logger says at any level, written as production and as a terminal would."""
    out = io.StringIO()
    handlers = []
    root = logging.getLogger()
    level = root.level
    for as_json in (True, False):
        handler = logging.StreamHandler(out)
        handler.setFormatter(logs.Formatter(json=as_json))
        root.addHandler(handler)
        handlers.append(handler)
    root.setLevel(logging.DEBUG)
    yield out
    root.setLevel(level)
    for handler in handlers:
        root.removeHandler(handler)


@pytest.fixture
def cast(db: None) -> Cast:
    return casting.hire("admin", "operator")


def test_secrets_in_headers_bodies_and_answers_stay_out_of_the_log(cast: Cast, log: io.StringIO) -> None:
    assert cast.admin.organisation is not None
    assert cast.admin.user is not None
    here = cast.admin.organisation.name_id
    key = {"organisation": here, "email": cast.admin.user.email, "scopes": ["*"]}
    made = cast.admin.post("keys", key)
    assert made.status == 201
    member = {"email": "new@example.org", "role": "developer", "password": PLANTED}
    assert cast.admin.post(f"organisations/{here}/members", member).status == 201
    assert cast.admin.post(f"organisations/{here}/members", {**member, "role": PLANTED}).status == 400
    assert Person(f"lk_test_{PLANTED}").get("parties").status == 401
    assert cast.admin.get(f"parties?key={PLANTED}").status == 400
    assert Person().get(f"downloads/{PLANTED}").status == 403
    assert cast.admin.send("POST", "/hooks/stripe", b"{}", headers={"Stripe-Signature": PLANTED}).status == 400
    text = log.getvalue()
    assert "/v1/parties" in text
    for secret in (PLANTED, cast.admin.secret, made.json["secret"]):
        assert secret not in text


def test_a_crash_is_logged_without_the_values_it_worked_on(
    cast: Cast, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cast.admin.organisation is not None

    def broken(**_: object) -> None:
        raise ValueError("broken inside")

    monkeypatch.setattr(people.accounts, "invite", broken)
    member = {"email": "new@example.org", "role": "developer", "password": PLANTED}
    with pytest.raises(ValueError, match="broken inside"):
        cast.admin.post(f"organisations/{cast.admin.organisation.name_id}/members", member)
    text = log.getvalue()
    assert "broken inside" in text
    assert PLANTED not in text
    assert cast.admin.secret not in text
