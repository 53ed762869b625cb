"""Rights of one person on one thing of another organisation: a society's agent on a catalogue, an outside auditor.

They lie in guardian's direct-FK tables, one per guarded model, and end on a day. Works inherit through their catalogue.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission
from django.db import connection
from guardian.models import UserObjectPermissionBase
from guardian.utils import get_user_obj_perms_model

from accounts import audit
from accounts.base import Named
from accounts.errors import Reason, Refused
from accounts.models import User
from accounts.unit import Actor, unit

READS = frozenset({"organisation.read", "statements.read", "catalogue.read", "audit.read"})
GIVES: Mapping[str, frozenset[str]] = {
    "view_organisation": READS,
    "view_catalogue": frozenset({"catalogue.read"}),
    "change_catalogue": frozenset({"catalogue.read", "catalogue.write"}),
    "view_grant": frozenset({"orders.read", "releases.manifest"}),
    "view_release": frozenset({"releases.manifest"}),
}
"""guardian's permission -> the rights of the matrix it gives on that one thing."""

Held = frozenset[tuple[str, str, int]]


def invite(*, thing: Named, user: User, permission: str, until: datetime, actor: Actor, at: datetime) -> None:
    """Give a person a permission (a key of GIVES) on one thing until a moment; again changes the end.

    Raises Refused("permission_unknown").
    """
    kind = type(thing)._meta.model_name
    if permission not in GIVES or not permission.endswith(f"_{kind}"):
        known = ", ".join(name for name in GIVES if name.endswith(f"_{kind}"))
        reason = Reason("permission_unknown", "There is no such permission on it.", "/permission", permission, known)
        raise Refused("permission_unknown", f"Nobody can be given {permission} on a {kind}.", [reason])
    with unit(actor):
        found = Permission.objects.get(content_type__app_label=thing._meta.app_label, codename=permission)
        _table(thing).objects.update_or_create(
            permission=found, user=user, content_object=thing, defaults={"expires_at": until}
        )
        audit.record(
            actor=actor, act="guest.invited", subject=thing.name_id, at=at, organisation_id=owner_of(thing),
            after={"user": user.name_id, "permission": permission, "until": until.isoformat()},
        )  # fmt: skip


def end(*, thing: Named, user: User, actor: Actor, at: datetime) -> None:
    """Take every permission of a person on one thing away; again changes nothing."""
    with unit(actor):
        gone, _ = _table(thing).objects.filter(user=user, content_object=thing).delete()
        if gone:
            audit.record(
                actor=actor, act="guest.ended", subject=thing.name_id, at=at, organisation_id=owner_of(thing),
                before={"user": user.name_id},
            )  # fmt: skip


def held(*, user_id: int, at: datetime) -> Held:
    """What a person may do on single things at a moment, in one query. Needs an open unit."""
    with connection.cursor() as cursor:
        cursor.execute(_question(), {"user": user_id, "at": at})
        rows = cursor.fetchall()
    return frozenset((right, kind, number) for kind, name, number in rows for right in GIVES.get(name, ()))


def owner_of(thing: Named) -> int:
    """The organisation whose thing it is; an organisation is its own."""
    found: int = getattr(thing, "organisation_id", None) or thing.pk
    return found


def _table(thing: Named) -> Any:
    """Guardian's table for this kind of thing."""
    model: Any = type(thing)
    return get_user_obj_perms_model(model)


@functools.cache
def _question() -> str:
    """One SELECT over the direct-FK tables of all guarded models."""
    parts = []
    for table in apps.get_models():
        if issubclass(table, UserObjectPermissionBase) and table._meta.app_label in ("accounts", "licensing"):
            kind = vars(table)["content_object"].field.related_model._meta.model_name
            parts.append(
                f"SELECT '{kind}' AS kind, permission_id, content_object_id FROM {table._meta.db_table}"  # noqa: S608 -- our own names
                " WHERE user_id = %(user)s AND (expires_at IS NULL OR expires_at > %(at)s)"
            )
    held = " UNION ALL ".join(parts)
    # The names are joined once, to all of them: planning takes a third of what a join per table took.
    names = "JOIN auth_permission p ON p.id = h.permission_id"
    return f"SELECT h.kind, p.codename, h.content_object_id FROM ({held}) h {names}"  # noqa: S608 -- our own names
