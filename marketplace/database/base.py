"""The backend named in settings: PostgreSQL plus one question on the first connection of a process.

The question stands here and not in a start-up script, because every door (web, worker, relay, command, shell)
comes through here and none can forget it.
"""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base

#: The alias that may own tables: used by migrations and nothing else.
OWNER_ALIAS = "owner"

_QUESTION = """
SELECT session_user,
       rolsuper,
       rolbypassrls,
       EXISTS (SELECT FROM pg_database d WHERE d.datname = current_database() AND d.datdba = r.oid)
           OR EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relowner = r.oid),
       EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid)
FROM pg_roles r WHERE rolname = session_user
"""


class DatabaseWrapper(base.DatabaseWrapper):
    """Refuses a session user that is superuser, has BYPASSRLS, owns the schema or can become another role."""

    _accepted: ClassVar[set[tuple[str, str, str]]] = set()

    def init_connection_state(self) -> None:
        """Called by Django on every new connection. Raises ImproperlyConfigured for a role that is too strong."""
        super().init_connection_state()
        if self.alias == OWNER_ALIAS:
            return
        asked = (str(self.settings_dict["HOST"]), str(self.settings_dict["NAME"]), str(self.settings_dict["USER"]))
        if asked in self._accepted:
            return
        with self.connection.cursor() as cursor:
            user, superuser, bypass, owner, member = cursor.execute(_QUESTION).fetchone()
        faults = [
            name
            for name, found in (
                ("is a superuser", superuser),
                ("has BYPASSRLS", bypass),
                ("owns tables or the database", owner),
                ("is a member of another role", member),
            )
            if found
        ]
        if faults:
            raise ImproperlyConfigured(
                f"The database user {user} {' and '.join(faults)}: DATABASE_URL must name a plain role"
                " (licet_app); only DATABASE_OWNER_URL names the owner."
            )
        self._accepted.add(asked)
