"""Units: no query outside one, nobody in another's name, settings that end with them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import connection

from accounts import unit as units
from accounts.models import Organisation
from accounts.unit import SETTINGS, SYSTEM, Actor, system, unit

pytestmark = pytest.mark.django_db
MEMBER = Actor("usr_1", 7, True, frozenset({"developer"}))


def seen() -> tuple[str, ...]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"current_setting('{name}', true)" for name in SETTINGS))
        return tuple(cursor.fetchone())


def test_a_query_outside_a_unit_is_refused() -> None:
    with pytest.raises(RuntimeError, match="unit"):
        Organisation.objects.exists()
    with unit(SYSTEM):
        assert not Organisation.objects.exists()


def test_a_unit_tells_the_database_who_works_in_which_mode() -> None:
    with unit(MEMBER):
        assert seen() == ("7", "true", "own")
    with unit(SYSTEM):
        assert seen() == ("", "false", "all")


def test_the_same_actor_joins_and_any_other_is_refused() -> None:
    with unit(MEMBER) as outer:
        with unit(MEMBER) as inner:
            assert inner is outer
        for other in (SYSTEM, replace(MEMBER, livemode=False), replace(MEMBER, organisation_id=8)):
            with pytest.raises(RuntimeError, match="cannot work inside"), unit(other):
                pass
        assert seen() == ("7", "true", "own")
    assert units.current() is None


def test_what_was_set_before_comes_back_also_after_a_failure() -> None:
    with pytest.raises(ValueError, match="broken"), unit(MEMBER):
        raise ValueError("broken")
    assert units.current() is None
    with unit(system(organisation_id=3)):
        assert seen() == ("3", "false", "all")


def test_a_failure_takes_everything_back() -> None:
    def register() -> None:
        with unit(SYSTEM):
            Organisation.objects.create(
                public_id="019cd5fe-f800-7000-8000-000000000009", created_at=units.now(), slug="a", name="A"
            )
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        register()
    with unit(SYSTEM):
        assert not Organisation.objects.exists()


def test_what_is_registered_runs_last_inside_the_transaction() -> None:
    order: list[str] = []
    with unit(SYSTEM) as opened:
        opened.before_commit.append(lambda: order.append(f"fence {units.current() is opened}"))
        order.append("work")
    assert order == ["work", "fence True"]
    with units.fenced(lambda: order.append("fenced")), unit(SYSTEM):
        order.append("more")
    assert order[-2:] == ["more", "fenced"]
