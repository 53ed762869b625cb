"""A catalogue of n works with rights, made in SQL: what the clearing bench runs on."""

from __future__ import annotations

from typing import Any

from licensing.kernel import territories

EU = territories.to_bits(territories.mask(["EU"]))
US_OUT = territories.to_bits(territories.mask(["WORLD", "-US"]))
WORLD = territories.to_bits(territories.WORLD)

# The projection is filled once by the function the triggers call; per-statement upkeep is not what is measured here.
QUIET = "SET session_replication_role = replica"
LOUD = "SET session_replication_role = origin"

BASE = """
INSERT INTO accounts_organisation (id, public_id, created_at, slug, name, country, is_rights_holder, is_licensee,
  is_operator)
SELECT i, licet_uuid7(now()), now(), 'bench-' || i, 'o', '', true, true, false FROM generate_series(9001, 9051) i;
INSERT INTO licensing_party (id, organisation_id, livemode, public_id, created_at, kind, name, own_key)
SELECT i, i, false, licet_uuid7(now()), now(), 'organisation', 'p', 'p' FROM generate_series(9001, 9050) i;
INSERT INTO licensing_catalogue (id, organisation_id, livemode, public_id, created_at, slug, name, role_of_sender,
  origin,
  source_kind, personal_data, third_party, declared_by)
SELECT i, i, false, licet_uuid7(now()), now(), 'c', 'c', 'owner', 'human', 'owned', 'none', 'none', ''
FROM generate_series(9001, 9050) i;
"""
WORKS = """
INSERT INTO licensing_work (id, organisation_id, livemode, public_id, created_at, catalogue_id, own_id, title, subtitle,
  title_key, form, language, subjects, published_country, contributors_evidence, characters, words, tokens, generator,
  retracted, court_order, record_sha256, status)
SELECT i, 9001 + i %% 50, false, licet_uuid7(now()), now(), 9001 + i %% 50, i::text, 't', '', 't', 'book', 'en',
  '{}', '',
  '', 5000 + hashint8(i) %% 4000, 900 + abs(hashint8(i + 7)) %% 90000, 1200 + abs(hashint8(i + 3)) %% 120000, '', false,
  abs(hashint8(i)) %% 500 = 0, '', CASE WHEN abs(hashint8(i + 1)) %% 100 = 0 THEN 'withdrawn' ELSE 'registered' END
FROM generate_series(1, %(n)s) i
"""
# Two claims per work: a root by list of works of one of `groups` kinds, a society's mandate for half of them.
CLAIMS = """
INSERT INTO licensing_claim (id, organisation_id, livemode, public_id, created_at, level, work_id, actions, territories,
  period, holder_id, from_claim_id, kind, derivation, basis, part, control_ppm, one_stop, includes_underlying,
  author_consent, consent_evidence, signer, document, status)
SELECT 2 * i + k, 9001 + i %% 50, false, licet_uuid7(now()), now(), 'work', i, 2047,
  CASE WHEN g %% 10 < 7 THEN %(world)s::bit(256) ELSE %(us_out)s::bit(256) END,
  daterange(DATE '2000-01-01' + (g %% 7)::int, NULL), 9001 + i %% 50, CASE k WHEN 0 THEN NULL ELSE 2 * i END,
  CASE k WHEN 0 THEN 'root' ELSE 'derived' END, CASE k WHEN 0 THEN '' ELSE 'agency' END, 'assignment', 'whole',
  CASE WHEN g %% 40 = 0 THEN 600000 ELSE 1000000 END, false, false,
  CASE WHEN g %% 50 = 7 THEN 'unknown' ELSE 'contract_clause' END, '', 's', '',
  CASE WHEN g %% 3 = 0 THEN 'verified' ELSE 'asserted' END
FROM (SELECT i, abs(hashint8(i)) %% 140 AS g FROM generate_series(1, %(n)s) i) w, generate_series(0, 1) k
"""
# `offers` distinct templates (one per work, and a second for three in ten, when it is 0).
TERMS = """
INSERT INTO licensing_terms (id, organisation_id, livemode, public_id, created_at, own_key, status)
SELECT i, 9001 + i %% 50, false, licet_uuid7(now()), now(), i::text, 'published' FROM generate_series(1, %(terms)s) i;
"""
VERSIONS = """
INSERT INTO licensing_termsversion (id, terms_id, number, title, actions, territories, model_kinds, outputs, offer,
  training_days, retention_days, survival, audience, commercial, distribution, conditions, approval, currency, price,
  exclusive, conditions_count, price_flat, price_tokens, price_words, price_characters, price_minutes, price_minimum,
  price_measures, body, sha256, created_at)
SELECT i, i, 1, 't', CASE WHEN i %% 20 = 0 THEN 1 ELSE 2047 END,
  CASE (i / 50) %% 5 WHEN 0 THEN %(eu)s::bit(256) WHEN 1 THEN %(us_out)s::bit(256) ELSE %(world)s::bit(256) END, 31, 7,
  daterange(DATE '2026-01-01' - (i %% 300)::int, DATE '2028-01-01' + (i %% 500)::int),
  NULLIF(300 + (i %% 700)::int, 700),
  NULLIF(200 + (i %% 900)::int, 900), CASE WHEN i %% 11 = 0 THEN 'until_end' ELSE 'perpetual' END, 'any', true, '{}',
  CASE i %% 3 WHEN 0 THEN '[]' ELSE '[{"kind": "attribution"}]' END::jsonb,
  CASE WHEN i %% 33 = 0 THEN 'manual' ELSE 'auto' END, 'usd',
  jsonb_build_object('rules', jsonb_build_array(
    jsonb_build_object('kind', 'flat', 'amount_micro', 1000000 + i %% 9973),
    jsonb_build_object('kind', 'per_1000_tokens', 'amount_micro', 1000 + i %% 997))),
  false, (i %% 3 > 0)::int, 1000000 + i %% 9973, 1000 + i %% 997, 0, 0, 0, 0, 4, '{}', '0', now()
FROM generate_series(1, %(terms)s) i
"""
ASSIGNED = """
INSERT INTO licensing_termsassignment (organisation_id, livemode, level, work_id, terms_id, extends, created_at)
SELECT 9001 + i %% 50, false, 'work', i, CASE WHEN %(unique)s THEN i + k * %(n)s
    ELSE (i %% 50 + 50) %% 50 + 50 * (1 + g %% %(rounds)s + k * %(rounds)s) END, false, now()
FROM (SELECT i, abs(hashint8(i)) %% 140 AS g FROM generate_series(1, %(n)s) i) w CROSS JOIN generate_series(0, 1) k
WHERE k = 0 OR g %% 10 < 3
"""


