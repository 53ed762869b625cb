"""The fixtures themselves: real schema, plain role, a guard on every query, nothing left behind."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, connections
from psycopg.errors import InsufficientPrivilege

from accounts import services as accounts
from accounts.models import Organisation
from accounts.unit import SYSTEM, unit
from marketplace.celery import app
from marketplace.database.base import DatabaseWrapper
from tests.support import memory
from tests.support.databases import Committed, LivedIn
from tests.support.guarded.base import OutsideUnit, unguarded


def _one(sql: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


@pytest.mark.django_db
def test_a_query_outside_a_unit_is_refused() -> None:
    with pytest.raises(OutsideUnit):
        _one("SELECT 1")
    with unit(SYSTEM):
        assert _one("SELECT 1") == 1


@pytest.mark.django_db
def test_tests_run_as_the_plain_role_on_the_migrated_schema() -> None:
    with unguarded():
        assert _one("SELECT session_user") == "licet_app"
        assert _one("SELECT count(*) FROM accounts_user") == 0
        with pytest.raises(Exception, match="permission denied"):
            _one("CREATE TABLE x (a int)")


def test_what_is_committed_is_seen_by_threads_and_by_nobody_else(committed: Committed) -> None:
    def database() -> tuple[object, bool]:
        try:
            with unguarded():
                name = _one("SELECT current_database()")
            with pytest.raises(OutsideUnit):
                _one("SELECT 1")
            return name, True
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(database).result() == (committed.name, True)
    with unit(SYSTEM):
        assert _one("SELECT current_database()") == committed.name


def test_committed_has_its_own_redis(committed: Committed) -> None:
    cache.set("a", 1)
    with redis.Redis.from_url(committed.redis_url) as client:
        assert client.dbsize() == 1
        app.send_task("nobody.listens", queue="hooks")
        assert client.llen("hooks") == 1
    assert committed.redis_url == settings.REDIS_URL


def test_the_owner_connection_leads_to_the_same_database(
    committed: Committed, owner_connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    found = owner_connection.execute("SELECT session_user, current_database()").fetchone()
    assert found == ("licet_owner", committed.name)


@pytest.mark.parametrize("role", ["licet_root", "licet_owner"])
def test_a_role_above_row_security_is_refused(committed: Committed, role: str) -> None:
    strong = DatabaseWrapper({**connections.databases["default"], "USER": role}, "default")
    with pytest.raises(ImproperlyConfigured, match=f"{role} .*owns|{role} is a superuser"):
        strong.ensure_connection()
    strong.close()


def test_the_app_role_cannot_truncate(committed: Committed) -> None:
    with psycopg.connect(committed.database_url) as plain, pytest.raises(InsufficientPrivilege):
        plain.execute("TRUNCATE accounts_auditrow")


def test_tests_use_a_folder_of_their_own() -> None:
    assert os.environ["LICET_VAR"] == str(settings.VAR)
    assert settings.VAR != memory.CHECKOUT / "var"


def test_databases_lie_in_memory_where_there_is_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LICET_VAR")
    monkeypatch.setattr(memory, "MEMORY", tmp_path)
    monkeypatch.setattr(memory, "ROOM", 0)
    name = memory.var().name
    assert [memory.var().parent, memory.var().stat().st_mode & 0o777] == [tmp_path, 0o700]
    memory.var().rmdir()
    (tmp_path / name).write_text("in the way")
    assert memory.var() == memory.CHECKOUT / "var" / "test"
    monkeypatch.setattr(memory, "ROOM", 1 << 62)
    assert memory.var() == memory.CHECKOUT / "var" / "test"
    monkeypatch.setenv("LICET_VAR", "/srv/mine")
    assert memory.var() == Path("/srv/mine/test")


@pytest.fixture(scope="module")
def furnished(lived_in: LivedIn) -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    lived_in.made(
        lambda: accounts.register_organisation(name="Oak", slug="oak", roles=["licensee"], actor=SYSTEM, at=at)
    )


@pytest.mark.django_db
@pytest.mark.usefixtures("furnished")
@pytest.mark.parametrize("turn", [1, 2])
def test_a_furnished_database_is_the_same_for_every_test(turn: int) -> None:
    with unit(SYSTEM):
        assert list(Organisation.objects.values_list("name", flat=True)) == ["Oak"]
        Organisation.objects.update(name=f"turn {turn}")
