"""A query outside `accounts.unit` would run without a tenant: in tests it raises, in every thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from accounts import unit
from marketplace.database import base

_ALLOWED = (
    "SAVEPOINT ",
    "RELEASE SAVEPOINT ",
    "ROLLBACK TO SAVEPOINT ",
    "SET CONSTRAINTS ",
    # asked by django.contrib.postgres on every new connection
    "SELECT oid, typarray FROM pg_type",
)
_open: ContextVar[bool] = ContextVar("licet_unguarded", default=False)


class OutsideUnit(RuntimeError):
    """A query ran without an open unit."""


@contextmanager
def unguarded() -> Iterator[None]:
    """For the few tests about the database itself: queries need no unit inside."""
    token = _open.set(True)
    try:
        yield
    finally:
        _open.reset(token)


def _refuse(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    if unit.current() is None and not _open.get() and not str(sql).startswith(_ALLOWED):
        raise OutsideUnit(f"query outside accounts.unit: {str(sql)[:200]}")
    return execute(sql, params, many, context)


class DatabaseWrapper(base.DatabaseWrapper):
    """Every connection, whichever thread opens it, carries the guard."""

    def __init__(self, settings_dict: dict[str, Any], alias: str = "default") -> None:
        super().__init__(settings_dict, alias)
        self.execute_wrappers.append(_refuse)
