"""The files under rights/: which works are licensed, under which terms, what was withdrawn."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from .hashing import SENTINELS, Merkle, leaf_key
from .jcs import jcs, parse
from .parquet import WORK_GROUP, WORK_TYPES, Table
from .report import Wrong, formed

WORKS = "rights/works.parquet"
TERMS = "rights/terms.jsonl"
TOMBSTONES = "rights/tombstones.jsonl"
LINE = 16 * 1024 * 1024
"""Longest line that is read."""


class Work(NamedTuple):
    """A line of works.parquet as a row needs it."""

    terms_id: str
    terms_hash: str
    licence: str
    shard: int | None
    shard_count: int
    licensed: bool


@dataclass
class Rights:
    """Everything a row is checked against."""

    works: dict[str, list[Work]] = field(default_factory=dict)
    terms: set[tuple[str, str]] = field(default_factory=set)
    tombstones: dict[str, frozenset[str]] = field(default_factory=dict)
    dead_rows: set[str] = field(default_factory=set)


def read_rights(folder: Path, manifest: dict[str, Any], certificate: dict[str, Any]) -> Rights:
    """Read terms, tombstones and works; Wrong when a root, count or line is not as signed."""
    rights = Rights()
    subject = certificate["credentialSubject"]
    texts = {item["sha256"] for item in manifest["files"] if item["path"].startswith("rights/licences/")}
    _terms(folder, manifest["terms"], subject["terms"], texts, rights)
    _tombstones(folder, manifest["tombstones"], rights)
    _works(folder, manifest["works"], subject["works"], rights)
    return rights


def _terms(
    folder: Path, manifest: dict[str, Any], certificate: dict[str, Any], texts: set[str], rights: Rights
) -> None:
    tree = Merkle()
    for line, value in _lines(folder, TERMS):
        tree.add(line)
        with formed("line", TERMS):
            rights.terms.add((value["id"], value["hash"]))
            _check_terms(value, texts)
    for name, stated in (("manifest", manifest), ("certificate", certificate)):
        if [tree.hex(), tree.size] != [stated["root"], stated["count"]]:
            raise Wrong("terms_root", TERMS, f"root or count is not what the {name} states")


def _check_terms(line: dict[str, Any], texts: set[str]) -> None:
    """The full texts are in the folder, and terms that hold together are named by all their hashes."""
    for item in (line, *line["parts"]):
        if item["text_hash"] is not None and item["text_hash"] not in texts:
            raise Wrong("licence_text", TERMS, f"the full text of {item['id']} is not under rights/licences")
    if line["parts"] and hashlib.sha256(jcs([part["hash"] for part in line["parts"]])).hexdigest() != line["hash"]:
        raise Wrong("line", TERMS, f"{line['id']}: the hash is not that of its parts")


def _tombstones(folder: Path, manifest: dict[str, Any], rights: Rights) -> None:
    tree = Merkle()
    for line, value in _lines(folder, TOMBSTONES):
        tree.add(line)
        with formed("line", TOMBSTONES):
            rights.tombstones[value["work_id"]] = frozenset(value["row_hashes"])
            rights.dead_rows.update(value["row_hashes"])
    if [tree.hex(), tree.size] != [manifest["root"], manifest["count"]]:
        raise Wrong("tombstones_root", TOMBSTONES, "root or count is not what the manifest states")


def _lines(folder: Path, path: str) -> Iterator[tuple[bytes, dict[str, Any]]]:
    with (folder / path).open("rb") as file:
        number = 0
        while line := file.readline(LINE):
            number += 1
            if not line.endswith(b"\n"):
                raise Wrong("line", path, f"line {number}: no line feed within {LINE} bytes")
            try:
                yield line[:-1], parse(line[:-1])
            except ValueError as error:
                raise Wrong("line", path, f"line {number}: {error}") from None


def _works(folder: Path, manifest: dict[str, Any], certificate: dict[str, Any], rights: Rights) -> None:
    table = Table(folder, WORKS, WORK_TYPES, WORK_GROUP)
    original, current = Merkle(), Merkle()
    names = [name for name, _ in WORK_TYPES]
    last = b""
    for line in (line for group in range(table.groups) for line in table.rows(group, names)):
        work_id, organisation_id, _, terms_id, terms_hash, licence, nonce, *_ = line
        key = leaf_key(organisation_id, work_id)
        if key <= last:
            raise Wrong("works_order", WORKS, "the lines are out of order", work=work_id)
        last = key
        leaf = jcs([work_id, organisation_id, terms_id, terms_hash, licence, nonce])
        original.add(leaf)
        if _keep(line, rights):
            current.add(leaf)
    _compare(original, certificate, "certificate")
    _compare(current, manifest, "manifest")


def _compare(tree: Merkle, stated: dict[str, Any], name: str) -> None:
    if [tree.hex(), tree.size] != [stated["root"], stated["leaves"]]:
        raise Wrong("works_root", WORKS, f"the works root is not what the {name} states")


def _keep(line: tuple[Any, ...], rights: Rights) -> bool:
    """Remember a line; True when it is a leaf of the current tree. Wrong when it contradicts itself."""
    work_id, _, _, terms_id, terms_hash, licence, _, shard, shard_count, status = line
    if work_id in SENTINELS:
        if status != "sentinel":
            raise Wrong("works_status", WORKS, "a sentinel without its status", work=work_id)
        return True
    if status not in ("licensed", "withdrawn"):
        raise Wrong("works_status", WORKS, f"unknown status {status!r}", work=work_id)
    if (terms_id, terms_hash) not in rights.terms:
        raise Wrong("works_terms", WORKS, f"terms {terms_id} are not in {TERMS}", work=work_id)
    licensed: bool = status == "licensed"
    if licensed is (work_id in rights.tombstones):
        raise Wrong("tombstone", WORKS, f"{status}, against {TOMBSTONES}", work=work_id)
    work = Work(terms_id, terms_hash, licence, shard, shard_count, licensed)
    rights.works.setdefault(work_id, []).append(work)
    return licensed
