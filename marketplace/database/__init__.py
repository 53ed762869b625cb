"""Django's PostgreSQL backend, which refuses to work as a role that row-level security does not bind."""
