"""Dividing a pool set by set in SQL, equal to `kernel.split` to the byte (docs/algorithms/splits.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from licensing.royalties.models import AllocationRun

LARGEST = 2**63 - 1
LARGE = 100_000
"""From this many works on statistics are made at the end of a run."""
MANY = 1_000
"""From this many works on nested loops are out: no statistics can know yet how many rows a run writes and reads."""

SETTINGS = """
SELECT set_config('work_mem', '256MB', true), set_config('enable_nestloop', 'off', true),
       set_config('cursor_tuple_fraction', '1', true)
"""

# What of each contested work was payable: a contestant gets at most his guaranteed part. A conflict counts while it is
# open in a cell of the use, and where the quoted shares exceed the whole although it has ended since.
HOLD = """
WITH summed AS (
  SELECT l.id, l.work_id, sum(s.share_ppm) AS total
  FROM licensing_quoteline l JOIN licensing_quoteshare s ON s.line_id = l.id
  WHERE l.quote_id = %(quote)s AND EXISTS (SELECT FROM licensing_conflict f WHERE f.work_id = l.work_id)
  GROUP BY l.id, l.work_id
), chosen AS (
  SELECT DISTINCT ON (m.id) m.id, m.work_id, f.id AS conflict_id
  FROM summed m JOIN licensing_conflict f ON f.work_id = m.work_id
  WHERE (f.status IN ('open', 'evidence_requested') AND f.actions & %(actions)s <> 0
         AND f.territories & %(territories)s::bit(256) <> 0::bit(256)) OR m.total > 1000000
  ORDER BY m.id, f.status IN ('open', 'evidence_requested') DESC, f.id DESC
)
INSERT INTO licensing_heldshare (run_id, work_id, conflict_id, claim_id, share_ppm, payable_ppm)
SELECT %(run)s, c.work_id, c.conflict_id, s.claim_id, s.share_ppm,
       least(s.share_ppm, coalesce(p.guaranteed_ppm, s.share_ppm))
FROM chosen c JOIN licensing_quoteshare s ON s.line_id = c.id
LEFT JOIN licensing_conflictparty p ON p.conflict_id = c.conflict_id AND p.claim_id = s.claim_id
"""

# The lines that name a licensor: number, gcd, sum and maximum of their prices, and how many need a closer look.
MEASURE = """
SELECT count(*), licet_gcd(m.price_micro), coalesce(sum(m.price_micro), 0), coalesce(max(m.price_micro), 0),
       count(*) FILTER (WHERE m.ppm <> 1000000), count(*) FILTER (WHERE m.claims > 1)
FROM (SELECT l.price_micro, sum(s.share_ppm) AS ppm, count(*) AS claims
      FROM licensing_quoteline l JOIN licensing_quoteshare s ON s.line_id = l.id
      WHERE l.quote_id = %(quote)s GROUP BY l.id, l.price_micro) m
"""

# Lines whose shares are neither whole nor held back to the whole.
CROOKED = """
SELECT w.public_id, sum(coalesce(h.payable_ppm, s.share_ppm))
FROM licensing_quoteline l JOIN licensing_quoteshare s ON s.line_id = l.id JOIN licensing_work w ON w.id = l.work_id
LEFT JOIN licensing_heldshare h ON h.run_id = %(run)s AND h.work_id = l.work_id AND h.claim_id = s.claim_id
WHERE l.quote_id = %(quote)s GROUP BY l.id, w.public_id
HAVING sum(coalesce(h.payable_ppm, s.share_ppm)) > 1000000
    OR (sum(coalesce(h.payable_ppm, s.share_ppm)) < 1000000 AND count(h.id) = 0)
