"""Signed links to the files of a release: short, bound to who asked, and checked again at every use (delivery.md 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.signing import BadSignature, Signer
from django.db.models import Q, QuerySet

from accounts import audit, permissions
from accounts.errors import Refused
from accounts.models import ApiKey, Membership, User
from accounts.permissions import Scope
from accounts.unit import Actor, system, unit
from licensing.delivery.models import Release, ReleaseFile

LIFETIME: Final = timedelta(minutes=15)
USABLE: Final = ("active", "at_risk")
"""States of a grant under which its data may be fetched."""
_signer = Signer(salt="licet.delivery.link")


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that holds: what it gives and who uses it."""

    release: Release
    file: ReleaseFile
    actor: Actor


def visible(actor: Actor) -> QuerySet[Release]:
    """Releases of the actor's organisation, or all of its mode. Needs an open unit."""
    rows = Release.objects.select_related("grant", "previous").filter(livemode=actor.livemode)
    if actor.scope == "all":
        return rows
    ids = {kind: permissions.guest_ids(actor, "releases.manifest", kind) for kind in ("release", "grant")}
    single = Q(pk__in=ids["release"]) | Q(grant_id__in=ids["grant"])
    return rows.filter(Q(organisation_id=actor.organisation_id or 0) | single)


def scope_of(release: Release) -> Scope:
    """Whose it is, for `permissions.check`."""
    return Scope(release.organisation_id, guarded=frozenset({("release", release.pk), ("grant", release.grant_id)}))


def token(*, release: Release, path: str, actor: Actor, at: datetime) -> str:
    """A link for one file, one person or key, LIFETIME long. No query: a page of a thousand links is cheap."""
    bound = {
        "r": release.name_id, "p": path, "k": actor.key_id, "u": actor.user_id, "o": actor.organisation_id,
        "n": actor.name, "l": actor.livemode, "e": int((at + LIFETIME).timestamp()),
    }  # fmt: skip
    return _signer.sign_object(bound)


def open_link(sent: str, *, at: datetime, running: bool = False) -> Opened:
    """Check a link at its use, or while its answer is `running` (then its own end does not matter). Opens its own unit.

    Raises Refused("link_invalid"), ("link_expired"), ("link_revoked") when the key or the membership behind it has
    ended, ("grant_inactive"), or ("release_not_ready"); a door answers 403 to each, and the client asks for new links.
    """
    try:
        bound: dict[str, Any] = _signer.unsign_object(sent)
    except (BadSignature, ValueError, UnicodeError):
        raise Refused("link_invalid", "This link was not made here.") from None
    if not running and bound["e"] <= at.timestamp():
        raise Refused("link_expired", "This link is over; ask for a new one.")
    actor = Actor(
        bound["n"], bound["o"], bound["l"], frozenset(), frozenset(), bound["u"], bound["k"], "own",
    )  # fmt: skip
    with unit(system(livemode=bound["l"])):
        _check_person(bound, at)
        release = Release.objects.select_related("grant").get(public_id=Release.decode(bound["r"]))
        if release.grant.status not in USABLE:
            raise Refused("grant_inactive", f"The grant is {release.grant.status}.")
        if release.status not in ("ready", "superseded"):
            raise Refused("release_not_ready", f"The release is {release.status}.")
        file = ReleaseFile.objects.get(release=release, path=bound["p"])
    return Opened(release, file, actor)


def accessed(*, opened: Opened, first: int, last: int, at: datetime) -> None:
    """Write into the log that bytes `first` to `last` of a file were asked for."""
    with unit(opened.actor):
        audit.record(
            actor=opened.actor, act="release.downloaded", subject=opened.release.name_id, at=at,
            after={"path": opened.file.path, "first": first, "last": last},
            organisation_id=opened.release.organisation_id,
        )  # fmt: skip


def _check_person(bound: Mapping[str, Any], at: datetime) -> None:
    if bound["k"] is not None:
        key = ApiKey.objects.select_related("user").filter(pk=bound["k"], revoked_at__isnull=True).first()
        if key is None or not key.user.is_active or (key.expires_at is not None and key.expires_at <= at):
            raise Refused("link_revoked", "The key behind this link is revoked.")
    person = User.objects.filter(pk=bound["u"], is_active=True)
    member = Membership.objects.filter(user__in=person, organisation_id=bound["o"], ended_at__isnull=True)
    if not member.exists():
        raise Refused("link_revoked", "The person behind this link is no member any more.")
