"""Guards of splits and terms, and the projection `work_clear` that clearing reads (docs/algorithms/clearing.md 5)."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

# --- Splits: exactly the whole, never two for one day, fixed once relied upon (money.md 1) --------------------------
SPLITS = """
CREATE FUNCTION licet_mask_set(mask bit varying) RETURNS int4multirange LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(range_agg(int4range(i, i + 1)), '{}'::int4multirange)
  FROM generate_series(0, length(mask) - 1) AS i WHERE get_bit(mask, i) = 1
$$;
COMMENT ON FUNCTION licet_mask_set(bit varying) IS 'The set bits of a mask as ranges: int4multirange has GiST support';

CREATE FUNCTION licet_action_set(actions int) RETURNS int4multirange LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(range_agg(int4range(i, i + 1)), '{}'::int4multirange)
  FROM generate_series(0, 30) AS i WHERE actions >> i & 1 = 1
$$;

CREATE FUNCTION licet_split_sets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.territory_set := licet_mask_set(NEW.territories);
  NEW.action_set := licet_action_set(NEW.actions);
  RETURN NEW;
END $$;
CREATE TRIGGER split_sets BEFORE INSERT OR UPDATE ON licensing_splitversion
  FOR EACH ROW EXECUTE FUNCTION licet_split_sets();

ALTER TABLE licensing_splitversion ADD CONSTRAINT split_no_overlap EXCLUDE USING gist (
  int8range(claim_id, claim_id, '[]') WITH &&, valid WITH &&, territory_set WITH &&, action_set WITH &&);

CREATE FUNCTION licet_split_sum() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  one bigint;
  total bigint;
BEGIN
  IF TG_TABLE_NAME = 'licensing_splitversion' THEN one := NEW.id;
  ELSIF TG_OP = 'DELETE' THEN one := OLD.version_id;
  ELSE one := NEW.version_id;
  END IF;
  SELECT coalesce(sum(ppm), 0) INTO total FROM licensing_splitpart WHERE version_id = one;
  IF total <> 1000000 AND EXISTS (SELECT FROM licensing_splitversion WHERE id = one) THEN
    RAISE EXCEPTION 'split version % sums to % ppm, not 1000000', one, total
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'split_sum';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER split_sum AFTER INSERT ON licensing_splitversion
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION licet_split_sum();
CREATE CONSTRAINT TRIGGER split_part_sum AFTER INSERT OR UPDATE OR DELETE ON licensing_splitpart
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION licet_split_sum();

CREATE FUNCTION licet_split_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.frozen_at IS NOT NULL THEN
    RAISE EXCEPTION 'split version % is frozen: % refused', OLD.id, TG_OP USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  IF NEW.claim_id <> OLD.claim_id OR NEW.id <> OLD.id THEN
    RAISE EXCEPTION 'split version % keeps its claim', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER split_frozen BEFORE UPDATE OR DELETE ON licensing_splitversion
  FOR EACH ROW EXECUTE FUNCTION licet_split_frozen();

CREATE FUNCTION licet_split_part_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  touched bigint[] := CASE TG_OP WHEN 'INSERT' THEN ARRAY[NEW.version_id] WHEN 'DELETE' THEN ARRAY[OLD.version_id]
                      ELSE ARRAY[OLD.version_id, NEW.version_id] END;
BEGIN
  -- FOR SHARE: a freeze in flight is waited for, so that no part slips in behind it.
  PERFORM 1 FROM licensing_splitversion WHERE id = ANY(touched) ORDER BY id FOR SHARE;
  IF EXISTS (SELECT FROM licensing_splitversion WHERE id = ANY(touched) AND frozen_at IS NOT NULL) THEN
    RAISE EXCEPTION 'a part of a frozen split version: % refused', TG_OP USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER split_part_frozen BEFORE INSERT OR UPDATE OR DELETE ON licensing_splitpart
  FOR EACH ROW EXECUTE FUNCTION licet_split_part_frozen();
"""

# --- Terms: a version is one wording for ever; the engine's price columns are read from its JSON --------------------
TERMS = """
CREATE FUNCTION licet_terms_columns() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  rule jsonb;
  amount bigint;
  measures int := 0;
