"""The tables as a graph: references point down the order of capabilities, rights tables are ours."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db.models import Field, ForeignKey, Model
from guardian.models import (
    GroupObjectPermission,
    GroupObjectPermissionBase,
    UserObjectPermission,
    UserObjectPermissionBase,
)
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from accounts import unit
from accounts.models import Organisation
from licensing.catalogue.models import Catalogue
from licensing.delivery.models import Release
from licensing.grants.models import Grant
from licensing.kernel.states import States
from tests.architecture.source import ROOT

#: Models whose `status` is a fact written once with the row, no state that moves.
FACTS = {"ReleaseWork": "what the packing found: included, no content, withdrawn; later releases pack anew"}
GUARDED = (Organisation, Catalogue, Grant, Release)


def _layers() -> dict[str, int]:
    """Package -> rank, from the import-linter contract: 0 is the top, strangers share a rank."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    ranks = {}
    for rank, line in enumerate(contracts[0]["layers"]):
        for name in line.replace(":", "|").split("|"):
            ranks[name.strip().strip("()")] = rank
    return ranks


def _home(model: type[Model]) -> str:
    """The capability a model lives in: `accounts` or `licensing.<capability>`; "" for other people's models."""
    parts = model.__module__.split(".")
    if parts[0] == "accounts":
        return "accounts"
    return ".".join(parts[:2]) if parts[0] == "licensing" else ""


def _ours() -> Iterator[type[Model]]:
    return (model for model in apps.get_models() if _home(model))


def _guardians(model: type[Model]) -> bool:
    return issubclass(model, UserObjectPermissionBase | GroupObjectPermissionBase)


def _references(model: type[Model]) -> Iterator[ForeignKey[Model, Model]]:
    """Foreign keys and many-to-many fields a model declares itself; those of Django's own bases are Django's."""
    for field in model._meta.get_fields():
        if isinstance(field, Field) and field.is_relation and field.remote_field and not field.auto_created:
            declared = next(base for base in model.__mro__ if field.name in vars(base))
            if declared.__module__.split(".")[0] in {"accounts", "licensing"}:
                yield field  # type: ignore[misc]  # relations carry remote_field and related_model


def test_every_model_has_a_layer() -> None:
    homes = {_home(model) for model in _ours()}
    assert len(homes) > 10
    assert homes <= _layers().keys()


@pytest.mark.parametrize("model", [model for model in _ours() if not _guardians(model)], ids=lambda one: one.__name__)
def test_references_point_down_and_leave_no_name_behind(model: type[Model]) -> None:
    ranks = _layers()
    for field in _references(model):
        there = field.related_model
        assert isinstance(there, type)
        if not _home(there) or _home(there) == _home(model):
            continue
        where = f"{model.__name__}.{field.name} -> {there.__name__}"
        assert ranks[_home(model)] < ranks[_home(there)], f"{where} points up, or to a stranger"
        assert field.remote_field.related_name == "+", f'{where} needs related_name="+"'


@pytest.mark.django_db
@pytest.mark.parametrize("model", GUARDED, ids=lambda one: one.__name__)
def test_rights_on_one_object_live_in_our_tables(model: type[Model]) -> None:
    with unit.unit(unit.SYSTEM):  # guardian looks content types up
        users, groups = get_user_obj_perms_model(model), get_group_obj_perms_model(model)
    assert _home(users) == _home(groups) == _home(model)
    for table in (users, groups):
        content = table._meta.get_field("content_object")
        assert content.related_model is model
        assert not content.remote_field.hidden, "with + guardian falls back to its generic tables"


def test_only_the_four_models_have_guardian_tables() -> None:
    guarded = {model._meta.get_field("content_object").related_model for model in _ours() if _guardians(model)}
    assert guarded == set(GUARDED)


@pytest.mark.django_db
def test_guardians_generic_tables_stay_empty() -> None:
    with unit.unit(unit.SYSTEM):
        assert not UserObjectPermission.objects.exists()
        assert not GroupObjectPermission.objects.exists()


def test_every_status_has_its_table_of_steps() -> None:
    for model in _ours():
        if model.__name__ in FACTS:
            continue
        names = {field.name for field in model._meta.get_fields()}
        table = getattr(model, "STATES", None)
        assert ("status" in names) == isinstance(table, States), f"{model.__name__}: status and STATES go together"


def test_names_of_models_are_unique_in_their_app() -> None:
    names = [model.__name__ for model in _ours()]
    assert len(names) == len(set(names))
    assert not {"Entry", "Period", "Event", "Line"} & set(names)
