"""Guards of money that 0002 to 0005 left open: names, time, second persons, rows beside a run, money given back.

The bodies are frozen: a change is a new migration.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

# A soft period is as hard as a manual entry: both need a second person, and one approval posts one entry.
ENTRIES = """
CREATE OR REPLACE FUNCTION licet_ledger_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  covering bigint;
  state pg_catalog.text;
BEGIN
  NEW.xid := pg_current_xact_id()::pg_catalog.text::bigint;
  NEW.cluster := (SELECT system_identifier FROM pg_control_system());
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'entries are posted under READ COMMITTED, not %', current_setting('transaction_isolation')
      USING ERRCODE = 'invalid_transaction_state';
  END IF;
  SELECT p.id INTO covering FROM public.licensing_ledgerperiod p
  WHERE p.livemode = NEW.livemode AND p.starts <= NEW.effective_date AND p.ends > NEW.effective_date;
  IF covering IS NULL THEN
    RAISE EXCEPTION 'no period covers %', NEW.effective_date USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  PERFORM pg_advisory_xact_lock_shared(7319, covering::int);
  SELECT p.status INTO state FROM public.licensing_ledgerperiod p WHERE p.id = covering;
  IF state = 'closed' OR (state = 'soft' AND NEW.kind NOT IN ('adjustment', 'close')) THEN
    RAISE EXCEPTION 'the period of % is %', NEW.effective_date, state
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF (NEW.kind = 'manual' OR state = 'soft') AND NOT EXISTS (
    SELECT FROM public.accounts_countersign c
    WHERE c.right = 'ledger.manual' AND c.payload_hash = NEW.payload_hash AND c.livemode = NEW.livemode
      AND c.status = 'approved' AND c.approver_id IS NOT NULL AND c.approver_id <> c.proposer_id) THEN
    RAISE EXCEPTION 'an entry that is manual or in a soft period needs a second person''s approval of its content'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE UNIQUE INDEX ledger_entry_approved_once ON licensing_ledgerentry (livemode, payload_hash)
  WHERE kind IN ('manual', 'adjustment', 'close');
CREATE OR REPLACE FUNCTION licet_ledger_entry_whole() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  number bigint;
  crooked bigint;
BEGIN
  SELECT coalesce(sum(s.number), 0), count(*) FILTER (WHERE s.total <> 0) INTO number, crooked
  FROM (SELECT count(*) AS number, sum(l.amount) AS total FROM public.licensing_ledgerline l
        WHERE l.entry_id = NEW.id AND l.effective_date = NEW.effective_date GROUP BY l.currency_id) s;
  IF number < 2 OR crooked > 0 THEN
    RAISE EXCEPTION 'entry % has % lines and % currencies that do not sum to zero', NEW.id, number, crooked
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF NEW.reverses_id IS NOT NULL AND EXISTS (
    SELECT FROM public.licensing_ledgerline l WHERE l.entry_id IN (NEW.id, NEW.reverses_id)
    GROUP BY l.account_id HAVING sum(l.amount) <> 0) THEN
    RAISE EXCEPTION 'entry % does not take back entry % in full', NEW.id, NEW.reverses_id
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER balance_snapshot_append_only BEFORE UPDATE OR DELETE ON licensing_balancesnapshot
  FOR EACH ROW EXECUTE FUNCTION licet_append_only();
REVOKE UPDATE, DELETE ON licensing_balancesnapshot FROM licet_app;
"""

# The hash of a closed period covers everything before its end, so nothing earlier may be open or opened any more. Who
# opens or closes a period of a mode holds the mode's lock; a closing takes it before the period's own.
PERIODS = """
CREATE OR REPLACE FUNCTION licet_ledger_period() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'a period is never deleted' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  PERFORM pg_advisory_xact_lock(7319, -1 - NEW.livemode::int);
  IF TG_OP = 'INSERT' THEN
    IF NEW.status <> 'open' OR NEW.trial_balance_hash <> '' OR EXISTS (
      SELECT FROM public.licensing_ledgerperiod p
      WHERE p.livemode = NEW.livemode AND p.status = 'closed' AND p.starts >= NEW.starts) THEN
      RAISE EXCEPTION 'the period from % cannot begin: it is not open, or a later one is closed', NEW.starts
        USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
  END IF;
  PERFORM pg_advisory_xact_lock(7319, OLD.id::int);
  IF OLD.status = 'closed' OR (OLD.status = 'soft' AND NEW.status = 'open')
     OR (NEW.id, NEW.public_id, NEW.livemode, NEW.starts, NEW.ends)
        IS DISTINCT FROM (OLD.id, OLD.public_id, OLD.livemode, OLD.starts, OLD.ends) THEN
    RAISE EXCEPTION 'the period from % is % and stays as it is', OLD.starts, OLD.status
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF NEW.status = 'closed' AND EXISTS (
    SELECT FROM public.licensing_ledgerperiod p
    WHERE p.livemode = OLD.livemode AND p.status <> 'closed' AND p.starts < OLD.starts) THEN
    RAISE EXCEPTION 'the period from % cannot close before an earlier one', OLD.starts
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
DROP TRIGGER ledger_period_guard ON licensing_ledgerperiod;
CREATE TRIGGER ledger_period_guard BEFORE INSERT OR UPDATE OR DELETE ON licensing_ledgerperiod
  FOR EACH ROW EXECUTE FUNCTION licet_ledger_period();