BEGIN
  NEW.exclusive := coalesce((NEW.body ->> 'exclusive')::boolean, false);
  NEW.conditions_count := jsonb_array_length(NEW.conditions);
  NEW.price_flat := 0; NEW.price_tokens := 0; NEW.price_words := 0; NEW.price_characters := 0;
  NEW.price_minutes := 0;
  NEW.price_minimum := coalesce((NEW.price ->> 'minimum_per_work_micro')::bigint, 0);
  NEW.price_multipliers := nullif(NEW.price -> 'multipliers', '{}'::jsonb);
  IF NEW.price IS NULL OR jsonb_typeof(NEW.price) = 'null' OR jsonb_array_length(NEW.price -> 'rules') = 0 THEN
    NEW.price_measures := -1;
    NEW.price_minimum := 0;
    RETURN NEW;
  END IF;
  FOR rule IN SELECT jsonb_array_elements(NEW.price -> 'rules') LOOP
    amount := coalesce((rule ->> 'amount_micro')::bigint, 0);
    IF amount < 0 THEN
      RAISE EXCEPTION 'a price is not negative' USING ERRCODE = 'check_violation';
    END IF;
    CASE rule ->> 'kind'
      WHEN 'flat', 'per_image' THEN NEW.price_flat := NEW.price_flat + amount;
      WHEN 'per_1000_characters' THEN NEW.price_characters := NEW.price_characters + amount; measures := measures | 1;
      WHEN 'per_1000_words' THEN NEW.price_words := NEW.price_words + amount; measures := measures | 2;
      WHEN 'per_1000_tokens' THEN NEW.price_tokens := NEW.price_tokens + amount; measures := measures | 4;
      WHEN 'per_minute' THEN NEW.price_minutes := NEW.price_minutes + amount; measures := measures | 8;
      WHEN 'free' THEN NULL;
      ELSE RAISE EXCEPTION 'unknown price rule %', rule ->> 'kind' USING ERRCODE = 'check_violation';
    END CASE;
  END LOOP;
  NEW.price_measures := measures;
  RETURN NEW;
END $$;
CREATE TRIGGER terms_columns BEFORE INSERT ON licensing_termsversion
  FOR EACH ROW EXECUTE FUNCTION licet_terms_columns();
CREATE TRIGGER terms_version_fixed BEFORE UPDATE OR DELETE ON licensing_termsversion
  FOR EACH ROW EXECUTE FUNCTION licet_append_only();
CREATE TRIGGER termset_fixed BEFORE UPDATE ON licensing_termset FOR EACH ROW EXECUTE FUNCTION licet_append_only();
CREATE TRIGGER rights_item_fixed BEFORE UPDATE ON licensing_rightsitem FOR EACH ROW EXECUTE FUNCTION licet_append_only();
"""

# --- The projection -------------------------------------------------------------------------------------------------
# Claims, licences, reservations and assignments of works, whatever level they are stated at.
SCOPES = """
CREATE INDEX claim_of_catalogue ON licensing_claim (catalogue_id) WHERE level = 'catalogue';
CREATE INDEX claim_of_imprint ON licensing_claim (imprint_id) WHERE level = 'imprint';
CREATE INDEX claim_of_work ON licensing_claim (work_id) WHERE level = 'work';

CREATE FUNCTION licet_claims_of(ids bigint[]) RETURNS TABLE (on_work bigint, claim bigint)
LANGUAGE sql STABLE ROWS 1000 AS $$
  SELECT w.id, c.id FROM licensing_work w JOIN licensing_claim c ON c.level = 'catalogue' AND c.catalogue_id = w.catalogue_id
    AND c.livemode = w.livemode WHERE w.id = ANY(ids)
  UNION ALL
  SELECT w.id, c.id FROM licensing_work w JOIN licensing_claim c ON c.level = 'imprint' AND c.imprint_id = w.imprint_id
    AND c.livemode = w.livemode WHERE w.id = ANY(ids)
  UNION ALL
  SELECT w.id, c.id FROM licensing_work w JOIN licensing_claim c ON c.level = 'work' AND c.work_id = w.id
    AND c.livemode = w.livemode WHERE w.id = ANY(ids)
  UNION
  SELECT w.id, c.id FROM licensing_work w JOIN licensing_claimwork l ON l.work_id = w.id
    JOIN licensing_claim c ON c.level = 'list' AND c.id = l.claim_id AND c.livemode = w.livemode WHERE w.id = ANY(ids)
$$;
"""

# Flags are the bits of clearing.facts; gates, notes and what the price needs.
FLAGS = """
CREATE FUNCTION licet_work_flags(w licensing_work, c licensing_catalogue, content boolean, underlying boolean,
                                 duplicate boolean)
RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT (CASE WHEN w.status = 'draft' THEN 1 ELSE 0 END
    | CASE WHEN w.status = 'withdrawn' THEN 2 ELSE 0 END
    | CASE WHEN w.court_order THEN 4 ELSE 0 END
    | CASE coalesce(w.personal_data, c.personal_data) WHEN 'present_without_basis' THEN 8 WHEN 'unknown' THEN 1024
        WHEN 'present_with_basis' THEN 16384 ELSE 0 END
    | CASE coalesce(w.third_party, c.third_party) WHEN 'present_not_cleared' THEN 16 WHEN 'unknown' THEN 8192 ELSE 0 END
    | CASE WHEN underlying THEN 32 ELSE 0 END
    | CASE coalesce(w.origin, c.origin) WHEN 'synthetic' THEN 64 WHEN 'unknown' THEN 256 ELSE 0 END
    | CASE WHEN w.generator_terms_restrict THEN 128 ELSE 0 END
    | CASE WHEN w.retracted THEN 512 ELSE 0 END
    | CASE WHEN content THEN 0 ELSE 2048 END
    | CASE WHEN duplicate THEN 4096 ELSE 0 END)::bigint
    | (65536::bigint << (array_position(
        ARRAY['book','article','poem','news','image','audio','video','score','code','dataset','other'], w.form::text) - 1))
