"""The SQL of a commit: one batch of import records into the catalogue with a fixed number of statements.

Every statement takes the same parameters: import, catalogue, organisation, livemode, low, high (record numbers), at.
`licet_batch` holds the batch's records with the merged record `f`, `licet_touched` the works whose facts changed with
the record they now go by: of the edition with the smallest reference that has not ended, so that order never matters.
Look-ups are LATERAL with OFFSET 0 or LIMIT, see `plan`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

BEGIN: Final = (
    """
CREATE TEMPORARY TABLE IF NOT EXISTS licet_batch (id bigint, number bigint, ref text, own_id text, work_id bigint,
  kind text, f jsonb, sha256 text, imprint_id bigint, edition_id bigint)
""",
    "CREATE TEMPORARY TABLE IF NOT EXISTS licet_touched (work_id bigint, ref text, f jsonb, same_people boolean)",
    "TRUNCATE licet_batch, licet_touched",
    """
INSERT INTO licet_batch
SELECT id, number, ref, own_id, work_id, kind, f, encode(sha256(convert_to(f::text, 'UTF8')), 'hex'), NULL, NULL
FROM (
  SELECT r.id, r.number, r.ref, r.own_id, r.work_id, r.record->>'kind' AS kind,
    coalesce((SELECT e.record FROM licensing_edition e WHERE e.work_id = r.work_id AND e.record_ref = r.ref), '{}')
      - ARRAY(SELECT jsonb_array_elements_text(r.record->'erase')) || (r.record->'set') AS f
  FROM licensing_importrecord r
  WHERE r.record_import_id = %(import)s AND r.number > %(low)s AND r.number <= %(high)s
    AND r.outcome IN ('new', 'changed', 'erased') AND r.record IS NOT NULL) merged
""",
    "ANALYZE licet_batch",
)

IMPRINTS: Final = (
    """
INSERT INTO licensing_imprint (public_id, created_at, organisation_id, livemode, name)
SELECT licet_uuid7(%(at)s), %(at)s, %(organisation)s, %(livemode)s, name
FROM (SELECT DISTINCT f->>'imprint' AS name FROM licet_batch WHERE f ? 'imprint' ORDER BY 1) named
ON CONFLICT (organisation_id, livemode, name) DO NOTHING
""",
    """
UPDATE licet_batch b SET imprint_id = i.id FROM licensing_imprint i
WHERE i.organisation_id = %(organisation)s AND i.livemode = %(livemode)s AND i.name = b.f->>'imprint'
""",
)

PARTIES: Final = (
    """
WITH people AS MATERIALIZED (
  SELECT DISTINCT ON (c->>'party') c->>'party' AS own_key, c
  FROM licet_batch, jsonb_array_elements(f->'contributors') c
  WHERE c ? 'party' ORDER BY c->>'party', ref COLLATE "C"
), made AS (
  INSERT INTO licensing_party (public_id, created_at, organisation_id, livemode, kind, name, own_key)
  SELECT licet_uuid7(%(at)s), %(at)s, %(organisation)s, %(livemode)s, coalesce(c->>'kind', 'unknown'),
    coalesce(nullif(c->>'name', ''), own_key), own_key
  FROM people ON CONFLICT (organisation_id, livemode, own_key) DO NOTHING RETURNING id, own_key)
INSERT INTO licensing_partyidentifier (party_id, scheme, value, sent, valid)
SELECT DISTINCT ON (m.id, i->>'scheme', i->>'value') m.id, i->>'scheme', left(i->>'value', 120), left(i->>'sent', 200),
  (i->>'valid')::boolean
FROM made m JOIN people USING (own_key), jsonb_array_elements(people.c->'ids') i
ON CONFLICT DO NOTHING
""",
    """
INSERT INTO licensing_fact (party_id, kind, not_before, not_after, place, source, recorded_at)
SELECT DISTINCT p.id, d.kind, (d.fact->>'from')::date, (d.fact->>'to')::date, '', 'record ' || b.ref || ': ' ||
  coalesce(d.fact->>'source', ''), %(at)s
