"""Everything a release says of itself, gathered from the database for the folder writer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings

from accounts.models import Organisation
from licensing.catalogue.models import Work
from licensing.delivery import content
from licensing.delivery.facts import LICENSED, SENTINEL, Attribution, ReleaseFacts, WorkLine
from licensing.delivery.models import Release, ReleaseWork, Shard
from licensing.delivery.shards import ShardFacts
from licensing.grants import services as grants
from licensing.grants import sold, tree
from licensing.grants.certificate import Party
from licensing.grants.models import Grant, GrantSentinel, GrantWork
from licensing.kernel import ids
from licensing.rights import vocabulary
from licensing.rights.models import TermsVersion


def gather(release: Release, *, signed_at: datetime) -> ReleaseFacts:
    """Read what the folder needs; runs inside the caller's unit. Works are in leaf order, shards in shard order."""
    grant = Grant.objects.select_related("order__quote__clearance__use").get(pk=release.grant_id)
    found = sold.bases(grant.order.quote_id)
    licensee = Organisation.objects.get(pk=grant.organisation_id)
    operator = Organisation.objects.filter(is_operator=True).order_by("id").first()
    use = grant.order.quote.clearance.use
    lines, _ = sold.terms_lines(found, use.body)
    certificate = grant.certificates.get(version=grant.version)
    return ReleaseFacts(
        release_id=release.name_id, number=release.number, kind=release.kind, created_at=release.created_at,
        signed_at=signed_at,
        livemode=release.livemode, grant_id=grant.name_id, grant_version=grant.version,
        name=use.title or f"Licet release {release.name_id}",
        description=f"Works licensed by grant {grant.name_id}, release {release.number}.",
        url=f"{settings.PUBLIC_URL}/v1/releases/{release.name_id}",
        operator=Party(operator.name_id if operator else "", grants.operator_name()),
        operator_url=settings.PUBLIC_URL, licensee=Party(licensee.name_id, licensee.name),
        actions=vocabulary.names(vocabulary.mask(use.body["actions"])), works=_works(release, grant),
        secret=bytes(grant.secret), terms=lines, shards=[_shard(shard) for shard in release.shards.order_by("number")],
        certificate=bytes(certificate.document), attributions=list(_attributions(grant)),
        licence_texts=_texts({version for basis in found for version in basis.versions}),
    )  # fmt: skip


def _works(release: Release, grant: Grant) -> list[WorkLine]:
    holders = GrantSentinel.objects.filter(grant=grant).values_list("organisation__public_id", flat=True)
    places: dict[str, tuple[int, int]] = {}
    packed = ReleaseWork.objects.filter(release=release, shard__isnull=False).order_by("position")
    for work, number in packed.values_list("work__work__public_id", "shard__number").iterator():
        first, count = places.get(ids.encode("wrk", work), (number, 0))
        places[ids.encode("wrk", work)] = (first, count + 1)
    catalogues = {
        ids.encode("wrk", work): ids.encode("cat", catalogue)
        for work, catalogue in GrantWork.objects.filter(grant=grant)
        .values_list("work__public_id", "work__catalogue__public_id").iterator()
    }  # fmt: skip
    ordered = tree.ordered(sold.licensed_works(grant), (ids.encode("org", holder) for holder in holders))
    return [_line(work, catalogues, places) for work in ordered]


def _line(work: tree.LicensedWork, catalogues: dict[str, str], places: dict[str, tuple[int, int]]) -> WorkLine:
    if tree.is_sentinel(work.work_id):
        return WorkLine(work, "", None, 0, SENTINEL)
    number, count = places.get(work.work_id, (None, 0))
    return WorkLine(work, catalogues[work.work_id], number, count, LICENSED)


def _shard(shard: Shard) -> ShardFacts:
    return ShardFacts(
        rows=shard.rows, bytes=shard.bytes, raw_bytes=shard.raw_bytes, sha256=shard.sha256,
        rows_root=shard.rows_root, shard_key=shard.shard_key, writer=shard.writer, counts=shard.counts,
    )  # fmt: skip


def _attributions(grant: Grant) -> Iterator[Attribution]:
    rows = (
        GrantWork.objects.filter(grant=grant).select_related("organisation", "work")
        .prefetch_related("work__contributors").order_by("work__public_id")
    )  # fmt: skip
    for row in rows.iterator(1000):
        work: Work = row.work
        yield Attribution(work.name_id, work.title, content.attribution(work, row.organisation.name), row.licence)


def _texts(versions: set[int]) -> dict[str, bytes]:
    """The full legal text of every terms version sold under, English and Chinese, one file each."""
    found = TermsVersion.objects.select_related("terms").filter(pk__in=versions)
    texts = {f"{version.terms.name_id}-{version.number}": sold.legal_text(version) for version in found}
    return {name: text.encode() for name, text in texts.items() if text}
