"""The books' own guards: whatever the program does, these rows balance and stay (money.md 1).

The bodies are frozen: a change is a new migration. Tables are named with their schema, so that a temporary table of
the same name cannot stand in for them.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

# Range-partitioned from the first day; months follow. Nothing holds a foreign key to a line.
LINES = """
CREATE SEQUENCE licensing_ledgerline_id_seq AS bigint;
CREATE TABLE licensing_ledgerline (
  effective_date date NOT NULL,
  id bigint NOT NULL DEFAULT nextval('public.licensing_ledgerline_id_seq'),
  entry_id bigint NOT NULL REFERENCES licensing_ledgerentry (id),
  account_id bigint NOT NULL REFERENCES licensing_ledgeraccount (id),
  amount bigint NOT NULL CONSTRAINT ledger_line_not_zero CHECK (amount <> 0),
  currency_id varchar(3) NOT NULL,
  xid bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (effective_date, id)
) PARTITION BY RANGE (effective_date);
ALTER SEQUENCE licensing_ledgerline_id_seq OWNED BY licensing_ledgerline.id;
CREATE INDEX ledger_line_entry ON licensing_ledgerline (entry_id, effective_date);
CREATE INDEX ledger_line_account ON licensing_ledgerline (account_id, xid) INCLUDE (amount);
REVOKE UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON licensing_ledgerline FROM licet_app;
"""

# currency = account's makes a foreign key of the line's own currency superfluous.
LINE_GUARD = """
CREATE FUNCTION licet_ledger_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  bad record;
  mine bigint := pg_current_xact_id()::text::bigint;
  here bigint := (SELECT system_identifier FROM pg_control_system());
BEGIN
  SELECT n.id, n.entry_id, CASE
      WHEN e.id IS NULL THEN 'its entry does not exist'
      WHEN e.xid <> mine OR e.cluster <> here THEN 'its entry is of an earlier transaction or another cluster'
      WHEN e.effective_date <> n.effective_date THEN 'its date is not its entry''s'
      WHEN a.id IS NULL THEN 'its account does not exist'
      WHEN a.livemode <> e.livemode THEN 'its account is of the other mode'
      WHEN a.currency_id <> n.currency_id THEN 'its currency is not its account''s'
      WHEN a.closed_at IS NOT NULL THEN 'its account is closed'
      WHEN a.whole_minor_only AND n.amount % 1000000 <> 0 THEN 'its account holds whole minor units only'
    END AS fault
  INTO bad
  FROM fresh n
  LEFT JOIN public.licensing_ledgerentry e ON e.id = n.entry_id
  LEFT JOIN public.licensing_ledgeraccount a ON a.id = n.account_id
  WHERE e.id IS NULL OR e.xid <> mine OR e.cluster <> here OR e.effective_date <> n.effective_date
     OR a.id IS NULL OR a.livemode <> e.livemode OR a.currency_id <> n.currency_id OR a.closed_at IS NOT NULL
     OR (a.whole_minor_only AND n.amount % 1000000 <> 0)
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'ledger line % of entry % refused: %', bad.id, bad.entry_id, bad.fault
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  SELECT n.entry_id, n.currency_id, sum(n.amount) AS total INTO bad
  FROM fresh n GROUP BY n.entry_id, n.currency_id HAVING sum(n.amount) <> 0 LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'the lines of entry % in % sum to % micro, not to zero', bad.entry_id, bad.currency_id, bad.total
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER ledger_line_xid BEFORE INSERT ON licensing_ledgerline
  FOR EACH ROW EXECUTE FUNCTION licet_stamp_xid();
CREATE TRIGGER ledger_line_append_only BEFORE UPDATE OR DELETE ON licensing_ledgerline
  FOR EACH ROW EXECUTE FUNCTION licet_append_only();
CREATE FUNCTION licet_ledger_guard(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TRIGGER ledger_line_balance AFTER INSERT ON %s REFERENCING NEW TABLE AS fresh'
                 ' FOR EACH STATEMENT EXECUTE FUNCTION public.licet_ledger_lines()', target);
  EXECUTE format('CREATE TRIGGER ledger_line_no_truncate BEFORE TRUNCATE ON %s'
                 ' FOR EACH STATEMENT EXECUTE FUNCTION public.licet_append_only()', target);
