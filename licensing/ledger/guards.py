"""Whether the database still refuses by itself: its triggers and their bodies, against what the migrations made.

Only the owner of the tables can take a guard away; the verifier says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

from django.db import connection

APPEND_ONLY = "licet_append_only"
LINES: Mapping[str, str] = MappingProxyType(
    {
        "ledger_line_append_only": APPEND_ONLY, "ledger_line_balance": "licet_ledger_lines",
        "ledger_line_no_truncate": APPEND_ONLY, "ledger_line_xid": "licet_stamp_xid",
    }
)  # fmt: skip
LEDGER: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "licensing_ledgerline": LINES,
        "licensing_ledgerentry": {
            "ledger_entry_guard": "licet_ledger_entry", "ledger_entry_whole": "licet_ledger_entry_whole",
            "ledger_entry_append_only": APPEND_ONLY, "ledger_entry_no_truncate": APPEND_ONLY,
        },
        "licensing_ledgeraccount": {
            "ledger_account_guard": "licet_ledger_account", "ledger_account_no_truncate": APPEND_ONLY,
        },
        "licensing_ledgerperiod": {
            "ledger_period_guard": "licet_ledger_period", "ledger_period_no_truncate": APPEND_ONLY,
        },
        "licensing_ledgerseal": {
            "ledger_seal_append_only": APPEND_ONLY, "ledger_seal_no_truncate": APPEND_ONLY,
        },
    }
)  # fmt: skip
"""Table -> trigger -> function; a partition carries all triggers of its parent."""

BODIES: Mapping[str, str] = MappingProxyType(
    {
        "licet_allocation_rows": "4dfbc4851e6a9d10",
        "licet_allocation_run": "05744103816e2173",
        "licet_allocation_run_new": "d6bd100fbda448a8",
        "licet_allocation_whole": "dbc5f85de6e0bbcb",
        "licet_append_only": "3bb4fb3ec1cb120c",
        "licet_ledger_account": "14485fe4df2c4f0d",
        "licet_ledger_entry": "d30a1f34922700e5",
        "licet_ledger_entry_whole": "9e9ccc4c54f8cfb9",
        "licet_ledger_lines": "300d05fde072501e",
        "licet_ledger_period": "fb1790c93c5b993c",
        "licet_stamp_xid": "872193b12aa242ed",
    }
)
"""Function -> the first 16 hex digits of the SHA-256 of its body. A migration that changes a body changes this."""

ROW, BEFORE, INSERT, DELETE, UPDATE, TRUNCATE = 1, 2, 4, 8, 16, 32
EVENTS: Mapping[str, int] = MappingProxyType(
    {
        "append_only": ROW | BEFORE | DELETE | UPDATE, "no_truncate": BEFORE | TRUNCATE, "balance": INSERT,
        "of_run": INSERT, "xid": ROW | BEFORE | INSERT, "new": ROW | BEFORE | INSERT, "whole": ROW | INSERT,
        "ledger_entry_guard": ROW | BEFORE | INSERT, "ledger_account_guard": ROW | BEFORE | DELETE | UPDATE,
        "ledger_period_guard": ROW | BEFORE | INSERT | DELETE | UPDATE,
        "allocation_run_guard": ROW | BEFORE | DELETE | UPDATE,
    }
)  # fmt: skip
"""Trigger, or how its name ends -> when it fires, in the bits of pg_trigger.tgtype."""

_FOUND = """
WITH guarded AS (
  SELECT t.name, t.name::regclass::oid AS id FROM unnest(%(tables)s::text[]) AS t(name)
  UNION ALL
  SELECT t.name, i.inhrelid FROM unnest(%(tables)s::text[]) AS t(name)
  JOIN pg_inherits i ON i.inhparent = t.name::regclass
)
SELECT w.name, c.relname::text, g.tgname::text, p.proname::text, p.prosrc, g.tgenabled = 'O' AND g.tgqual IS NULL,
       g.tgtype::int
FROM guarded w JOIN pg_class c ON c.oid = w.id LEFT JOIN pg_trigger g ON g.tgrelid = w.id AND NOT g.tgisinternal
LEFT JOIN pg_proc p ON p.oid = g.tgfoid
ORDER BY c.relname
"""


def first_fault(wanted: Mapping[str, Mapping[str, str]], bodies: Mapping[str, str]) -> tuple[str, str] | None:
    """(table, sentence) of the first guard that is missing, switched off or hollow; None when all stand."""
    seen: dict[str, dict[str, str]] = {}
    parents: dict[str, str] = {}
    with connection.cursor() as cursor:
        cursor.execute(_FOUND, {"tables": list(wanted)})
        for parent, table, trigger, function, source, standing, events in cursor.fetchall():
            parents[table] = parent
            own = seen.setdefault(table, {})
            if trigger and standing and events == _events(trigger):
                own[trigger] = function if body(source) == bodies.get(function) else f"{function}, changed"
    for table in sorted(parents):
        for trigger, function in sorted(wanted[parents[table]].items()):
            if trigger not in seen[table]:
                return table, f"the guard {trigger} is missing, switched off or not for every event"
            if seen[table][trigger] != function:
                return table, f"the guard {trigger} runs {seen[table][trigger]}, not {function}"
    return None


def _events(trigger: str) -> int | None:
    return next((events for name, events in EVENTS.items() if trigger.endswith(name)), None)


def body(source: str) -> str:
    """What stands for a function's body."""
    return hashlib.sha256(source.encode()).hexdigest()[:16]
