"""The set-based half of the engine: what is reduced, chosen and stored in SQL (docs/algorithms/clearing.md 5).

No rule lives here. Reduction clips masks, days and names to what the use can see; gates and notes are generated from
the tables of `facts`; the price is the arithmetic of pricing.md, equal to `price.of_offer` by test.
"""

from __future__ import annotations

from collections.abc import Sequence

from licensing.clearing import facts

UNDERLYING_BIT = 1 << 40
PRICE_BIT = 1 << 41

TABLES = (
    "clr_sets", "clr_item", "clr_offer_key", "clr_offer", "clr_item_class", "clr_offer_class", "clr_sig", "clr_reduced",
    "clr_fit", "clr_need", "clr_of", "clr_factor", "clr_cand", "clr_pair", "clr_ready", "clr_priced", "clr_bad",
)  # fmt: skip
# A million works are hashed and sorted in memory, for this transaction only.
MEMORY = "SET LOCAL work_mem = '256MB'"
# A bundle made a moment ago has no statistics yet; row by row look-ups of a million works would take seconds.
BIG = 10_000
# Sorting keys to merge costs more than hashing them. A small sample says enough about the temporary tables.
NO_LOOPS = "SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off; SET LOCAL default_statistics_target = 10"
NO_SORTS = "SET LOCAL enable_sort = off"
LOOPS = "SET LOCAL enable_nestloop = on; SET LOCAL enable_mergejoin = on; SET LOCAL enable_sort = on"
DROP = "DROP TABLE IF EXISTS " + ", ".join(f"pg_temp.{name}" for name in TABLES)

# Distinct sets of the bundle's works. Where there are not many more sets than works, all are taken as they lie: that
# saves a pass over the works and a copy.
COUNT_SETS = "SELECT count(*) FROM (SELECT 1 FROM licensing_termset LIMIT %(limit)s) s"
ALL_SETS = "licensing_termset"
SETS = """
CREATE TEMP TABLE clr_sets ON COMMIT DROP AS
SELECT id, items, offers, known FROM licensing_termset WHERE id IN (
  SELECT wc.termset_id FROM licensing_bundlework b JOIN licensing_workclear wc ON wc.work_id = b.work_id
  WHERE b.bundle_id = %(bundle)s
  UNION SELECT wc.termset_id FROM licensing_workclear wc WHERE wc.work_id = ANY(%(below)s))
"""

_ASKED = "%(territories)s::bit(256)"
_CLIP = "{0} & " + _ASKED
_SHORT = f"CASE WHEN {{0}} & {_ASKED} = {_ASKED} THEN 'W' ELSE ({{0}} & {_ASKED})::text END"

ITEMS = f"""
CREATE TEMP TABLE clr_item ON COMMIT DROP AS
SELECT id, licet_key(concat_ws('|', kind, coalesce(licensor::text, '-'), coalesce(parent::text, '-'),
  coalesce(ppm::text, '-'), actions & %(actions)s, {_SHORT.format("territories")},
  CASE WHEN unknown IS NULL THEN '-' ELSE {_SHORT.format("unknown")} END,
  CASE WHEN isempty(period) THEN 'e'
    ELSE greatest(lower(period), %(start)s::date) || '/' || least(upper(period), %(end)s::date) END,
  flags, CASE WHEN kind <> 'encumbrance' THEN word WHEN word = '' THEN '' WHEN word = %(licensee)s THEN 'me'
    ELSE 'other' END,
  coalesce(until <= %(at)s, false), members, consenting)) AS key
FROM licensing_rightsitem WHERE id IN (SELECT unnest(items) FROM (SELECT DISTINCT items FROM clr_sets) d)
"""
ITEM_CLASSES = """
CREATE TEMP TABLE clr_item_class ON COMMIT DROP AS
SELECT row_number() OVER ()::int AS no, key, (array_agg(id))[1] AS sample FROM clr_item GROUP BY key
"""
READ_ITEMS = f"""
SELECT c.no, i.kind, i.licensor, i.parent, i.ppm, i.actions & %(actions)s, ({_CLIP.format("i.territories")})::text,
  ({_CLIP.format("i.unknown")})::text, isempty(i.period), greatest(lower(i.period), %(start)s::date),
  least(upper(i.period), %(end)s::date), i.flags, i.word, i.until, i.members, i.consenting
FROM clr_item_class c JOIN licensing_rightsitem i ON i.id = c.sample
"""

