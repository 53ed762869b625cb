"""Sets of rights in SQL: reduced to what a use can see, told apart, and joined to what the rules said of them.

No rule lives here. Reduction clips masks, days and names (docs/algorithms/clearing.md 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TABLES = (
    "clr_sets", "clr_itemset", "clr_spoken", "clr_item", "clr_rights", "clr_shape", "clr_long", "clr_ready", "clr_need",
    "clr_cand", "clr_priced", "clr_bad", "clr_fit",
)  # fmt: skip
# A million works are hashed and sorted in memory, for this transaction only.
MEMORY = "SET LOCAL work_mem = '256MB'"
# A bundle made a moment ago has no statistics yet; row by row look-ups of a million works would take seconds.
BIG = 10_000
# Sorting keys to merge costs more than hashing them. A small sample says enough about the temporary tables.
NO_LOOPS = "SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off; SET LOCAL default_statistics_target = 10"
NO_SORTS = "SET LOCAL enable_sort = off"
LOOPS = "SET LOCAL enable_nestloop = on; SET LOCAL enable_mergejoin = on; SET LOCAL enable_sort = on"
PARALLEL = """
SET LOCAL max_parallel_workers_per_gather = 1; SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0.01;
SET LOCAL min_parallel_table_scan_size = '1MB'; SET LOCAL min_parallel_index_scan_size = '256kB'
"""
DROP = "DROP TABLE IF EXISTS " + ", ".join(f"pg_temp.{name}" for name in TABLES)

# Distinct sets of the bundle's works. Where there are not many more sets than works, all are taken as they lie: that
# saves a pass over the works and a copy.
COUNT_SETS = "SELECT count(*) FROM (SELECT 1 FROM licensing_termset LIMIT %(limit)s) s"
ALL_SETS = "licensing_termset"
SETS = """
CREATE TEMP TABLE clr_sets ON COMMIT DROP AS
SELECT * FROM licensing_termset WHERE id IN (
  SELECT wc.termset_id FROM licensing_bundlework b JOIN licensing_workclear wc ON wc.work_id = b.work_id
  WHERE b.bundle_id = %(bundle)s
  UNION SELECT wc.termset_id FROM licensing_workclear wc WHERE wc.work_id = ANY(%(below)s))
"""

_ASKED = "%(territories)s::bit(256)"
_CLIP = "{0} & " + _ASKED
_SHORT = f"CASE WHEN {{0}} & {_ASKED} = {_ASKED} THEN 'W' ELSE ({{0}} & {_ASKED})::text END"

# Lists of items, and the items of all of them: equal for this use, equal number.
ITEMSETS = "CREATE TEMP TABLE clr_itemset ON COMMIT DROP AS SELECT DISTINCT itemset, items FROM clr_sets"
ITEMS = f"""
CREATE TEMP TABLE clr_item ON COMMIT DROP AS
SELECT id, dense_rank() OVER (ORDER BY licet_key(concat_ws('|',
  kind, coalesce(licensor::text, '-'), coalesce(parent::text, '-'),
  coalesce(ppm::text, '-'), actions & %(actions)s, {_SHORT.format("territories")},
  CASE WHEN unknown IS NULL THEN '-' ELSE {_SHORT.format("unknown")} END,
  CASE WHEN isempty(period) THEN 'e'
    ELSE greatest(lower(period), %(start)s::date) || '/' || least(upper(period), %(end)s::date) END,
  flags, CASE WHEN kind <> 'encumbrance' THEN word WHEN word = '' THEN '' WHEN word = %(licensee)s THEN 'me'
    ELSE 'other' END,
  coalesce(until <= %(at)s, false), members, consenting)))::int AS no
FROM licensing_rightsitem WHERE id IN (SELECT unnest(items) FROM clr_itemset)
"""
READ_ITEMS = f"""
SELECT c.no, i.kind, i.licensor, i.parent, i.ppm, i.actions & %(actions)s, ({_CLIP.format("i.territories")})::text,
  ({_CLIP.format("i.unknown")})::text, isempty(i.period), greatest(lower(i.period), %(start)s::date),
  least(upper(i.period), %(end)s::date), i.flags, i.word, i.until, i.members, i.consenting
