"""One line of migrations per app; what they may lock is bounded."""

from __future__ import annotations

from importlib import import_module
from io import StringIO
from itertools import pairwise

import pytest
from django.conf import settings
from django.core.management import call_command

from accounts import unit
from tests.architecture.source import ROOT

APPS = ("accounts", "licensing")


def _names(app: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / app / "migrations").glob("[0-9]*.py"))


@pytest.mark.parametrize("app", APPS)
def test_each_migration_follows_the_one_before(app: str) -> None:
    names = _names(app)
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    for before, name in pairwise(names):
        migration = import_module(f"{app}.migrations.{name}").Migration
        assert [other for where, other in migration.dependencies if where == app] == [before]


@pytest.mark.parametrize("app", APPS)
def test_the_last_migration_is_written_down(app: str) -> None:
    assert (ROOT / app / "migrations/max_migration.txt").read_text().strip() == _names(app)[-1]


def test_migrations_wait_for_locks_only_so_long() -> None:
    assert "django_linear_migrations" in settings.INSTALLED_APPS
    assert "lock_timeout=5000" in settings.DATABASES["owner"]["OPTIONS"]["options"]


@pytest.mark.django_db
def test_models_and_migrations_say_the_same() -> None:
    said = StringIO()
    with unit.unit(unit.SYSTEM):
        call_command("makemigrations", dry_run=True, skip_checks=True, stdout=said)
    assert said.getvalue().strip() == "No changes detected"