FROM licet_batch b, jsonb_array_elements(b.f->'contributors') c
JOIN licensing_party p ON p.organisation_id = %(organisation)s AND p.livemode = %(livemode)s
  AND p.own_key = c->>'party',
LATERAL (VALUES ('birth', c->'born'), ('death', c->'died')) d (kind, fact)
WHERE d.fact ? 'from' AND NOT EXISTS (
  SELECT FROM licensing_fact f WHERE f.party_id = p.id AND f.kind = d.kind AND f.not_before = (d.fact->>'from')::date
    AND f.not_after IS NOT DISTINCT FROM (d.fact->>'to')::date)
""",
)

# A record names the country of its own edition: that of the first publication only where the two are the same.
_COUNTRY: Final = (
    "CASE WHEN f->'first_publication_date'->>'from' <= f->'publication_date'->>'to' "
    "AND f->'first_publication_date'->>'to' >= f->'publication_date'->>'from' "
    "THEN left(coalesce(f->>'publication_country', ''), 6) ELSE '' END"
)

_NONE: Final = "'the sender states that there are none'"
# Column of a work -> its value out of the record `f`. Declarations left open inherit the catalogue's.
WORK: Final[Mapping[str, str]] = {
    "title": "coalesce(f->>'title', '')",
    "subtitle": "coalesce(f->>'subtitle', '')",
    "title_key": "coalesce(f->>'_title_key', '')",
    "form": "coalesce(f->>'form', 'other')",
    "language": "coalesce(f->>'language', 'und')",
    "subjects": "ARRAY(SELECT left(coalesce(nullif(s->>'heading', ''), s->>'scheme' || ':' || (s->>'code')), 200) "
    "FROM jsonb_array_elements(f->'subjects') s)",
    "published_not_before": "(f->'first_publication_date'->>'from')::date",
    "published_not_after": "(f->'first_publication_date'->>'to')::date",
    "published_country": _COUNTRY,
    "contributors_complete": "CASE WHEN f ? 'no_contributors' THEN true END",
    "contributors_evidence": f"CASE WHEN f ? 'no_contributors' THEN {_NONE} ELSE '' END",
    "origin": "f->>'origin'",
    "generator": "coalesce(f->>'generator', '')",
    "source_kind": "f->>'source_kind'",
    "words_index": "array_to_tsvector(ARRAY(SELECT jsonb_array_elements_text(coalesce(f->'_title', '[]') || "
    "coalesce(f->'_people', '[]') || coalesce(f->'_subjects', '[]') || coalesce(f->'_house', '[]'))))",
}
# What stays as it is while the contributors do; a list that its sender called empty is his word alone.
_KEPT: Final[Mapping[str, str]] = {
    "contributors_complete": f"CASE WHEN f ? 'no_contributors' THEN true "
    f"WHEN same_people AND w.contributors_evidence <> {_NONE} THEN w.contributors_complete END",
    "contributors_evidence": f"CASE WHEN f ? 'no_contributors' THEN {_NONE} "
    f"WHEN same_people AND w.contributors_evidence <> {_NONE} THEN w.contributors_evidence ELSE '' END",
}
WORKS: Final = (
    """
WITH made AS (
  INSERT INTO licensing_work (public_id, created_at, organisation_id, livemode, catalogue_id, own_id, imprint_id,
    retracted, court_order, status, record_sha256, @names)
  SELECT DISTINCT ON (own_id) licet_uuid7(%(at)s), %(at)s, %(organisation)s, %(livemode)s, %(catalogue)s, own_id,
    imprint_id, false, false, 'draft', sha256, @values
  FROM licet_batch WHERE work_id IS NULL AND kind <> 'delete' ORDER BY own_id, ref COLLATE "C"
  ON CONFLICT (catalogue_id, own_id) DO NOTHING RETURNING id, own_id)
