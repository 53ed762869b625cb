"""Attach content files: bytes go to the store first, then the row says which work they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from django.db import connection

from accounts import audit
from accounts.identity import fresh
from accounts.unit import Actor, unit
from licensing.catalogue import texts
from licensing.catalogue.models import Asset, Work
from licensing.outside import storage

LARGEST = 128 << 20
"""Bytes of a text: forty times "War and Peace"."""
# The same bytes at another house: a note beside both, without any effect (domain.md 1).
_DUPLICATE = """
INSERT INTO licensing_duplicate (work_id, other_id, kind, evidence, found_at)
SELECT DISTINCT %(work)s, a.work_id, 'content', jsonb_build_object('sha256', a.sha256), %(at)s FROM licensing_asset a
WHERE a.sha256 = %(sha256)s AND a.replaced_at IS NULL AND a.organisation_id <> %(organisation)s
  AND a.livemode = %(livemode)s AND NOT EXISTS (
    SELECT FROM licensing_duplicate d WHERE d.work_id = a.work_id AND d.other_id = %(work)s AND d.kind = 'content')
ON CONFLICT DO NOTHING
"""
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Content:
    """What was read out of stored bytes before any row is written."""

    stored: storage.Stored
    media_type: str
    characters: int
    words: int
    tokens: int
    iscc: str


def receive(stream: BinaryIO, *, filename: str, expected_sha256: str | None = None) -> Content:
    """Store a text file and measure it. Call it outside any transaction: it does the slow part.

    Raises Refused("too_large"), ("checksum_mismatch"), and as `texts.read`.
    """
    stored = storage.put(stream, expected_sha256=expected_sha256, at_most=LARGEST)
    read = texts.read(storage.path_of(stored.sha256), filename, size=stored.bytes)
    return Content(stored, TEXT, read.characters, read.words, read.tokens, read.iscc)


def attach(*, work: Work, filename: str, content: Content, actor: Actor, at: datetime, layer: str = "text") -> Asset:
    """Make `content` the work's current file of a layer; the earlier one stays as history. The same bytes again change
    nothing. The work's measures become those of the file.
    """
    with unit(actor):
        Work.objects.select_for_update().get(pk=work.pk)
        same = Asset.objects.filter(work=work, sha256=content.stored.sha256, layer=layer).first()
        if same is not None and same.replaced_at is None:
            return same
        Asset.objects.filter(work=work, layer=layer, replaced_at__isnull=True).update(replaced_at=at)
        if same is not None:
            same.replaced_at = None
            same.save(update_fields=["replaced_at"])
        asset = same or _create(work, filename, content, layer, actor, at)
        _note_duplicates(asset, at)
        Work.objects.filter(pk=work.pk).update(
            characters=content.characters, words=content.words, tokens=content.tokens
        )
        audit.record(
            actor=actor, act="asset.attached", subject=asset.name_id, at=at, organisation_id=work.organisation_id,
            after={"work": work.name_id, "sha256": content.stored.sha256, "bytes": content.stored.bytes},
        )  # fmt: skip
    return asset


def _note_duplicates(asset: Asset, at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_DUPLICATE, {
            "work": asset.work_id, "sha256": asset.sha256, "organisation": asset.organisation_id,
            "livemode": asset.livemode, "at": at,
        })  # fmt: skip


def _create(work: Work, filename: str, content: Content, layer: str, actor: Actor, at: datetime) -> Asset:
    return Asset.objects.create(
        public_id=fresh(at), created_at=at, organisation_id=work.organisation_id, livemode=actor.livemode, work=work,
        sha256=content.stored.sha256, bytes=content.stored.bytes, media_type=content.media_type,
        filename=filename[-300:], layer=layer, characters=content.characters, words=content.words,
        tokens=content.tokens, iscc=content.iscc,
    )  # fmt: skip