FROM (SELECT no, (array_agg(id))[1] AS id FROM clr_item GROUP BY no) c JOIN licensing_rightsitem i ON i.id = c.id
"""
RIGHTS = """
CREATE TEMP TABLE clr_rights ON COMMIT DROP AS
SELECT d.itemset, dense_rank() OVER (ORDER BY coalesce(n.numbers, '{}'))::int AS no FROM clr_itemset d LEFT JOIN (
  SELECT o.itemset, array_agg(i.no ORDER BY u.place) AS numbers FROM clr_itemset o
  CROSS JOIN LATERAL unnest(o.items) WITH ORDINALITY AS u(id, place) JOIN clr_item i ON i.id = u.id GROUP BY o.itemset
) n ON n.itemset = d.itemset
"""
READ_RIGHTS = """
SELECT c.no, array_agg(i.no ORDER BY u.place)
FROM (SELECT no, (array_agg(itemset))[1] AS sample FROM clr_rights GROUP BY no) c
JOIN clr_itemset d ON d.itemset = c.sample CROSS JOIN LATERAL unnest(d.items) WITH ORDINALITY AS u(id, place)
JOIN clr_item i ON i.id = u.id GROUP BY c.no
"""

# Offers of one shape differ in days and money only, so one version speaks for the shape; what the use cannot tell
# apart has one number.
SPOKEN = """
CREATE TEMP TABLE clr_spoken ON COMMIT DROP AS
SELECT shape, min(version) AS version FROM (
  SELECT unnest(shapes) AS shape, unnest(offers) AS version FROM clr_sets) a GROUP BY shape
"""
SHAPES = f"""
CREATE TEMP TABLE clr_shape ON COMMIT DROP AS
SELECT d.shape, dense_rank() OVER (ORDER BY concat_ws('|', t.organisation_id, v.actions & %(actions)s,
  {_SHORT.format("v.territories")}, v.model_kinds & %(model_kind)s, v.outputs & %(outputs)s, v.survival, v.audience,
  coalesce(v.audience_organisation_id = %(licensee_id)s, false), v.commercial, v.exclusive, v.approval, v.currency,
  v.price_measures, v.price_flat | v.price_tokens | v.price_words | v.price_characters | v.price_minutes
    | v.price_minimum = 0, v.distribution, v.conditions_count, jsonb_path_query_array(v.conditions, '$[*].kind'),
  v.price_multipliers))::int AS no
FROM clr_spoken d JOIN licensing_termsversion v ON v.id = d.version JOIN licensing_terms t ON t.id = v.terms_id
"""

DAYS = 3
"""Bits of the days of an offer in the number of its class."""


def _class(shape: str, days: str) -> str:
    """The class of an offer: the number of its shape, and one bit for each kind of days of which it offers enough."""
    first, until, training, retention, since, to = (f"{days}[{place}]" for place in range(1, 7))
    enough = (
        f"{first} <= %(today_no)s AND %(today_no)s < {until}",
        f"{training} >= %(window_days)s AND {since} <= %(start_no)s AND {to} >= %(end_no)s",
        f"{retention} >= %(retention_no)s",
    )
    bits = "".join(f" | CASE WHEN {test} THEN {1 << place} ELSE 0 END" for place, test in enumerate(enough))
    return f"({shape}.no << {DAYS}{bits})"


# The classes of a set's offers in their order, as one number: 0 for none, two of them side by side, and lists of three
# and more by their own number, negative.
PLACE = 31
LONG = f"""
CREATE TEMP TABLE clr_long ON COMMIT DROP AS
SELECT id, -dense_rank() OVER (ORDER BY classes) AS offered FROM (
  SELECT s.id, array_agg({_class("x", "s.days[u.place::int]")} ORDER BY u.place) AS classes
  FROM clr_sets s CROSS JOIN LATERAL unnest(s.shapes) WITH ORDINALITY AS u(shape, place)
  JOIN clr_shape x ON x.shape = u.shape WHERE cardinality(s.offers) > 2 GROUP BY s.id) l
