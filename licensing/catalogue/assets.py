"""Attach content files: bytes go to the store first, then the row says which work they are."""

from __future__ import annotations

from collections.abc import Sequence
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
_DUPLICATES = """
INSERT INTO licensing_duplicate (work_id, other_id, kind, evidence, found_at)
SELECT DISTINCT n.work_id, a.work_id, 'content', jsonb_build_object('sha256', a.sha256), %(at)s::timestamptz
FROM licensing_asset n JOIN licensing_asset a ON a.sha256 = n.sha256 AND a.replaced_at IS NULL
  AND a.organisation_id <> n.organisation_id AND a.livemode = n.livemode
WHERE n.id = ANY(%(new)s) AND (a.id < n.id OR a.id <> ALL(%(new)s)) AND NOT EXISTS (
  SELECT FROM licensing_duplicate d WHERE d.work_id = a.work_id AND d.other_id = n.work_id AND d.kind = 'content')
ON CONFLICT DO NOTHING
"""
_MEASURES = """
UPDATE licensing_work w SET characters = n.characters, words = n.words, tokens = n.tokens
FROM licensing_asset n WHERE n.id = ANY(%(new)s) AND w.id = n.work_id
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


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that came for a work: what its sender calls it and what it holds."""

    work_id: int
    filename: str
    content: Content


def receive(stream: BinaryIO, *, filename: str, expected_sha256: str | None = None) -> Content:
    """Store a text file and measure it. Call it outside any transaction: it does the slow part.

    Raises Refused("too_large"), ("checksum_mismatch"), and as `texts.read`.
    """
    stored = storage.put(stream, expected_sha256=expected_sha256, at_most=LARGEST)
    read = texts.read(storage.path_of(stored.sha256), filename, size=stored.bytes)
    return Content(stored, TEXT, read.characters, read.words, read.tokens, read.iscc)


def attach(*, work: Work, filename: str, content: Content, actor: Actor, at: datetime, layer: str = "text") -> Asset:
    """As `attach_all` for one file; returns what is the work's file now."""
    (asset,) = attach_all(files=[NewFile(work.pk, filename, content)], actor=actor, at=at, layer=layer)
    return asset


def attach_all(*, files: Sequence[NewFile], actor: Actor, at: datetime, layer: str = "text") -> list[Asset]:
    """Make each file the current one of its work's layer, at most one file a work; the earlier one stays as history.
    The same bytes again change nothing. The works' measures become those of their files.

    Returns the works' current files in the order of `files`. The number of statements does not grow with them.
    """
    with unit(actor):
        works = Work.objects.select_for_update().order_by("pk").in_bulk([file.work_id for file in files])
        current = Asset.objects.filter(work__in=works, layer=layer, replaced_at__isnull=True)
        held = set(current.values_list("work", "sha256"))
        new = [file for file in files if (file.work_id, file.content.stored.sha256) not in held]
        current.filter(work__in=[file.work_id for file in new]).update(replaced_at=at)
        # Bytes that were here before come back as the row they were.
        Asset.objects.bulk_create(
            [_asset(works[file.work_id], file, layer, actor, at) for file in new],
            update_conflicts=True, unique_fields=["work", "sha256"], update_fields=["replaced_at"],
        )  # fmt: skip
        now = {asset.work_id: asset for asset in current.all()}
        arrived = [(works[file.work_id], now[file.work_id]) for file in new]
        _follow([asset.pk for _, asset in arrived], at)
        audit.record_all(actor=actor, act="asset.attached", at=at, changes=[
            audit.Change(
                asset.name_id, organisation_id=work.organisation_id,
                after={"work": work.name_id, "sha256": asset.sha256, "bytes": asset.bytes},
            )
            for work, asset in arrived
        ])  # fmt: skip
    return [now[file.work_id] for file in files]


def _follow(new: list[int], at: datetime) -> None:
    """What files that arrived say about their works, and about works of others with the same bytes."""
    with connection.cursor() as cursor:
        cursor.execute(_DUPLICATES, {"new": new, "at": at})
        cursor.execute(_MEASURES, {"new": new})


def _asset(work: Work, file: NewFile, layer: str, actor: Actor, at: datetime) -> Asset:
    content = file.content
    return Asset(
        public_id=fresh(at), created_at=at, organisation_id=work.organisation_id, livemode=actor.livemode, work=work,
        sha256=content.stored.sha256, bytes=content.stored.bytes, media_type=content.media_type,
        filename=file.filename[-300:], layer=layer, characters=content.characters, words=content.words,
        tokens=content.tokens, iscc=content.iscc,
    )  # fmt: skip
