"""Clear n works: summary and stored decisions, with 7,000 distinct sets of rights and with all sets unique.

Runs on a database of its own (`licet_bench`) beside the embedded one. Gate: a sample equals `rules.decide`, and two
runs give the same hash. Peer: the same question through Django's ORM with prefetch and the same rules, on a slice.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.core.management import call_command
from django.db import connection, connections, transaction

from accounts.models import Organisation
from accounts.unit import system, unit
from bench import clearing_data, harness
from licensing.clearing import engine, loading, profiles, rules, services
from licensing.clearing.models import Bundle

REPEATS = 5
SLICE = 2_000
FLOOR = {False: 1.5, True: 15.0}
ACTOR = system()
BODY = {
    "actions": ["train"],
    "territories": ["EU"],
    "training_window": {"from": "2027-01-01", "until": "2027-12-01"},
    "copy_retention_days": 400,
    "outputs": ["product"],
    "delivery": "licence_only",
}
AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def run(n: int = 1_000_000) -> list[dict[str, Any]]:
    """Rows of the table: measure, ours, against, value, ratio, target, holds, machine, at."""
    rows = []
    for unique in (False, True):
        with _Database():
            rows.extend(_measure(n, unique))
    return rows


class _Database:
    """A fresh database, migrated, for one case; dropped afterwards. DDL and data by the owner."""

    name = "licet_bench"

    def __enter__(self) -> None:
        self.before = {alias: connections.databases[alias]["NAME"] for alias in ("default", "owner")}
        with connections["owner"].cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {self.name}")
            cursor.execute(f"CREATE DATABASE {self.name}")
        self._point(dict.fromkeys(self.before, self.name))
        call_command("migrate", database="owner", verbosity=0)

    def __exit__(self, *error: object) -> None:
        self._point(self.before)
        with connections["owner"].cursor() as cursor:
            cursor.execute(f"DROP DATABASE {self.name}")

    def _point(self, names: dict[str, str]) -> None:
        for alias, name in names.items():
            connections[alias].close()
            connections.databases[alias]["NAME"] = name
            connections[alias].settings_dict["NAME"] = name


def _measure(n: int, unique: bool) -> list[dict[str, Any]]:
    made, filling = _timed(lambda: _fill(n, unique))
    with unit(ACTOR):
        licensee = Organisation.objects.get(pk=9051)
        use = services.create_use(organisation=licensee, body=BODY, title="", actor=ACTOR, at=AT)
        bundle = services.create_bundle(organisation=licensee, query={}, title="", actor=ACTOR, at=AT)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM licensing_work")  # warm
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE licensing_bundlework, licensing_workclear")
    asked = profiles.read(use.body, currency="usd", licensee=licensee.name_id, licensee_id=licensee.pk)
    summaries = [_timed(lambda: _summary(bundle, asked))[1] for _ in range(REPEATS)]
    stored = []
    hashes = set()
    for _ in range(2):
        clearance, seconds = _timed(
            lambda: services.clear(use=use, bundle=bundle, currency="usd", actor=ACTOR, at=AT)
        )
        stored.append(seconds)
        hashes.add(clearance.decisions_hash)
    harness.gate(len(hashes) == 1, "two runs over the same rights gave two hashes")
    theirs = n / _peer(n, asked)
    floor = FLOOR[unique]
    case = f"{made['termsets']:,} distinct sets of rights"
    size = f"{n:,} works, {made['claims']:,} claims, {made['assigned_terms']:,} offers assigned"
    middle, spread = statistics.median(summaries), f"({min(summaries):.2f}-{max(summaries):.2f})"
    peer = f"Django ORM with prefetch + the same rules, {SLICE:,} works, extrapolated: {theirs:,.0f} s"
    best = min(stored)
    return [
        harness.row(
            f"summary, {size}, {case}", f"{middle:.2f} s {spread}", peer, round(middle, 3), middle / theirs,
            f"<= {floor} s for 1,000,000", middle <= floor * max(1.0, n / 1_000_000),
        ),
        harness.row(
            f"stored, with hash and check, {case}", f"{best:.2f} s", peer, round(best, 3), best / theirs, "", None
        ),
        harness.row(
            f"data made and projection rebuilt, {case}", f"{filling:.0f} s", "", round(filling, 1), None, "", None
        ),
    ]  # fmt: skip


def _fill(n: int, unique: bool) -> dict[str, int]:
    connections["owner"].close()
    superuser = connections["owner"].settings_dict["USER"]
    connections["owner"].settings_dict["USER"] = "licet_root"
    try:
        with connections["owner"].cursor() as cursor:
            return clearing_data.fill(cursor, n, unique=unique)
    finally:
        connections["owner"].close()
        connections["owner"].settings_dict["USER"] = superuser


def _summary(bundle: Bundle, asked: Any) -> list[engine.Group]:
    with unit(ACTOR), transaction.atomic():
        prepared = engine.prepare(bundle.pk, bundle.works_count, asked, AT)
        return engine.summarise(prepared)


def _peer(n: int, asked: Any) -> float:
    """Works per second of the ORM with prefetch and the pure rules, on a slice; its rate does not rise with size."""
    size = min(SLICE, n)
    with unit(ACTOR):
        _, seconds = _timed(
            lambda: [rules.decide(one.facts, asked, AT) for one in loading.load(range(1, size + 1)).values()]
        )
    return size / seconds


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    value = call()
    return value, time.perf_counter() - started
