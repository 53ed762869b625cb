# ruff: noqa: D102 (hooks of Django's Field)
"""Column types that Django lacks: a territory mask and ranges that exclude without btree_gist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from licensing.kernel import territories

if TYPE_CHECKING:  # Django's Field takes type parameters in its stubs only
    IntField = models.Field[int, int]
    TextField = models.Field[str, str]
else:
    IntField = TextField = models.Field


class TerritoriesField(IntField):
    """A set of territories: a Python int (bit i = territory i) stored as PostgreSQL bit(256)."""

    description = "256 territories as a bit mask"

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "bit(256)"

    def from_db_value(self, value: str | None, expression: object, connection: object) -> int | None:
        return None if value is None else territories.from_bits(value)

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else territories.to_bits(int(value))

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> str | None:
        text = value if prepared and isinstance(value, str) else self.get_prep_value(value)
        return None if text is None else str(text)

    def get_placeholder(self, value: object, compiler: object, connection: object) -> str:
        return "%s::bit(256)"

    def to_python(self, value: Any) -> int | None:
        return None if value is None else int(value)


class Int4MultiRangeField(TextField):
    """A set of small integers as PostgreSQL int4multirange, written as text such as ``{[0,3),[7,8)}``.

    Exists for EXCLUDE constraints over masks: int4multirange has GiST support without extensions.
    """

    description = "int4multirange"

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "int4multirange"

    def get_placeholder(self, value: object, compiler: object, connection: object) -> str:
        return "%s::int4multirange"
