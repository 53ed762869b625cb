"""Files that arrive in parts: any order, any number of times, complete when size and SHA-256 agree."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import BinaryIO, Final

from accounts import audit, states
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.unit import Actor, unit
from licensing.catalogue.models import Catalogue
from licensing.intake import services
from licensing.intake.models import Import, Upload, UploadPart
from licensing.jobs import services as jobs
from licensing.outside import storage

PART: Final = 32 << 20
"""Bytes of a part as we propose them."""
LARGEST_PART: Final = 64 << 20
MOST_PARTS: Final = 1000


def open_import(
    *, catalogue: Catalogue, filename: str, size: int, sha256: str, actor: Actor, at: datetime, mode: str = "upsert",
    asked_format: str = "auto",
) -> tuple[Import, bool]:  # fmt: skip
    """Announce a file of `size` bytes; its parts come next. Returns (import, whether it is new): the same bytes for the
    same catalogue return the earlier import, however far it is.

    Raises Refused("too_large").
    """
    if size > services.LARGEST:
        reason = Reason("too_large", "The file is larger than allowed.", "/bytes", str(size), str(services.LARGEST))
        raise Refused("too_large", f"A file may have at most {services.LARGEST} bytes.", [reason])
    with unit(actor):
        Catalogue.objects.select_for_update().get(pk=catalogue.pk)
        earlier = Import.objects.filter(
            catalogue=catalogue, upload__sha256=sha256, mode=mode, asked_format=asked_format
        ).exclude(status__in=("cancelled", "reverted")).select_related("upload").order_by("id").first()  # fmt: skip
        if earlier is not None:
            return earlier, False
        upload = Upload.objects.create(
            public_id=fresh(at), created_at=at, organisation_id=catalogue.organisation_id, livemode=catalogue.livemode,
            filename=filename, bytes=size, sha256=sha256,
        )  # fmt: skip
        made = Import.objects.create(
            public_id=fresh(at), created_at=at, organisation_id=catalogue.organisation_id, livemode=catalogue.livemode,
            catalogue=catalogue, upload=upload, mode=mode, asked_format=asked_format,
        )  # fmt: skip
        audit.record(
            actor=actor, act="import.opened", subject=made.name_id, at=at, organisation_id=catalogue.organisation_id,
            after={"catalogue": catalogue.name_id, "sha256": sha256, "mode": mode},
        )  # fmt: skip
    return made, True


def put_part(
    *, upload: Upload, number: int, stream: BinaryIO, actor: Actor, expected_sha256: str | None = None
) -> UploadPart:
    """Keep part `number` (from 1); sending it again replaces it. Never call it inside a unit: bytes go to the store.

    Raises Refused("state_conflict") once the upload is complete, ("too_large"), ("checksum_mismatch").
    """
    if not 1 <= number <= MOST_PARTS:
        reason = Reason("part_invalid", "Parts are counted from 1.", "", str(number), f"1 to {MOST_PARTS}")
        raise Refused("part_invalid", f"An upload has parts 1 to {MOST_PARTS}.", [reason])
    stored = storage.put(stream, expected_sha256=expected_sha256, at_most=LARGEST_PART)
    with unit(actor):
        _open(Upload.objects.select_for_update().get(pk=upload.pk))
        part, _ = UploadPart.objects.update_or_create(
            upload=upload, number=number, defaults={"bytes": stored.bytes, "sha256": stored.sha256}
        )
    return part


def complete(*, record_import: Import, actor: Actor, at: datetime) -> Import:
    """Join the parts, check size and SHA-256, and leave the job that validates. Again changes nothing.

    Never call it inside a unit. Raises Refused("parts_missing"), ("size_mismatch") or ("checksum_mismatch"); the parts
    stay, so the wrong one can be sent again.
    """
    with unit(actor):
        upload = Upload.objects.get(pk=record_import.upload_id)
        if upload.status == "complete":
            return record_import
        _open(upload)
        parts = list(upload.parts.order_by("number"))
    _check(upload, parts)
    joined = io.BufferedReader(_Joined(parts))
    storage.put(joined, expected_sha256=upload.sha256, at_most=services.LARGEST)
    with unit(actor):
        held = Upload.objects.select_for_update().get(pk=upload.pk)
        if held.status == "open":
            states.advance(held, "complete", actor=actor, at=at, completed_at=at)
            name = record_import.name_id
            jobs.enqueue(
                kind="intake.validate", subject=name, actor=actor, at=at, dedupe_key=f"intake.validate:{name}",
                organisation_id=record_import.organisation_id,
            )  # fmt: skip
    return record_import


class _Joined(io.RawIOBase):
    """The parts one after the other, read as one file."""

    def __init__(self, parts: Sequence[UploadPart]) -> None:
        super().__init__()
        self._pieces: Iterator[bytes] = (piece for part in parts for piece in _pieces(part.sha256))
        self._rest = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed wants any Buffer
        """Fill the buffer with what comes next."""
        if not self._rest:
            self._rest = next(self._pieces, b"")
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)


def _pieces(sha256: str) -> Iterator[bytes]:
    with storage.open_file(sha256) as stream:
        yield from storage.chunks(stream)


def _open(upload: Upload) -> None:
    if upload.status != "open":
        reason = Reason("state_conflict", "Parts go into an open upload.", "/status", upload.status, "open")
        raise Refused("state_conflict", f"{upload.name_id} is {upload.status}.", [reason])


def _check(upload: Upload, parts: Sequence[UploadPart]) -> None:
    missing = sorted(set(range(1, len(parts) + 1)) - {part.number for part in parts})
    if missing or not parts:
        expected = f"part {missing[0] if missing else 1}"
        raise Refused("parts_missing", "Not every part has arrived.", [Reason("parts_missing", "", "", "", expected)])
    size = sum(part.bytes for part in parts)
    if size != upload.bytes:
        reason = Reason("size_mismatch", "The parts do not add up.", "/bytes", str(size), str(upload.bytes))
        raise Refused("size_mismatch", f"{size} bytes arrived, {upload.bytes} were announced.", [reason])