INSERT INTO licet_touched
SELECT DISTINCT ON (m.id) m.id, b.ref, b.f, false FROM made m JOIN licet_batch b USING (own_id)
ORDER BY m.id, b.ref COLLATE "C"
""".replace("@names", ", ".join(WORK)).replace("@values", ", ".join(WORK.values())),
    """
UPDATE licet_batch b SET work_id = (
  SELECT w.id FROM licensing_work w WHERE w.catalogue_id + 0 = %(catalogue)s AND w.own_id = b.own_id)
WHERE b.work_id IS NULL
""",
    "ANALYZE licet_batch",
)

EDITIONS: Final = (
    """
INSERT INTO licensing_edition (public_id, created_at, organisation_id, livemode, work_id, record_ref, publisher,
  imprint_name, medium, published_not_before, published_not_after, record, record_sha256)
SELECT licet_uuid7(%(at)s), %(at)s, %(organisation)s, %(livemode)s, work_id, ref, coalesce(f->>'publisher', ''),
  coalesce(f->>'imprint', ''), '', (f->'publication_date'->>'from')::date, (f->'publication_date'->>'to')::date, f,
  sha256
FROM licet_batch WHERE kind <> 'delete'
ON CONFLICT (work_id, record_ref) DO UPDATE SET publisher = EXCLUDED.publisher, imprint_name = EXCLUDED.imprint_name,
  published_not_before = EXCLUDED.published_not_before, published_not_after = EXCLUDED.published_not_after,
  record = EXCLUDED.record, record_sha256 = EXCLUDED.record_sha256, ended_at = NULL
""",
    """
UPDATE licet_batch b SET edition_id = (
  SELECT e.id FROM licensing_edition e WHERE e.work_id = b.work_id AND e.record_ref = b.ref)
""",
    "ANALYZE licet_batch",
    """
UPDATE licensing_edition e SET ended_at = %(at)s FROM licet_batch b
WHERE b.kind = 'delete' AND e.id = b.edition_id AND e.ended_at IS NULL
""",
    """
DELETE FROM licensing_identifier WHERE id IN (
  SELECT i.id FROM licet_batch b, LATERAL (SELECT i.id FROM licensing_identifier i WHERE i.edition_id = b.edition_id
    OFFSET 0) i WHERE b.kind <> 'delete')
""",
    """
INSERT INTO licensing_identifier (edition_id, scheme, value, sent, valid, container)
SELECT DISTINCT ON (b.edition_id, i->>'scheme', i->>'value') b.edition_id, left(i->>'scheme', 10),
  left(i->>'value', 300), left(i->>'sent', 300), (i->>'valid')::boolean, i->>'level' = 'container'
FROM licet_batch b, jsonb_array_elements(b.f->'identifiers') i
WHERE b.kind <> 'delete' AND i->>'level' <> 'work' ORDER BY b.edition_id, i->>'scheme', i->>'value', i->>'level' DESC
ON CONFLICT DO NOTHING
""",
)

# A work goes by one of its records; where that record is another one now, or says something else, the work follows.
# `same_people`: the record says what it said of its contributors and they are the work's; then what people have added
# to them by hand (who somebody is, that nobody is missing) stays.
FOLLOW: Final = (
    """
WITH main AS (
  SELECT e.work_id, e.record_ref, e.record AS f, e.record_sha256, (
      NOT EXISTS (SELECT FROM licet_batch k JOIN licensing_importrecord r ON r.id = k.id
        WHERE k.work_id = e.work_id AND k.ref = e.record_ref AND r.diff ? 'contributors')
      AND (SELECT coalesce(jsonb_agg(jsonb_build_array(c.role, c.name, c.unnamed) ORDER BY c.sequence), '[]')
        FROM licensing_contributor c WHERE c.work_id = e.work_id)
      = (SELECT coalesce(jsonb_agg(jsonb_build_array(left(coalesce(v->>'role', 'unknown'), 40),
          coalesce(v->>'name', ''), left(coalesce(v->>'unnamed', ''), 12)) ORDER BY place), '[]')
        FROM jsonb_array_elements(e.record->'contributors') WITH ORDINALITY said (v, place))) AS same_people
  FROM (SELECT DISTINCT work_id FROM licet_batch) b, LATERAL (
    SELECT * FROM licensing_edition e WHERE e.work_id = b.work_id
    ORDER BY (e.ended_at IS NOT NULL), e.record_ref COLLATE "C" LIMIT 1) e
), moved AS (
  UPDATE licensing_work w SET record_sha256 = main.record_sha256, imprint_id = coalesce(i.id, w.imprint_id), @assigned
  FROM main LEFT JOIN licensing_imprint i
    ON i.organisation_id = %(organisation)s AND i.livemode = %(livemode)s AND i.name = main.f->>'imprint'
  WHERE w.id = main.work_id AND w.record_sha256 <> main.record_sha256
  RETURNING w.id)