END $$;
"""

# Statement triggers of a parent do not fire for a statement that names a partition, so each one gets its own. This
# is the only maker of partitions: `bound` is DEFAULT or FOR VALUES FROM (...) TO (...).
PARTITIONS = """
CREATE FUNCTION licet_ledger_partition(name text, bound text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE public.%I PARTITION OF public.licensing_ledgerline %s', name, bound);
  EXECUTE format('REVOKE ALL ON public.%I FROM PUBLIC, licet_app', name);
  PERFORM public.licet_ledger_guard(format('public.%I', name)::regclass);
END $$;
REVOKE ALL ON FUNCTION licet_ledger_partition(text, text), licet_ledger_guard(regclass) FROM PUBLIC;
SELECT licet_ledger_guard('public.licensing_ledgerline');
SELECT licet_ledger_partition('licensing_ledgerline_default', 'DEFAULT');
"""

# The lock is taken before the status is read: an entry must not slip in behind the hash of a closing. A snapshot
# older than the lock would read a stale status, hence the isolation level.
ENTRY_GUARD = """
CREATE FUNCTION licet_ledger_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  covering bigint;
  state text;
BEGIN
  NEW.xid := pg_current_xact_id()::text::bigint;
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
  IF NEW.kind = 'manual' AND NOT EXISTS (
    SELECT FROM public.accounts_countersign c
    WHERE c.right = 'ledger.manual' AND c.payload_hash = NEW.payload_hash AND c.livemode = NEW.livemode
      AND c.status = 'approved' AND c.approver_id IS NOT NULL AND c.approver_id <> c.proposer_id) THEN
    RAISE EXCEPTION 'a manual entry needs the approval of a second person for exactly this content'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION licet_ledger_entry_whole() RETURNS trigger LANGUAGE plpgsql AS $$
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
  RETURN NULL;
END $$;
CREATE TRIGGER ledger_entry_guard BEFORE INSERT ON licensing_ledgerentry
  FOR EACH ROW EXECUTE FUNCTION licet_ledger_entry();
CREATE CONSTRAINT TRIGGER ledger_entry_whole AFTER INSERT ON licensing_ledgerentry
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION licet_ledger_entry_whole();
CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE ON licensing_ledgerentry
  FOR EACH ROW EXECUTE FUNCTION licet_append_only();
CREATE TRIGGER ledger_entry_no_truncate BEFORE TRUNCATE ON licensing_ledgerentry
  FOR EACH STATEMENT EXECUTE FUNCTION licet_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON licensing_ledgerentry FROM licet_app;
"""

ACCOUNT_GUARD = """
CREATE FUNCTION licet_ledger_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' OR OLD.closed_at IS NOT NULL
     OR (NEW.id, NEW.livemode, NEW.code, NEW.kind, NEW.currency_id, NEW.owner, NEW.whole_minor_only)
        IS DISTINCT FROM (OLD.id, OLD.livemode, OLD.code, OLD.kind, OLD.currency_id, OLD.owner, OLD.whole_minor_only)
  THEN
    RAISE EXCEPTION 'account % can only be closed, once', OLD.code USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER ledger_account_guard BEFORE UPDATE OR DELETE ON licensing_ledgeraccount
  FOR EACH ROW EXECUTE FUNCTION licet_ledger_account();
CREATE TRIGGER ledger_account_no_truncate BEFORE TRUNCATE ON licensing_ledgeraccount
  FOR EACH STATEMENT EXECUTE FUNCTION licet_append_only();
REVOKE UPDATE, DELETE ON licensing_ledgeraccount FROM licet_app;
GRANT UPDATE (closed_at) ON licensing_ledgeraccount TO licet_app;
"""

PERIOD_GUARD = """
ALTER TABLE licensing_ledgerperiod
  ADD CONSTRAINT ledger_period_forward CHECK (starts < ends),
  ADD CONSTRAINT ledger_period_status CHECK (status IN ('open', 'soft', 'closed')),
  ADD CONSTRAINT ledger_period_apart EXCLUDE USING gist (
    int4range(livemode::int, livemode::int, '[]') WITH &&, daterange(starts, ends) WITH &&);
CREATE FUNCTION licet_ledger_period() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'a period is never deleted' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  PERFORM pg_advisory_xact_lock(7319, OLD.id::int);
  IF OLD.status = 'closed' OR (OLD.status = 'soft' AND NEW.status = 'open')
     OR (NEW.id, NEW.public_id, NEW.livemode, NEW.starts, NEW.ends)
        IS DISTINCT FROM (OLD.id, OLD.public_id, OLD.livemode, OLD.starts, OLD.ends) THEN
    RAISE EXCEPTION 'the period from % is % and stays as it is', OLD.starts, OLD.status
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER ledger_period_guard BEFORE UPDATE OR DELETE ON licensing_ledgerperiod
  FOR EACH ROW EXECUTE FUNCTION licet_ledger_period();
CREATE TRIGGER ledger_period_no_truncate BEFORE TRUNCATE ON licensing_ledgerperiod
  FOR EACH STATEMENT EXECUTE FUNCTION licet_append_only();
REVOKE DELETE ON licensing_ledgerperiod FROM licet_app;
"""

SEALS = """
CREATE TRIGGER ledger_seal_append_only BEFORE UPDATE OR DELETE ON licensing_ledgerseal
  FOR EACH ROW EXECUTE FUNCTION licet_append_only();
CREATE TRIGGER ledger_seal_no_truncate BEFORE TRUNCATE ON licensing_ledgerseal
  FOR EACH STATEMENT EXECUTE FUNCTION licet_append_only();
CREATE TRIGGER ledger_rate_append_only BEFORE UPDATE OR DELETE ON licensing_fxrate
  FOR EACH ROW EXECUTE FUNCTION licet_append_only();
REVOKE UPDATE, DELETE ON licensing_ledgerseal, licensing_fxrate FROM licet_app;
REVOKE INSERT, UPDATE, DELETE ON licensing_currency FROM licet_app;
"""

# ISO 4217 by number of minor digits, as of 2026. A later code is a later migration.
CURRENCIES = {
    0: "bif clp djf gnf isk jpy kmf krw pyg rwf ugx vnd vuv xaf xof xpf",
    2: """
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd btn bwp byn bzd cad cdf chf
    cny cop crc cup cve czk dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gtq gyd hkd hnl htg huf
    idr ils inr irr jmd kes kgs khr kpw kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mru mur mvr
    mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sdg sek sgd
    shp sle sos srd ssp stn svc syp szl thb tjs tmt top try ttd twd tzs uah usd uyu uzs ved ves wst xcd xcg
    yer zar zmw zwg
    """,
    3: "bhd iqd jod kwd lyd omr tnd",
}
SEED = "INSERT INTO licensing_currency (code, exponent) VALUES " + ", ".join(
    f"('{code}', {exponent})" for exponent, codes in CURRENCIES.items() for code in codes.split()
)

PARTS = (LINES, LINE_GUARD, PARTITIONS, ENTRY_GUARD, ACCOUNT_GUARD, PERIOD_GUARD, SEALS, SEED)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("licensing", "0001_initial"), ("accounts", "0002_guards")]
    operations: ClassVar = [migrations.RunSQL(sql) for sql in PARTS]
