"""Imports: receive a file, validate it, commit its good records, take it back. An import creates no claim."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import BinaryIO, Final

from django.db.models import Max

from accounts import states
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.unit import Actor, unit
from licensing.catalogue import services as catalogues
from licensing.catalogue.models import Catalogue, Edition, Work
from licensing.events import services as events
from licensing.intake import child, content, issues, plan, undo
from licensing.intake import commit as writing
from licensing.intake.models import Import, ImportIssue, Upload
from licensing.intake.readers import values
from licensing.intake.sniff import FORMATS
from licensing.jobs import held
from licensing.jobs import services as jobs
from licensing.jobs.models import Job
from licensing.kernel import ids
from licensing.outside import storage

LARGEST: Final = 512 * 1024 * 1024
"""Bytes of an upload."""
MODES: Final = ("upsert",)


def receive(
    *, catalogue: Catalogue, filename: str, stream: BinaryIO, actor: Actor, at: datetime, mode: str = "upsert",
    asked_format: str = "auto", expected_sha256: str | None = None, queued: bool = True,
    afresh: bool = False,
) -> Import:  # fmt: skip
    """Store an uploaded file and open an import of it. The same bytes for the same catalogue return the earlier import;
    `afresh` opens a new one all the same, which then says what is unchanged.

    With `queued` a job validates it; without, the caller calls `validate`. Raises Refused("mode_unknown"),
    ("format_unknown"), ("too_large") or ("checksum_mismatch"); nothing is stored then.
    """
    _check_choice("mode_unknown", "/mode", mode, MODES)
    _check_choice("format_unknown", "/format", asked_format, ("auto", *FORMATS))
    stored = storage.put(stream, expected_sha256=expected_sha256, at_most=LARGEST)
    with unit(actor):
        Catalogue.objects.select_for_update().get(pk=catalogue.pk)
        earlier = Import.objects.filter(
            catalogue=catalogue, upload__sha256=stored.sha256, mode=mode, asked_format=asked_format
        ).exclude(status__in=("cancelled", "reverted")).order_by("id").first()  # fmt: skip
        if earlier is not None and not afresh:
            return earlier
        upload = Upload.objects.create(
            public_id=fresh(at), created_at=at, organisation_id=catalogue.organisation_id, livemode=catalogue.livemode,
            filename=filename[-300:], bytes=stored.bytes, sha256=stored.sha256,
        )  # fmt: skip
        states.advance(upload, "complete", actor=actor, at=at, completed_at=at)
        made = Import.objects.create(
            public_id=fresh(at), created_at=at, organisation_id=catalogue.organisation_id, livemode=catalogue.livemode,
            catalogue=catalogue, upload=upload, mode=mode, asked_format=asked_format,
        )  # fmt: skip
        if queued:
            name = made.name_id
            jobs.enqueue(
                kind="intake.validate", subject=name, actor=actor, at=at, dedupe_key=f"intake.validate:{name}",
                organisation_id=catalogue.organisation_id,
            )  # fmt: skip
    return made


def validate(*, import_id: str, actor: Actor, at: datetime) -> Import:
    """Read the file in a child process and give every record its outcome; nothing goes into the catalogue.

    The import becomes `validated`, or `refused` with the reason stored and no record kept. Safe to repeat. Raises
    Refused("not_found").
    """
    with unit(actor):
        found = _get(import_id)
        if found.status == "received":
            states.advance(found, "validating", actor=actor, at=at)
        if found.status != "validating":
            return found
        source = storage.path_of(found.upload.sha256)
    try:
        spool = child.run(source, asked_format=found.asked_format, into=storage.scratch())
    except Refused as refused:
        return _refuse(found, refused, actor=actor, at=at)
    try:
        with unit(actor):
            last = plan.store(found, child.lines(spool))
            plan.decide(found)
            _validated(found, last, actor=actor, at=at)
    finally:
        spool.unlink(missing_ok=True)
    return found


def begin_commit(
    *, record_import: Import, actor: Actor, at: datetime, all_or_nothing: bool = False, confirm_older: bool = False,
    queued: bool = True,
) -> Import:  # fmt: skip
    """Say that the good records go in; a job does it (`queued`). One import of a catalogue at a time; one that was
    begun and abandoned goes on where it ended.

    Raises Refused("state_conflict") unless validated, ("import_has_rejects") with `all_or_nothing` when a record was
    rejected, ("sent_date_older") unless `confirm_older` when the message is older than what it would change, and
    ("catalogue_busy", retryable) while another import of the catalogue is being committed.
    """
    with unit(actor):
        Catalogue.objects.select_for_update().get(pk=record_import.catalogue_id)
        found = _get(record_import.name_id)
        if all_or_nothing and found.outcomes.get("rejected", 0):
            seen = str(found.outcomes["rejected"])
            reason = Reason("import_has_rejects", "Every record must be good.", "/all_or_nothing", seen, "0")
            raise Refused("import_has_rejects", f"{seen} records were rejected.", [reason])
        if not confirm_older:
            _check_age(found)
        others = Import.objects.filter(catalogue_id=found.catalogue_id, status="committing").exclude(pk=found.pk)
        other = others.first()
        if other is not None:
            reason = Reason("catalogue_busy", "One import of a catalogue at a time.", "", other.name_id, "committed")
            raise Refused("catalogue_busy", f"{other.name_id} is being committed.", [reason], retryable=True)
        if found not in abandoned(found.catalogue, actor=actor):
            states.advance(found, "committing", actor=actor, at=at)
        if queued:
            key = f"intake.commit:{found.name_id}:{at.isoformat()}"
            jobs.enqueue(
                kind="intake.commit", subject=found.name_id, actor=actor, at=at, dedupe_key=key,
                organisation_id=found.organisation_id,
            )  # fmt: skip
    return found


def abandoned(catalogue: Catalogue, *, actor: Actor) -> list[Import]:
    """Imports of a catalogue whose commit was begun and that no job works on: it is dead, or its command was killed."""
    with unit(actor):
        begun = list(Import.objects.filter(catalogue=catalogue, status="committing").order_by("id"))
        working = Job.objects.filter(
            kind="intake.commit", subject__in=[one.name_id for one in begun], status__in=("ready", "running")
        ).values_list("subject", flat=True)
        return [one for one in begun if one.name_id not in set(working)]


def commit(
    *, record_import: Import, actor: Actor, at: datetime, all_or_nothing: bool = False, confirm_older: bool = False
) -> Import:
    """Put the good records into the catalogue and register their works; the bad ones stay behind with their issues.

    Works, editions, identifiers, contributors, facts, relations; opt-outs as reservations, licences as assertions; no
    claim. Outcomes are decided again first: the catalogue may have moved since validation. Safe to repeat; an import
    that is committed stays as it is. Raises as `begin_commit`.
    """
    with unit(actor):
        found = _get(record_import.name_id)
    if found.status == "committed":
        return found
    if found.status != "committing":
        found = begin_commit(
            record_import=found, actor=actor, at=at, all_or_nothing=all_or_nothing, confirm_older=confirm_older,
            queued=False,
        )  # fmt: skip
    if held.cursor() is None:
        with unit(actor):
            plan.decide(found)
    writing.batches(found, actor=actor, at=at)
    with unit(actor):
        catalogues.register(catalogue=found.catalogue, actor=actor, at=at)
        content.note_missing(found)
        _, outcomes, codes = plan.counts(found)
        states.advance(
            found, "committed", actor=actor, at=at, committed_at=at, outcomes=outcomes, issues_by_code=codes
        )
        events.emit(
            "import.committed", found.name_id, actor=actor, at=at, organisation_id=found.organisation_id,
            livemode=found.livemode, data={"outcomes": outcomes},
        )  # fmt: skip
    return found


def cancel(*, record_import: Import, actor: Actor, at: datetime) -> Import:
    """Give up an import that was only validated; its file may be sent again. Raises Refused("state_conflict")."""
    with unit(actor):
        found = _get(record_import.name_id)
        states.advance(found, "cancelled", actor=actor, at=at)
    return found


def revert(*, record_import: Import, actor: Actor, at: datetime) -> Import:
    """Take a committed import back: its new works go, changed records say again what they said before.

    Raises Refused("state_conflict") unless committed, and Refused("import_in_use") when a right, a decision or a
    licence depends on one of its works, or a later import spoke about the same records.
    """
    with unit(actor):
        Catalogue.objects.select_for_update().get(pk=record_import.catalogue_id)
        found = _get(record_import.name_id)
        if found.status != "committed":
            reason = Reason("state_conflict", "Only what is in can be taken out.", "/status", found.status, "committed")
            raise Refused("state_conflict", f"{found.name_id} is {found.status}.", [reason])
        undo.undo(found, at=at)
        states.advance(found, "reverted", actor=actor, at=at)
    return found


def totals(catalogue: Catalogue, *, actor: Actor) -> tuple[int, int]:
    """Works and editions of a catalogue, for before and after."""
    with unit(actor):
        works = Work.objects.filter(catalogue=catalogue).count()
        return works, Edition.objects.filter(work__catalogue=catalogue).count()


def _validated(found: Import, last: dict[str, object], *, actor: Actor, at: datetime) -> None:
    found.sent_at = values.moment(str(last["sent_at"]))
    _note_age(found)
    records, outcomes, codes = plan.counts(found)
    info = last["info"]
    assert isinstance(info, dict)
    states.advance(
        found, "validated", actor=actor, at=at, records=records, outcomes=outcomes, issues_by_code=codes,
        format=info["format"], version=info["version"][:20], encoding_declared=info["encoding_declared"][:30],
        encoding_read=info["encoding_read"][:30], sent_at=found.sent_at,
    )  # fmt: skip


def _newer(found: Import) -> datetime | None:
    """When the newest message was sent that is in the catalogue already and newer than this one."""
    if found.sent_at is None:
        return None
    others = Import.objects.filter(catalogue_id=found.catalogue_id, status="committed", sent_at__gt=found.sent_at)
    newest: datetime | None = others.aggregate(newest=Max("sent_at"))["newest"]
    return newest


def _note_age(found: Import) -> None:
    """Say before the commit that it will ask for confirmation."""
    newest = _newer(found)
    if found.sent_at is not None and newest is not None:
        issue = issues.make("sent_date_older", seen=found.sent_at.isoformat(), expected=newest.isoformat())
        ImportIssue.objects.create(
            record_import=found, code=issue.code, severity=issue.severity, seen=issue.seen, expected=issue.expected
        )


def _check_age(found: Import) -> None:
    """An old message must not silently take back what a newer one said (interfaces.md 2)."""
    newest = _newer(found)
    if found.sent_at is None or newest is None:
        return
    plan.decide(found)  # the newer one may have come in since this one was validated
    _, outcomes, _ = plan.counts(found)
    touched = outcomes["changed"] + outcomes["erased"]
    if not touched:
        return
    seen, expected = found.sent_at.isoformat(), f"not before {newest.isoformat()}"
    reason = Reason("sent_date_older", "Confirm that the older message is meant.", "/confirm_older", seen, expected)
    sentence = f"The message is older than the last one and would change {touched} records."
    raise Refused("sent_date_older", sentence, [reason])


def _refuse(found: Import, refused: Refused, *, actor: Actor, at: datetime) -> Import:
    stored = {
        "code": refused.code,
        "message": refused.message,
        "reasons": [asdict(one) for one in refused.reasons],
    }
    with unit(actor):
        states.advance(found, "refused", actor=actor, at=at, refusal=stored)
    return found


def _get(import_id: str) -> Import:
    try:
        key = ids.decode("imp", import_id)
        return Import.objects.select_related("upload", "catalogue__organisation").get(public_id=key)
    except (ValueError, Import.DoesNotExist):
        raise Refused("not_found", f"There is no import {import_id} here.") from None


def _check_choice(code: str, pointer: str, sent: str, known: tuple[str, ...]) -> None:
    if sent not in known:
        reason = Reason(code, "Choose from the list.", pointer, sent, ", ".join(known))
        raise Refused(code, f"{sent!r} is not one of {', '.join(known)}.", [reason])