ORDER BY w.public_id LIMIT 20
"""

# The cut is a scalar subquery: asked once, where a join would ask it per row whenever statistics are old. `last` is
# the rank of the last row of a group of equal remainders: where a group lies across the cut, its rows take
# consecutive ranks by their ties, and only those rows are hashed. Rows are stored in the order of public ids.
WORKS = """
WITH weighed AS (
  SELECT l.work_id, k.public_id, (l.price_micro / %(divisor)s::bigint) AS weight
  FROM licensing_quoteline l JOIN licensing_work k ON k.id = l.work_id
  WHERE l.quote_id = %(quote)s AND EXISTS (SELECT FROM licensing_quoteshare s WHERE s.line_id = l.id)
), used AS (
  SELECT work_id, public_id, weight, CASE WHEN %(equal)s THEN 1::bigint ELSE weight END AS w FROM weighed
), divided AS (
  SELECT work_id, public_id, weight,
    %(q)s::bigint * w + CASE WHEN %(wide)s THEN div(%(r)s::numeric * w, %(total)s::numeric)::bigint
                             ELSE %(r)s::bigint * w / %(total)s::bigint END AS floor,
    CASE WHEN %(wide)s THEN mod(%(r)s::numeric * w, %(total)s::numeric)::bigint
         ELSE %(r)s::bigint * w %% %(total)s::bigint END AS remainder
  FROM used
), ranked AS (
  SELECT *, (SELECT %(pool)s::bigint - coalesce(sum(floor), 0) FROM divided)::bigint AS cut,
    rank() OVER (ORDER BY remainder DESC) AS rank, count(*) OVER (ORDER BY remainder DESC) AS last
  FROM divided
), tied AS (
  SELECT *, CASE WHEN rank <= cut AND last > cut
    THEN sha256(uuid_send(%(uuid)s::uuid) || uuid_send(public_id) || int4send(0)) END AS tie FROM ranked
), placed AS (
  SELECT public_id, work_id, weight, floor, remainder, cut,
    CASE WHEN tie IS NULL THEN rank ELSE row_number() OVER (ORDER BY remainder DESC, tie) END AS rank FROM tied
)
, stored AS (
  INSERT INTO licensing_workallocation (run_date, run_id, work_id, weight, floor, remainder, rank, bumped, amount)
  SELECT %(date)s, %(run)s, work_id, weight, floor, remainder, rank, rank <= cut, floor + (rank <= cut)::int
  FROM placed ORDER BY public_id RETURNING id, bumped
)
SELECT count(*), min(id), max(id), count(*) FILTER (WHERE bumped) FROM stored
"""

# Everybody's share of each work. Where every work has one claim that is whole and nothing is held, a part's number is
# its place in its split and its share its ppm: no row needs its neighbours.
PLAIN = """
WITH part AS (
  SELECT p.id, p.version_id, p.ppm::bigint AS ppm, t.account_id,
         row_number() OVER (PARTITION BY p.version_id ORDER BY p.part_no) AS number
  FROM licensing_splitpart p JOIN royalty_payee t ON t.party_id = coalesce(p.party_id, 0)
  WHERE p.version_id IN (SELECT s.split_version_id FROM licensing_quoteline l
                         JOIN licensing_quoteshare s ON s.line_id = l.id WHERE l.quote_id = %(quote)s)
), divided AS (
  SELECT a.id AS place, a.work_id, s.claim_id, p.id AS split_part_id, p.account_id, false AS held, p.number,
    p.ppm AS weight, a.amount / 1000000 * p.ppm + a.amount %% 1000000 * p.ppm / 1000000 AS floor,
    (a.amount %% 1000000 * p.ppm %% 1000000)::int AS remainder, 1000000::bigint AS total
  FROM licensing_workallocation a
  JOIN licensing_quoteline l ON l.quote_id = %(quote)s AND l.work_id = a.work_id
  JOIN licensing_quoteshare s ON s.line_id = l.id
  JOIN part p ON p.version_id = s.split_version_id
  WHERE a.run_date = %(date)s AND a.run_id = %(run)s AND a.id BETWEEN %(first)s AND %(last)s
)
"""

# In general parts are numbered over the claims of the work, and shares are ppm of it where all of its products are
# whole ppm, else ppm of ppm (and numeric).
MIXED = """
WITH given AS (
  SELECT a.id AS place, a.work_id, a.amount AS pool, s.claim_id, c.public_id AS claim, p.id AS split_part_id, p.part_no,
         coalesce(h.payable_ppm, s.share_ppm)::bigint * p.ppm AS product, t.account_id, false AS held
  FROM licensing_workallocation a
  JOIN licensing_quoteline l ON l.quote_id = %(quote)s AND l.work_id = a.work_id
  JOIN licensing_quoteshare s ON s.line_id = l.id
  JOIN licensing_claim c ON c.id = s.claim_id
  JOIN licensing_splitpart p ON p.version_id = s.split_version_id
  JOIN royalty_payee t ON t.party_id = coalesce(p.party_id, 0)
  LEFT JOIN licensing_heldshare h ON h.run_id = %(run)s AND h.work_id = a.work_id AND h.claim_id = s.claim_id
  WHERE a.run_date = %(date)s AND a.run_id = %(run)s AND a.id BETWEEN %(first)s AND %(last)s
    AND coalesce(h.payable_ppm, s.share_ppm) > 0
  UNION ALL
  SELECT a.id, a.work_id, a.amount, NULL, NULL, NULL, 1, (1000000 - h.payable) * 1000000, t.account_id, true
  FROM (SELECT work_id, conflict_id, sum(payable_ppm)::bigint AS payable FROM licensing_heldshare
        WHERE run_id = %(run)s GROUP BY 1, 2 HAVING sum(payable_ppm) < 1000000) h
  JOIN licensing_workallocation a ON a.run_date = %(date)s AND a.run_id = %(run)s AND a.work_id = h.work_id
  JOIN royalty_payee t ON t.conflict_id = h.conflict_id
), numbered AS (
  SELECT *, row_number() OVER (PARTITION BY place ORDER BY claim NULLS LAST, part_no) AS number,
    CASE WHEN bool_or(product %% 1000000 <> 0) OVER (PARTITION BY place) THEN 1 ELSE 1000000 END AS scale FROM given
), divided AS (
  SELECT place, work_id, claim_id, split_part_id, account_id, held, number, product / scale AS weight,
    CASE WHEN scale = 1 THEN div(pool::numeric * product, 1000000000000)::bigint
         ELSE pool / 1000000 * (product / 1000000) + pool %% 1000000 * (product / 1000000) / 1000000 END AS floor,
    CASE WHEN scale = 1 THEN mod((pool %% 1000000000000)::numeric * product, 1000000000000)::bigint
         ELSE pool %% 1000000 * (product / 1000000) %% 1000000 END AS remainder, 1000000000000 / scale AS total
  FROM numbered
)
"""

# The remainders of a work sum to cut times total, exactly.
PARTS = """
, ranked AS (
  SELECT *, (sum(remainder) OVER (PARTITION BY place) / total)::bigint AS cut,
    rank() OVER (PARTITION BY place ORDER BY remainder DESC) AS rank,
    count(*) OVER (PARTITION BY place ORDER BY remainder DESC) AS last
  FROM divided
), tied AS (
  SELECT r.*, CASE WHEN rank <= cut AND last > cut
    THEN sha256(uuid_send(%(uuid)s::uuid)
                || (SELECT uuid_send(k.public_id) FROM licensing_work k WHERE k.id = r.work_id)
                || int4send(number::int)) END AS tie
  FROM ranked r
), placed AS (
  SELECT *, CASE WHEN tie IS NULL THEN rank
    ELSE row_number() OVER (PARTITION BY place ORDER BY remainder DESC, tie) END AS final FROM tied
)
INSERT INTO licensing_allocation (run_date, id, run_id, work_id, claim_id, account_id, split_part_id, part_no, weight,
  floor, remainder, rank, bumped, amount, held)