# Whether the days that an answer about the past names hold the whole window. Only such an answer names them, in its
# body: read only there, and in place, since a subquery about each offer would keep the workers out.
_RELEASED = """CASE WHEN v.approval <> 'released' THEN true ELSE coalesce(
      (v.body #>> '{training_window,from}')::date <= %(start)s::date
      AND (v.body #>> '{training_window,until}')::date >= %(end)s::date, false) END"""

# The key is text, not a hash: shorter than its digest for most offers, and nothing can collide.
# Joined as written: the offers asked for are far more than the planner thinks, and workers shall write their keys.
OFFERS = f"""
SET LOCAL join_collapse_limit = 1;
CREATE TEMP TABLE clr_offer_key ON COMMIT DROP AS
SELECT v.id, concat_ws('|', t.organisation_id, v.actions & %(actions)s, {_SHORT.format("v.territories")},
  v.model_kinds & %(model_kind)s, v.outputs & %(outputs)s, (v.offer @> %(today)s::date)::int
    | (((v.training_days IS NULL OR coalesce(v.training_days >= %(window_days)s::int, false))
      AND {_RELEASED})::int << 1)
    | ((v.retention_days IS NULL OR coalesce(v.retention_days >= %(retention_days)s::int, false))::int << 2)
    | ((coalesce(v.audience_organisation_id = %(licensee_id)s, false))::int << 3) | (v.commercial::int << 4)
    | (v.exclusive::int << 5) | ((v.approval = 'manual')::int << 6)
    | ((v.price_flat | v.price_tokens | v.price_words | v.price_characters | v.price_minutes | v.price_minimum = 0)::int
      << 7),
  v.survival, v.audience, v.currency, v.price_measures,
  CASE WHEN v.distribution = '{{}}' THEN '' ELSE to_jsonb(v.distribution)::text END,
  CASE WHEN v.conditions_count = 0 THEN '' ELSE v.conditions::text END) AS key,
  v.conditions_count AS conditions, (v.approval = 'manual')::int | ((v.audience <> 'named')::int << 1)
    | ((v.approval <> 'released')::int << 2) AS manual,
  v.price_flat, v.price_characters, v.price_words, v.price_tokens, v.price_minutes, v.price_minimum, v.price_multipliers
FROM licensing_termsversion v JOIN licensing_terms t ON t.id = v.terms_id
WHERE EXISTS (SELECT FROM clr_sets s CROSS JOIN LATERAL unnest(s.offers) AS u(id) WHERE u.id = v.id);
SET LOCAL join_collapse_limit = DEFAULT
"""
OFFER_CLASSES = """
CREATE TEMP TABLE clr_offer_class ON COMMIT DROP AS
SELECT row_number() OVER ()::int AS no, key, min(id) AS sample FROM clr_offer_key GROUP BY key
"""
OFFER_OF = """
CREATE TEMP TABLE clr_offer ON COMMIT DROP AS
SELECT k.id, c.no, k.conditions, k.manual, 60000 * k.price_flat AS flat, 60 * k.price_characters AS characters,
  60 * k.price_words AS words, 60 * k.price_tokens AS tokens, 1000 * k.price_minutes AS seconds,
  k.price_minimum AS minimum, k.price_multipliers AS multipliers
FROM clr_offer_key k JOIN clr_offer_class c ON c.key = k.key
"""

