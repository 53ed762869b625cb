"""What a release folder is made of: plain values, gathered by the caller. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from licensing.delivery.format import shard_name
from licensing.delivery.shards import ShardFacts
from licensing.grants.certificate import Party, TermsLine
from licensing.grants.tree import LicensedWork

LICENSED: Final = "licensed"
WITHDRAWN: Final = "withdrawn"
SENTINEL: Final = "sentinel"
KINDS: Final = ("first", "addition", "withdrawal", "correction", "renewal", "compaction")


class WorkLine(NamedTuple):
    """One line of rights/works.parquet. `shard` None: licensed without data, withdrawn, or a sentinel."""

    work: LicensedWork
    catalogue_id: str
    shard: int | None
    shard_count: int
    status: str


class Tombstone(NamedTuple):
    """A withdrawn work: the hex hashes of its rows, from when, and the class of the reason."""

    work_id: str
    row_hashes: tuple[str, ...]
    effective_at: datetime
    reason: str


class Attribution(NamedTuple):
    """What must be printed for a work."""

    work_id: str
    title: str
    text: str
    licence: str


class FileFacts(NamedTuple):
    """A file of the folder: path with `/`, size, hex SHA-256."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Previous:
    """The release before this one, by id and the SHA-256 of its manifest."""

    id: str
    manifest_sha256: str


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """One release. `works` is every line of the grant's version in leaf order (`tree.ordered`), sentinels too.

    `shards` in shard order, each present as `shard_name(order, sha256)`; `certificate` the signed bytes;
    `secret` the grant's; `url` the release's page, `operator_url` the issuer's; `counts` None = those of the shards;
    `signed_at` None = `created_at`.
    """

    release_id: str
    number: int
    kind: str
    created_at: datetime
    livemode: bool
    grant_id: str
    grant_version: int
    name: str
    description: str
    url: str
    operator: Party
    operator_url: str
    licensee: Party
    actions: Sequence[str]
    works: Sequence[WorkLine]
    secret: bytes
    terms: Sequence[TermsLine]
    shards: Sequence[ShardFacts]
    certificate: bytes
    attributions: Iterable[Attribution] = ()
    tombstones: Sequence[Tombstone] = ()
    licence_texts: Mapping[str, bytes] = field(default_factory=dict)
    counts: Mapping[str, Mapping[str, int]] | None = None
    previous: Previous | None = None
    certificate_pdf: bytes | None = None
    tools: Mapping[str, str] = field(default_factory=dict)
    signed_at: datetime | None = None


def shard_files(shards: Sequence[ShardFacts]) -> Iterator[FileFacts]:
    """Path, size and hash of each shard in the folder."""
    for order, shard in enumerate(shards):
        yield FileFacts(shard_name(order, shard.sha256), shard.bytes, shard.sha256)


def counts(facts: ReleaseFacts) -> dict[str, dict[str, int]]:
    """Documents (rows with sequence 1) by form, language (`und` when unknown) and licence."""
    if facts.counts is not None:
        return {name: dict(values) for name, values in facts.counts.items()}
    total: dict[str, dict[str, int]] = {"form": {}, "language": {}, "licence": {}}
    for shard in facts.shards:
        for name, values in shard.counts.items():
            for value, number in values.items():
                total[name][value] = total[name].get(value, 0) + number
    return {name: dict(sorted(values.items())) for name, values in total.items()}
