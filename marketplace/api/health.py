"""/livez: the process answers. /readyz: it can do its work (trust.md 1)."""

from __future__ import annotations

from typing import Any

import redis
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from accounts.unit import SYSTEM, unit
from licensing.jobs import queries as jobs


@require_safe
def live(_request: HttpRequest) -> JsonResponse:
    """GET /livez: 200 while the process answers."""
    return JsonResponse({"ok": True})


@require_safe
def ready(_request: HttpRequest) -> JsonResponse:
    """GET /readyz: 200 or 503 with what is wrong: a database write, Redis, migrations, the queue."""
    found = _database() | {"redis": _redis()}
    ok = all(found[name] for name in ("database", "redis", "migrations")) and found["queue"].get("ok", False)
    return JsonResponse({"ok": ok, **found}, status=200 if ok else 503)


def _database() -> dict[str, Any]:
    try:
        with unit(SYSTEM), connection.cursor() as cursor:
            # A transaction id of its own is a write: its commit reaches the disk, and it fails on a standby.
            cursor.execute("SELECT current_setting('transaction_read_only'), pg_current_xact_id()")
            writable = cursor.fetchone()[0] == "off"
            executor = MigrationExecutor(connection)
            missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
            return {"database": writable, "migrations": not missing, "queue": jobs.health()}
    except Error as wrong:
        return {"database": False, "migrations": False, "queue": {}, "error": type(wrong).__name__}


def _redis() -> bool:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