# A set as its items' classes in order and its offers' classes, each once; its versions are carried along, so that
# nobody has to look the set up again. The rules are asked about the different ones only.
SIGNATURES = """
CREATE TEMP TABLE clr_sig ON COMMIT DROP AS
SELECT s.id, s.offers AS versions, coalesce(i.classes, '{}') AS items,
  CASE WHEN r.no IS NOT NULL THEN ARRAY[r.no] ELSE coalesce(o.classes, '{}') END AS offers, s.known
FROM clr_sets s
LEFT JOIN (
  SELECT d.items, array_agg(c.no ORDER BY u.place) AS classes FROM (SELECT DISTINCT items FROM clr_sets) d
  CROSS JOIN LATERAL unnest(d.items) WITH ORDINALITY AS u(id, place)
  JOIN clr_item r ON r.id = u.id JOIN clr_item_class c ON c.key = r.key GROUP BY d.items) i ON i.items = s.items
LEFT JOIN clr_offer r ON r.id = s.offers[1] AND cardinality(s.offers) = 1
LEFT JOIN (
  SELECT d.id, array_agg(DISTINCT r.no ORDER BY r.no) AS classes FROM clr_sets d
  CROSS JOIN LATERAL unnest(d.offers) AS u(id) JOIN clr_offer r ON r.id = u.id
  WHERE cardinality(d.offers) > 1 GROUP BY d.id) o ON o.id = s.id
"""
REDUCED = """
CREATE TEMP TABLE clr_reduced ON COMMIT DROP AS
SELECT row_number() OVER ()::int - 1 AS no, items, offers, known FROM clr_sig GROUP BY items, offers, known
"""
READ_REDUCED = "SELECT items, offers, known FROM clr_reduced ORDER BY no"

# mode: 0 nothing to price, 1 one choice per need in SQL, 2 priced by the Python rules.
FIT = """
CREATE TEMP TABLE clr_fit (no int, refused boolean, kind text, reasons text[], considered text[], notes text[],
  assurance text, past boolean, mode int) ON COMMIT DROP
"""
NEED = "CREATE TEMP TABLE clr_need (fit int, need int, root int, share int, class int) ON COMMIT DROP"
FACTOR = "CREATE TEMP TABLE clr_factor (multipliers jsonb, num bigint, den bigint) ON COMMIT DROP"
MULTIPLIERS = "SELECT DISTINCT multipliers::text FROM clr_offer WHERE multipliers IS NOT NULL"

# The versions that may be chosen for each need of each set, less those another one always beats (pricing.md 4).
CANDIDATES = """
CREATE TEMP TABLE clr_cand ON COMMIT DROP AS
WITH all_of AS (
  SELECT g.id AS termset, g.fit, n.need, n.root, n.share, o.id AS version, o.conditions, o.manual, o.flat, o.characters,
    o.words, o.tokens, o.seconds, o.minimum, coalesce(x.num, 1) AS num, 60000 * coalesce(x.den, 1) AS den
  FROM (SELECT id, fit, unnest(versions) AS offer FROM clr_of WHERE mode = 1) g
  JOIN clr_offer o ON o.id = g.offer
  JOIN clr_need n ON n.fit = g.fit AND n.class = o.no
  LEFT JOIN clr_factor x ON x.multipliers = o.multipliers
)
SELECT *, CASE WHEN characters + words + tokens + seconds = 0 THEN
    CASE WHEN flat::numeric * num + den < 2e18 THEN 9223372036854775807 ELSE -1 END
  ELSE greatest(-1, least(9e18,
    floor((2e18 / num - flat - den) / (characters + words + tokens + seconds))))::bigint END AS safe
FROM all_of
"""
PRUNE = """
DELETE FROM clr_cand a USING clr_cand b
WHERE a.termset = b.termset AND a.need = b.need AND a.version <> b.version AND a.num = b.num AND a.den = b.den
  AND b.flat <= a.flat AND b.characters <= a.characters AND b.words <= a.words AND b.tokens <= a.tokens
  AND b.seconds <= a.seconds AND b.minimum <= a.minimum
  AND (b.manual & 6, b.conditions, b.version) < (a.manual & 6, a.conditions, a.version) AND b.manual & 6 <= a.manual & 6
"""
# Which fit each set has: arrays are compared once.
OF = """
CREATE TEMP TABLE clr_of ON COMMIT DROP AS
SELECT g.id, g.versions, f.no AS fit, f.mode FROM clr_sig g
JOIN clr_reduced d ON d.items = g.items AND d.offers = g.offers AND d.known = g.known JOIN clr_fit f ON f.no = d.no
"""
# Per set that has a choice: its first candidate and the next one (by order the first wins ties), how many there are.
_COLUMNS = {
    "version": "bigint", "manual": "int", "flat": "bigint", "characters": "bigint", "words": "bigint",
    "tokens": "bigint", "seconds": "bigint", "minimum": "bigint", "num": "bigint", "den": "bigint", "safe": "bigint",
}  # fmt: skip
PAIRS = """
CREATE TEMP TABLE clr_pair ON COMMIT DROP AS
SELECT a, b, n, last FROM (
  SELECT c AS a, lead(c) OVER ordered AS b, row_number() OVER ordered AS rank, count(*) OVER whole AS n,
    max(c.need) OVER whole AS last
  FROM clr_cand c WINDOW whole AS (PARTITION BY c.termset),
    ordered AS (PARTITION BY c.termset ORDER BY c.need, c.manual & 6, c.conditions, c.version)
) p WHERE rank = 1
"""
# One row per set: its fit, and its choice where one share has one offer or two (a, then b). Every set of mode 1 has a
# candidate; one without would be missing here, and a work without a fit is never allowed.
READY = f"""
CREATE TEMP TABLE clr_ready ON COMMIT DROP AS
SELECT (p.a).termset, f.no AS fit, f.refused, f.past, CASE WHEN p.n <= 2 AND p.last = 0 THEN 1 ELSE 2 END AS mode,
  false AS by_rules, (p.a).root, (p.a).share, {", ".join(f"(p.a).{name}" for name in _COLUMNS)},
  {", ".join(f"(p.b).{name} AS b_{name}" for name in _COLUMNS)}
FROM clr_pair p JOIN clr_fit f ON f.no = (p.a).fit
UNION ALL
SELECT g.id, f.no, f.refused, f.past, f.mode, f.mode = 2, NULL::int, NULL::int,
  {", ".join(f"NULL::{kind}" for kind in (*_COLUMNS.values(), *_COLUMNS.values()))}
FROM clr_of g JOIN clr_fit f ON f.no = g.fit WHERE g.mode <> 1
"""