def fill(cursor: Any, n: int, *, unique: bool) -> dict[str, int]:
    """Make `n` works with 2n claims and about 1.3n offers to choose from; returns what was made."""
    rounds = 20
    terms = 2 * n if unique else 50 * (2 * rounds + 1)
    values = {"n": n, "world": WORLD, "eu": EU, "us_out": US_OUT, "terms": terms, "unique": unique, "rounds": rounds}
    cursor.execute(QUIET)
    cursor.execute(BASE)
    for statement in (WORKS, CLAIMS, TERMS, VERSIONS, ASSIGNED):
        cursor.execute(statement, values)
    cursor.execute(LOUD)
    for table in ("work", "claim", "termsversion", "terms", "termsassignment", "party", "catalogue"):
        cursor.execute(f"ANALYZE licensing_{table}")
    cursor.execute("SELECT licet_rebuild_clearing()")
    for table in ("workclear", "termset", "rightsitem"):
        cursor.execute(f"ANALYZE licensing_{table}")
    cursor.execute("SELECT (SELECT count(*) FROM licensing_termset), (SELECT count(*) FROM licensing_claim),"
                   " (SELECT count(*) FROM licensing_termsassignment)")  # fmt: skip
    sets, claims, assigned = cursor.fetchone()
    return {"termsets": sets, "claims": claims, "assigned_terms": assigned}
