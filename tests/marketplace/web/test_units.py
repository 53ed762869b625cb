"""Every query of a page runs in a unit: the session and the person in the system's, the view in the person's."""

from __future__ import annotations

import pytest
from django.http import HttpResponse

from accounts import services as accounts
from accounts import unit as units
from accounts.models import Organisation, User
from accounts.unit import SYSTEM, unit
from marketplace.web import showcase
from marketplace.web.units import MACHINES, is_machine
from tests.cast import AT, Person, hire, person
from tests.marketplace.web.visitors import signed_in, visitor

pytestmark = pytest.mark.django_db


def _seen(monkeypatch: pytest.MonkeyPatch) -> list[units.Actor | None]:
    """Actors of the units the start page ran in."""
    found: list[units.Actor | None] = []

    def look() -> list[dict[str, str]]:
        open_ = units.current()
        found.append(open_.actor if open_ else None)
        return []

    monkeypatch.setattr(showcase, "logins", look)
    return found


def test_a_stranger_reads_as_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _seen(monkeypatch)
    visitor().get("/")
    assert [(actor.name, actor.organisation_id, actor.scope) for actor in found if actor] == [
        ("anonymous", None, "own")
    ]


def test_a_person_reads_as_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    found, developer = _seen(monkeypatch), hire("developer").developer
    signed_in(developer.user).get("/")
    assert developer.user
    assert developer.organisation
    assert [(actor.name, actor.organisation_id, actor.roles, actor.scope) for actor in found if actor] == [
        (developer.user.name_id, developer.organisation.pk, frozenset({"developer"}), "own")
    ]


def test_a_person_of_the_house_reads_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _seen(monkeypatch)
    signed_in(hire("auditor").auditor.user).get("/")
    assert [actor.scope for actor in found if actor] == ["all"]


def _two_houses() -> tuple[Person, Organisation]:
    first = hire("developer").developer
    assert first.user
    second = accounts.register_organisation(name="Second", slug="second", roles=["licensee"], actor=SYSTEM, at=AT)
    accounts.invite(organisation=second, user=first.user, role="developer_admin", actor=SYSTEM, at=AT)
    return first, second


def test_organisation_and_mode_are_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _seen(monkeypatch)
    first, second = _two_houses()
    client = signed_in(first.user)
    assert "Second" in client.get("/acting").content.decode()
    answer = client.post("/acting", {"organisation": second.name_id, "mode": "live", "next": "//evil.example"})
    assert answer.headers["Location"] == "/"
    client.get("/")
    assert [(actor.organisation_id, actor.livemode) for actor in found if actor] == [(second.pk, True)]


def test_a_foreign_organisation_cannot_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    found, cast = _seen(monkeypatch), hire("developer", "stranger")
    assert cast.developer.organisation
    assert cast.stranger.organisation
    client = signed_in(cast.developer.user)
    client.post("/acting", {"organisation": cast.stranger.organisation.name_id})
    client.get("/")
    assert [actor.organisation_id for actor in found if actor] == [cast.developer.organisation.pk]


def test_a_membership_that_ended_gives_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found, developer = _seen(monkeypatch), hire("developer").developer
    assert developer.user
    with unit(SYSTEM):
        developer.user.memberships.update(ended_at=AT)
    signed_in(developer.user).get("/")
    assert [(actor.organisation_id, actor.roles) for actor in found if actor] == [(None, frozenset())]


def test_a_page_that_breaks_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil() -> list[dict[str, str]]:
        User.objects.update(full_name="spoilt")
        raise ZeroDivisionError

    monkeypatch.setattr(showcase, "logins", spoil)
    developer = hire("developer").developer
    assert signed_in(developer.user).get("/").status_code == 500
    with unit(SYSTEM):
        assert not User.objects.filter(full_name="spoilt").exists()


@pytest.mark.parametrize("path", [*MACHINES, "/static/web/tokens.css"])
def test_doors_for_machines_open_their_own_units(path: str) -> None:
    assert is_machine(path)


def test_pages_are_no_machines() -> None:
    assert not any(is_machine(path) for path in ("/", "/certificates", "/admin/", "/accounts/login/", "/v1"))


# Sign-in


def _with_password(word: str) -> Person:
    found = person("developer", hire("developer").developer.organisation or Organisation())
    assert found.user
    with unit(SYSTEM):
        found.user.set_password(word)
        found.user.save()
    return found


def test_people_sign_in_and_out() -> None:
    found = _with_password("correct horse")
    assert found.user
    client = visitor()
    answer = client.post("/accounts/login/", {"login": found.user.email, "password": "correct horse"})
    assert [answer.status_code, answer.headers["Location"]] == [302, "/"]
    assert found.user.email in client.get("/").content.decode()
    assert client.post("/accounts/logout/").status_code == 302
    assert found.user.email not in client.get("/").content.decode()


def test_a_wrong_password_keeps_what_was_typed() -> None:
    found = _with_password("correct horse")
    assert found.user
    client = visitor()
    answer: HttpResponse = client.post("/accounts/login/", {"login": found.user.email, "password": "wrong"})
    text = answer.content.decode()
    assert answer.status_code == 200
    assert f'value="{found.user.email}"' in text
    assert 'role="alert"' in text
    assert "sessionid" not in client.cookies


def test_nobody_signs_up_alone() -> None:
    with unit(SYSTEM):
        before = User.objects.count()
    visitor().post(
        "/accounts/signup/",
        {"email": "new@example.org", "password1": "correct horse 1", "password2": "correct horse 1"},
    )
    with unit(SYSTEM):
        assert User.objects.count() == before


def test_the_choice_of_organisation_needs_a_person() -> None:
    answer = visitor().get("/acting")
    assert answer.headers["Location"] == "/accounts/login/?next=/acting"
