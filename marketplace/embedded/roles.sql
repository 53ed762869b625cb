-- Run once per database as licet_owner, before the first migration.
-- licet_app reads and writes rows, and nothing else: no DDL, no TRUNCATE, member of no role. What must stay
-- append-only loses UPDATE and DELETE again in the migration that makes the table.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO licet_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO licet_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO licet_app;