INSERT INTO licet_touched
SELECT main.work_id, main.record_ref, main.f, main.same_people FROM main JOIN moved ON moved.id = main.work_id
WHERE NOT EXISTS (SELECT FROM licet_touched t WHERE t.work_id = main.work_id)
""".replace("@assigned", ", ".join(f"{name} = {_KEPT.get(name, value)}" for name, value in WORK.items())),
    "ANALYZE licet_touched",
    """
DELETE FROM licensing_contributor WHERE id IN (
  SELECT c.id FROM licet_touched t, LATERAL (SELECT c.id FROM licensing_contributor c WHERE c.work_id = t.work_id
    OFFSET 0) c WHERE NOT t.same_people)
""",
    """
INSERT INTO licensing_contributor (work_id, sequence, role, name, unnamed, party_id)
SELECT t.work_id, c.place, left(coalesce(c.v->>'role', 'unknown'), 40), coalesce(c.v->>'name', ''),
  left(coalesce(c.v->>'unnamed', ''), 12), p.id
FROM licet_touched t, jsonb_array_elements(t.f->'contributors') WITH ORDINALITY c (v, place)
LEFT JOIN licensing_party p
  ON p.organisation_id = %(organisation)s AND p.livemode = %(livemode)s AND p.own_key = c.v->>'party'
WHERE NOT t.same_people
""",
    """
DELETE FROM licensing_fact WHERE id IN (
  SELECT f.id FROM licet_touched t, LATERAL (SELECT f.id FROM licensing_fact f
    WHERE f.work_id = t.work_id AND f.kind = 'publication' AND f.source LIKE 'record %%: %%' OFFSET 0) f)
""",
    """
INSERT INTO licensing_fact (work_id, kind, not_before, not_after, place, source, recorded_at)
SELECT work_id, 'publication', (f->'first_publication_date'->>'from')::date, (f->'first_publication_date'->>'to')::date,
  @country, 'record ' || ref || ': ' || coalesce(f->'first_publication_date'->>'source', ''), %(at)s
FROM licet_touched WHERE f->'first_publication_date' ? 'from'
""".replace("@country", _COUNTRY),
)

# A note beside both, without any effect: the same identifier in another organisation's catalogue.
DUPLICATES: Final = (
    """
INSERT INTO licensing_duplicate (work_id, other_id, kind, evidence, found_at)
SELECT DISTINCT ON (b.work_id, oe.work_id) b.work_id, oe.work_id, 'identifier',
  jsonb_build_object('scheme', i.scheme, 'value', i.value), %(at)s
FROM licet_batch b,
LATERAL (SELECT i.scheme, i.value FROM licensing_identifier i
  WHERE i.edition_id = b.edition_id AND i.valid AND NOT i.container AND i.scheme <> 'own' OFFSET 0) i,
LATERAL (SELECT e.work_id FROM licensing_identifier o JOIN licensing_edition e ON e.id = o.edition_id
  WHERE o.scheme = i.scheme AND o.value = i.value AND o.valid AND NOT o.container
    AND e.organisation_id <> %(organisation)s AND e.livemode = %(livemode)s OFFSET 0) oe
WHERE b.kind <> 'delete' AND NOT EXISTS (
  SELECT FROM licensing_duplicate d WHERE d.work_id = oe.work_id AND d.other_id = b.work_id AND d.kind = 'identifier')
