"""The statement that keeps the projection is planned for the number of works it is asked about.

After a few calls about one work each, a session keeps one plan for all later calls, made for ten works: a change of a
whole catalogue in the same session then compares every work with every other. Many works are planned anew each time,
which costs a fraction of a second; few keep the plan that is there. And a claim is prepared for the works of its own
organisation, for those of others, or for both, as there are such works: not for both always.

The function is that of 0007 with the passages below exchanged, so that the difference can be read.
"""

from __future__ import annotations

import importlib
from typing import ClassVar

from django.db import migrations

EXCHANGED = (
    (
        "RETURNS bigint LANGUAGE plpgsql AS $$\nDECLARE\n  written bigint;",
        "RETURNS bigint LANGUAGE plpgsql SET plan_cache_mode = 'auto' AS $$\nDECLARE\n  written bigint;",
    ),
    (
        "  PERFORM licet_lock_rights(",
        """  IF cardinality(ids) > 20 THEN  -- until the function ends: it has a setting of its own
    PERFORM set_config('plan_cache_mode', 'force_custom_plan', true);
  END IF;
  PERFORM licet_lock_rights(""",
    ),
    (
        "  ), based AS MATERIALIZED (\n",
        """  ), sides AS MATERIALIZED (
    SELECT DISTINCT h.claim, CASE WHEN s.made_by = t.organisation_id THEN 0 ELSE 256 END AS abroad
    FROM hit h JOIN target t ON t.id = h.on_work JOIN said s ON s.id = h.claim
  ), based AS MATERIALIZED (
""",
    ),
    ("FROM said s CROSS JOIN (VALUES (0), (256)) AS v(abroad)", "FROM said s JOIN sides v ON v.claim = s.id"),
)


def _exchanged() -> str:
    before = importlib.import_module("licensing.migrations.0007_foreign_claims")
    text: str = before.Migration.operations[0].sql
    for old, new in EXCHANGED:
        if text.count(old) != 1:
            raise AssertionError(f"0007 has changed: {old}")
        text = text.replace(old, new)
    return text


class Migration(migrations.Migration):
    dependencies: ClassVar = [("licensing", "0010_counters")]
    operations: ClassVar = [migrations.RunSQL(_exchanged())]