def price100(offer: str, work: str, measures: Sequence[str] = facts.MEASURES) -> str:
    """The price an offer (prefix of its columns) names for a whole work: pricing.md 1, in bigint where that is safe.

    `measures`: those that some offer has a price for; the others would add nothing.
    """
    sums = " + ".join([
        f"{offer}flat", *(f"{offer}{name} * coalesce({work}.{name}, 0)" for name in measures),
    ])  # fmt: skip
    wide = sums.replace(" * coalesce", "::numeric * coalesce")
    largest = "greatest(" + ", ".join([*(f"{work}.{name}" for name in measures), "0"]) + ")"
    return (
        f"least({facts.CEILING + 1}, greatest({offer}minimum, CASE WHEN {largest} <= {offer}safe"
        f" THEN (2 * ({sums}) * {offer}num + {offer}den) / (2 * {offer}den)"
        f" ELSE floor((2 * ({wide}) * {offer}num + {offer}den) / (2 * {offer}den)::numeric) END))::bigint"
    )


def share_of(price: str, share: str) -> str:
    """half_up(price * share / 1,000,000) without a wide product."""
    return f"({price}) / 1000000 * {share} + (2 * (({price}) %% 1000000) * {share} + 1000000) / 2000000"


# Sets with several offers or shares: the best per need, then the sum; two-step so that no product is wide.
PRICED = f"""
CREATE TEMP TABLE clr_priced ON COMMIT DROP AS
WITH best AS (
  SELECT w.work_id, c.termset, c.need, min(ARRAY[c.manual & 6, {price100("c.", "w")}, c.conditions, c.version]) AS pick
  FROM licensing_bundlework b JOIN licensing_workclear w ON w.work_id = b.work_id
  JOIN clr_ready r ON r.termset = w.termset_id AND r.mode = 2 AND NOT r.by_rules
  JOIN clr_cand c ON c.termset = w.termset_id
  WHERE b.bundle_id = %(bundle)s GROUP BY 1, 2, 3
)
SELECT w.work_id, (sum(w.pick[2] / 1000000 * c.share)
    + (2 * sum((w.pick[2] %% 1000000) * c.share) + 1000000)::bigint / 2000000)::bigint AS price,
  bit_or(c.manual) AS manual, array_agg(c.root ORDER BY c.need) AS roots, array_agg(c.share ORDER BY c.need) AS shares,
  array_agg(c.version ORDER BY c.need) AS versions
FROM best w JOIN clr_cand c ON c.termset = w.termset AND c.need = w.need AND c.version = w.pick[4] GROUP BY w.work_id
"""
BY_RULES = """
SELECT w.work_id, r.fit, s.offers, w.characters, w.words, w.tokens, w.seconds
FROM licensing_bundlework b JOIN licensing_workclear w ON w.work_id = b.work_id
JOIN clr_ready r ON r.termset = w.termset_id AND r.by_rules JOIN clr_sets s ON s.id = w.termset_id
WHERE b.bundle_id = %(bundle)s
"""
BAD = "CREATE TEMP TABLE clr_bad (work_id bigint) ON COMMIT DROP"

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

