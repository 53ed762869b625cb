"""Writes everything of a release folder but its shards, the signed manifest last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from licensing.delivery import card, croissant, rights
from licensing.delivery import facts as facts_of
from licensing.delivery.facts import KINDS, FileFacts, ReleaseFacts
from licensing.delivery.format import SCHEMA
from licensing.delivery.shards import WRITER
from licensing.grants import certificate
from licensing.grants.tree import WorksRoot
from licensing.kernel import canonical, digests
from licensing.outside import signing
from licensing.outside.signing import Signer

FORMAT: Final = "licet-release-1"
TEST_FORMAT: Final = "licet-test-release-1"


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """What was written: every file (the manifest last), and the roots the manifest states (hex)."""

    files: tuple[FileFacts, ...]
    manifest_sha256: str
    rows_root: str
    works: WorksRoot


def write_folder(folder: Path, facts: ReleaseFacts, signer: Signer) -> FolderFacts:
    """Write rights/, certificate, croissant.json, README.md and the signed manifest.json into `folder`.

    The shards are named, not read: they may already lie in `folder` or in a store. ValueError when the
    certificate states another works or terms root than `facts`, or is of the other mode.
    """
    if facts.kind not in KINDS:
        raise ValueError(f"{facts.kind!r} is not a kind of release")
    works = rights.current_root(facts.works, facts.secret)
    _check_certificate(facts, works)
    shards = list(facts_of.shard_files(facts.shards))
    tombstone_file, tombstones_root = rights.write_tombstones(folder, facts.tombstones)
    attribution_file, first = rights.write_attributions(folder, facts.attributions)
    files = [
        *shards,
        rights.write_works(folder, facts.works, facts.secret),
        rights.write_terms(folder, facts.terms),
        tombstone_file,
        attribution_file,
        *rights.write_licences(folder, facts.licence_texts),
        rights.write_bytes(folder, "certificate.json", facts.certificate),
        rights.write_bytes(folder, "croissant.json", canonical.jcs(croissant.build(facts, shards))),
        rights.write_bytes(folder, "README.md", card.build(facts, first)),
    ]
    if facts.certificate_pdf is not None:
        files.append(rights.write_bytes(folder, "certificate.pdf", facts.certificate_pdf))
    files.sort()
    unsigned = manifest(facts, files, works, tombstones_root)
    data = canonical.jcs(signing.secure(unsigned, signer, facts.signed_at or facts.created_at))
    written = rights.write_bytes(folder, "manifest.json", data)
    return FolderFacts((*files, written), written.sha256, unsigned["rows"]["root"], works)


def manifest(facts: ReleaseFacts, files: Sequence[FileFacts], works: WorksRoot, tombstones_root: str) -> dict[str, Any]:
    """The unsigned manifest: every file but itself, shards with their roots, roots of works and terms, counts."""
    return {
        "format": FORMAT if facts.livemode else TEST_FORMAT,
        "schema": SCHEMA,
        "release": {
            "id": facts.release_id,
            "number": facts.number,
            "kind": facts.kind,
            "created_at": signing.timestamp(facts.created_at),
        },
        "previous": None if facts.previous is None else asdict(facts.previous),
        "grant": {
            "id": facts.grant_id,
            "version": facts.grant_version,
            "certificate_sha256": digests.sha256_hex(facts.certificate),
        },
        "files": [file._asdict() for file in files],
        "shards": [
            {
                "path": file.path,
                "rows": shard.rows,
                "raw_bytes": shard.raw_bytes,
                "rows_root": shard.rows_root,
                "shard_key": shard.shard_key,
                "writer": shard.writer,
            }
            for file, shard in zip(facts_of.shard_files(facts.shards), facts.shards, strict=True)
        ],
        "rows": {
            "count": sum(shard.rows for shard in facts.shards),
            "root": rows_root([shard.rows_root for shard in facts.shards]),
        },
        "works": {"count": works.works, "leaves": works.leaves, "root": works.root},
        "terms": _terms(facts),
        "tombstones": {"count": len(facts.tombstones), "root": tombstones_root},
        "counts": facts_of.counts(facts),
        "tools": {"parquet": WRITER, **facts.tools},
    }


def rows_root(shard_roots: Sequence[str]) -> str:
    """Hex RFC 9162 root over the 32-byte rows roots of the shards, in shard order."""
    return digests.merkle_root(bytes.fromhex(root) for root in shard_roots).hex()


def _terms(facts: ReleaseFacts) -> dict[str, Any]:
    lines = certificate.terms_order(facts.terms)
    inline = [line.value() for line in lines] if len(lines) <= certificate.INLINE else []
    return {"count": len(lines), "root": certificate.terms_root(lines), "inline": inline}


def _check_certificate(facts: ReleaseFacts, current: WorksRoot) -> None:
    document = canonical.parse(facts.certificate)
    kind = certificate.LIVE_TYPE if facts.livemode else certificate.TEST_TYPE
    if kind not in document["type"]:
        raise ValueError("the certificate is of the other mode")
    subject = document["credentialSubject"]
    if [subject["grant"], subject["grantVersion"]] != [facts.grant_id, facts.grant_version]:
        raise ValueError("the certificate is of another grant or version")
    whole = len(facts.works) == current.leaves
    original = current if whole else rights.original_root(facts.works, facts.secret)
    if subject["works"]["root"] != original.root:
        raise ValueError("the certificate states another works root")
    if subject["terms"]["root"] != certificate.terms_root(facts.terms):
        raise ValueError("the certificate states another terms root")
