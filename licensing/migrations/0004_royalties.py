"""Allocation rows: partitioned by the run's date, written once, only by the transaction that made their run, whole.

The bodies are frozen: a change is a new migration. Tables are named with their schema, so that a temporary table of
the same name cannot stand in for them.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

# Range-partitioned from the first day; months follow. Foreign keys are left to the run's transaction, which takes every
# id from the very tables: checking six of them per row would cost more than the division. The id of a part is the id of
# its work's row and its number in it: a part cannot be there twice, and needs no index to be found by its work.
TABLES = """
CREATE SEQUENCE licensing_workallocation_id_seq AS bigint CACHE 100;
CREATE TABLE licensing_workallocation (
  run_date date NOT NULL,
  id bigint NOT NULL DEFAULT nextval('public.licensing_workallocation_id_seq'),
  run_id bigint NOT NULL,
  work_id bigint NOT NULL,
  weight bigint NOT NULL,
  floor bigint NOT NULL,
  remainder bigint NOT NULL,
  rank bigint NOT NULL,
  amount bigint NOT NULL CONSTRAINT work_allocation_sums CHECK (amount = floor + bumped::int AND floor >= 0),
  bumped boolean NOT NULL,
  PRIMARY KEY (run_date, id)
) PARTITION BY RANGE (run_date);
ALTER SEQUENCE licensing_workallocation_id_seq OWNED BY licensing_workallocation.id;
CREATE INDEX work_allocation_run ON licensing_workallocation (run_id, work_id);

CREATE TABLE licensing_allocation (
  run_date date NOT NULL,
  part_no integer NOT NULL,
  id bigint NOT NULL,
  run_id bigint NOT NULL,
  work_id bigint NOT NULL,
  claim_id bigint,
  account_id bigint NOT NULL,
  split_part_id bigint,
  weight bigint NOT NULL,
  floor bigint NOT NULL,
  remainder bigint NOT NULL,
  rank bigint NOT NULL,
  amount bigint NOT NULL CONSTRAINT allocation_sums CHECK (amount = floor + bumped::int AND floor >= 0),
  bumped boolean NOT NULL,
  held boolean NOT NULL CONSTRAINT allocation_held CHECK (
    held = (claim_id IS NULL) AND held = (split_part_id IS NULL)),
  CONSTRAINT allocation_id_of_work CHECK (part_no > 0 AND id & 65535 = part_no),
  PRIMARY KEY (run_date, id)
) PARTITION BY RANGE (run_date);
CREATE INDEX allocation_account ON licensing_allocation (account_id, run_date);
REVOKE UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON licensing_workallocation, licensing_allocation FROM licet_app;
"""

# Rows join a run of the same transaction only; what they sum to is asked once, at the commit, when all are there.
GUARD = """
CREATE FUNCTION licet_allocation_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  stray bigint;
BEGIN
  SELECT n.run_id INTO stray FROM (SELECT DISTINCT run_id, run_date FROM fresh) n
  LEFT JOIN public.licensing_allocationrun r
    ON r.id = n.run_id AND r.run_date = n.run_date AND r.xid = pg_current_xact_id()::text::bigint
  WHERE r.id IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'run % takes no rows: it does not exist, has another date, or is of an earlier transaction', stray
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION licet_allocation_guard(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TRIGGER allocation_of_run AFTER INSERT ON %s REFERENCING NEW TABLE AS fresh'
                 ' FOR EACH STATEMENT EXECUTE FUNCTION public.licet_allocation_rows()', target);
  EXECUTE format('CREATE TRIGGER allocation_no_truncate BEFORE TRUNCATE ON %s'
                 ' FOR EACH STATEMENT EXECUTE FUNCTION public.licet_append_only()', target);
END $$;
CREATE TRIGGER allocation_append_only BEFORE UPDATE OR DELETE ON licensing_workallocation
  FOR EACH ROW EXECUTE FUNCTION licet_append_only();
CREATE TRIGGER allocation_append_only BEFORE UPDATE OR DELETE ON licensing_allocation
  FOR EACH ROW EXECUTE FUNCTION licet_append_only();
