"""One line of migrations per app; what they may lock is bounded."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.core.management import call_command
from django.db import migrations as ops
from django.db import models

from accounts import unit
from tests.architecture import source
from tests.architecture.source import ROOT

APPS = ("accounts", "licensing")
#: The first release is made of these: their tables are empty when they run, so nobody waits and nothing is rewritten.
FIRST_RELEASE = {"accounts": 3, "licensing": 10}
#: Operations of later migrations that look dangerous and are not: "app/name:Operation" -> why.
EXPLAINED: dict[str, str] = {}
#: What rewrites or scans a table under a lock that stops sales, or breaks the code that still runs beside the new one.
HEAVY_SQL = re.compile(
    r"\bLOCK\s+TABLE\b|\bVACUUM\s+FULL\b|\bCLUSTER\b|\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY)"
    r"|\bALTER\s+COLUMN\s+\w+\s+(?:SET\s+DATA\s+)?TYPE\b|\bSET\s+NOT\s+NULL\b|\bDROP\s+COLUMN\b|\bRENAME\s"
    r"|\bADD\s+(?:CONSTRAINT\s+\w+\s+)?(?:CHECK|FOREIGN\s+KEY|UNIQUE|EXCLUDE)\b(?![^;]*NOT\s+VALID)",
    re.IGNORECASE,
)
BREAKING = (ops.RemoveField, ops.RenameField, ops.RenameModel, ops.DeleteModel, ops.AlterField, ops.AlterModelTable)


def hazards(operations: list[Any]) -> Iterator[str]:
    """Names of the operations that are not safe on a table with rows and readers."""
    new = {one.name.lower() for one in operations if isinstance(one, ops.CreateModel)}
    for one in operations:
        if getattr(one, "model_name", "").lower() in new:
            continue
        if _heavy(one):
            yield type(one).__name__


def _heavy(one: Any) -> bool:
    match one:
        case AddIndexConcurrently() | AddConstraintNotValid():
            return False
        case ops.AddField():
            return not (one.field.null or one.field.has_default() or one.field.has_db_default())
        case ops.AddIndex() | ops.AddConstraint() | ops.AlterUniqueTogether():
            return True
        case ops.RunSQL():
            return bool(HEAVY_SQL.search(str(one.sql)))
    return isinstance(one, BREAKING)


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


def test_migrations_wait_for_locks_only_so_long_and_are_planned_for_all_rows() -> None:
    assert "django_linear_migrations" in settings.INSTALLED_APPS
    options = settings.DATABASES["owner"]["OPTIONS"]["options"]
    assert "lock_timeout=5000" in options
    assert "plan_cache_mode=force_custom_plan" in options  # 0007 rebuilds the projection in steps of one session


@pytest.mark.django_db
def test_models_and_migrations_say_the_same() -> None:
    said = StringIO()
    with unit.unit(unit.SYSTEM):
        call_command("makemigrations", dry_run=True, skip_checks=True, stdout=said)
    assert said.getvalue().strip() == "No changes detected"


@pytest.mark.parametrize(
    ("operation", "heavy"),
    [
        (ops.AddField("Work", "x", models.IntegerField()), True),
        (ops.AddField("Work", "x", models.IntegerField(default=0)), False),
        (ops.AddField("Work", "x", models.IntegerField(null=True)), False),
        (ops.AddIndex("Work", models.Index(fields=["x"], name="x")), True),
        (AddIndexConcurrently("Work", models.Index(fields=["x"], name="x")), False),
        (ops.AlterField("Work", "x", models.BigIntegerField()), True),
        (ops.RemoveField("Work", "x"), True),
        (ops.RunSQL("CREATE INDEX x ON licensing_work (y)"), True),
        (ops.RunSQL("CREATE INDEX CONCURRENTLY x ON licensing_work (y)"), False),
        (ops.RunSQL("ALTER TABLE licensing_work ADD CONSTRAINT c CHECK (x > 0)"), True),
        (ops.RunSQL("ALTER TABLE licensing_work ADD CONSTRAINT c CHECK (x > 0) NOT VALID"), False),
        (ops.RunSQL("CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"), False),
    ],
)
def test_the_search_for_unsafe_operations_finds(operation: Any, heavy: bool) -> None:
    assert bool(list(hazards([operation]))) is heavy
    assert not list(hazards([ops.CreateModel("Work", []), *([] if isinstance(operation, ops.RunSQL) else [operation])]))


@pytest.mark.parametrize("app", APPS)
def test_migrations_after_the_first_release_are_safe_beside_running_code(app: str) -> None:
    found = [
        f"{app}/{name}:{hazard}"
        for name in _names(app)[FIRST_RELEASE[app] :]
        for hazard in hazards(import_module(f"{app}.migrations.{name}").Migration.operations)
    ]
    assert [one for one in found if one not in EXPLAINED] == []


@pytest.mark.parametrize("app", APPS)
def test_bodies_of_migrations_are_frozen(app: str) -> None:
    """A migration that imported our code would change with it; only the classes of fields are shared."""
    shared = [
        f"{app}/{name}: {module}"
        for name in _names(app)
        for node in ast.walk(ast.parse((ROOT / app / "migrations" / f"{name}.py").read_text("utf-8")))
        for module in source.imported(node)
        if module.split(".")[0] in source.PACKAGES and module != "accounts.fields"
    ]
    assert shared == []