SELECT %(date)s, (place << 16) + number, %(run)s, work_id, claim_id, account_id, split_part_id, number, weight, floor,
  remainder, final, final <= cut, floor + (final <= cut)::int, held
FROM placed ORDER BY place, number
"""

PAYEES = "CREATE TEMPORARY TABLE royalty_payee (party_id bigint, conflict_id bigint, account_id bigint) ON COMMIT DROP"
PAYEE_ROWS = """
INSERT INTO royalty_payee SELECT * FROM unnest(%(party)s::bigint[], %(conflict)s::bigint[], %(account)s::bigint[])
"""

SUMS = """
SELECT t.code, s.total FROM (
  SELECT account_id, sum(amount) AS total FROM licensing_allocation
  WHERE run_date = %(date)s AND run_id = %(run)s AND id BETWEEN %(first)s::bigint << 16 AND (%(last)s::bigint + 1) << 16
  GROUP BY account_id) s
JOIN licensing_ledgeraccount t ON t.id = s.account_id WHERE s.total <> 0 ORDER BY t.code
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """The lines of a quote that name a licensor; prices in micro. `plain`: each has one claim and it is whole."""

    works: int
    divisor: int
    prices: int
    largest: int
    plain: bool


def settings_for(works: int) -> None:
    """In this transaction: room to sort, and no nested loops over the rows of many works."""
    if works >= MANY:
        _run(SETTINGS, {})


