"""Plan a release: which works have content, in which order, in which shard. One job per shard follows."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from accounts.identity import fresh
from licensing.catalogue.models import Asset
from licensing.delivery import format as rows_format
from licensing.delivery.models import Release, ReleaseWork, Shard
from licensing.delivery.packing import Assignment, WorkSize, order_key, pack
from licensing.grants.models import Grant, GrantWork
from licensing.outside import storage

OVERHEAD = 4096  # raw bytes of a row beside its text: generous, so that a shard stays below its limit
BATCH = 5000


def write(release: Release, grant: Grant, *, delivered: bool, at: datetime) -> Sequence[Shard]:
    """Write the packing of a release and its planned shards; works without content are listed as such.

    `delivered` False: a licence without data, no shard. Deterministic: same grant, same packing.
    """
    assets = dict(_assets(grant)) if delivered else {}
    works = list(
        GrantWork.objects.filter(grant=grant).select_related("work__catalogue", "organisation").order_by("work_id")
    )
    sized = {work.work.name_id: work for work in works if work.work_id in assets}
    sizes = sorted((_size(work, assets[work.work_id]) for work in sized.values()), key=order_key)
    parts = {size.work_id: len(size.parts) for size in sizes}
    assigned = list(pack(sizes))
    shards = _shards(release, assigned, at)
    rows = [_row(release, place, item, sized, assets, parts, shards) for place, item in enumerate(assigned)]
    bare = [work for work in works if work.work_id not in assets]
    rows += [
        ReleaseWork(release=release, position=len(assigned) + place, work=work, status="no_content")
        for place, work in enumerate(bare)
    ]
    ReleaseWork.objects.bulk_create(rows, batch_size=BATCH)
    return shards


def _assets(grant: Grant) -> Iterator[tuple[int, Asset]]:
    current = Asset.objects.filter(
        layer="text", replaced_at__isnull=True, work__in=GrantWork.objects.filter(grant=grant).values("work_id")
    )
    for asset in current.iterator(BATCH):
        yield asset.work_id, asset


def _size(work: GrantWork, asset: Asset) -> WorkSize:
    return WorkSize(
        work.organisation.name_id, work.work.catalogue.name_id, work.work.name_id,
        tuple(end - start + OVERHEAD for start, end in spans(asset)),
    )  # fmt: skip


def spans(asset: Asset) -> list[tuple[int, int]]:
    """The byte ranges of a text's rows: one, unless it is longer than a row may be."""
    if asset.bytes <= rows_format.TEXT_LIMIT:
        return [(0, asset.bytes)]
    with storage.open_file(asset.sha256) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return list(rows_format.cut(text))  # mapped: a text may be larger than a worker's memory


def _shards(release: Release, assigned: Sequence[Assignment], at: datetime) -> list[Shard]:
    numbers = [number for number, _ in groupby(item.shard for item in assigned)]
    return Shard.objects.bulk_create(
        [Shard(public_id=fresh(at), created_at=at, release=release, number=number) for number in numbers]
    )


def _row(
    release: Release, place: int, item: Assignment, works: dict[str, GrantWork], assets: dict[int, Asset],
    parts: dict[str, int], shards: Sequence[Shard],
) -> ReleaseWork:  # fmt: skip
    work = works[item.work_id]
    return ReleaseWork(
        release=release, position=place, work=work, asset=assets[work.work_id], shard=shards[item.shard],
        first=item.first, last=item.last, parts=parts[item.work_id],
    )  # fmt: skip
