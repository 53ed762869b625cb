"""Plan, build and seal releases. Each step is a job that may run any number of times."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from accounts import audit, states
from accounts.identity import fresh
from accounts.unit import Actor, unit
from licensing.delivery import content, plan, seal_facts, shards
from licensing.delivery.folder import FolderFacts, write_folder
from licensing.delivery.models import Release, ReleaseFile, Shard, ShardFile
from licensing.events import services as events
from licensing.grants import keys
from licensing.grants.models import Grant
from licensing.jobs import services as jobs
from licensing.outside import storage

FIRST = 1
LEFT_OVER = timedelta(days=1)
"""A file in the making that nobody has touched for so long is of a worker that was killed."""
MEDIA = {".parquet": "application/vnd.apache.parquet", ".json": "application/json", ".md": "text/markdown",
         ".csv": "text/csv", ".jsonl": "application/jsonl", ".pdf": "application/pdf"}  # fmt: skip


def build(*, grant_id: str, actor: Actor, at: datetime) -> Release:
    """Plan the first release of a grant and leave one job per shard; planning it again returns the release there is."""
    storage.sweep(before=at - LEFT_OVER)
    with unit(actor):
        grant = Grant.objects.select_for_update().get(public_id=Grant.decode(grant_id))
        earlier = Release.objects.filter(grant=grant, number=FIRST).first()
        if earlier is not None:
            return earlier
        release = Release.objects.create(
            public_id=fresh(at), created_at=at, organisation_id=grant.organisation_id, livemode=grant.livemode,
            grant=grant, number=FIRST,
        )  # fmt: skip
        use = Grant.objects.select_related("order__quote__clearance__use").get(pk=grant.pk).order.quote.clearance.use
        delivered = use.body.get("delivery", "required") != "licence_only"
        planned = plan.write(release, grant, delivered=delivered, at=at)
        states.advance(release, "building", actor=actor, at=at)
        for shard in planned:
            jobs.enqueue(
                kind="delivery.shard", subject=shard.name_id, actor=actor, at=at,
                dedupe_key=f"delivery.shard:{shard.name_id}",
            )  # fmt: skip
        if not planned:
            _enqueue_seal(release, actor, at)
    return release


def build_shard(*, shard_id: str, actor: Actor, at: datetime) -> Shard:
    """Write one shard and note what it holds; the last one of a release leaves the job that seals it.

    The same rows make the same bytes, so a second run finds its work done. Never call it inside a unit.
    """
    with unit(actor):
        shard = Shard.objects.select_related("release__grant").get(public_id=Shard.decode(shard_id))
    if shard.status == "built":
        return shard
    path = storage.scratch() / f"{shard.name_id}-{fresh(at)}.parquet"
    try:
        made = shards.write_shard(content.rows(shard, grant_id=shard.release.grant.name_id, actor=actor), path)
        storage.adopt(path, digest=made.sha256)
    finally:
        path.unlink(missing_ok=True)
    with unit(actor):
        release = Release.objects.select_for_update().get(pk=shard.release_id)
        shard.refresh_from_db()
        if shard.status == "built":
            return shard
        kept = _kept(made, at)
        states.advance(
            shard, "built", actor=actor, at=at, shard_key=made.shard_key, sha256=kept.sha256, bytes=kept.bytes,
            raw_bytes=made.raw_bytes, rows=made.rows, rows_root=made.rows_root, writer=kept.writer,
            counts=made.counts,
        )  # fmt: skip
        if not Shard.objects.filter(release=release).exclude(status="built").exists():
            _enqueue_seal(release, actor, at)
    return shard


def _kept(made: shards.ShardFacts, at: datetime) -> ShardFile:
    """The file of these rows: the first one ever made of them, by whatever writer, as long as the store has it."""
    wrote = {"sha256": made.sha256, "bytes": made.bytes, "writer": made.writer}
    kept, new = ShardFile.objects.get_or_create(shard_key=made.shard_key, defaults={**wrote, "created_at": at})
    if not new and not storage.exists(kept.sha256):
        ShardFile.objects.filter(pk=kept.pk).update(**wrote)
        kept.refresh_from_db()
    return kept


def seal(*, release_id: str, actor: Actor, at: datetime) -> Release:
    """Write manifest, certificate and cards of a release whose shards are built, and make it ready.

    Times inside are those of the release, so a second run writes the same bytes. Never call it inside a unit.
    """
    with unit(actor):
        release = Release.objects.select_related("grant__order__quote").get(public_id=Release.decode(release_id))
        if release.status != "building":
            return release
        key, signer = keys.current(livemode=release.livemode, at=at)
        # The time of the release, so that a second run signs the same bytes; not before a key made since.
        facts = seal_facts.gather(release, signed_at=max(release.created_at, key.not_before))
    folder = storage.scratch() / f"{release.name_id}-{fresh(at)}"
    folder.mkdir()
    try:
        written = write_folder(folder, facts, signer)
        for file in written.files:
            if (folder / file.path).is_file():
                storage.adopt(folder / file.path)
    finally:
        _remove(folder)
    with unit(actor):
        return _ready(release, written, sum(shard.rows for shard in facts.shards), actor, at)


def _ready(release: Release, written: FolderFacts, rows: int, actor: Actor, at: datetime) -> Release:
    held = Release.objects.select_for_update().get(pk=release.pk)
    if held.status != "building":
        return held
    ReleaseFile.objects.bulk_create(
        ReleaseFile(
            release=held, path=file.path, bytes=file.bytes, sha256=file.sha256,
            media_type=MEDIA.get(Path(file.path).suffix, "text/plain"),
        )
        for file in written.files
    )  # fmt: skip
    states.advance(
        held, "ready", actor=actor, at=at, works_root=written.works.root, rows_root=written.rows_root,
        manifest_sha256=written.manifest_sha256, rows=rows, bytes=sum(file.bytes for file in written.files),
        ready_at=at,
    )  # fmt: skip
    after = {"manifest_sha256": written.manifest_sha256, "rows": rows}
    audit.record(actor=actor, act="release.sealed", subject=held.name_id, at=at, after=after)
    events.emit(
        "delivery.ready", held.name_id, actor=actor, at=at, organisation_id=held.organisation_id,
        livemode=held.livemode,
    )  # fmt: skip
    return held


def _enqueue_seal(release: Release, actor: Actor, at: datetime) -> None:
    jobs.enqueue(
        kind="delivery.seal", subject=release.name_id, actor=actor, at=at,
        dedupe_key=f"delivery.seal:{release.name_id}",
    )  # fmt: skip


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