"""

# Statement triggers of a parent do not fire for a statement that names a partition, so each one gets its own. This
# is the only maker of partitions: `bound` is DEFAULT or FOR VALUES FROM (...) TO (...).
PARTITIONS = """
CREATE FUNCTION licet_allocation_partition(parent text, name text, bound text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I %s', name, parent, bound);
  EXECUTE format('REVOKE ALL ON public.%I FROM PUBLIC, licet_app', name);
  PERFORM public.licet_allocation_guard(format('public.%I', name)::regclass);
END $$;
REVOKE ALL ON FUNCTION licet_allocation_partition(text, text, text), licet_allocation_guard(regclass) FROM PUBLIC;
SELECT licet_allocation_guard('public.licensing_workallocation'), licet_allocation_guard('public.licensing_allocation');
SELECT licet_allocation_partition('licensing_workallocation', 'licensing_workallocation_default', 'DEFAULT'),
       licet_allocation_partition('licensing_allocation', 'licensing_allocation_default', 'DEFAULT');
"""

# A run is filled in once, by the transaction that made it; at its commit both levels sum to the pool.
RUNS = """
CREATE FUNCTION licet_allocation_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' OR OLD.xid <> pg_current_xact_id()::text::bigint OR OLD.output_hash <> '' OR NEW.xid <> OLD.xid
     OR (NEW.id, NEW.public_id, NEW.source, NEW.order_id, NEW.kind, NEW.run_date, NEW.currency, NEW.pool_micro)
        IS DISTINCT FROM
        (OLD.id, OLD.public_id, OLD.source, OLD.order_id, OLD.kind, OLD.run_date, OLD.currency, OLD.pool_micro) THEN
    RAISE EXCEPTION 'allocation run % stays as it is', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION licet_allocation_whole() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  run public.licensing_allocationrun;
  parts record;
  works record;
BEGIN
  SELECT * INTO run FROM public.licensing_allocationrun r WHERE r.id = NEW.id;
  SELECT count(*) AS number, coalesce(sum(a.amount), 0) AS total INTO parts
  FROM public.licensing_allocation a WHERE a.run_date = run.run_date AND a.run_id = run.id
    AND a.id BETWEEN run.first_row << 16 AND (run.last_row + 1) << 16;
  SELECT count(*) AS number, coalesce(sum(a.amount), 0) AS total INTO works
  FROM public.licensing_workallocation a WHERE a.run_date = run.run_date AND a.run_id = run.id
    AND a.id BETWEEN run.first_row AND run.last_row;
  IF parts.total <> run.pool_micro OR works.total <> run.pool_micro OR parts.number <> run.rows
     OR works.number <> run.works OR length(run.output_hash) <> 64 OR (run.entry_id IS NULL) <> (run.pool_micro = 0) THEN
    RAISE EXCEPTION 'run % divides % micro over % works and % rows, but its works sum to % and its rows to %',
      NEW.id, run.pool_micro, run.works, run.rows, works.total, parts.total
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER allocation_run_xid BEFORE INSERT ON licensing_allocationrun
  FOR EACH ROW EXECUTE FUNCTION licet_stamp_xid();
CREATE TRIGGER allocation_run_guard BEFORE UPDATE OR DELETE ON licensing_allocationrun
  FOR EACH ROW EXECUTE FUNCTION licet_allocation_run();
CREATE CONSTRAINT TRIGGER allocation_run_whole AFTER INSERT ON licensing_allocationrun
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION licet_allocation_whole();
CREATE TRIGGER allocation_run_no_truncate BEFORE TRUNCATE ON licensing_allocationrun
  FOR EACH STATEMENT EXECUTE FUNCTION licet_append_only();
CREATE TRIGGER held_share_append_only BEFORE UPDATE OR DELETE ON licensing_heldshare
  FOR EACH ROW EXECUTE FUNCTION licet_append_only();
CREATE TRIGGER held_share_no_truncate BEFORE TRUNCATE ON licensing_heldshare
  FOR EACH STATEMENT EXECUTE FUNCTION licet_append_only();
REVOKE DELETE, TRUNCATE ON licensing_allocationrun FROM licet_app;
REVOKE UPDATE, DELETE, TRUNCATE ON licensing_heldshare FROM licet_app;
"""

# Weights are divided by the gcd of all of them; PostgreSQL has the function of two, not the aggregate.
GCD = """
CREATE AGGREGATE licet_gcd(bigint) (SFUNC = gcd, STYPE = bigint, INITCOND = '0', PARALLEL = SAFE, COMBINEFUNC = gcd);
"""

# Only an owner may ANALYZE before PostgreSQL 17; after a large run the planner must know what came in.
ANALYZE = """
CREATE FUNCTION licet_allocation_analyze() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
  ANALYZE public.licensing_workallocation, public.licensing_allocation;
END $$;
REVOKE ALL ON FUNCTION licet_allocation_analyze() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION licet_allocation_analyze() TO licet_app;
"""

PARTS = (TABLES, GUARD, PARTITIONS, RUNS, GCD, ANALYZE)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("licensing", "0003_rights")]
    operations: ClassVar = [migrations.RunSQL(sql) for sql in PARTS]
