"""The projection says which claims come from outside (FOREIGN), and leaves it to the rules what a claim includes.

The function is that of 0003 with the passages below exchanged, so that the difference can be read.
"""

from __future__ import annotations

import importlib
from typing import ClassVar

from django.db import migrations

# A claim looks different to the works of its own organisation and to those of others: both are prepared, a work takes
# the one that fits. 256 is clearing.facts.FOREIGN.
EXCHANGED = (
    (
        "SELECT c.id, c.from_claim_id, c.holder_id, coalesce(",
        "SELECT c.id, c.from_claim_id, c.holder_id, c.organisation_id AS made_by, coalesce(",
    ),
    (
        "SELECT *, licet_key(concat_ws('|', licensor, ppm, actions, territories, period, word, flags)) AS base FROM said",
        """SELECT s.id, s.from_claim_id, s.holder_id, s.made_by, s.licensor, s.ppm, s.actions, s.territories, s.period,
      s.word, s.flags | v.abroad AS flags, v.abroad,
      licet_key(concat_ws('|', licensor, ppm, actions, territories, period, word, flags | abroad)) AS base
    FROM said s CROSS JOIN (VALUES (0), (256)) AS v(abroad)""",
    ),
    (
        "FROM hit h JOIN based b ON b.id = h.claim",
        """FROM hit h JOIN target t ON t.id = h.on_work JOIN based b ON b.id = h.claim
      AND b.abroad = CASE WHEN b.made_by = t.organisation_id THEN 0 ELSE 256 END""",
    ),
    (
        """SELECT on_work, array_agg(id ORDER BY place, id) AS items, bool_or(kind = 'claim' AND flags & 129 = 129) AS includes
""",
        "SELECT on_work, array_agg(id ORDER BY place, id) AS items\n",
    ),
    ("NOT coalesce(l.includes, false) AND EXISTS", "EXISTS"),
)


def _exchanged() -> str:
    text: str = importlib.import_module("licensing.migrations.0003_rights").REFRESH
    start = text.index("CREATE FUNCTION licet_refresh_work_clear")
    text = text[start:].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
    for old, new in EXCHANGED:
        if text.count(old) != 1:
            raise AssertionError(f"0003 has changed: {old}")
        text = text.replace(old, new)
    return text


class Migration(migrations.Migration):
    dependencies: ClassVar = [("licensing", "0006_joint_terms")]
    operations: ClassVar = [
        migrations.RunSQL(_exchanged()),
        migrations.RunSQL("SELECT licet_rebuild_clearing()"),
    ]
