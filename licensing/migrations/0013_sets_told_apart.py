"""A set of rights carries what clearing asks of every one: which rights, and of each offer its shape, days and prices.

Two offers of one shape differ in days and money alone. All of it is read from rows that never change, so it is
computed once, when the set is written, and not for every use that is cleared (docs/algorithms/clearing.md 5).
"""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

# Planned once: who refreshes many works asks for plans made anew, and for each set that takes five times the work itself.
# 2147483647 stands for no limit, -2147483648 for the beginning; a stored number of days stays below.
COLUMNS = """
CREATE FUNCTION licet_termset_columns() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = 'force_generic_plan' AS $$
BEGIN
  NEW.itemset := licet_key(NEW.items::text);
  SELECT coalesce(array_agg(o.shape ORDER BY o.place), '{}'), coalesce(array_agg(o.days ORDER BY o.place), '{}'),
    coalesce(array_agg(o.prices ORDER BY o.place), '{}'), coalesce(max(o.dearest), 0)
  INTO NEW.shapes, NEW.days, NEW.prices, NEW.dearest
  FROM (
    SELECT u.place, licet_key(concat_ws('|', t.organisation_id, v.actions, v.territories, v.model_kinds, v.outputs,
        v.survival, v.audience, coalesce(v.audience_organisation_id::text, '-'), v.commercial, v.exclusive, v.approval,
        v.currency, v.price_measures, p.total = 0, v.distribution, v.conditions,
        coalesce(v.price_multipliers::text, '-'))) AS shape,
      ARRAY[
        CASE WHEN isempty(v.offer) THEN 2147483647 WHEN lower_inf(v.offer) THEN -2147483648
          ELSE lower(v.offer) - DATE '1970-01-01' END,
        CASE WHEN isempty(v.offer) THEN -2147483648 WHEN upper_inf(v.offer) THEN 2147483647
          ELSE upper(v.offer) - DATE '1970-01-01' END,
        CASE WHEN v.training_days IS NULL THEN 2147483647 ELSE least(v.training_days, 2147483646) END,
        CASE WHEN v.retention_days IS NULL THEN 2147483647 ELSE least(v.retention_days, 2147483646) END,
        CASE WHEN v.approval = 'released' THEN
          coalesce((v.body #>> '{training_window,from}')::date - DATE '1970-01-01', 2147483647) ELSE -2147483648 END,
        CASE WHEN v.approval = 'released' THEN
          coalesce((v.body #>> '{training_window,until}')::date - DATE '1970-01-01', -2147483648) ELSE 2147483647 END
      ] AS days,
      ARRAY[v.price_flat, v.price_characters, v.price_words, v.price_tokens, v.price_minutes, v.price_minimum] AS prices,
      least(p.total, 9223372036854775807)::bigint AS dearest
    FROM unnest(NEW.offers) WITH ORDINALITY AS u(id, place)
    JOIN licensing_termsversion v ON v.id = u.id JOIN licensing_terms t ON t.id = v.terms_id
    CROSS JOIN LATERAL (SELECT v.price_flat::numeric + v.price_characters + v.price_words + v.price_tokens
      + v.price_minutes + v.price_minimum AS total) p
  ) o;
  RETURN NEW;
END $$;
CREATE TRIGGER termset_columns BEFORE INSERT OR UPDATE ON licensing_termset
  FOR EACH ROW EXECUTE FUNCTION licet_termset_columns();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("licensing", "0012_clearances_deciding")]
    operations: ClassVar = [
        migrations.AddField("termset", "itemset", models.UUIDField(default=uuid.UUID(int=0))),
        migrations.AddField("termset", "shapes", ArrayField(models.UUIDField(), default=list)),
        migrations.AddField("termset", "days", ArrayField(ArrayField(models.IntegerField()), default=list)),
        migrations.AddField("termset", "prices", ArrayField(ArrayField(models.BigIntegerField()), default=list)),
        migrations.AddField("termset", "dearest", models.BigIntegerField(default=0)),
        migrations.RunSQL(COLUMNS),
    ]
