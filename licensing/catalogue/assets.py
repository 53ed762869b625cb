"""Attach content files: bytes go to the store first, then the row says which work they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from iscc_lib import gen_text_code_v0

from accounts import audit
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.unit import Actor, unit
from licensing.catalogue.measure import measure
from licensing.catalogue.models import Asset, Work
from licensing.outside import storage

LARGEST = 512 * 1024 * 1024
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

    Raises Refused("too_large"), ("checksum_mismatch"), ("content_empty") or ("content_not_text") with the first bad
    byte.
    """
    stored = storage.put(stream, expected_sha256=expected_sha256, at_most=LARGEST)
    with storage.open_file(stored.sha256) as file:
        text = _decode(file.read(), filename)
    if not text.strip():
        raise Refused(
            "content_empty", f"{filename} has no text in it.", [Reason("content_empty", "", "", "0 characters")]
        )
    counts = measure(text)
    code = gen_text_code_v0(text)["iscc"]
    return Content(stored, TEXT, counts.characters, counts.words, counts.tokens, code)


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
        Work.objects.filter(pk=work.pk).update(
            characters=content.characters, words=content.words, tokens=content.tokens
        )
        audit.record(
            actor=actor, act="asset.attached", subject=asset.name_id, at=at, organisation_id=work.organisation_id,
            after={"work": work.name_id, "sha256": content.stored.sha256, "bytes": content.stored.bytes},
        )  # fmt: skip
    return asset


def _create(work: Work, filename: str, content: Content, layer: str, actor: Actor, at: datetime) -> Asset:
    return Asset.objects.create(
        public_id=fresh(at), created_at=at, organisation_id=work.organisation_id, livemode=actor.livemode, work=work,
        sha256=content.stored.sha256, bytes=content.stored.bytes, media_type=content.media_type,
        filename=filename[-300:], layer=layer, characters=content.characters, words=content.words,
        tokens=content.tokens, iscc=content.iscc,
    )  # fmt: skip


def _decode(data: bytes, filename: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = data.count(b"\n", 0, wrong.start) + 1
        reason = Reason(
            "content_not_text", "Text files are UTF-8.", "", f"byte 0x{data[wrong.start]:02x} in line {line}", "UTF-8"
        )
        raise Refused("content_not_text", f"{filename} is not UTF-8 text (line {line}).", [reason]) from None
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        reason = Reason("content_not_text", "A NUL character is no text.", "", f"NUL in line {line}", "text")
        raise Refused("content_not_text", f"{filename} contains NUL characters.", [reason])
    return text
