"""What cannot wait at acceptance and at the issue of a grant (domain.md 6): the works of a quote that fell away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import connection

from licensing.orders.models import Quote

# A line falls when its work is no longer to be had, a claim it was cleared by is lost or contested, somebody withholds
# it, or an exclusive promise to another came between. A holder's change of price or terms does not touch a live quote.
FALLEN = """
WITH line AS (
  SELECT l.id, l.work_id, w.public_id, w.status, w.court_order, w.catalogue_id, w.imprint_id,
         w.livemode, coalesce(w.personal_data, c.personal_data) AS personal, d.kind
  FROM licensing_quoteline l JOIN licensing_work w ON w.id = l.work_id
  JOIN licensing_catalogue c ON c.id = w.catalogue_id JOIN licensing_decision d ON d.id = l.decision_id
  WHERE l.quote_id = %(quote)s
), found AS (
  SELECT public_id, CASE WHEN status = 'withdrawn' THEN 'withdrawn' ELSE 'not_registered' END AS reason
  FROM line WHERE status <> 'registered'
  UNION SELECT public_id, 'court_order' FROM line WHERE court_order
  UNION SELECT public_id, 'personal_data_unconsented' FROM line WHERE personal = 'present_without_basis'
  UNION SELECT line.public_id, CASE WHEN c.status = 'contested' THEN 'claim_contested' ELSE 'no_claim' END
  FROM line JOIN licensing_quoteshare s ON s.line_id = line.id JOIN licensing_claim c ON c.id = s.claim_id
  WHERE c.status NOT IN ('asserted', 'verified') AND NOT (c.status = 'contested' AND %(contested)s)
  UNION SELECT line.public_id, CASE WHEN r.by_author THEN 'withheld_by_author' ELSE 'withheld' END
  FROM line JOIN licensing_reservation r ON r.kind = 'withhold' AND r.status = 'active' AND (
    (r.level = 'work' AND r.work_id = line.work_id) OR (r.level = 'catalogue' AND r.catalogue_id = line.catalogue_id)
    OR (r.level = 'imprint' AND r.imprint_id = line.imprint_id)
    OR (r.level = 'party' AND r.livemode = line.livemode AND (
      EXISTS (SELECT FROM licensing_contributor k WHERE k.work_id = line.work_id AND k.party_id = r.party_id)
      OR EXISTS (SELECT FROM licensing_quoteshare s JOIN licensing_claim c ON c.id = s.claim_id
                 WHERE s.line_id = line.id AND c.holder_id = r.party_id))))
  LEFT JOIN licensing_party p ON p.id = r.party_id
  WHERE line.kind IN ('terms', 'mixed') AND r.period && daterange(%(start)s::date, %(end)s::date)
    AND NOT (r.by_author AND p.id IS NOT NULL AND p.verified_at IS NULL) AND r.actions & %(actions)s <> 0
    AND (r.territories & %(territories)s::bit(256)) <> 0::bit(256)
  UNION SELECT line.public_id, 'exclusive_elsewhere'
  FROM line JOIN licensing_encumbrance e ON e.work_id = line.work_id AND e.exclusive AND e.ended_at IS NULL
  WHERE (e.until IS NULL OR e.until > now()) AND e.licensee <> %(licensee)s
    AND e.period && daterange(%(start)s::date, %(end)s::date) AND e.actions & %(actions)s <> 0
    AND (e.territories & %(territories)s::bit(256)) <> 0::bit(256)
)
SELECT public_id::text, reason FROM found ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Cells:
    """What the use asks for: leaf actions, territories of copies and of the model (bit string), days of its window."""

    actions: int
    territories: str
    start: date
    end: date
    accepts_contested: bool
    licensee: str


def fallen(quote: Quote, cells: Cells) -> list[tuple[str, str]]:
    """Lock the quote's works and return (work uuid, reason code) of those that fell away since the quote."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT w.id FROM licensing_work w JOIN licensing_quoteline l ON l.work_id = w.id WHERE l.quote_id = %s"
            " ORDER BY w.id FOR SHARE OF w",
            [quote.pk],
        )
        cursor.execute(
            FALLEN,
            {
                "quote": quote.pk, "actions": cells.actions, "territories": cells.territories, "start": cells.start,
                "end": cells.end, "contested": cells.accepts_contested, "licensee": cells.licensee,
            },
        )  # fmt: skip
        return list(cursor.fetchall())