$$;
"""

# One statement computes and writes what is known of the works; everybody calls it, `rebuild` too.
# Locks first: shared per organisation (a catalogue-wide change takes it exclusively, licet_touch), then the rows, so
# that the statement after it sees what a concurrent change has committed.
REFRESH = """
CREATE FUNCTION licet_lock_rights(organisations bigint[], whole boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  one bigint;
BEGIN
  FOR one IN SELECT DISTINCT o FROM unnest(organisations) AS o WHERE o IS NOT NULL ORDER BY o LOOP
    IF whole THEN
      PERFORM pg_advisory_xact_lock((7203::bigint << 48) | one);
    ELSE
      PERFORM pg_advisory_xact_lock_shared((7203::bigint << 48) | one);
    END IF;
  END LOOP;
END $$;

CREATE FUNCTION licet_key(said text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT encode(substring(sha256(convert_to(said, 'UTF8')) FOR 16), 'hex')::uuid
$$;

CREATE FUNCTION licet_refresh_work_clear(ids bigint[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  written bigint;
BEGIN
  IF coalesce(cardinality(ids), 0) = 0 THEN
    RETURN 0;
  END IF;
  PERFORM licet_lock_rights((SELECT array_agg(DISTINCT organisation_id) FROM licensing_work WHERE id = ANY(ids)), false);
  PERFORM 1 FROM licensing_workclear WHERE work_id = ANY(ids) ORDER BY work_id FOR UPDATE;
  WITH target AS MATERIALIZED (
    SELECT * FROM licensing_work WHERE id = ANY(ids)
  ), hit AS MATERIALIZED (
    SELECT on_work, claim FROM licet_claims_of(ids)
  ), said AS MATERIALIZED (
    -- A broad claim is contested in single works only: there the conflict says so, not the claim's status.
    SELECT c.id, c.from_claim_id, c.holder_id, coalesce(p.represented_by_id, c.organisation_id) AS licensor,
      c.control_ppm AS ppm, c.actions, c.territories, c.period, c.part AS word, c.includes_underlying,
      CASE WHEN c.kind = 'root' THEN 1 ELSE 0 END
        | CASE WHEN c.one_stop AND (c.document <> '' OR c.consent_evidence <> '') THEN 2 ELSE 0 END
        | CASE WHEN c.author_consent <> 'unknown' THEN 4 ELSE 0 END
        | CASE WHEN c.status = 'verified' THEN 8 ELSE 0 END
        | CASE WHEN c.status = 'contested' AND c.level = 'work' THEN 16 ELSE 0 END
        | CASE WHEN c.derivation = 'exclusive_licence' THEN 32 ELSE 0 END
        | CASE WHEN p.kind = 'unknown' THEN 64 ELSE 0 END
        | CASE WHEN c.includes_underlying THEN 128 ELSE 0 END AS flags
    FROM licensing_claim c JOIN licensing_party p ON p.id = c.holder_id
    WHERE c.id IN (SELECT claim FROM hit) AND c.status IN ('asserted', 'verified', 'contested')
  ), based AS MATERIALIZED (
    SELECT *, licet_key(concat_ws('|', licensor, ppm, actions, territories, period, word, flags)) AS base FROM said
  ), placed AS MATERIALIZED (
    SELECT h.on_work, b.*, (row_number() OVER (PARTITION BY h.on_work ORDER BY b.base, b.id))::int - 1 AS place
    FROM hit h JOIN based b ON b.id = h.claim
  ), claims AS MATERIALIZED (
    SELECT p.*, CASE WHEN p.from_claim_id IS NULL THEN NULL ELSE coalesce(q.place, -1) END AS parent
    FROM placed p LEFT JOIN placed q ON q.on_work = p.on_work AND q.id = p.from_claim_id
  ), reserved AS (
    SELECT t.id AS on_work, r.* FROM target t JOIN licensing_reservation r
      ON r.level = 'catalogue' AND r.catalogue_id = t.catalogue_id AND r.livemode = t.livemode
    UNION ALL
    SELECT t.id, r.* FROM target t JOIN licensing_reservation r
      ON r.level = 'imprint' AND r.imprint_id = t.imprint_id AND r.livemode = t.livemode
    UNION ALL
    SELECT t.id, r.* FROM target t JOIN licensing_reservation r
      ON r.level = 'work' AND r.work_id = t.id AND r.livemode = t.livemode
    UNION ALL
    SELECT DISTINCT ON (t.id, r.id) t.id, r.* FROM target t JOIN licensing_contributor k ON k.work_id = t.id
      JOIN licensing_reservation r ON r.level = 'party' AND r.party_id = k.party_id AND r.livemode = t.livemode
    UNION ALL
    SELECT DISTINCT ON (c.on_work, r.id) c.on_work, r.* FROM claims c
      JOIN licensing_reservation r ON r.level = 'party' AND r.party_id = c.holder_id
  ), licensed AS (
    SELECT t.id AS on_work, l.* FROM target t JOIN licensing_openlicence l
      ON l.level = 'catalogue' AND l.catalogue_id = t.catalogue_id AND l.livemode = t.livemode
    UNION ALL
    SELECT t.id, l.* FROM target t JOIN licensing_openlicence l
      ON l.level = 'imprint' AND l.imprint_id = t.imprint_id AND l.livemode = t.livemode
    UNION ALL
    SELECT t.id, l.* FROM target t JOIN licensing_openlicence l
      ON l.level = 'work' AND l.work_id = t.id AND l.livemode = t.livemode
  ), others AS (
    -- A withhold in an author's name binds once that party is verified (domain.md 2).
    SELECT r.on_work, r.kind::text AS kind, NULL::bigint AS licensor, r.actions, r.territories,
      NULL::bit(256) AS unknown, r.period, CASE WHEN r.by_author THEN 1 ELSE 0 END AS flags, ''::text AS word,
      NULL::timestamptz AS until, '{}'::int[] AS members, '{}'::int[] AS consenting
    FROM reserved r LEFT JOIN licensing_party p ON p.id = r.party_id
    WHERE r.status = 'active' AND NOT (r.by_author AND p.id IS NOT NULL AND p.verified_at IS NULL)
    UNION
    SELECT e.work_id, 'encumbrance', NULL, e.actions, e.territories, NULL, e.period,
      CASE WHEN e.exclusive THEN 1 ELSE 0 END, e.licensee, e.until, '{}', '{}'
    FROM target t JOIN licensing_encumbrance e ON e.work_id = t.id AND e.livemode = t.livemode WHERE e.ended_at IS NULL
    UNION
    SELECT f.work_id, 'conflict', NULL, f.actions, f.territories, NULL, '(,)'::daterange, 0, '', NULL,
      array_agg(coalesce(c.place, -1) ORDER BY c.place),
      coalesce(array_agg(coalesce(c.place, -1) ORDER BY c.place) FILTER (WHERE m.consents), '{}')
    FROM target t JOIN licensing_conflict f ON f.work_id = t.id AND f.livemode = t.livemode
    LEFT JOIN licensing_conflictparty m ON m.conflict_id = f.id
    LEFT JOIN claims c ON c.on_work = f.work_id AND c.id = m.claim_id
    WHERE f.status IN ('open', 'evidence_requested') GROUP BY f.id
    UNION
    SELECT l.on_work, 'licence', l.organisation_id, 2147483647, (~ 0::bit(256)), NULL, daterange(l.starts, NULL),
      CASE l.grade WHEN 'non_commercial' THEN 1 WHEN 'academic' THEN 2 WHEN 'use_all' THEN 0 ELSE 4 END
        | CASE WHEN l.attribution THEN 8 ELSE 0 END | CASE WHEN l.share_alike THEN 16 ELSE 0 END
        | CASE WHEN l.no_derivatives THEN 32 ELSE 0 END | CASE WHEN l.first_hand THEN 64 ELSE 0 END
        | CASE WHEN l.layer = 'whole' OR (
            SELECT coalesce(bool_and(a.layer = l.layer), false) FROM licensing_asset a
            WHERE a.work_id = l.on_work AND a.replaced_at IS NULL) THEN 128 ELSE 0 END,
      '', NULL, '{}', '{}'
    FROM licensed l WHERE l.ended_at IS NULL AND l.grade <> 'none'
    UNION
    SELECT t.id, 'status', NULL, 2147483647, coalesce(s.public_domain, 0::bit(256)), coalesce(s.unknown, ~ 0::bit(256)),
      daterange(s.on_date, NULL), CASE WHEN coalesce(t.source_kind, k.source_kind) = 'public_domain' THEN 1 ELSE 0 END,
      '', NULL, '{}', '{}'
    FROM target t JOIN licensing_catalogue k ON k.id = t.catalogue_id
    LEFT JOIN licensing_copyrightstatus s ON s.work_id = t.id
    WHERE s.id IS NOT NULL OR coalesce(t.source_kind, k.source_kind) = 'public_domain'
  ), items AS MATERIALIZED (
    SELECT on_work, place, licet_key(base::text || '|' || coalesce(parent::text, 'root')) AS id, 'claim' AS kind,
      licensor, parent, ppm, actions, territories, NULL::bit(256) AS unknown, period, flags, word,
      NULL::timestamptz AS until, '{}'::int[] AS members, '{}'::int[] AS consenting
    FROM claims
    UNION ALL
    SELECT on_work, 1000000, licet_key(concat_ws('|', kind, coalesce(licensor::text, '-'), actions, territories,
        coalesce(unknown::text, '-'), period, flags, word, coalesce(extract(epoch FROM until)::text, '-'), members,
        consenting)),
      kind, licensor, NULL, NULL, actions, territories, unknown, period, flags, word, until, members, consenting
    FROM others
  ), kept_items AS (
    INSERT INTO licensing_rightsitem (id, kind, licensor, parent, ppm, actions, territories, unknown, period, flags, word,
      until, members, consenting)
    SELECT DISTINCT ON (id) id, kind, licensor, parent, ppm, actions, territories, unknown, period, flags, word, until,
      members, consenting
    FROM items ORDER BY id
    ON CONFLICT (id) DO NOTHING
  ), assigned AS (
    SELECT t.id AS on_work, a.organisation_id, a.terms_id, a.extends, 1 AS level FROM target t
      JOIN licensing_termsassignment a ON a.level = 'catalogue' AND a.catalogue_id = t.catalogue_id
      AND a.livemode = t.livemode WHERE a.ended_at IS NULL
    UNION ALL
    SELECT t.id, a.organisation_id, a.terms_id, a.extends, 2 FROM target t
      JOIN licensing_termsassignment a ON a.level = 'imprint' AND a.imprint_id = t.imprint_id
      AND a.livemode = t.livemode WHERE a.ended_at IS NULL
    UNION ALL
    SELECT t.id, a.organisation_id, a.terms_id, a.extends, 3 FROM target t
      JOIN licensing_termsassignment a ON a.level = 'work' AND a.work_id = t.id
      AND a.livemode = t.livemode WHERE a.ended_at IS NULL
  ), ruled AS (
    SELECT *, coalesce(max(level) FILTER (WHERE NOT extends) OVER (PARTITION BY on_work, organisation_id), 0) AS floor
    FROM assigned
  ), offers AS (
    SELECT r.on_work, array_agg(DISTINCT v.id ORDER BY v.id) AS offers
    FROM ruled r JOIN licensing_terms m ON m.id = r.terms_id AND m.status = 'published'
    CROSS JOIN LATERAL (SELECT id FROM licensing_termsversion WHERE terms_id = m.id ORDER BY number DESC LIMIT 1) v
    WHERE r.level >= r.floor GROUP BY r.on_work
  ), listed AS (
    SELECT on_work, array_agg(id ORDER BY place, id) AS items, bool_or(kind = 'claim' AND flags & 129 = 129) AS includes
    FROM items GROUP BY on_work
  ), named AS (
    SELECT on_work, array_agg(id ORDER BY place) AS claims FROM claims GROUP BY on_work
  ), found AS MATERIALIZED (
    SELECT t.id, t.public_id, t.organisation_id, t.catalogue_id, t.livemode,
      licet_work_flags(t, k,
        EXISTS (SELECT FROM licensing_asset a WHERE a.work_id = t.id AND a.replaced_at IS NULL),
        NOT coalesce(l.includes, false) AND EXISTS (SELECT FROM licensing_workrelation r WHERE r.work_id = t.id
          AND r.kind IN ('translation_of', 'adaptation_of', 'edition_of')),
        EXISTS (SELECT FROM licensing_duplicate d WHERE d.work_id = t.id)) AS flags,
      coalesce(l.items, '{}') AS items, coalesce(o.offers, '{}') AS offers,
      (t.characters IS NOT NULL)::int | ((t.words IS NOT NULL)::int << 1) | ((t.tokens IS NOT NULL)::int << 2)
        | ((t.seconds IS NOT NULL)::int << 3) AS known,
      coalesce(n.claims, '{}') AS claims, t.characters, t.words, t.tokens, t.seconds
    FROM target t JOIN licensing_catalogue k ON k.id = t.catalogue_id
    LEFT JOIN listed l ON l.on_work = t.id LEFT JOIN offers o ON o.on_work = t.id LEFT JOIN named n ON n.on_work = t.id
  ), keyed AS MATERIALIZED (
    SELECT *, licet_key(concat_ws('|', items, offers, known)) AS termset FROM found
  ), kept_sets AS (
    INSERT INTO licensing_termset (id, items, offers, known)
    SELECT DISTINCT ON (termset) termset, items, offers, known FROM keyed ORDER BY termset
    ON CONFLICT (id) DO NOTHING
  )
  INSERT INTO licensing_workclear AS old (work_id, public_id, organisation_id, catalogue_id, livemode, flags, termset_id,
    claims, characters, words, tokens, seconds)
  SELECT id, public_id, organisation_id, catalogue_id, livemode, flags, termset, claims, characters, words, tokens, seconds
  FROM keyed ORDER BY id
  ON CONFLICT (work_id) DO UPDATE SET public_id = excluded.public_id, organisation_id = excluded.organisation_id,
    catalogue_id = excluded.catalogue_id, livemode = excluded.livemode, flags = excluded.flags,
    termset_id = excluded.termset_id, claims = excluded.claims, characters = excluded.characters, words = excluded.words,
    tokens = excluded.tokens, seconds = excluded.seconds
  WHERE (old.public_id, old.organisation_id, old.catalogue_id, old.livemode, old.flags, old.termset_id, old.claims,
      old.characters, old.words, old.tokens, old.seconds)
    IS DISTINCT FROM (excluded.public_id, excluded.organisation_id, excluded.catalogue_id, excluded.livemode,
      excluded.flags, excluded.termset_id, excluded.claims, excluded.characters, excluded.words, excluded.tokens,
      excluded.seconds);
  GET DIAGNOSTICS written = ROW_COUNT;
  RETURN written;
END $$;
"""

# Which works a changed row concerns. `changed` holds the new rows (old ones of a DELETE), `was` the old of an UPDATE.
TOUCH = """
CREATE FUNCTION licet_touch(catalogues bigint[], imprints bigint[], parties bigint[], works bigint[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM licet_lock_rights(ARRAY(
    SELECT organisation_id FROM licensing_catalogue WHERE id = ANY(catalogues)
    UNION SELECT organisation_id FROM licensing_imprint WHERE id = ANY(imprints)
    UNION SELECT organisation_id FROM licensing_party WHERE id = ANY(parties)), true);
  PERFORM licet_refresh_work_clear(ARRAY(
    SELECT id FROM licensing_work WHERE catalogue_id = ANY(catalogues)
    UNION SELECT id FROM licensing_work WHERE imprint_id = ANY(imprints)
    UNION SELECT work_id FROM licensing_contributor WHERE party_id = ANY(parties)
    UNION SELECT w.work_id FROM licensing_claim c CROSS JOIN LATERAL licet_works_of_claim(c.id) AS w(work_id)
      WHERE c.holder_id = ANY(parties)
    UNION SELECT unnest(works) ORDER BY 1));
END $$;

CREATE FUNCTION licet_works_of_claim(one bigint) RETURNS TABLE (work_id bigint) LANGUAGE sql STABLE AS $$
  SELECT w.id FROM licensing_claim c JOIN licensing_work w ON w.catalogue_id = c.catalogue_id
    WHERE c.id = one AND c.level = 'catalogue'
  UNION ALL SELECT w.id FROM licensing_claim c JOIN licensing_work w ON w.imprint_id = c.imprint_id
    WHERE c.id = one AND c.level = 'imprint'
  UNION ALL SELECT c.work_id FROM licensing_claim c WHERE c.id = one AND c.level = 'work'
  UNION ALL SELECT l.work_id FROM licensing_claimwork l WHERE l.claim_id = one
$$;

-- Works, and rows that name a work in a column work_id.
CREATE FUNCTION licet_touch_works() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  ids bigint[];
BEGIN
  IF TG_TABLE_NAME = 'licensing_work' THEN
    ids := ARRAY(SELECT id FROM changed);
  ELSIF TG_TABLE_NAME = 'licensing_conflictparty' THEN
    ids := ARRAY(SELECT f.work_id FROM changed c JOIN licensing_conflict f ON f.id = c.conflict_id);
  ELSIF TG_TABLE_NAME = 'licensing_claimwork' THEN
    PERFORM 1 FROM licensing_claim WHERE id IN (SELECT claim_id FROM changed) ORDER BY id FOR SHARE;
    ids := ARRAY(SELECT work_id FROM changed);
  ELSE
    ids := ARRAY(SELECT work_id FROM changed);
  END IF;
  IF TG_OP = 'UPDATE' AND TG_TABLE_NAME NOT IN ('licensing_work', 'licensing_conflictparty') THEN
    ids := ids || ARRAY(SELECT work_id FROM was);
  END IF;
  PERFORM licet_refresh_work_clear(ARRAY(SELECT DISTINCT i FROM unnest(ids) AS i ORDER BY i));
  RETURN NULL;
END $$;

-- A contributor matters where a reservation names the party.
CREATE FUNCTION licet_touch_contributors() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM licensing_reservation WHERE level = 'party') THEN
    IF TG_OP = 'UPDATE' THEN
      PERFORM licet_refresh_work_clear(ARRAY(SELECT work_id FROM changed UNION SELECT work_id FROM was ORDER BY 1));
    ELSE
      PERFORM licet_refresh_work_clear(ARRAY(SELECT DISTINCT work_id FROM changed ORDER BY 1));
    END IF;
  END IF;
  RETURN NULL;
END $$;

-- Rows with level, catalogue_id, imprint_id, work_id; reservations also party_id, claims also a list.
CREATE FUNCTION licet_touch_scope() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  c bigint[]; i bigint[]; w bigint[]; p bigint[] := '{}';
BEGIN
  IF TG_TABLE_NAME = 'licensing_termsassignment' THEN
    PERFORM 1 FROM licensing_terms WHERE id IN (SELECT terms_id FROM changed) ORDER BY id FOR SHARE;
  ELSIF TG_TABLE_NAME = 'licensing_claim' THEN
    PERFORM 1 FROM licensing_party WHERE id IN (SELECT holder_id FROM changed) ORDER BY id FOR SHARE;
  ELSIF TG_TABLE_NAME = 'licensing_reservation' THEN
    PERFORM 1 FROM licensing_party WHERE id IN (SELECT party_id FROM changed) ORDER BY id FOR SHARE;
    p := ARRAY(SELECT DISTINCT party_id FROM changed WHERE level = 'party');
  END IF;
  SELECT array_agg(DISTINCT catalogue_id) FILTER (WHERE level = 'catalogue'),
    array_agg(DISTINCT imprint_id) FILTER (WHERE level = 'imprint'),
    array_agg(DISTINCT work_id) FILTER (WHERE level = 'work')
  INTO c, i, w FROM changed;
  IF TG_OP = 'UPDATE' THEN
    SELECT c || array_agg(DISTINCT catalogue_id) FILTER (WHERE level = 'catalogue'),
      i || array_agg(DISTINCT imprint_id) FILTER (WHERE level = 'imprint'),
      w || array_agg(DISTINCT work_id) FILTER (WHERE level = 'work')
    INTO c, i, w FROM was;
    IF TG_TABLE_NAME = 'licensing_reservation' THEN
      p := p || ARRAY(SELECT party_id FROM was WHERE level = 'party');
    END IF;
  END IF;
  IF TG_TABLE_NAME = 'licensing_claim' AND TG_OP = 'UPDATE' THEN
    w := w || ARRAY(SELECT l.work_id FROM licensing_claimwork l JOIN changed n ON n.id = l.claim_id);
  END IF;
  PERFORM licet_touch(coalesce(c, '{}'), coalesce(i, '{}'), p, coalesce(w, '{}'));
  RETURN NULL;
END $$;

CREATE FUNCTION licet_touch_catalogues() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM licet_touch(ARRAY(
    SELECT n.id FROM changed n JOIN was o ON o.id = n.id
    WHERE (n.origin, n.source_kind, n.personal_data, n.third_party)
      IS DISTINCT FROM (o.origin, o.source_kind, o.personal_data, o.third_party)), '{}', '{}', '{}');
  RETURN NULL;
END $$;

CREATE FUNCTION licet_touch_parties() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM licet_touch('{}', '{}', ARRAY(
    SELECT n.id FROM changed n JOIN was o ON o.id = n.id
    WHERE (n.kind, n.represented_by_id, n.verified_at) IS DISTINCT FROM (o.kind, o.represented_by_id, o.verified_at)), '{}');
  RETURN NULL;
END $$;

-- An offer published, ended or worded anew concerns everything it is assigned to.
CREATE FUNCTION licet_touch_terms() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  ids bigint[];
  c bigint[]; i bigint[]; w bigint[];
BEGIN
  IF TG_TABLE_NAME = 'licensing_termsversion' THEN
    ids := ARRAY(SELECT DISTINCT terms_id FROM changed);
  ELSE
    ids := ARRAY(SELECT id FROM changed);
  END IF;
  PERFORM 1 FROM licensing_terms WHERE id = ANY(ids) ORDER BY id FOR SHARE;
  SELECT array_agg(DISTINCT catalogue_id) FILTER (WHERE level = 'catalogue'),
    array_agg(DISTINCT imprint_id) FILTER (WHERE level = 'imprint'),
    array_agg(DISTINCT work_id) FILTER (WHERE level = 'work')
  INTO c, i, w FROM licensing_termsassignment WHERE terms_id = ANY(ids) AND ended_at IS NULL;
  PERFORM licet_touch(coalesce(c, '{}'), coalesce(i, '{}'), '{}', coalesce(w, '{}'));
  RETURN NULL;
END $$;
"""

# Transition tables allow one event per trigger, so there are three triggers per table.
_EVENTS = {
    "INSERT": "REFERENCING NEW TABLE AS changed",
    "UPDATE": "REFERENCING NEW TABLE AS changed OLD TABLE AS was",
    "DELETE": "REFERENCING OLD TABLE AS changed",
}
_WATCHED = (
    ("licensing_work", "licet_touch_works", ("INSERT", "UPDATE")),
    ("licensing_catalogue", "licet_touch_catalogues", ("UPDATE",)),
    ("licensing_party", "licet_touch_parties", ("UPDATE",)),
    ("licensing_asset", "licet_touch_works", ("INSERT", "UPDATE", "DELETE")),
    ("licensing_workrelation", "licet_touch_works", ("INSERT", "UPDATE", "DELETE")),
    ("licensing_duplicate", "licet_touch_works", ("INSERT", "UPDATE", "DELETE")),
    ("licensing_contributor", "licet_touch_contributors", ("INSERT", "UPDATE", "DELETE")),
    ("licensing_claim", "licet_touch_scope", ("INSERT", "UPDATE", "DELETE")),
    ("licensing_claimwork", "licet_touch_works", ("INSERT", "UPDATE", "DELETE")),
    ("licensing_conflict", "licet_touch_works", ("INSERT", "UPDATE", "DELETE")),
    ("licensing_conflictparty", "licet_touch_works", ("INSERT", "UPDATE", "DELETE")),
    ("licensing_terms", "licet_touch_terms", ("UPDATE",)),
    ("licensing_termsversion", "licet_touch_terms", ("INSERT",)),
    ("licensing_termsassignment", "licet_touch_scope", ("INSERT", "UPDATE", "DELETE")),
    ("licensing_reservation", "licet_touch_scope", ("INSERT", "UPDATE", "DELETE")),
    ("licensing_openlicence", "licet_touch_scope", ("INSERT", "UPDATE", "DELETE")),
    ("licensing_encumbrance", "licet_touch_works", ("INSERT", "UPDATE", "DELETE")),
    ("licensing_copyrightstatus", "licet_touch_works", ("INSERT", "UPDATE", "DELETE")),
)
TRIGGERS = "\n".join(
    f"CREATE TRIGGER {table}_clear_{event.lower()} AFTER {event} ON {table} {_EVENTS[event]}"
    f" FOR EACH STATEMENT EXECUTE FUNCTION {function}();"
    for table, function, events in _WATCHED
    for event in events
)

# Rebuild everything; equal to what the triggers kept, or a trigger is missing (tested).
REBUILD = """
CREATE FUNCTION licet_rebuild_clearing() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  written bigint := 0;
  chunk bigint[];
  last bigint := 0;
BEGIN
  LOOP
    chunk := ARRAY(SELECT id FROM licensing_work WHERE id > last ORDER BY id LIMIT 50000);
    EXIT WHEN cardinality(chunk) = 0;
    written := written + licet_refresh_work_clear(chunk);
    last := chunk[cardinality(chunk)];
  END LOOP;
  RETURN written;
END $$;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("licensing", "0002_ledger")]
    operations: ClassVar = [
        migrations.RunSQL(sql) for sql in (SPLITS, TERMS, SCOPES, FLAGS, REFRESH, TOUCH, TRIGGERS, REBUILD)
    ]