def measure(run: AllocationRun) -> Measured:
    """What is to be divided among."""
    works, divisor, prices, largest, uneven, several = _rows(MEASURE, _of(run))[0]
    return Measured(int(works), int(divisor), int(prices), int(largest), uneven == 0 and several == 0)


def hold(run: AllocationRun, *, actions: int, territories: str) -> int:
    """Write what is payable of the shares of contested works; returns how many shares those have."""
    return _run(HOLD, _of(run) | {"actions": actions, "territories": territories})


def crooked(run: AllocationRun) -> list[tuple[UUID, int]]:
    """Up to 20 (work, ppm) whose shares, less what is held, do not make a whole."""
    return [(work, int(ppm)) for work, ppm in _rows(CROOKED, _of(run))]


def divide_works(run: AllocationRun, measured: Measured) -> None:
    """Divide the run's pool among its works and store the rows; in numeric where products would not fit bigint.

    Fills in the run's works, weight_total, works_cut, first_row and last_row.
    """
    total = measured.prices // measured.divisor if measured.prices else measured.works
    largest = measured.largest // measured.divisor if measured.prices else 1
    values = _of(run) | {
        "divisor": measured.divisor or 1, "equal": measured.prices == 0, "total": total, "pool": run.pool_micro,
        "q": run.pool_micro // total, "r": run.pool_micro % total, "wide": (total - 1) * largest > LARGEST,
    }  # fmt: skip
    run.weight_total = total
    run.works, run.first_row, run.last_row, run.works_cut = _rows(WORKS, values)[0]


def divide_parts(run: AllocationRun, accounts: Sequence[tuple[int | None, int | None, int]], *, plain: bool) -> None:
    """Divide each work's money among its parts and store the rows; fills in the run's rows.

    `accounts` are (party or 0 for unallocated, conflict, ledger account), internal ids; one of the first two is set.
    """
    _run(PAYEES, {})
    columns = [list(column) for column in zip(*accounts, strict=True)]
    _run(PAYEE_ROWS, dict(zip(("party", "conflict", "account"), columns, strict=True)))
    _run("ANALYZE royalty_payee", {})
    run.rows = _run((PLAIN if plain else MIXED) + PARTS, _of(run))
    _run("DROP TABLE royalty_payee", {})


def sums(run: AllocationRun) -> list[tuple[str, int]]:
    """(account code, micro) of every account the run pays, by code; zeros left out."""
    return [(code, int(total)) for code, total in _rows(SUMS, _of(run))]


def statistics(works: int) -> None:
    """After a large run: tell the planner."""
    if works >= LARGE:
        _run("SELECT licet_allocation_analyze()", {})


def _of(run: AllocationRun) -> dict[str, Any]:
    return {
        "run": run.pk, "date": run.run_date, "quote": run.order.quote_id, "uuid": str(run.public_id),
        "first": run.first_row, "last": run.last_row,
    }  # fmt: skip


def _run(sql: str, values: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.rowcount)


def _rows(sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
