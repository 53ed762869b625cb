"""Works in SQL: each with the fit of its set, its gates and its price; counted, or stored and hashed.

No rule lives here: gates and notes are generated from the tables of `facts`, the price is the arithmetic of pricing.md,
equal to `price.of_offer` by test (docs/algorithms/clearing.md 5).
"""

from __future__ import annotations

from collections.abc import Sequence

from licensing.clearing import facts
from licensing.clearing.price import DENOMINATOR, RATES
from licensing.clearing.sets_sql import (
    BY_RULES,
    CLEARED,
    NEEDS_APPROVAL,
    NOTHING,
    PAIR,
    REFUSED,
    SEVERAL,
    UNPRICED,
    Form,
    fitted,
)

UNDERLYING_BIT = 1 << 40
PRICE_BIT = 1 << 41
OUTCOMES = ("refused", "needs_approval", "cleared", None)

# Places among the prices of an offer: flat, one per measure, minimum (licet_termset_columns).
FLAT, MINIMUM = 1, 6
_PLACES = {name: FLAT + 1 + place for place, name in enumerate(facts.MEASURES)}
_RATES = dict(zip(facts.MEASURES, RATES, strict=True))


def _priced(prefix: str, place: str, measures: Sequence[str]) -> str:
    """Columns of a set: the price of the offer at a place, as far as it does not depend on the work."""
    price = f"s.prices[y.{place}]"
    rates = {name: f"{price}[{_PLACES[name]}] * {_RATES[name]}" for name in measures}
    columns = [f"y.{prefix}num * {rate} AS {prefix}{name}" for name, rate in rates.items()]
    columns.append(f"y.{prefix}num * {price}[{FLAT}] * {DENOMINATOR} + y.{prefix}half AS {prefix}base")
    columns.append(f"2 * y.{prefix}half AS {prefix}divisor")
    return ", ".join(columns)


def _price(offer: str, measures: Sequence[str]) -> str:
    """The price an offer (prefix of its columns) names for a whole work: pricing.md 1, in bigint where that is safe."""
    units = {name: f"coalesce(w.{name}, 0)" for name in measures}
    sums = "".join(f" + {offer}{name} * {unit}" for name, unit in units.items())
    wide = sums.replace(" * ", "::numeric * ")
    largest = f"greatest({', '.join([*units.values()] or ['0'])})"
    return (
        f"CASE WHEN {offer}minimum IS NOT NULL THEN least({facts.CEILING + 1}, greatest({offer}minimum,"
        f" CASE WHEN {largest} <= r.safe THEN ({offer}base{sums}) / {offer}divisor"
        f" ELSE least({facts.CEILING + 1}, div({offer}base{wide}, {offer}divisor))::bigint END)) END"
    )


def share_of(price: str, share: str) -> str:
    """half_up(price * share / 1,000,000) without a wide product."""
    return f"({price}) / 1000000 * {share} + (2 * (({price}) %% 1000000) * {share} + 1000000) / 2000000"


def candidates(form: Form) -> str:
    """The versions that may be chosen for each need of each set that is priced per need."""
    price = "s.prices[n.place]"
    rates = ", ".join(
        f"n.num::numeric * {price}[{_PLACES[name]}] * {_RATES[name]} AS {name}" for name in facts.MEASURES
    )
    return f"""
CREATE TEMP TABLE clr_cand ON COMMIT DROP AS
SELECT s.id AS termset, n.need, n.root, n.share, n.manual, n.conditions, s.offers[n.place] AS version,
  n.num::numeric * {price}[{FLAT}] * {DENOMINATOR} + n.half AS base, {rates}, 2 * n.half AS divisor,
  {price}[{MINIMUM}] AS minimum
FROM {fitted(form)} JOIN clr_need n ON n.no = y.no WHERE y.mode = {SEVERAL}
"""