MEASURED = "SELECT " + ", ".join(f"coalesce(bool_or({name} <> 0), false)" for name in facts.MEASURES) + " FROM clr_cand"
# For the summary: bundle and works lie in the order of the works, so they are merged; joins in the order written.
MERGE = """
SET LOCAL enable_sort = on; SET LOCAL enable_mergejoin = on; SET LOCAL join_collapse_limit = 1;
SET LOCAL enable_parallel_hash = off; SET LOCAL work_mem = '4MB'
"""

# What the workers of a parallel plan read: the rows of a temporary table as text in a setting of this transaction.
SHARED_TABLES = ("clr_ready", "clr_priced", "clr_bad")
SHARED_ROWS = 50_000
SHARE = "SELECT " + ", ".join(
    f"length(set_config('licet.{name}', coalesce((SELECT array_agg(t)::text FROM {name} t), '{{}}'), true))"
    for name in SHARED_TABLES
)
COUNT_SHARED = "SELECT " + " + ".join(
    f"(SELECT count(*) FROM (SELECT FROM {name} LIMIT {SHARED_ROWS + 1}) t)" for name in SHARED_TABLES
)
# DISTINCT tells the planner that a key is there once; it knows nothing else of rows out of a function.
_SHARED = {
    name: f"(SELECT DISTINCT ON ({key}) * FROM unnest(current_setting('licet.{name}')::{name}[]))"
    for name, key in (("clr_ready", "termset"), ("clr_priced", "work_id"), ("clr_bad", "work_id"))
}
PARALLEL = """
SET LOCAL max_parallel_workers_per_gather = 1; SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0.01;
SET LOCAL min_parallel_table_scan_size = '1MB'; SET LOCAL min_parallel_index_scan_size = '256kB'
"""

# Every work of the bundle with its fit, gates and price: the one pass over the works. What is missing is never a
# yes: without a fit the work is refused and cannot be stored (fit is NOT NULL), without a price it has no outcome.
# The fence keeps the steps that price a step: otherwise a price is computed again wherever it is named; the others are
# cheaper computed again than handed on. A volatile column is never pulled up, this one is a constant by the time it
# runs, and unlike OFFSET 0 it leaves the step to the workers.
_FENCE = "CASE WHEN false THEN clock_timestamp() END AS fence"


def _works(
    more: str, picked: str, several: bool = True, shared: bool = False, measures: Sequence[str] = facts.MEASURES
) -> str:
    """The pass over the works; `more` columns are carried along for those who store them.

    Workers of a parallel plan cannot read temporary tables: `shared` takes the prepared rows from settings instead.
    """
    ready, priced, bad = (_SHARED[name] if shared else name for name in ("clr_ready", "clr_priced", "clr_bad"))
    whole = "(CASE WHEN y.second THEN y.price_b ELSE y.price_a END)"
    price = f"CASE y.share WHEN 1000000 THEN {whole} ELSE {share_of(whole, 'y.share')} END"
    many, join, below = _singly(priced, bad) if several else ("NULL::bigint AS many, 0 AS many_manual", "", "0")
    return f"""
SELECT x.*, CASE WHEN gates <> 0 OR refused IS NOT FALSE THEN 'refused' WHEN price IS NULL THEN NULL
  WHEN by_hand & 1 <> 0 OR (past AND by_hand & 4 <> 0) THEN 'needs_approval' ELSE 'cleared' END AS outcome
FROM (
  SELECT z.*, z.flag_gates | CASE WHEN z.price > %(max_price)s THEN {PRICE_BIT} ELSE 0 END AS gates FROM (
    SELECT y.*,
      CASE y.mode WHEN 0 THEN CASE WHEN y.refused THEN NULL ELSE 0 END WHEN 2 THEN y.many ELSE {price} END AS price,
      CASE y.mode WHEN 0 THEN 0 WHEN 2 THEN y.many_manual
        WHEN 1 THEN CASE WHEN y.second THEN y.b_manual ELSE y.manual END END AS by_hand, {_FENCE}{picked}
    FROM (
      SELECT v.*, coalesce(v.b_manual & 6 = v.manual & 6 AND v.price_b < v.price_a, false) AS second FROM (
        SELECT r.fit, r.refused, r.past, r.mode, r.share, r.manual, r.b_manual, {many},
          w.flags & %(gates)s | {below} AS flag_gates,
          CASE WHEN r.mode = 1 THEN {price100("r.", "w", measures)} END AS price_a,
          CASE WHEN r.mode = 1 AND r.b_version IS NOT NULL THEN {price100("r.b_", "w", measures)} END AS price_b,
          {_FENCE}{more}
        FROM licensing_bundlework b JOIN licensing_workclear w ON w.work_id = b.work_id
        LEFT JOIN {ready} r ON r.termset = w.termset_id
        {join}
        WHERE b.bundle_id = %(bundle)s
      ) v
    ) y
  ) z
) x
"""