"""

# Every row of a run is counted as it comes in, wherever its id lies; the app role cannot write the counters. So no
# row stands beside its run, and the commit need not read the rows again.
ALLOCATIONS = """
ALTER TABLE licensing_allocationrun
  ADD COLUMN seen_works bigint NOT NULL DEFAULT 0, ADD COLUMN seen_works_micro numeric NOT NULL DEFAULT 0,
  ADD COLUMN seen_rows bigint NOT NULL DEFAULT 0, ADD COLUMN seen_rows_micro numeric NOT NULL DEFAULT 0,
  ADD COLUMN seen_first bigint, ADD COLUMN seen_last bigint;
REVOKE UPDATE ON licensing_allocationrun FROM licet_app;
GRANT UPDATE (weight_total, works_cut, first_row, last_row, works, rows, entry_id, input_hash, output_hash)
  ON licensing_allocationrun TO licet_app;
CREATE FUNCTION licet_allocation_run_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.xid := pg_current_xact_id()::pg_catalog.text::bigint;
  NEW.seen_works := 0; NEW.seen_works_micro := 0; NEW.seen_rows := 0; NEW.seen_rows_micro := 0;
  NEW.seen_first := NULL; NEW.seen_last := NULL;
  RETURN NEW;
END $$;
DROP TRIGGER allocation_run_xid ON licensing_allocationrun;
CREATE TRIGGER allocation_run_new BEFORE INSERT ON licensing_allocationrun
  FOR EACH ROW EXECUTE FUNCTION licet_allocation_run_new();
CREATE OR REPLACE FUNCTION licet_allocation_rows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  parent oid := coalesce((SELECT inhparent FROM pg_catalog.pg_inherits WHERE inhrelid = TG_RELID), TG_RELID);
  of_works boolean := parent = 'public.licensing_workallocation'::regclass;
  one record;
BEGIN
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
CREATE OR REPLACE FUNCTION licet_allocation_whole() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  run public.licensing_allocationrun;
BEGIN
  SELECT * INTO run FROM public.licensing_allocationrun r WHERE r.id = NEW.id;
  IF run.seen_rows_micro <> run.pool_micro OR run.seen_works_micro <> run.pool_micro OR run.seen_rows <> run.rows
     OR run.seen_works <> run.works OR length(run.output_hash) <> 64 OR (run.entry_id IS NULL) <> (run.pool_micro = 0)
     OR coalesce(run.seen_first, 0) <> run.first_row OR coalesce(run.seen_last, 0) <> run.last_row THEN
    RAISE EXCEPTION 'run % divides % micro over % works and % rows, but its works sum to % and its rows to %',
      NEW.id, run.pool_micro, run.works, run.rows, run.seen_works_micro, run.seen_rows_micro
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
"""

# A split that somebody relies upon is frozen at the latest by the statement that says so.
SPLITS = """
CREATE FUNCTION licet_share_of_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  loose bigint;
BEGIN
  SELECT v.id INTO loose FROM (SELECT DISTINCT split_version_id FROM fresh) n
  JOIN public.licensing_splitversion v ON v.id = n.split_version_id WHERE v.frozen_at IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'split version % is quoted but not frozen', loose USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER share_of_frozen AFTER INSERT ON licensing_quoteshare REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION licet_share_of_frozen();
"""

# What was asked of Stripe, what it said, and what was paid stay as they are; what goes back is positive, in the
# currency that was paid, and never more than was captured.
PAYMENTS = """
CREATE TRIGGER call_frozen BEFORE UPDATE ON licensing_stripecall
  FOR EACH ROW EXECUTE FUNCTION licet_frozen('key', 'status', 'response');
CREATE TRIGGER webhook_frozen BEFORE UPDATE ON licensing_webhookevent
  FOR EACH ROW EXECUTE FUNCTION licet_frozen('event_id', 'status', 'attempts', 'handled_at');
CREATE TRIGGER call_kept BEFORE DELETE ON licensing_stripecall FOR EACH ROW EXECUTE FUNCTION licet_append_only();
CREATE TRIGGER refund_kept BEFORE DELETE ON licensing_refund FOR EACH ROW EXECUTE FUNCTION licet_append_only();
CREATE TRIGGER dispute_kept BEFORE DELETE ON licensing_dispute FOR EACH ROW EXECUTE FUNCTION licet_append_only();
CREATE TRIGGER refund_frozen BEFORE UPDATE ON licensing_refund
  FOR EACH ROW EXECUTE FUNCTION licet_frozen('amount_minor', 'status', 'stripe_id');
