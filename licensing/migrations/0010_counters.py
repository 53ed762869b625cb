"""Only the tables of allocations are counted: a function that runs as its owner is nobody else's trigger.

0009 let the app role hang the function that keeps the counters of a run on a temporary table of its own, and so count
rows that are not there.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

ROWS = """
CREATE OR REPLACE FUNCTION licet_allocation_rows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  parent oid := coalesce((SELECT inhparent FROM pg_catalog.pg_inherits WHERE inhrelid = TG_RELID), TG_RELID);
  of_works boolean := parent = 'public.licensing_workallocation'::regclass;
  one record;
BEGIN
  IF parent NOT IN ('public.licensing_workallocation'::regclass, 'public.licensing_allocation'::regclass) THEN
    RAISE EXCEPTION 'rows of % are no allocations', TG_RELID::regclass USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  FOR one IN SELECT n.run_id, n.run_date, count(*) AS number, sum(n.amount) AS total,
                    min(n.id) >> CASE WHEN of_works THEN 0 ELSE 16 END AS low,
                    max(n.id) >> CASE WHEN of_works THEN 0 ELSE 16 END AS high
             FROM fresh n GROUP BY n.run_id, n.run_date LOOP
    UPDATE public.licensing_allocationrun r
    SET seen_works = r.seen_works + CASE WHEN of_works THEN one.number ELSE 0 END,
        seen_works_micro = r.seen_works_micro + CASE WHEN of_works THEN one.total ELSE 0 END,
        seen_rows = r.seen_rows + CASE WHEN of_works THEN 0 ELSE one.number END,
        seen_rows_micro = r.seen_rows_micro + CASE WHEN of_works THEN 0 ELSE one.total END,
        seen_first = least(r.seen_first, one.low), seen_last = greatest(r.seen_last, one.high)
    WHERE r.id = one.run_id AND r.run_date = one.run_date AND r.xid = pg_current_xact_id()::pg_catalog.text::bigint;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'run % takes no rows: it does not exist, has another date, or is of an earlier transaction',
        one.run_id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION licet_allocation_rows() FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("licensing", "0009_money_guards")]
    operations: ClassVar = [migrations.RunSQL(ROWS)]
