"""licet-verify on a release folder: good ones pass, the first wrong thing is named."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from client.verify.report import Report
from client.verify.signatures import Trust, read_trust
from licensing.delivery import shards
from licensing.delivery.facts import Tombstone
from licensing.delivery.format import row_sha256
from licensing.outside import signing
from tests.client.checking import code, resign, verify
from tests.licensing.delivery import sample

FLIPS = 1_000


def test_a_good_release_passes(pristine: Path) -> None:
    report = verify(pristine)
    files = [path for path in pristine.rglob("*") if path.is_file()]
    assert report.value() == {
        "ok": True,
        "trust": "authenticated",
        "status": "not_checked",
        "status_as_of": None,
        "checked": {"files": len(files), "rows": 8, "bytes": sum(path.stat().st_size for path in files)},
        "withdrawn_rows": 0,
        "first_wrong": None,
    }
    assert report.exit == 0


def test_every_flipped_byte_is_found_and_its_file_named(release: Path) -> None:
    seeded = random.Random(20260102)  # noqa: S311 -- a seed that can be repeated
    files = sorted(path for path in release.rglob("*") if path.is_file() and path.stat().st_size)
    for number in range(FLIPS):
        path = files[number % len(files)]
        data = bytearray(path.read_bytes())
        at = seeded.randrange(len(data))
        data[at] ^= 1 << seeded.randrange(8)
        good, _ = path.read_bytes(), path.write_bytes(data)
        report = verify(release)
        path.write_bytes(good)
        assert report.exit == 1, (path, at)
        assert report.first_wrong is not None
        assert report.first_wrong["path"] == path.relative_to(release).as_posix()
    assert verify(release).exit == 0


def test_a_file_that_is_missing_added_longer_or_a_link(release: Path) -> None:
    shard = next((release / "data").iterdir())
    (release / "data" / "extra.parquet").write_bytes(b"x")
    assert code(verify(release)) == (1, "file_unlisted", "data/extra.parquet")
    (release / "data" / "extra.parquet").unlink()
    (release / "link").symlink_to(shard)
    assert code(verify(release)) == (1, "not_a_file", "link")
    (release / "link").unlink()
    shard.write_bytes(shard.read_bytes() + b"\x00")
    assert code(verify(release)) == (1, "file_size", f"data/{shard.name}")
    shard.unlink()
    assert code(verify(release)) == (1, "file_missing", f"data/{shard.name}")


def test_swapped_shards_are_found(release: Path) -> None:
    one, two = sorted((release / "data").iterdir())
    data = one.read_bytes(), two.read_bytes()
    one.write_bytes(data[1])
    two.write_bytes(data[0])
    assert verify(release).exit == 1


def test_without_trust_it_is_consistent_only(pristine: Path) -> None:
    report = verify(pristine, trust=None)
    assert (report.exit, report.trust, report.value()["ok"]) == (3, "not_authenticated", False)
    assert "consistent, issuer not authenticated" in report.text()


def test_a_foreign_issuer_is_not_authenticated(release: Path, tmp_path: Path) -> None:
    stranger = signing.KeySigner(b"\x09" * 32)
    record = signing.KeyRecord(stranger.public_key, False, sample.AT, sample.AT.replace(year=2030))
    root = signing.KeySigner(b"\x08" * 32)
    foreign = signing.trust_file(root.public_key, [signing.key_record(record, root, sample.AT)])
    assert code(verify(release, trust=read_trust(foreign, frozenset())))[0] == 3


def test_a_wrong_thing_outweighs_the_missing_trust(release: Path) -> None:
    (release / "README.md").write_text("mine")
    assert code(verify(release, trust=None)) == (1, "file_size", "README.md")


def test_a_pinned_fingerprint_authenticates(pristine: Path) -> None:
    pin = signing.fingerprint(sample.TEST_KEY.public_key)
    assert verify(pristine, trust=Trust(pins=frozenset({pin}))).exit == 0
    assert verify(pristine, trust=Trust(pins=frozenset({pin[::-1]}))).exit == 3


def test_a_pin_does_not_outweigh_what_the_root_says(pristine: Path) -> None:
    pin = frozenset({signing.fingerprint(sample.TEST_KEY.public_key)})
    revoked = read_trust(sample.trust_file(revoked_at=sample.AT, reason="compromised"), pin)
    assert code(verify(pristine, trust=revoked)) == (1, "key_revoked", "manifest.json")
    assert verify(pristine, trust=read_trust(sample.trust_file(), pin)).exit == 0


def test_test_certificates_need_the_flag(pristine: Path, tmp_path: Path) -> None:
    assert code(verify(pristine, test=False)) == (1, "test_certificate", "manifest.json")
    assert code(verify(pristine / "certificate.json", test=False))[1] == "test_certificate"
    sample.write_release(tmp_path / "live", livemode=True)
    assert verify(tmp_path / "live", test=False).exit == 0


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"not_after": sample.AT}, "key_not_valid_then"),
        ({"not_before": sample.AT.replace(month=2)}, "key_not_valid_then"),
        ({"revoked_at": sample.AT, "reason": "ceased"}, "key_revoked"),
        ({"revoked_at": sample.AT.replace(year=2027), "reason": "compromised"}, "key_revoked"),
        ({"revoked_at": sample.AT.replace(year=2027), "reason": "superseded"}, None),
        ({"livemode": True}, "key_of_other_mode"),
    ],
)
def test_the_key_must_have_been_good_then(pristine: Path, changes: dict[str, Any], expected: str | None) -> None:
    trust = read_trust(sample.trust_file(**changes), frozenset())
    assert code(verify(pristine, trust=trust))[1] == expected


@pytest.mark.parametrize(
    ("at", "status"), [(sample.AT.replace(year=2025), "not_yet"), (sample.AT.replace(year=2028), "expired")]
)
def test_dates_of_the_licence(pristine: Path, at: Any, status: str) -> None:
    for target in (pristine, pristine / "certificate.json"):
        report = verify(target, at=at)
        assert (report.exit, report.status) == (1, status)
        assert report.first_wrong is not None
        assert report.first_wrong["code"] == status


def test_a_sample_still_checks_files_roots_and_rights(release: Path) -> None:
    report = verify(release, sample=1)
    assert (report.exit, report.rows) == (0, 8)


# An issuer's mistake: everything below is properly signed again, and still wrong.


def _as_it_is(manifest: dict[str, Any]) -> None:
    """Sign again without a change."""


def _rewrite(release: Path, change: Callable[[list[Any]], list[Any]], seal: bool = True) -> Report:
    """Write the first shard anew with changed rows, sign the manifest again."""
    path = min((release / "data").iterdir())
    facts = shards.write_shard(change([sample.row(number) for number in (1, 3, 5, 7)]), release / "new")
    (release / "new").rename(path)

    def seal_manifest(manifest: dict[str, Any]) -> None:
        manifest["shards"][0] |= {
            name: getattr(facts, name) for name in ("rows", "raw_bytes", "rows_root", "shard_key")
        }

    resign(release, seal_manifest if seal else _as_it_is)
    return verify(release)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda rows: [*rows, sample.row(99)], "row_unlicensed"),
        (lambda rows: [*rows[:3], sample.row(7, terms_hash="0" * 64)], "row_unlicensed"),
        (lambda rows: [*rows[:3], sample.row(7, grant_id="grt_other")], "row_grant"),
        (lambda rows: [*rows, sample.row(2)], "row_shard"),
        (lambda rows: [*rows, rows[0]], "row_twice"),
        (lambda rows: rows[:3], "work_missing"),
        (lambda rows: [*rows[:3], rows[3]._replace(sequence_count=2)], "row_sequence"),
        (lambda rows: [*rows[:3], rows[3]._replace(sequence=2)], "row_sequence"),
        (lambda rows: [*rows[:3], rows[3]._replace(language="xx")], "rows_root"),
    ],
)
def test_signed_but_wrong_rows_are_found(release: Path, change: Any, expected: str) -> None:
    assert _rewrite(release, change).first_wrong is not None
    assert verify(release).first_wrong["code"] == expected


def test_signed_rows_that_the_manifest_does_not_state(release: Path) -> None:
    report = _rewrite(release, lambda rows: [*rows[:3], rows[3]._replace(title="x")], seal=False)
    assert code(report)[1] == "rows_root"


@pytest.mark.parametrize(("column", "expected"), [("title", "row_hash"), ("text", "row_hash")])
def test_a_row_that_is_not_its_hash(release: Path, column: str, expected: str) -> None:
    path = min((release / "data").iterdir())
    table = pq.read_table(path)
    at = table.schema.get_field_index(column)
    changed = table.set_column(at, table.schema.field(column), pa.array(["other"] * 4, pa.string()))
    pq.write_table(changed.cast(shards.ARROW_SCHEMA), path, store_schema=False)
    resign(release, _as_it_is)
    report = verify(release)
    assert report.first_wrong is not None
    assert [report.first_wrong[name] for name in ("code", "row", "work")] == [expected, 0, sample.work_id(1)]


def test_a_withdrawn_work_must_have_no_row(tmp_path: Path) -> None:
    facts = sample.release_facts(tmp_path)
    gone = sample.work_id(3)
    works = [
        line._replace(status="withdrawn", shard=None) if line.work.work_id == gone else line for line in facts.works
    ]
    tombstone = Tombstone(gone, (row_sha256(sample.row(3)),), sample.AT, "withhold")
    sample.folder.write_folder(tmp_path, replace(facts, works=works, tombstones=[tombstone]), sample.TEST_KEY)
    assert code(verify(tmp_path))[1] == "row_withdrawn"


def test_after_the_shard_is_rewritten_the_withdrawal_is_good(tmp_path: Path) -> None:
    facts = sample.release_facts(tmp_path)
    gone = sample.work_id(3)
    works = [
        line._replace(status="withdrawn", shard=None) if line.work.work_id == gone else line for line in facts.works
    ]
    shutil.rmtree(tmp_path / "data")
    first = shards.write_shard([sample.row(number) for number in (1, 5, 7)], tmp_path / "data" / "new")
    (tmp_path / "data" / "new").rename(tmp_path / shards.rows_format.shard_name(0, first.sha256))
    second = shards.write_shard([sample.row(number) for number in (2, 4, 6, 8)], tmp_path / "data" / "new")
    (tmp_path / "data" / "new").rename(tmp_path / shards.rows_format.shard_name(1, second.sha256))
    tombstone = Tombstone(gone, (row_sha256(sample.row(3)),), sample.AT, "withhold")
    changed = replace(facts, works=works, tombstones=[tombstone], shards=[first, second], number=2, kind="withdrawal")
    written = sample.folder.write_folder(tmp_path, changed, sample.TEST_KEY)
    assert verify(tmp_path).exit == 0
    assert written.works.works == 7
    assert json.loads((tmp_path / "manifest.json").read_text())["tombstones"]["count"] == 1


def test_the_certificate_must_state_these_works(release: Path) -> None:
    other = sample.signed_certificate(works=sample.tree.works_root(sample.works()[:-1], sample.SECRET))
    (release / "certificate.json").write_bytes(other)
    resign(release, _as_it_is)
    assert code(verify(release)) == (1, "works_root", "rights/works.parquet")


def test_a_signed_manifest_of_another_shape_is_wrong_not_a_crash(release: Path) -> None:
    resign(release, lambda manifest: manifest.pop("works"))
    assert code(verify(release)) == (1, "manifest", "manifest.json")


def test_counts_are_recomputed(release: Path) -> None:
    resign(release, lambda manifest: manifest["counts"]["language"].update(en=7))
    assert code(verify(release))[1] == "counts"


@pytest.mark.parametrize("name", ["nothing", "README.md"])
def test_unusable_input(release: Path, name: str) -> None:
    (release / "manifest.json").unlink()
    assert verify(release).exit == 2
    assert verify(release / name).exit in {1, 2}
