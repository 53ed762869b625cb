"""What the app role may do, ids for set-based inserts, and the audit log's own guards."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

# The owner makes tables; the app role reads and writes rows, and single tables take rights away again.
PRIVILEGES = """
GRANT USAGE ON SCHEMA public TO licet_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO licet_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO licet_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO licet_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO licet_app;
"""

# UUIDv7 (RFC 9562, 5.7) for rows that SQL makes: PostgreSQL 15 to 17 have none.
UUID7 = """
CREATE FUNCTION licet_uuid7(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
              PLACING substring(int8send(floor(extract(epoch FROM at) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
      52, 1), 53, 1), 'hex')::uuid
$$;
"""

APPEND_ONLY = """
CREATE FUNCTION licet_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE FUNCTION licet_stamp_xid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.xid := pg_current_xact_id()::text::bigint;
  RETURN NEW;
END $$;
CREATE TRIGGER audit_xid BEFORE INSERT ON accounts_auditrow FOR EACH ROW EXECUTE FUNCTION licet_stamp_xid();
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON accounts_auditrow
  FOR EACH ROW EXECUTE FUNCTION licet_append_only();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON accounts_auditrow
  FOR EACH STATEMENT EXECUTE FUNCTION licet_append_only();
CREATE TRIGGER audit_link_append_only BEFORE UPDATE OR DELETE ON accounts_auditlink
  FOR EACH ROW EXECUTE FUNCTION licet_append_only();
CREATE TRIGGER audit_link_no_truncate BEFORE TRUNCATE ON accounts_auditlink
  FOR EACH STATEMENT EXECUTE FUNCTION licet_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON accounts_auditrow, accounts_auditlink FROM licet_app;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("accounts", "0001_initial")]
    operations: ClassVar = [migrations.RunSQL(sql) for sql in (PRIVILEGES, UUID7, APPEND_ONLY)]