ORDER BY b.work_id, oe.work_id, i.scheme, i.value
ON CONFLICT DO NOTHING
""",
)

DONE: Final = (
    """
UPDATE licensing_importrecord r SET work_id = b.work_id, record = NULL FROM licet_batch b WHERE b.id = r.id
""",
)

# Works whose copyright may have another answer now: what was known of them, of their people or of what they are made
# from has changed. Works of which nothing is known stay unknown without an answer.
CONCERNED: Final = """
WITH mine AS (
  SELECT DISTINCT work_id AS id FROM licensing_importrecord
  WHERE record_import_id = %(import)s AND outcome IN ('new', 'changed', 'erased') AND work_id IS NOT NULL)
SELECT id FROM mine WHERE EXISTS (SELECT FROM licensing_copyrightstatus s WHERE s.work_id = mine.id)
  OR EXISTS (SELECT FROM licensing_fact f WHERE f.work_id = mine.id)
  OR EXISTS (SELECT FROM licensing_contributor c JOIN licensing_fact f ON f.party_id = c.party_id
    WHERE c.work_id = mine.id)
UNION
SELECT r.work_id FROM mine JOIN licensing_workrelation r ON r.of_id = mine.id
UNION
SELECT c.work_id FROM licensing_fact f JOIN licensing_contributor c ON c.party_id = f.party_id
WHERE f.recorded_at >= %(since)s AND f.source LIKE 'record %%: %%'
ORDER BY 1
"""

# After the last batch, when every work is there: what is part, translation, adaptation or revision of what. Either end
# may say it ("turned": this work is the source). A derivation of no stated kind is a translation between languages.
RELATIONS: Final = """
INSERT INTO licensing_workrelation (work_id, of_id, kind, added_matter)
SELECT DISTINCT a.id, b.id, CASE said.kind
    WHEN 'derived_from' THEN CASE WHEN split_part(a.language, '-', 1) = split_part(b.language, '-', 1)
      THEN 'adaptation_of' ELSE 'translation_of' END
    ELSE said.kind END, false
FROM (
  SELECT k.kind, CASE WHEN k.turned THEN oe.work_id ELSE r.work_id END AS work_id,
    CASE WHEN k.turned THEN r.work_id ELSE oe.work_id END AS of_id
  FROM licensing_importrecord r,
    LATERAL (SELECT e.record FROM licensing_edition e WHERE e.work_id = r.work_id AND e.record_ref = r.ref LIMIT 1) e,
    jsonb_array_elements(e.record->'relations') rel
    JOIN (VALUES ('part_of', 'part_of', false), ('includes', 'part_of', true), ('derived_from', 'derived_from', false),
      ('source_of', 'derived_from', true), ('translation_of', 'translation_of', false),
      ('translated_as', 'translation_of', true), ('adaptation_of', 'adaptation_of', false),
      ('adapted_as', 'adaptation_of', true), ('edition_of', 'edition_of', false), ('revised_as', 'edition_of', true)
    ) k (said, kind, turned) ON k.said = rel->>'kind',
    jsonb_array_elements(rel->'ids') one,
    LATERAL (SELECT x.work_id FROM licensing_identifier i JOIN licensing_edition x ON x.id = i.edition_id
      WHERE i.scheme = one->>'scheme' AND i.value = one->>'value' AND i.valid
        AND x.organisation_id = %(organisation)s AND x.livemode = %(livemode)s
      UNION SELECT w.id FROM licensing_work w
      WHERE one->>'scheme' = 'own' AND w.own_id = one->>'value' AND w.catalogue_id + 0 = %(catalogue)s
      OFFSET 0) oe
  WHERE r.record_import_id = %(import)s AND r.outcome IN ('new', 'changed', 'erased') AND (one->>'valid')::boolean
) said JOIN licensing_work a ON a.id = said.work_id JOIN licensing_work b ON b.id = said.of_id
WHERE a.id <> b.id
ON CONFLICT DO NOTHING
"""
