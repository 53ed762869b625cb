"""Register organisations and people, issue and revoke keys, and find out who is asking."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.models import ROLES, ApiKey, Membership, Organisation, User
from accounts.unit import Actor, unit

KINDS = ("rights_holder", "licensee", "operator")
KEYS_PER_MEMBER = 2  # two active keys, so that one can be rotated without a gap


def register_organisation(
    *, name: str, slug: str, roles: Sequence[str], actor: Actor, at: datetime, country: str = ""
) -> Organisation:
    """Register a company or society. `roles` are from KINDS.

    Raises Refused("role_unknown") or Refused("slug_taken").
    """
    unknown = sorted(set(roles) - set(KINDS))
    if unknown or not roles:
        reason = Reason(
            "role_unknown", "Choose at least one known role.", "/roles", ", ".join(unknown), ", ".join(KINDS)
        )
        raise Refused("role_unknown", "An organisation needs roles from the list.", [reason])
    with unit(actor):
        try:
            with transaction.atomic():
                organisation = Organisation.objects.create(
                    public_id=fresh(at), created_at=at, slug=slug, name=name, country=country,
                    **{f"is_{role}": True for role in roles},
                )  # fmt: skip
        except IntegrityError:
            reason = Reason("slug_taken", "Another organisation has this short name.", "/slug", slug, "an unused name")
            raise Refused("slug_taken", f"The short name {slug} is taken.", [reason]) from None
        after = {"slug": slug, "roles": sorted(roles)}
        audit.record(
            actor=actor, act="organisation.registered", subject=organisation.name_id, at=at, after=after,
            organisation_id=organisation.pk,
        )  # fmt: skip
    return organisation


def register_user(
    *, email: str, password: str | None, actor: Actor, at: datetime, full_name: str = "", language: str = "en"
) -> User:
    """Register a person who signs in by email. Without a password the person must set one by mail first.

    Raises Refused("email_taken").
    """
    with unit(actor):
        if User.objects.filter(email__iexact=email).exists():
            raise Refused("email_taken", "Somebody has registered this address.", [Reason("email_taken", "", "/email")])
        person = User(public_id=fresh(at), created_at=at, email=email.lower(), full_name=full_name, language=language)
        person.set_password(password)
        person.save(force_insert=True)
        audit.record(actor=actor, act="user.registered", subject=person.name_id, at=at)
    return person


def invite(*, organisation: Organisation, user: User, role: str, actor: Actor, at: datetime) -> Membership:
    """Give a person a role in an organisation; giving it twice changes nothing. Raises Refused("role_unknown")."""
    if role not in ROLES:
        reason = Reason("role_unknown", "No such role.", "/role", role, ", ".join(ROLES))
        raise Refused("role_unknown", f"There is no role {role}.", [reason])
    with unit(actor):
        member, new = Membership.objects.get_or_create(
            user=user, organisation=organisation, role=role, defaults={"created_at": at}
        )
        if new:
            audit.record(
                actor=actor, act="member.invited", subject=user.name_id, at=at, after={"role": role},
                organisation_id=organisation.pk,
            )  # fmt: skip
    return member


def issue_key(
    *, user: User, organisation: Organisation, livemode: bool, scopes: Sequence[str], actor: Actor, at: datetime,
    label: str = "", days: int | None = 365,
) -> tuple[ApiKey, str]:  # fmt: skip
    """Make an API key that acts as `user`; returns it with its secret, which is shown this once and not kept.

    Raises Refused("not_member") and Refused("too_many_keys") (two active keys per member and mode).
    """
    with unit(actor):
        if not Membership.objects.filter(user=user, organisation=organisation, ended_at__isnull=True).exists():
            raise Refused("not_member", f"{user.email} is not a member of {organisation.name}.")
        User.objects.select_for_update().get(pk=user.pk)
        active = ApiKey.objects.filter(
            user=user, organisation=organisation, livemode=livemode, revoked_at__isnull=True
        ).exclude(expires_at__lte=at)
        if active.count() >= KEYS_PER_MEMBER:
            raise Refused("too_many_keys", f"{user.email} has {KEYS_PER_MEMBER} active keys; revoke one first.")
        secret = f"lk_{'live' if livemode else 'test'}_{secrets.token_urlsafe(32)}"
        key = ApiKey.objects.create(
            public_id=fresh(at), created_at=at, organisation=organisation, livemode=livemode, user=user, label=label,
            prefix=secret[:12], secret_sha256=_digest(secret), scopes=list(scopes),
            expires_at=None if days is None else at + timedelta(days=days),
        )  # fmt: skip
        audit.record(
            actor=actor, act="key.issued", subject=key.name_id, at=at, after={"scopes": list(scopes), "label": label},
            organisation_id=organisation.pk,
        )  # fmt: skip
    return key, secret


def revoke_key(*, key: ApiKey, actor: Actor, at: datetime) -> None:
    """End a key at once; revoking it again changes nothing."""
    with unit(actor):
        if ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=at):
            key.revoked_at = at
            audit.record(
                actor=actor, act="key.revoked", subject=key.name_id, at=at, organisation_id=key.organisation_id
            )


def actor_of_key(*, secret: str, address: str, at: datetime) -> tuple[Actor, ApiKey]:
    """Find who sends this secret. Runs inside the caller's system unit.

    Raises Refused("key_unknown"), ("key_revoked"), ("key_expired") or ("key_address"); a door answers 401 to each.
    """
    key = ApiKey.objects.select_related("user").filter(secret_sha256=_digest(secret)).first()
    if key is None or not key.user.is_active:
        raise Refused("key_unknown", "This API key is not known here.")
    if key.revoked_at is not None:
        raise Refused("key_revoked", f"This API key was revoked at {key.revoked_at:%Y-%m-%dT%H:%M:%SZ}.")
    if key.expires_at is not None and key.expires_at <= at:
        raise Refused("key_expired", f"This API key expired at {key.expires_at:%Y-%m-%dT%H:%M:%SZ}.")
    if key.addresses and address not in key.addresses:
        raise Refused("key_address", "This API key may not be used from this address.")
    roles = _roles(key.user_id, key.organisation_id)
    actor = Actor(
        key.name_id, key.organisation_id, key.livemode, roles, frozenset(key.scopes), key.user_id, key.pk,
        _reach(roles),
    )  # fmt: skip
    return actor, key


def actor_of_user(*, user: User, organisation: Organisation | None, livemode: bool) -> Actor:
    """The actor a signed-in person is, in one of their organisations (default: the first joined)."""
    members = Membership.objects.filter(user=user, ended_at__isnull=True).order_by("id")
    first = members.filter(organisation=organisation).first() if organisation else members.first()
    if first is None:
        return Actor(user.name_id, None, livemode, frozenset(), None, user.pk)
    roles = _roles(user.pk, first.organisation_id)
    return Actor(user.name_id, first.organisation_id, livemode, roles, None, user.pk, None, _reach(roles))


def _reach(roles: frozenset[str]) -> Literal["own", "all"]:
    return "all" if roles & {"operator", "auditor"} else "own"


def _roles(user_id: int, organisation_id: int) -> frozenset[str]:
    rows = Membership.objects.filter(user_id=user_id, organisation_id=organisation_id, ended_at__isnull=True)
    return frozenset(rows.values_list("role", flat=True))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
