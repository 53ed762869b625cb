"""The rows of a shard, read from the catalogue in small batches and from the store one text at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db.models import Prefetch

from accounts.unit import Actor, unit
from licensing.catalogue.models import Contributor as Contribution
from licensing.catalogue.models import Identifier, Work
from licensing.delivery import plan
from licensing.delivery.format import Contributor, Row
from licensing.delivery.models import ReleaseWork, Shard
from licensing.outside import storage

BATCH = 200


def rows(shard: Shard, *, grant_id: str, actor: Actor) -> Iterator[Row]:
    """The rows of a planned shard in their final order. Opens a short unit per batch; holds one batch in memory."""
    after = -1
    while batch := _batch(shard, after, actor):
        for item in batch:
            yield from _pieces(item, grant_id)
        after = batch[-1].position


def _batch(shard: Shard, after: int, actor: Actor) -> Sequence[ReleaseWork]:
    with unit(actor):
        found = (
            ReleaseWork.objects.filter(shard=shard, position__gt=after)
            .select_related("asset", "work__work__catalogue", "work__organisation")
            .prefetch_related(
                Prefetch("work__work__contributors", Contribution.objects.order_by("sequence")),
                Prefetch("work__work__editions__identifiers", Identifier.objects.filter(valid=True)),
            )
            .order_by("position")[:BATCH]
        )
        return list(found)


def _pieces(item: ReleaseWork, grant_id: str) -> Iterator[Row]:
    if item.asset is None:
        raise ValueError(f"release work {item.pk} is in a shard without content")
    spans = plan.spans(item.asset)
    with storage.open_file(item.asset.sha256) as file:
        for sequence in range(item.first, item.last + 1):
            start, end = spans[sequence - 1]
            file.seek(start)
            yield _row(item, file.read(end - start), sequence, grant_id)


def _row(item: ReleaseWork, text: bytes, sequence: int, grant_id: str) -> Row:
    sold, work, asset = item.work, item.work.work, item.asset
    first = sequence == 1
    names = tuple(Contributor(person.name or person.unnamed, person.role) for person in work.contributors.all())
    return Row(
        work_id=work.name_id, edition_ids=_editions(work), title=work.title, contributors=names,
        language=None if work.language == "und" else work.language, form=work.form, text=text, asset=None,
        sequence=sequence, sequence_count=item.parts, characters=asset.characters if first and asset else None,
        words=asset.words if first and asset else None, tokens=asset.tokens if first and asset else None,
        seconds=None, pixels=None, grant_id=grant_id, terms_id=sold.terms_id, terms_hash=sold.terms_sha256,
        licence=sold.licence, attribution=attribution(work, sold.organisation.name),
        source_kind=work.source_kind or work.catalogue.source_kind, origin=work.origin or work.catalogue.origin,
        # The name in the store, where the row is the whole file: the writer refuses bytes that changed since.
        content_sha256=asset.sha256 if asset and item.parts == 1 else storage.digest(text),
    )  # fmt: skip


def _editions(work: Work) -> tuple[str, ...]:
    found = {f"{row.scheme}:{row.value}" for edition in work.editions.all() for row in edition.identifiers.all()}
    return tuple(sorted(found))


def attribution(work: Work, holder: str) -> str:
    """What a reader is told: title, main contributors, who licensed it."""
    people = ", ".join(person.name for person in list(work.contributors.all())[:5] if person.name)
    return f"{work.title}{f' by {people}' if people else ''}. {holder}."
