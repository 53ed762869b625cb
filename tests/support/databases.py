"""Databases of the tests: one migrated template per schema, and clones of it by CREATE DATABASE ... TEMPLATE."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psycopg
from django.core.management import call_command
from django.db import connections
from django.test import override_settings
from psycopg import sql

from marketplace import bootstrap, embedded
from marketplace.embedded import processes

ALIASES = ("default", "owner")
_numbers = itertools.count()
World = TypeVar("World")


@dataclass(frozen=True)
class Committed:
    """A database of its own for a test that commits, uses threads or real workers.

    `environment` is what child processes need to find the same database, Redis and files.
    """

    name: str
    database_url: str
    owner_url: str
    superuser_url: str
    redis_url: str
    files: Path
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Variables for child processes."""
        return {
            "DATABASE_URL": self.database_url,
            "DATABASE_OWNER_URL": self.owner_url,
            "REDIS_URL": self.redis_url,
            "STORAGE_URL": self.files.as_uri(),
            "LICET_EMBEDDED": "1",
            "DJANGO_SETTINGS_MODULE": "marketplace.settings",
        }


@dataclass(frozen=True)
class LivedIn:
    """A database in which the tests of one module find, each anew, what was made there once; its files beside it."""

    own: Committed
    unblocked: Callable[[], AbstractContextManager[None]]

    def made(self, make: Callable[[], World]) -> World:
        """Make the module's world for good: what `make` commits and stores, every test begins with."""
        with self.unblocked(), override_settings(STORAGE_URL=self.own.files.as_uri()):
            try:
                return make()
            finally:
                connections.close_all()


def renamed(url: str, database: str) -> str:
    """The same address with another database."""
    return url.replace(f"@/{embedded.DATABASE}?", f"@/{database}?")


def template(servers: embedded.Servers) -> str:
    """Name of the migrated template, made on the first run after a migration changed."""
    digest = bootstrap.migrations_digest()[:16]
    name = f"template_{digest}"
    with servers.guard(), psycopg.connect(renamed(servers.superuser_url, "postgres"), autocommit=True) as root:
        _sweep(root, keep=name)
        if root.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            building = f"building_{os.getpid()}"
            root.execute(sql.SQL("CREATE DATABASE {} OWNER licet_owner").format(sql.Identifier(building)))
            with pointed_at(building):
                call_command("migrate", database="owner", verbosity=0)
            _rename(root, building, name)
    return name


def _rename(root: psycopg.Connection[tuple[object, ...]], old: str, new: str) -> None:
    root.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new)))


def _sweep(root: psycopg.Connection[tuple[object, ...]], keep: str) -> None:
    """Drop what killed runs left (the process id is in the name) and templates of other schemas."""
    found = root.execute("SELECT datname FROM pg_database WHERE datname ~ '^(clone|building|template)_'").fetchall()
    for row in found:
        name = str(row[0])
        kind, _, rest = name.partition("_")
        if kind == "template":
            stale = name != keep
        else:
            stale = processes.started(int(rest.split("_")[0])) is None
        if stale:
            root.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def clone(servers: embedded.Servers, of: str) -> Iterator[str]:
    """A fresh copy of the template; dropped on leaving, whoever is still connected."""
    name = f"clone_{os.getpid()}_{next(_numbers)}"
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER licet_owner").format(
        sql.Identifier(name), sql.Identifier(of)
    )
    with psycopg.connect(renamed(servers.owner_url, "postgres"), autocommit=True) as owner:
        owner.execute(statement)
    try:
        yield name
    finally:
        with psycopg.connect(renamed(servers.superuser_url, "postgres"), autocommit=True) as root:
            root.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def pointed_at(name: str) -> Iterator[None]:
    """Both connections of this process lead to database `name` inside; also those new threads open."""
    before = {alias: connections.databases[alias]["NAME"] for alias in ALIASES}
    _point(dict.fromkeys(ALIASES, name))
    try:
        yield
    finally:
        _point(before)


def _point(names: dict[str, str]) -> None:
    connections.close_all()
    for alias, name in names.items():
        connections.databases[alias]["NAME"] = name
        connections[alias].settings_dict["NAME"] = name
