"""The set-based part of a quote: copy the cleared decisions with prices, licensors and split versions, all at once."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Any, NamedTuple

from django.db import connection

from licensing.kernel import canonical
from licensing.orders.models import Quote

# A terms version may ask a minimum of the whole order. What its lines lack is added to them, in proportion to what each
# counts for it (co-licensed lines by its share), the odd micro by remainder, then by the work's id. The public licence
# of a line is the most specific assertion that covers the work, as the engine looked at them. Minimums may add up to
# more than a column holds: such a line is cut to the largest number, which no quote may cost.
LINES = """
WITH cleared AS (
  SELECT d.*, coalesce(d.price_micro, 0) AS price, w.public_id AS work, w.imprint_id, w.catalogue_id
  FROM licensing_decision d JOIN licensing_work w ON w.id = d.work_id
  WHERE d.clearance_id = %(clearance)s AND d.outcome = 'cleared' AND NOT d.work_id = ANY(%(excluded)s)
), asking AS (
  SELECT v.id, (v.price ->> 'minimum_per_order_minor')::numeric * 1000000 AS minimum
  FROM licensing_termsversion v WHERE v.currency = %(currency)s AND (v.price ->> 'minimum_per_order_minor')::bigint > 0
    AND v.id IN (SELECT unnest(c.versions) FROM cleared c)
), counted AS (
  SELECT c.id, c.work, a.id AS version, a.minimum, div(c.price::numeric * s.own, s.whole) AS weight
  FROM cleared c CROSS JOIN LATERAL (
    SELECT u.version, sum(u.ppm) AS own, sum(sum(u.ppm)) OVER () AS whole
    FROM unnest(c.shares, c.versions) AS u(ppm, version) GROUP BY u.version) s
  JOIN asking a ON a.id = s.version
), summed AS (
  SELECT *, minimum - sum(weight) OVER own AS lack, sum(weight) OVER own AS total, count(*) OVER own AS number
  FROM counted WINDOW own AS (PARTITION BY version)
), divided AS (
  SELECT id, work, version, lack, div(lack * w, total) AS floor, mod(lack * w, total) AS remainder
  FROM (SELECT id, work, version, lack, CASE WHEN total = 0 THEN 1 ELSE weight END AS w,
               CASE WHEN total = 0 THEN number ELSE total END AS total FROM summed WHERE lack > 0) s
), added AS (
  SELECT id, sum(floor + (place <= lack - floors)::int) AS micro
  FROM (SELECT id, lack, floor, sum(floor) OVER (PARTITION BY version) AS floors,
               row_number() OVER (PARTITION BY version ORDER BY remainder DESC, work) AS place FROM divided) p
  GROUP BY id
)
INSERT INTO licensing_quoteline (quote_id, work_id, decision_id, price_micro, detail)
SELECT %(quote)s, d.work_id, d.id, least(d.price + coalesce(a.micro, 0), 9223372036854775807)::bigint,
  CASE WHEN a.micro > 0 THEN jsonb_build_object('minimum_micro', a.micro::text) ELSE '{}' END
  || jsonb_build_object('kind', d.kind, 'licence', (
    SELECT o.expression FROM licensing_openlicence o
    WHERE d.kind IN ('open_licence', 'mixed') AND o.ended_at IS NULL AND o.grade NOT IN ('none', 'unparsed')
      AND (o.work_id = d.work_id OR o.imprint_id = d.imprint_id OR o.catalogue_id = d.catalogue_id)
    ORDER BY o.work_id IS NULL, o.imprint_id IS NULL, o.id LIMIT 1))
FROM cleared d LEFT JOIN added a ON a.id = d.id
"""
SUMS = """
SELECT count(*), coalesce(sum(price_micro), 0), coalesce(sum((detail ->> 'minimum_micro')::numeric), 0)
FROM licensing_quoteline WHERE quote_id = %(quote)s
"""

# One row per root claim of a line: whose split is paid. A claim that licenses under several versions counts once. The
# splits relied upon are frozen by the same statement: the database takes no share of one that is not.
SHARES = """
WITH given AS (
INSERT INTO licensing_quoteshare (line_id, claim_id, organisation_id, share_ppm, terms_version_id, split_version_id)
SELECT l.id, s.claim_id, c.organisation_id, s.share_ppm, s.terms_version_id, v.id
FROM licensing_quoteline l JOIN licensing_decision d ON d.id = l.decision_id
CROSS JOIN LATERAL (
  SELECT claim_id, max(share_ppm) AS share_ppm, min(version_id) AS terms_version_id
  FROM unnest(d.claims, d.shares, d.versions) AS u(claim_id, share_ppm, version_id) GROUP BY claim_id
) s
JOIN licensing_claim c ON c.id = s.claim_id
JOIN LATERAL (
  SELECT v.id FROM licensing_splitversion v
  WHERE v.claim_id = s.claim_id AND v.valid @> %(on)s::date
    AND v.actions & c.actions & %(actions)s = c.actions & %(actions)s
    AND v.territories & c.territories & %(territories)s::bit(256) = c.territories & %(territories)s::bit(256)
  ORDER BY v.number DESC LIMIT 1
) v ON true
WHERE l.quote_id = %(quote)s
RETURNING split_version_id)
UPDATE licensing_splitversion SET frozen_at = %(at)s
WHERE frozen_at IS NULL AND id IN (SELECT split_version_id FROM given)
"""

UNSPLIT = """
SELECT DISTINCT w.public_id, c.public_id
FROM licensing_quoteline l JOIN licensing_decision d ON d.id = l.decision_id
CROSS JOIN LATERAL unnest(d.claims) AS s(claim_id)
JOIN licensing_work w ON w.id = l.work_id JOIN licensing_claim c ON c.id = s.claim_id
WHERE l.quote_id = %(quote)s AND l.price_micro > 0
  AND NOT EXISTS (SELECT 1 FROM licensing_quoteshare q WHERE q.line_id = l.id AND q.claim_id = s.claim_id)