# Sets with several offers or shares: the best per need, then the sum; two-step so that no product is wide.
_WIDE = " + ".join(["c.base", *(f"c.{name} * coalesce(w.{name}, 0)" for name in facts.MEASURES)])
PRICED = f"""
CREATE TEMP TABLE clr_priced ON COMMIT DROP AS
WITH best AS (
  SELECT w.work_id, c.termset, c.need, min(ARRAY[c.manual & 6,
    least({facts.CEILING + 1}, greatest(c.minimum, div({_WIDE}, c.divisor)))::bigint, c.conditions, c.version]) AS pick
  FROM licensing_bundlework b JOIN licensing_workclear w ON w.work_id = b.work_id
  JOIN clr_cand c ON c.termset = w.termset_id
  WHERE b.bundle_id = %(bundle)s GROUP BY 1, 2, 3
)
SELECT w.work_id, (sum(w.pick[2] / 1000000 * c.share)
    + (2 * sum((w.pick[2] %% 1000000) * c.share) + 1000000)::bigint / 2000000)::bigint AS price,
  bit_or(c.manual) AS manual, array_agg(c.root ORDER BY c.need) AS roots, array_agg(c.share ORDER BY c.need) AS shares,
  array_agg(c.version ORDER BY c.need) AS versions
FROM best w JOIN clr_cand c ON c.termset = w.termset AND c.need = w.need AND c.version = w.pick[4] GROUP BY w.work_id
"""


def by_rules(form: Form) -> str:
    """The works that the rules price."""
    return f"""
SELECT w.work_id, y.no, s.offers, w.characters, w.words, w.tokens, w.seconds
FROM licensing_bundlework b JOIN licensing_workclear w ON w.work_id = b.work_id
JOIN {fitted(form)} ON s.id = w.termset_id WHERE b.bundle_id = %(bundle)s AND y.mode = {BY_RULES}
"""


_GATE_CODES = sorted([
    *((code, f"gates & {bit} <> 0") for bit, code in facts.GATES.items()),
    ("content_form_excluded", f"gates & {((1 << len(facts.FORMS)) - 1) << facts.FORM_SHIFT} <> 0"),
    ("price_above_maximum", f"gates & {PRICE_BIT} <> 0"),
    ("underlying_not_cleared", f"gates & {UNDERLYING_BIT} <> 0"),
])  # fmt: skip
GATE_ARRAY = (
    "CASE WHEN gates = 0 THEN '{}'::text[] ELSE array_remove(ARRAY["
    + ", ".join(f"CASE WHEN {test} THEN '{code}' END" for code, test in _GATE_CODES)
    + "]::text[], NULL) END"
)
_NOTE_CODES = sorted((code, bit) for bit, code in facts.NOTES.items())
NOTE_ARRAY = (
    f"CASE WHEN flags & {sum(facts.NOTES)} = 0 THEN notes ELSE array_remove(ARRAY["
    + ", ".join(f"CASE WHEN flags & {bit} <> 0 THEN '{code}' END" for code, bit in _NOTE_CODES)
    + "]::text[], NULL) || notes END"
)

# For the summary, joins in the order written. Few sets: every worker has them all, and bundle and works, which lie in
# the order of the works, are merged. Many: they are hashed once, by all workers together.
FEW = """
SET LOCAL join_collapse_limit = 1; SET LOCAL enable_mergejoin = on; SET LOCAL enable_parallel_hash = off;
SET LOCAL min_parallel_table_scan_size = '1GB'; SET LOCAL work_mem = '4MB'; SET LOCAL enable_sort = on
"""
MANY = "SET LOCAL join_collapse_limit = 1"

