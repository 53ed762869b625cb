"""Register organisations and people, issue and revoke keys, and find out who is asking."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import F, QuerySet

from accounts import audit, guests
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.models import KIND_OF_ROLE, ROLES, ApiKey, Membership, Organisation, User
from accounts.unit import Actor, now, unit
from licensing.kernel import ids

KINDS = ("rights_holder", "licensee", "operator")
SECOND_FACTOR = frozenset({"publisher_finance", "operator"})
"""Roles whose people sign in with a second factor."""
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


def ensure_user(*, email: str, password: str | None, actor: Actor, at: datetime, full_name: str = "") -> User:
    """The person of this address, as they are; registered with password and name where nobody has it."""
    with unit(actor):
        return User.objects.filter(email__iexact=email).first() or register_user(
            email=email, password=password, full_name=full_name, actor=actor, at=at
        )


def invite(*, organisation: Organisation, user: User, role: str, actor: Actor, at: datetime) -> Membership:
    """Give a person a role in an organisation; giving it twice changes nothing, giving an ended one begins it anew.

    Raises Refused("role_unknown"), also for a role that organisations of this kind do not have: only the operator has
    operators and auditors.
    """
    kind = KIND_OF_ROLE.get(role)
    if kind is None or not getattr(organisation, f"is_{kind}"):
        known = [name for name in ROLES if getattr(organisation, f"is_{KIND_OF_ROLE[name]}")]
        reason = Reason("role_unknown", "This organisation has no such role.", "/role", role, ", ".join(known))
        raise Refused("role_unknown", f"There is no role {role} in {organisation.name}.", [reason])
    with unit(actor):
        member, new = Membership.objects.get_or_create(
            user=user, organisation=organisation, role=role, defaults={"created_at": at}
        )
        ended = Membership.objects.filter(pk=member.pk, ended_at__isnull=False).update(ended_at=None)
        if new or ended:
            member.ended_at = None
            audit.record(
                actor=actor, act="member.invited", subject=user.name_id, at=at, after={"role": role},
                organisation_id=organisation.pk,
            )  # fmt: skip
    return member


def end_membership(*, organisation: Organisation, user: User, actor: Actor, at: datetime) -> None:
    """Take every role of a person in an organisation away; their keys there are dead at once. Again changes nothing.

    Raises Refused("not_member") for somebody who never was a member.
    """
    with unit(actor):
        rows = Membership.objects.filter(organisation=organisation, user=user)
        if not rows.exists():
            raise Refused("not_member", f"{user.email} is not a member of {organisation.name}.")
        open_rows = rows.filter(ended_at__isnull=True)
        roles = sorted(open_rows.values_list("role", flat=True))
        if open_rows.update(ended_at=at):
            audit.record(
                actor=actor, act="member.removed", subject=user.name_id, at=at, before={"roles": roles},
                organisation_id=organisation.pk,
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """What a key may not go beyond: money ordered over its life, addresses it is used from, days until it expires."""

    spend_cap_minor: int | None = None
    spend_currency: str = ""
    addresses: Sequence[str] = ()
    days: int | None = 365


def issue_key(
    *, user: User, organisation: Organisation, livemode: bool, scopes: Sequence[str], actor: Actor, at: datetime,
    label: str = "", limits: Limits = Limits(),
) -> tuple[ApiKey, str]:  # fmt: skip
    """Make an API key that acts as `user`; returns it with its secret, which is shown this once and not kept.

    Raises Refused("not_member"), Refused("too_many_keys") (two active keys per member and mode), and for an actor who
    is a key itself Refused("scope_missing") and Refused("forbidden"): no key makes one that may do more than itself.
    """
    _check_maker(actor, scopes, livemode=livemode)
    with unit(actor):
        _check_limits(actor, scopes, limits)
        if not _members(user.pk, organisation.pk).exists():
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
            prefix=secret[:12], secret_sha256=_digest(secret), scopes=list(scopes), addresses=list(limits.addresses),
            spend_cap_minor=limits.spend_cap_minor, spend_currency=limits.spend_currency,
            expires_at=None if limits.days is None else at + timedelta(days=limits.days),
        )  # fmt: skip
        audit.record(
            actor=actor, act="key.issued", subject=key.name_id, at=at, after={"scopes": list(scopes), "label": label},
            organisation_id=organisation.pk,
        )  # fmt: skip
    return key, secret


def _check_maker(actor: Actor, scopes: Sequence[str], *, livemode: bool) -> None:
    if actor.scopes is not None and "*" not in actor.scopes:
        wider = sorted(set(scopes) - actor.scopes)
        if wider:
            reason = Reason("scope_missing", "A key gives what it has.", "/scopes", ", ".join(wider),
                            ", ".join(sorted(actor.scopes)))  # fmt: skip
            raise Refused("scope_missing", "This key cannot make one with scopes it lacks.", [reason])
    if actor.key_id is not None and actor.livemode is not livemode:
        reason = Reason("forbidden", "Sign in to make a key of the other mode.", "/livemode", str(livemode).lower(),
                        str(actor.livemode).lower())  # fmt: skip
        raise Refused("forbidden", "A key makes keys of its own mode only.", [reason])


def _check_limits(actor: Actor, scopes: Sequence[str], limits: Limits) -> None:
    if actor.key_id is None:
        return
    maker = ApiKey.objects.get(pk=actor.key_id)
    buys = sorted({"orders.place", "*"} & set(scopes))
    if maker.spend_cap_minor is not None and buys:  # a share of the cap would have to be taken off it
        reason = Reason("forbidden", "Sign in to make a key that can buy.", "/scopes", ", ".join(buys), "other scopes")
        raise Refused("forbidden", "A key with a spend cap makes none that can buy.", [reason])
    outside = sorted(set(limits.addresses) - set(maker.addresses)) or ([] if limits.addresses else ["anywhere"])
    if maker.addresses and outside:
        reason = Reason("forbidden", "A key gives what it has.", "/addresses", ", ".join(outside),
                        ", ".join(maker.addresses))  # fmt: skip
        raise Refused("forbidden", "A key that is bound to addresses makes none for others.", [reason])


def room_for(*, key_id: int | None, amount_minor: int, currency: str) -> bool:
    """Whether an order fits under what is left of a key's spend cap. Locks the key until the unit ends, so that orders
    in parallel are counted one after the other. A cap in another currency leaves no room.
    """
    if key_id is None:
        return True
    key = ApiKey.objects.select_for_update().get(pk=key_id)
    if key.spend_cap_minor is None:
        return True
    return key.spend_currency == currency and key.spent_minor + amount_minor <= key.spend_cap_minor


def count_spending(*, key_id: int | None, amount_minor: int) -> None:
    """Count an order against the cap of the key that placed it. Needs the lock of `room_for`."""
    ApiKey.objects.filter(pk=key_id or 0).update(spent_minor=F("spent_minor") + amount_minor)


def revoke_key(*, key: ApiKey, actor: Actor, at: datetime) -> None:
    """End a key at once; revoking it again changes nothing."""
    with unit(actor):
        if ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=at):
            key.revoked_at = at
            audit.record(
                actor=actor, act="key.revoked", subject=key.name_id, at=at, organisation_id=key.organisation_id
            )


# All that a key says, in one statement: every request of a machine begins with it.
_BEHIND = """
SELECT k.id, k.public_id, k.organisation_id, k.livemode, k.user_id, k.scopes, k.addresses, k.expires_at, k.revoked_at,
  u.is_active, o.ended_at, o.is_rights_holder, o.is_licensee, o.is_operator,
  ARRAY(SELECT m.role FROM accounts_membership m WHERE m.user_id = k.user_id
    AND m.organisation_id = k.organisation_id AND m.ended_at IS NULL)