CREATE TRIGGER dispute_frozen BEFORE UPDATE ON licensing_dispute
  FOR EACH ROW EXECUTE FUNCTION licet_frozen('amount_minor', 'status');
CREATE FUNCTION licet_payment_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.public_id, NEW.organisation_id, NEW.livemode, NEW.order_id, NEW.idem, NEW.method, NEW.amount_minor,
      NEW.currency) IS DISTINCT FROM
     (OLD.public_id, OLD.organisation_id, OLD.livemode, OLD.order_id, OLD.idem, OLD.method, OLD.amount_minor,
      OLD.currency)
     OR (OLD.captured_minor <> 0 AND NEW.captured_minor <> OLD.captured_minor)
     OR (OLD.stripe_id IS NOT NULL AND NEW.stripe_id IS DISTINCT FROM OLD.stripe_id) THEN
    RAISE EXCEPTION 'payment %: what was asked and what was captured stay as they are', OLD.id
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER payment_frozen BEFORE UPDATE ON licensing_payment
  FOR EACH ROW EXECUTE FUNCTION licet_payment_kept();
ALTER TABLE licensing_payment ADD CONSTRAINT payment_not_negative CHECK (amount_minor >= 0 AND captured_minor >= 0);
ALTER TABLE licensing_refund ADD CONSTRAINT refund_positive CHECK (amount_minor > 0);
ALTER TABLE licensing_dispute ADD CONSTRAINT dispute_positive CHECK (amount_minor > 0);
CREATE OR REPLACE FUNCTION licet_refunds_within() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  captured bigint;
  paid_in pg_catalog.text;
  back numeric;
BEGIN
  SELECT p.captured_minor, p.currency INTO captured, paid_in FROM public.licensing_payment p
  WHERE p.id = NEW.payment_id FOR UPDATE;
  SELECT coalesce((SELECT sum(r.amount_minor) FROM public.licensing_refund r
                   WHERE r.payment_id = NEW.payment_id AND r.status NOT IN ('failed', 'cancelled')), 0)
       + coalesce((SELECT sum(d.amount_minor) FROM public.licensing_dispute d
                   WHERE d.payment_id = NEW.payment_id AND d.status = 'lost'), 0) INTO back;
  IF back > captured OR NEW.currency <> paid_in THEN
    RAISE EXCEPTION 'payment %: % would go back, in %; % % was captured', NEW.payment_id, back, NEW.currency, captured,
      paid_in USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
"""

STATEMENTS = """
CREATE FUNCTION licet_statement_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' OR OLD.status <> 'draft' THEN
    RAISE EXCEPTION 'statement % is % and stays as it is', OLD.id, OLD.status
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER statement_final BEFORE UPDATE OR DELETE ON licensing_statement
  FOR EACH ROW EXECUTE FUNCTION licet_statement_final();
"""

FEES = """
ALTER TABLE licensing_feeschedule ADD CONSTRAINT fee_schedule_sane CHECK (
  ppm BETWEEN 0 AND 1000000 AND fixed_minor >= 0 AND min_minor >= 0 AND max_minor >= min_minor);
ALTER TABLE licensing_taxrate ADD CONSTRAINT tax_rate_sane CHECK (ppm BETWEEN 0 AND 1000000);
"""

MONEYED = (
    "allocationrun", "clearance", "dispute", "feeschedule", "order", "payment", "quote", "refund", "statement",
)  # fmt: skip
CURRENCIES = "".join(
    f"ALTER TABLE licensing_{table} ADD CONSTRAINT {table}_currency FOREIGN KEY (currency)"
    " REFERENCES licensing_currency (code);\n"
    for table in MONEYED
)

# A guard that looks a name up in the caller's search path can be shown a temporary table or type of that name. The
# two that run per row of bulk inserts look nothing up: one has no names, the other names its type in full.
NAMES = """
CREATE OR REPLACE FUNCTION licet_stamp_xid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.xid := pg_current_xact_id()::pg_catalog.text::bigint;
  RETURN NEW;
END $$;
DO $$
DECLARE
  one regprocedure;
BEGIN
  FOR one IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
             AND p.prorettype = 'trigger'::regtype AND p.proname LIKE 'licet\\_%'
             AND p.proname NOT IN ('licet_stamp_xid', 'licet_append_only') LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', one);
  END LOOP;
END $$;
"""

PARTS = (ENTRIES, PERIODS, ALLOCATIONS, SPLITS, PAYMENTS, STATEMENTS, FEES, CURRENCIES, NAMES)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("licensing", "0008_guests")]
    operations: ClassVar = [migrations.RunSQL(sql) for sql in PARTS]