ORDER BY 1, 2 LIMIT 20
"""

# Works that different parties own in different territories or parts: how one price is divided among them is not known.
UNCLEAR = """
SELECT w.public_id FROM licensing_quoteline l
JOIN licensing_quoteshare s ON s.line_id = l.id JOIN licensing_work w ON w.id = l.work_id
WHERE l.quote_id = %(quote)s AND l.price_micro > 0
  AND NOT EXISTS (SELECT 1 FROM licensing_conflict c
                  WHERE c.work_id = w.id AND c.status IN ('open', 'evidence_requested'))
GROUP BY w.public_id HAVING sum(s.share_ppm) <> 1000000 ORDER BY 1 LIMIT 20
"""

# One line per work, by its public id: what the quote's hash covers.
DIGEST = """
SELECT w.public_id::text, l.price_micro,
       coalesce(jsonb_agg(jsonb_build_array(c.public_id, s.share_ppm::text, t.sha256, v.public_id)
                          ORDER BY c.public_id) FILTER (WHERE s.id IS NOT NULL), '[]')::text
FROM licensing_quoteline l JOIN licensing_work w ON w.id = l.work_id
LEFT JOIN licensing_quoteshare s ON s.line_id = l.id
LEFT JOIN licensing_claim c ON c.id = s.claim_id
LEFT JOIN licensing_termsversion t ON t.id = s.terms_version_id
LEFT JOIN licensing_splitversion v ON v.id = s.split_version_id
WHERE l.quote_id = %(quote)s GROUP BY w.public_id, l.price_micro ORDER BY w.public_id
"""


class Copied(NamedTuple):
    """How many lines, the sum of their prices, and how much of it only order minimums brought; micro."""

    works: int
    micro: int
    minimum_micro: int


def copy_lines(quote: Quote, *, excluded: list[int]) -> Copied:
    """Write a line per cleared decision, raised to the order minimum of its terms (docs/algorithms/pricing.md)."""
    values: dict[str, Any] = {
        "quote": quote.pk, "clearance": quote.clearance_id, "excluded": excluded, "currency": quote.currency,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(LINES, values)
        cursor.execute(SUMS, values)
        works, micro, minimum = cursor.fetchone()
    return Copied(works, int(micro), int(minimum))


def copy_shares(quote: Quote, *, on: date, actions: int, territories: str) -> list[tuple[str, str]]:
    """Write who licenses each line under which terms and split, freezing the splits.

    Returns up to 20 (work, claim) public ids that have a price but no split valid on `on` for the use: nobody guesses
    who is to be paid.
    """
    values: dict[str, Any] = {"quote": quote.pk, "on": on, "actions": actions, "at": quote.created_at}
    values["territories"] = territories
    with connection.cursor() as cursor:
        cursor.execute(SHARES, values)
        cursor.execute(UNSPLIT, values)
        return [(str(work), str(claim)) for work, claim in cursor.fetchall()]


def unclear(quote: Quote) -> list[str]:
    """Up to 20 works (public ids as UUIDs) whose licensed shares are not exactly the whole, nor contested."""
    with connection.cursor() as cursor:
        cursor.execute(UNCLEAR, {"quote": quote.pk})
        return [str(work) for (work,) in cursor.fetchall()]


def lines_hash(quote: Quote) -> str:
    """SHA-256 over the quote's lines in canonical order: [work, price, [[claim, share, terms hash, split]]]."""
    digest = hashlib.sha256()
    with connection.chunked_cursor() as cursor:
        cursor.execute(DIGEST, {"quote": quote.pk})
        for work, price, shares in cursor:
            digest.update(canonical.jcs([work, str(price), json.loads(shares)]) + b"\n")
    return digest.hexdigest()