FROM accounts_apikey k JOIN accounts_user u ON u.id = k.user_id
  JOIN accounts_organisation o ON o.id = k.organisation_id
WHERE k.secret_sha256 = %(secret)s
"""


@dataclass(frozen=True, slots=True)
class _Behind:
    """Who stands behind a key: its own columns, whether its user is active, its organisation's end and kinds, and the
    roles its user holds there.
    """

    id: int
    public_id: UUID
    organisation_id: int
    livemode: bool
    user_id: int
    scopes: list[str]
    addresses: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    is_active: bool
    ended_at: datetime | None
    is_rights_holder: bool
    is_licensee: bool
    is_operator: bool
    roles: list[str]


def actor_of_key(*, secret: str, address: str, at: datetime) -> Actor:
    """Find who sends this secret. Runs inside the caller's system unit.

    Raises Refused("key_unknown"), ("key_revoked"), ("key_expired") or ("key_address"); a door answers 401 to each.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, {"secret": _digest(secret)})
        row = cursor.fetchone()
    key = _Behind(*row) if row else None
    if key is None or not key.is_active:
        raise Refused("key_unknown", "This API key is not known here.")
    if key.revoked_at is not None:
        raise Refused("key_revoked", f"This API key was revoked at {key.revoked_at:%Y-%m-%dT%H:%M:%SZ}.")
    if key.expires_at is not None and key.expires_at <= at:
        raise Refused("key_expired", f"This API key expired at {key.expires_at:%Y-%m-%dT%H:%M:%SZ}.")
    if key.addresses and address not in key.addresses:
        raise Refused("key_address", "This API key may not be used from this address.")
    roles = _given(key.roles, key)
    if not roles or key.ended_at is not None:
        raise Refused("key_revoked", "The member this API key acts as has left the organisation.")
    return Actor(
        ids.encode(ApiKey.PREFIX, key.public_id), key.organisation_id, key.livemode, roles, frozenset(key.scopes),
        key.user_id, key.id, _reach(roles), guests.held(user_id=key.user_id, at=at),
    )  # fmt: skip


def actor_of_user(*, user: User, organisation: Organisation | None, livemode: bool) -> Actor:
    """The actor a signed-in person is, in one of their organisations (default: the first joined)."""
    members = Membership.objects.filter(user=user, ended_at__isnull=True, organisation__ended_at__isnull=True)
    members = members.select_related("organisation").order_by("id")
    guest_of = guests.held(user_id=user.pk, at=now())
    first = members.filter(organisation=organisation).first() if organisation else members.first()
    if first is None:
        return Actor(user.name_id, None, livemode, frozenset(), None, user.pk, None, "own", guest_of)
    held = _members(user.pk, first.organisation_id).values_list("role", flat=True)
    roles = _given(held, first.organisation)
    return Actor(user.name_id, first.organisation_id, livemode, roles, None, user.pk, None, _reach(roles), guest_of)


def _reach(roles: frozenset[str]) -> Literal["own", "all"]:
    return "all" if roles & {"operator", "auditor"} else "own"


def _members(user_id: int, organisation_id: int) -> QuerySet[Membership]:
    return Membership.objects.filter(user_id=user_id, organisation_id=organisation_id, ended_at__isnull=True)


def _given(held: Iterable[str], organisation: Organisation | _Behind) -> frozenset[str]:
    """Roles that an organisation of this kind can give: a row for another one, however it came about, is none."""
    return frozenset(role for role in held if getattr(organisation, f"is_{KIND_OF_ROLE[role]}"))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