# Every work of the bundle with its fit, gates and price: the one pass over the works. What is missing is never a
# yes: without a fit the work is refused and cannot be stored (fit is NOT NULL), without a price it has no outcome.
# The fence keeps the steps that price a step: otherwise a price is computed again wherever it is named; the others are
# cheaper computed again than handed on. A volatile column is never pulled up, this one is a constant by the time it
# runs, and unlike OFFSET 0 it leaves the step to the workers.
_FENCE = "CASE WHEN false THEN clock_timestamp() END AS fence"
_WHOLE = "least(v.price_a, v.price_b)"
_PRICE = f"CASE v.share WHEN {facts.WHOLE} THEN {_WHOLE} ELSE {share_of(_WHOLE, 'v.share')} END"
_SECOND = "coalesce(v.price_b < v.price_a, false)"
_BY_HAND = f"CASE WHEN {_SECOND} THEN v.b_manual ELSE v.manual END"
_OUTCOME = f"CASE WHEN {_SECOND} THEN v.b_outcome ELSE v.outcome_a END"
# Of works priced one by one.
_MANY = f"""CASE WHEN v.many_manual & 1 <> 0 OR (v.past AND v.many_manual & 4 <> 0) THEN {NEEDS_APPROVAL}
      ELSE {CLEARED} END"""


def works(form: Form) -> str:
    """The pass over the works; what nobody reads of it costs nothing."""
    price, by_hand, said = _PRICE, _BY_HAND, _OUTCOME
    more, joins, below = "", "", "0"
    if form.several:
        price, by_hand, said = (
            f"CASE WHEN v.mode < {SEVERAL} THEN {one} ELSE {many} END"
            for one, many in ((_PRICE, "v.many"), (_BY_HAND, "v.many_manual"), (_OUTCOME, _MANY))
        )
        more = ", m.price AS many, m.manual AS many_manual, m.roots, m.shares, m.versions"
        joins = f"""
      LEFT JOIN {form.rows("clr_priced")} m ON m.work_id = w.work_id
      LEFT JOIN {form.rows("clr_bad")} d ON d.work_id = w.work_id AND w.flags & {facts.UNDERLYING} <> 0"""
        below = f"CASE WHEN d.work_id IS NULL THEN 0 ELSE {UNDERLYING_BIT} END"
    return f"""
SELECT x.*, CASE WHEN gates <> 0 OR said IS NULL OR said = {REFUSED} THEN {REFUSED} WHEN price IS NULL THEN {UNPRICED}
  ELSE said END AS outcome
FROM (
  SELECT z.*, shut | CASE WHEN price > %(max_price)s THEN {PRICE_BIT} ELSE 0 END AS gates FROM (
    SELECT v.*, {price} AS price, {by_hand} AS by_hand, {said} AS said,
      CASE WHEN {_SECOND} THEN v.b_version ELSE v.version END AS picked, {_FENCE} FROM (
      SELECT r.fit, r.mode, r.past, r.outcome AS outcome_a, r.b_outcome, r.root, r.share, r.version, r.b_version,
        r.manual, r.b_manual, w.work_id, w.flags, w.claims, w.flags & %(gates)s | {below} AS shut{more},
        {_price("r.", form.measures)} AS price_a, {_price("r.b_", form.measures)} AS price_b, {_FENCE}
      FROM licensing_bundlework b JOIN licensing_workclear w ON w.work_id = b.work_id
      LEFT JOIN (
        SELECT s.id, y.fit, y.mode, y.past, y.outcome, y.b_outcome, y.root, y.share, y.manual, y.b_manual, y.safe,
          s.offers[y.a] AS version, s.offers[y.b] AS b_version, {_priced("", "a", form.measures)},
          {_priced("b_", "b", form.measures)}, coalesce(s.prices[y.a][{MINIMUM}], y.free) AS minimum,
          s.prices[y.b][{MINIMUM}] AS b_minimum, {_FENCE}
        FROM {fitted(form)}) r ON r.id = w.termset_id{joins}
      WHERE b.bundle_id = %(bundle)s
    ) v
  ) z
) x
"""


# One word says gates and outcome: two columns to group by, few enough for workers to count on their own.
OUTCOME_SHIFT = 42


