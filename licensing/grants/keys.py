"""Issuer keys: made under an offline root key, kept in files, published as records the root has signed."""

from __future__ import annotations

import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from accounts import audit
from accounts.errors import Refused
from accounts.unit import Actor, unit
from licensing.grants.models import IssuerKey
from licensing.outside import signing

LIFETIME = timedelta(days=3 * 365)
ROOT, TEST, LIVE = "root.key", "issuer-test.key", "issuer-live.key"


def folder() -> Path:
    """Where private keys lie: one file each, mode 0600, outside the database. Production mounts it without root.key."""
    return Path(settings.ISSUER_KEYS)


def create(*, actor: Actor, at: datetime) -> list[IssuerKey]:
    """Make what is missing of the root, test and live keys, and publish records of the issuer keys signed by the root.

    Needs the root key only for a new record: keep `root.key` offline afterwards. Returns the published keys.
    """
    place = folder()
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    root = _read_or_make(place / ROOT) if _needs_root(place) else None
    for name, livemode in ((TEST, False), (LIVE, True)):
        signer = _read_or_make(place / name)
        if root is not None:
            _publish(signer, root, livemode=livemode, actor=actor, at=at)
    with unit(actor):
        return list(IssuerKey.objects.order_by("id"))


def revoke(*, key_id: str, reason: str, actor: Actor, at: datetime) -> IssuerKey:
    """End an issuer key for one of `signing.REASONS`: publish its record anew, signed by the root key.

    What it signed before stays good, except after `compromised`. A revoked key stays as it was revoked. Raises
    Refused("not_found") and Refused("issuer_key_missing") when the root key that signed its record is not here.
    """
    with unit(actor):
        key = IssuerKey.objects.select_for_update().filter(key_id=key_id).first()
        if key is None:
            raise Refused("not_found", f"There is no issuer key {key_id[:120]}.")
        if key.revoked_at is not None:
            return key
        root = signing.read_key(folder() / ROOT) if (folder() / ROOT).is_file() else None
        if root is None or root.public_key != signing.verify(key.record):
            raise Refused("issuer_key_missing", f"Revoking needs the root key at {folder() / ROOT}.")
        record = signing.KeyRecord(
            signing.public_key_of(key_id), key.livemode, key.not_before, key.not_after, at, reason
        )
        key.record, key.revoked_at = signing.key_record(record, root, at), at
        key.save(update_fields=["record", "revoked_at"])
        audit.record(actor=actor, act="issuer_key.revoked", subject=key_id[-60:], at=at, after={"reason": reason})
    return key


def current(*, livemode: bool, at: datetime) -> tuple[IssuerKey, signing.KeySigner]:
    """The key that signs now in this mode. Runs inside a unit. Raises Refused("issuer_key_missing")."""
    path = folder() / (LIVE if livemode else TEST)
    if path.is_file():
        signer = signing.read_key(path)
        key = IssuerKey.objects.filter(
            key_id=signing.method(signer.public_key), livemode=livemode, not_before__lte=at, not_after__gt=at,
            revoked_at__isnull=True,
        ).first()  # fmt: skip
        if key is not None:
            return key, signer
    mode = "live" if livemode else "test"
    raise Refused("issuer_key_missing", f"No valid {mode} issuer key: run manage.py issuer_keys.", retryable=True)


def trust() -> bytes:
    """The trust file: the root key and the records it signed, canonical bytes. Raises Refused("issuer_key_missing").

    A trust file has one root. Where the root key was lost and made anew, that is the newest one: what was signed
    under the lost root is on record here, but no longer vouched for offline.
    """
    records = [key.record for key in IssuerKey.objects.order_by("id")]
    if not records:
        raise Refused("issuer_key_missing", "No issuer key is published yet.")
    root = signing.verify(records[-1])
    return signing.trust_file(root, [record for record in records if signing.verify(record) == root])


def _needs_root(place: Path) -> bool:
    issued = (place / TEST).is_file() or (place / LIVE).is_file()
    return (place / ROOT).is_file() or not issued


def _read_or_make(path: Path) -> signing.KeySigner:
    if not path.is_file():
        text = signing.private_multikey(secrets.token_bytes(32)) + "\n"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
    return signing.read_key(path)


def _publish(
    signer: signing.KeySigner, root: signing.KeySigner, *, livemode: bool, actor: Actor, at: datetime
) -> None:
    name = signing.method(signer.public_key)
    with unit(actor):
        if IssuerKey.objects.filter(key_id=name).exists():
            return
        record = signing.KeyRecord(signer.public_key, livemode, at, at + LIFETIME)
        IssuerKey.objects.create(
            livemode=livemode, key_id=name, public_key=signing.public_multikey(signer.public_key),
            record=signing.key_record(record, root, at), not_before=at, not_after=at + LIFETIME,
        )  # fmt: skip
        audit.record(actor=actor, act="issuer_key.published", subject=name[-60:], at=at, after={"livemode": livemode})