"""
READ_LONG = f"""
SELECT l.offered, array_agg({_class("x", "s.days[u.place::int]")} ORDER BY u.place), min(s.offers)
FROM (SELECT offered, (array_agg(id))[1] AS sample FROM clr_long GROUP BY offered) l JOIN clr_sets s ON s.id = l.sample
CROSS JOIN LATERAL unnest(s.shapes) WITH ORDINALITY AS u(shape, place) JOIN clr_shape x ON x.shape = u.shape
GROUP BY l.offered
"""


# What the workers of a parallel plan read: the rows of a temporary table as text in a setting of this transaction.
SHARED_ROWS = 50_000
_KEYS = {
    "clr_rights": "itemset", "clr_shape": "shape", "clr_long": "id", "clr_ready": "no", "clr_priced": "work_id",
    "clr_bad": "work_id",
}  # fmt: skip
# DISTINCT tells the planner that a key is there once; it knows nothing else of rows out of a function.
_SHARED = {
    name: f"(SELECT DISTINCT ON ({key}) * FROM unnest(current_setting('licet.{name}')::{name}[]))"
    for name, key in _KEYS.items()
}


def count(tables: Sequence[str]) -> str:
    """The rows of temporary tables together, counted only as far as they may be shared."""
    return "SELECT " + " + ".join(f"(SELECT count(*) FROM (SELECT FROM {n} LIMIT {SHARED_ROWS + 1}) t)" for n in tables)


def share(tables: Sequence[str]) -> str:
    """Put the rows of temporary tables into settings."""
    put = "length(set_config('licet.{0}', coalesce((SELECT array_agg(t)::text FROM {0} t), '{{}}'), true))"
    return "SELECT " + ", ".join(put.format(name) for name in tables)


@dataclass(frozen=True, slots=True)
class Form:
    """What a statement is made of. `long`: there are sets of three offers and more. `several`: some works are priced
    one by one, or stand on one that fails. `shared`: a parallel plan, whose workers cannot read temporary tables.
    `measures`: those that some offer has a price for; others would add nothing.
    """

    long: bool
    several: bool
    shared: bool
    measures: Sequence[str]

    def rows(self, table: str) -> str:
        """A temporary table, where it can be read."""
        return _SHARED[table] if self.shared else table


def _sets(form: Form) -> str:
    """The sets `s` with the number of their rights `c` and those of their first two shapes."""
    long = f" LEFT JOIN {form.rows('clr_long')} l ON l.id = s.id" if form.long else ""
    return (
        f"clr_sets s JOIN {form.rows('clr_rights')} c ON c.itemset = s.itemset"
        f" LEFT JOIN {form.rows('clr_shape')} p ON p.shape = s.shapes[1]"
        f" LEFT JOIN {form.rows('clr_shape')} q ON q.shape = s.shapes[2]{long}"
    )


def _offered(form: Form) -> str:
    """The classes of a set's offers, as one number."""
    first, second = _class("p", "s.days[1]"), _class("q", "s.days[2]")
    long = " ELSE l.offered" if form.long else ""
    return (
        f"CASE cardinality(s.offers) WHEN 0 THEN 0 WHEN 1 THEN {first}"
        f" WHEN 2 THEN {first} | ({second}::bigint << {PLACE}){long} END"
    )


def reduced(form: Form) -> str:
    """What is left of the sets for this use, each once: rights, known measures, classes of offers, the dearest offer,
    and versions that stand for the first two.
    """
    return f"""
SELECT c.no, s.known, {_offered(form)} AS offered, max(s.dearest), min(s.offers[1]), min(s.offers[2])
FROM {_sets(form)} GROUP BY 1, 2, 3
"""


NOTHING, PAIR, SEVERAL, BY_RULES = range(4)
"""How works are priced: not at all; for one need by one offer or the cheaper of two; per need in SQL; by the rules."""
REFUSED, NEEDS_APPROVAL, CLEARED, UNPRICED = range(4)
"""What comes of a work, as far as its set says."""

# What the rules said of each reduced set. `a` and `b` are the places of the one or two offers of a PAIR, `outcome` and
# `b_outcome` what comes of a work under them, `a` wins ties. A price is (num * sum + half) / (2 * half), where num is
# twice the numerator of the multiplier and half its denominator; up to `safe` of each measure that stays within bigint.
# `free` is the price, 0, of what needs no offer.
READY = """
CREATE TEMP TABLE clr_ready (rights int, known int, offered bigint, no int, fit int, mode int, past boolean, root int,
  share int, safe bigint, free bigint, a int, outcome int, manual int, num bigint, half bigint, b int, b_outcome int,
  b_manual int, b_num bigint, b_half bigint) ON COMMIT DROP
"""
NEED = """
CREATE TEMP TABLE clr_need (no int, need int, root int, share int, place int, manual int, conditions int, num bigint,
  half bigint) ON COMMIT DROP
"""


def fitted(form: Form) -> str:
    """The sets `s` with what was said of them, `y`."""
    said = f"y.rights = c.no AND y.known = s.known AND y.offered = {_offered(form)}"
    return f"({_sets(form)} JOIN {form.rows('clr_ready')} y ON {said})"


def fits_of(form: Form) -> str:
    """Flags and fit of named works."""
    return f"""
SELECT w.work_id, w.flags, y.fit FROM licensing_workclear w JOIN {fitted(form)} ON s.id = w.termset_id
WHERE w.work_id = ANY(%(works)s)
"""


# Works that stand on one that does not clear.
BAD = "CREATE TEMP TABLE clr_bad (work_id bigint) ON COMMIT DROP"
