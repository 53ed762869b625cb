"""What is issued stays as it is: the database refuses what no service does either."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

# A row may change until `frozen` says so; afterwards only the named columns may.
FREEZE = """
CREATE FUNCTION licet_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  kept jsonb := to_jsonb(OLD) - TG_ARGV[1:TG_NARGS - 1];
BEGIN
  IF to_jsonb(OLD) ->> TG_ARGV[0] IN ('', '0') OR to_jsonb(OLD) ->> TG_ARGV[0] IS NULL THEN
    RETURN NEW;
  END IF;
  IF to_jsonb(NEW) - TG_ARGV[1:TG_NARGS - 1] IS DISTINCT FROM kept THEN
    RAISE EXCEPTION '% is issued and cannot change', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER quote_frozen BEFORE UPDATE ON licensing_quote
  FOR EACH ROW EXECUTE FUNCTION licet_frozen('sha256', 'status');
CREATE TRIGGER order_frozen BEFORE UPDATE ON licensing_order
  FOR EACH ROW EXECUTE FUNCTION licet_frozen('idem', 'status', 'secured_at');
CREATE TRIGGER grant_frozen BEFORE UPDATE ON licensing_grant
  FOR EACH ROW EXECUTE FUNCTION licet_frozen('works_root', 'status', 'version');
"""

# Lines and shares of a quote, certificates, terms versions, decisions and inbox events are written once.
ONCE = "".join(
    f"CREATE TRIGGER {table}_once BEFORE UPDATE OR DELETE ON licensing_{table}\n"
    "  FOR EACH ROW EXECUTE FUNCTION licet_append_only();\n"
    for table in ("quoteline", "quoteshare", "certificate", "termsversion", "grantwork", "grantsentinel")
)

KEPT = """
CREATE TRIGGER quote_kept BEFORE DELETE ON licensing_quote FOR EACH ROW EXECUTE FUNCTION licet_append_only();
CREATE TRIGGER order_kept BEFORE DELETE ON licensing_order FOR EACH ROW EXECUTE FUNCTION licet_append_only();
CREATE TRIGGER grant_kept BEFORE DELETE ON licensing_grant FOR EACH ROW EXECUTE FUNCTION licet_append_only();
CREATE TRIGGER claim_kept BEFORE DELETE ON licensing_claim FOR EACH ROW EXECUTE FUNCTION licet_append_only();
CREATE TRIGGER payment_kept BEFORE DELETE ON licensing_payment FOR EACH ROW EXECUTE FUNCTION licet_append_only();
CREATE TRIGGER webhook_kept BEFORE DELETE ON licensing_webhookevent FOR EACH ROW EXECUTE FUNCTION licet_append_only();
"""

# Money given back never exceeds what was captured: refunds not failed and disputes not won, together.
REFUNDS = """
CREATE FUNCTION licet_refunds_within() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  captured bigint;
  back bigint;
BEGIN
  SELECT captured_minor INTO captured FROM licensing_payment WHERE id = NEW.payment_id FOR UPDATE;
  SELECT coalesce((SELECT sum(amount_minor) FROM licensing_refund
                   WHERE payment_id = NEW.payment_id AND status <> 'failed'), 0)
       + coalesce((SELECT sum(amount_minor) FROM licensing_dispute
                   WHERE payment_id = NEW.payment_id AND status <> 'won'), 0) INTO back;
  IF back > captured THEN
    RAISE EXCEPTION 'payment %: % would go back, % was captured', NEW.payment_id, back, captured
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER refund_within AFTER INSERT OR UPDATE ON licensing_refund
  FOR EACH ROW EXECUTE FUNCTION licet_refunds_within();
CREATE TRIGGER dispute_within AFTER INSERT OR UPDATE ON licensing_dispute
  FOR EACH ROW EXECUTE FUNCTION licet_refunds_within();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("licensing", "0004_royalties")]
    operations: ClassVar = [migrations.RunSQL(sql) for sql in (FREEZE, ONCE, KEPT, REFUNDS)]