def summary(form: Form) -> str:
    """Works and money per fit and state."""
    return f"""
SELECT fit, gates | (outcome::bigint << {OUTCOME_SHIFT}) AS state, count(*), coalesce(sum(price), 0)
FROM ({works(form)}) q GROUP BY 1, 2
"""


FIT = """
CREATE TEMP TABLE clr_fit (no int, kind text, reasons text[], considered text[], notes text[], assurance text)
ON COMMIT DROP
"""


def store(form: Form) -> str:
    """One decision per work, in one statement."""
    names = "ARRAY[" + ", ".join(f"'{name}'" for name in OUTCOMES if name) + "]"
    each = "SELECT claims[p + 1] FROM unnest(roots) WITH ORDINALITY AS u(p, n) ORDER BY n"
    claims, shares, versions = (f"ARRAY({each})", "shares", "versions") if form.several else ("NULL",) * 3
    nothing = f"outcome = {REFUSED} OR mode = {NOTHING}"
    return f"""
INSERT INTO licensing_decision (clearance_id, work_id, fit, outcome, kind, reasons, considered, notes, price_micro,
  assurance, claims, shares, versions)
SELECT %(clearance)s, work_id, fit, ({names})[outcome + 1], CASE WHEN outcome = {REFUSED} THEN '' ELSE kind END,
  CASE WHEN outcome = {NEEDS_APPROVAL} THEN
      CASE WHEN by_hand & 1 <> 0 THEN ARRAY['approval_required'] ELSE '{{}}'::text[] END
      || CASE WHEN past AND by_hand & 4 <> 0 THEN ARRAY['past_use'] ELSE '{{}}'::text[] END
    ELSE {GATE_ARRAY} || reasons END,
  considered, {NOTE_ARRAY}, CASE WHEN outcome = {REFUSED} THEN NULL ELSE price END,
  CASE WHEN outcome = {REFUSED} THEN '' ELSE assurance END,
  CASE WHEN {nothing} THEN '{{}}'::bigint[] WHEN mode = {PAIR} THEN ARRAY[claims[root + 1]] ELSE {claims} END,
  CASE WHEN {nothing} THEN '{{}}'::int[] WHEN mode = {PAIR} THEN ARRAY[share] ELSE {shares} END,
  CASE WHEN {nothing} THEN '{{}}'::bigint[] WHEN mode = {PAIR} THEN ARRAY[picked] ELSE {versions} END
FROM ({works(form)}) q JOIN clr_fit t ON t.no = q.fit
"""


COUNTS = """
SELECT outcome, reasons, count(*), coalesce(sum(price_micro), 0) FROM licensing_decision
WHERE clearance_id = %(clearance)s GROUP BY outcome, reasons
"""
# 256 buckets by the last byte of the work's UUID, each in the order of the UUIDs (clearing.md 5, Hash).
HASH = """
SELECT encode(sha256(string_agg(bucket, ''::bytea ORDER BY byte)), 'hex') FROM (
  SELECT get_byte(uuid_send(w.public_id), 15) AS byte, sha256(convert_to(string_agg(
    concat_ws('|', w.public_id, d.outcome, d.kind, array_to_string(d.reasons, ','), coalesce(d.price_micro::text, '-'),
      CASE cardinality(d.versions) WHEN 0 THEN '' WHEN 1 THEN t.public_id || '/' || v.number ELSE (
        SELECT string_agg(DISTINCT o.public_id || '/' || n.number, ',' ORDER BY o.public_id || '/' || n.number)
        FROM licensing_termsversion n JOIN licensing_terms o ON o.id = n.terms_id WHERE n.id = ANY(d.versions)) END),
    E'\\n' ORDER BY w.public_id), 'UTF8')) AS bucket
  FROM licensing_decision d JOIN licensing_workclear w ON w.work_id = d.work_id
  LEFT JOIN licensing_termsversion v ON v.id = d.versions[1] LEFT JOIN licensing_terms t ON t.id = v.terms_id
  WHERE d.clearance_id = %(clearance)s GROUP BY 1
) buckets
"""