def _singly(priced: str, bad: str) -> tuple[str, str, str]:
    """Columns, joins and gate of works that were priced one by one, and of those whose underlying work fails."""
    own = f"LEFT JOIN {priced} m ON %(several)s AND m.work_id = w.work_id"
    under = f" LEFT JOIN {bad} d ON %(several)s AND d.work_id = w.work_id AND w.flags & {facts.UNDERLYING} <> 0"
    below = f"CASE WHEN d.work_id IS NULL THEN 0 ELSE {UNDERLYING_BIT} END"
    return "m.price AS many, m.manual AS many_manual", own + under, below


WORKS = _works(
    ", w.work_id, w.flags, w.claims, r.root, r.version, r.b_version, m.roots, m.shares, m.versions",
    ", CASE WHEN y.second THEN y.b_version ELSE y.version END AS picked",
)
# One word says gates and outcome: two columns to group by, few enough for workers to count on their own.
OUTCOME_SHIFT = 42
OUTCOMES = ("refused", "needs_approval", "cleared", None)
_STATE = "gates | CASE outcome " + "".join(
    f"WHEN '{name}' THEN {number << OUTCOME_SHIFT} " for number, name in enumerate(OUTCOMES) if name
) + f"ELSE {3 << OUTCOME_SHIFT} END"


def summary(several: bool, shared: bool, measures: Sequence[str]) -> str:
    """Works and money per fit and state; `several`: some sets have prices of their own in clr_priced."""
    works = _works("", "", several=several, shared=shared, measures=measures)
    return f"""
SELECT fit, {_STATE} AS state, count(*), coalesce(sum(price), 0) FROM ({works}) q GROUP BY 1, 2
"""


STORE = f"""
INSERT INTO licensing_decision (clearance_id, work_id, fit, outcome, kind, reasons, considered, notes, price_micro,
  assurance, claims, shares, versions)
SELECT %(clearance)s, q.work_id, q.fit, outcome, CASE WHEN outcome = 'refused' THEN '' ELSE kind END,
  CASE WHEN outcome = 'needs_approval' THEN
      CASE WHEN by_hand & 1 <> 0 THEN ARRAY['approval_required'] ELSE '{{}}'::text[] END
      || CASE WHEN q.past AND by_hand & 4 <> 0 THEN ARRAY['past_use'] ELSE '{{}}'::text[] END
    ELSE {GATE_ARRAY} || reasons END,
  considered, {NOTE_ARRAY}, CASE WHEN outcome = 'refused' THEN NULL ELSE price END,
  CASE WHEN outcome = 'refused' THEN '' ELSE assurance END,
  CASE WHEN outcome = 'refused' OR q.mode = 0 THEN '{{}}'::bigint[] WHEN q.mode = 1 THEN ARRAY[claims[root + 1]]
    ELSE ARRAY(SELECT claims[p + 1] FROM unnest(roots) WITH ORDINALITY AS u(p, n) ORDER BY n) END,
  CASE WHEN outcome = 'refused' OR q.mode = 0 THEN '{{}}'::int[] WHEN q.mode = 1 THEN ARRAY[share] ELSE shares END,
  CASE WHEN outcome = 'refused' OR q.mode = 0 THEN '{{}}'::bigint[] WHEN q.mode = 1 THEN ARRAY[picked] ELSE versions END
FROM ({WORKS}) q JOIN clr_fit t ON t.no = q.fit
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
