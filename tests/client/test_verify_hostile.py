"""licet-verify on folders made to crash it, to fool it or to fill the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from client.verify.build import build
from client.verify.files import read_signed
from client.verify.report import Unusable, Wrong
from client.verify.signatures import read_trust
from licensing.delivery import shards
from licensing.grants.certificate import TermsLine, TermsPart
from licensing.kernel import canonical, digests
from licensing.outside import signing
from tests.client.checking import LATER, code, resign, verify
from tests.licensing.delivery import sample

JUNK = (None, 5, "x", [], {}, [[]], [None], {"a": None}, [{"path": 1}], True)
UNREAD = {"tools", "previous"}
"""What the manifest says for people: nothing follows from it."""


def _as_it_is(manifest: dict[str, Any]) -> None:
    """Sign again without a change."""


def _certify(release: Path, change: dict[str, Any]) -> None:
    """Put a certificate into the folder that the issuer signed, changed, and the manifest names."""
    path = release / "certificate.json"
    document = canonical.parse(path.read_bytes())
    del document["proof"]
    path.write_bytes(canonical.jcs(signing.secure({**document, **change}, sample.TEST_KEY, sample.AT)))
    resign(release, _as_it_is)


@pytest.mark.parametrize("key", [None, signing.KeySigner(b"\x0a" * 32)], ids=["issuer", "stranger"])
def test_no_shape_of_a_signed_manifest_is_a_crash(release: Path, key: signing.Signer | None) -> None:
    path = release / "manifest.json"
    good = canonical.parse(path.read_bytes())
    del good["proof"]
    for name in good:
        for junk in JUNK:
            changed = {**good, name: junk}
            path.write_bytes(canonical.jcs(signing.secure(changed, key or sample.TEST_KEY, sample.AT)))
            report = verify(release)
            expected = {0} if key is None and name in UNREAD else {1} if name not in UNREAD else {3}
            assert report.exit in expected or junk == good[name], (name, junk, report.first_wrong)


def test_no_shape_of_a_signed_certificate_is_a_crash(release: Path) -> None:
    document = canonical.parse((release / "certificate.json").read_bytes())
    for name in set(document) - {"proof", "id"}:
        for junk in JUNK:
            _certify(release, {name: junk})
            for target in (release, release / "certificate.json"):
                report = verify(target, status=release / "rights")
                assert report.exit in {1, 4}, (name, junk, report.first_wrong)
        _certify(release, {name: document[name]})
    assert verify(release).exit == 0


def test_no_shape_of_a_status_document_is_a_crash(pristine: Path, tmp_path: Path) -> None:
    good = {"format": "licet-withdrawals-1", "grant": sample.GRANT, "sequence": 1, "as_of": "2026-01-02T03:04:05Z",
            "valid_until": "2027-01-02T03:04:05Z", "current_release": 1, "works": {}}  # fmt: skip
    for name in good:
        for junk in JUNK:
            signed = signing.secure({**good, name: junk}, sample.TEST_KEY, sample.AT)
            (tmp_path / "status.json").write_bytes(canonical.jcs(signed))
            assert verify(pristine, status=tmp_path).exit == 4, (name, junk)


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "data/../../outside", "C:\\x", "data", "", "a\x00b"])
def test_a_listed_path_cannot_leave_the_folder(release: Path, path: str) -> None:
    (release.parent / "outside").write_bytes(b"x")
    item = {"path": path, "bytes": 1, "sha256": digests.sha256_hex(b"x")}
    resign(release, lambda manifest: manifest["files"].append(item))
    assert code(verify(release)) == (1, "file_missing", path)


def test_every_release_has_its_files(release: Path) -> None:
    for name in ("rights/terms.jsonl", "rights/works.parquet", "README.md"):
        (release / name).rename(release.parent / "kept")
        path = release / "manifest.json"
        good = path.read_bytes()
        manifest = canonical.parse(good)
        manifest["files"] = [item for item in manifest["files"] if item["path"] != name]
        path.write_bytes(canonical.jcs(manifest))
        resign(release, _as_it_is)
        assert code(verify(release)) == (1, "file_missing", name)
        path.write_bytes(good)
        (release.parent / "kept").rename(release / name)


def test_the_certificate_of_another_grant(release: Path) -> None:
    (release / "certificate.json").write_bytes(sample.signed_certificate(grant_id="grt_00000000000000000000000002"))
    resign(release, _as_it_is)
    assert code(verify(release)) == (1, "certificate", "certificate.json")


def test_another_certificate_than_the_manifest_was_made_with(release: Path) -> None:
    resign(release, lambda manifest: manifest["grant"].update(certificate_sha256="0" * 64))
    assert code(verify(release)) == (1, "certificate", "certificate.json")


def test_a_live_certificate_in_a_test_release(release: Path) -> None:
    (release / "certificate.json").write_bytes(sample.signed_certificate(livemode=True))
    resign(release, _as_it_is)
    assert code(verify(release)) == (1, "certificate", "certificate.json")


def test_the_full_text_of_the_terms_must_be_there(tmp_path: Path) -> None:
    sample.write_release(tmp_path, licence_texts={"another": b"Another text."})
    assert code(verify(tmp_path)) == (1, "licence_text", "rights/terms.jsonl")


@pytest.mark.parametrize(("second", "expected"), [("b" * 64, None), ("c" * 64, "line")])
def test_terms_that_hold_together_are_named_by_all_of_them(tmp_path: Path, second: str, expected: str | None) -> None:
    (line,) = sample.terms_lines(sample.CONDITIONS)
    parts = tuple(TermsPart(f"trm_{n}", 1, digit * 64, None, f"org_{n}") for n, digit in ((1, "a"), (2, "b")))
    joint = TermsLine(
        "trm_1+trm_2", 0, digests.of_json(["a" * 64, second]), None, "org_1+org_2", line.conditions, 0, parts
    )
    certificate = sample.signed_certificate(terms=[line, joint])
    facts = sample.release_facts(tmp_path, terms=[line, joint], certificate=certificate)
    sample.folder.write_folder(tmp_path, facts, sample.TEST_KEY)
    assert code(verify(tmp_path))[1] == expected


def test_a_row_that_cannot_be_checked_does_not_pass(release: Path) -> None:
    path = min((release / "data").iterdir())
    rows = [sample.row(number) for number in (1, 3, 5, 7)]
    rows[2] = rows[2]._replace(text=None, asset="media/0.tar/x")
    facts = shards.write_shard(rows, path)
    names = ("rows", "raw_bytes", "rows_root", "shard_key")
    resign(release, lambda manifest: manifest["shards"][0].update({name: getattr(facts, name) for name in names}))
    assert code(verify(release)) == (1, "asset", path.relative_to(release).as_posix())


def test_a_trust_file_cannot_hide_a_revoked_key_behind_an_older_record() -> None:
    trust = canonical.parse(sample.trust_file())
    revoked = canonical.parse(sample.trust_file(revoked_at=sample.AT, reason="compromised"))
    both = {**trust, "keys": [*revoked["keys"], *trust["keys"]]}
    with pytest.raises(Unusable, match="twice"):
        read_trust(canonical.jcs(both), frozenset())


@pytest.mark.parametrize("name", ["not_after", "livemode", "revoked_at", "id"])
def test_a_trust_file_changed_by_hand_is_unusable(name: str) -> None:
    trust = canonical.parse(sample.trust_file())
    trust["keys"][0][name] = {"livemode": True}.get(name, "2040-01-01T00:00:00Z")
    with pytest.raises(Unusable):
        read_trust(canonical.jcs(trust), frozenset())


@pytest.mark.parametrize("junk", JUNK)
def test_no_shape_of_a_trust_file_is_a_crash(junk: object) -> None:
    trust = canonical.parse(sample.trust_file())
    for data in (junk, *({**trust, name: junk} for name in trust)):
        with pytest.raises(Unusable):
            read_trust(canonical.jcs(data), frozenset())
            raise Unusable("an empty list of keys is a trust file")


def test_a_signature_of_a_megabyte_is_refused_at_once(release: Path) -> None:
    path = release / "manifest.json"
    manifest = canonical.parse(path.read_bytes())
    manifest["proof"]["proofValue"] = "z" + "2" * 1_000_000
    path.write_bytes(canonical.jcs(manifest))
    assert code(verify(release)) == (1, "signature", "manifest.json")


def test_files_above_their_limit_are_not_read(release: Path) -> None:
    (release / "certificate.json").write_bytes(b'{"a":"' + b"x" * 70_000 + b'"}')
    assert code(verify(release / "certificate.json")) == (1, "too_large", "certificate.json")
    with pytest.raises(Wrong, match="more than 10 bytes"):
        read_signed(release / "manifest.json", "manifest.json", 10)


# What only the program itself can show: limits of its process, and what it prints


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("program") / "licet-verify.pyz")


def _run(program: Path, release: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    (release.parent / "trust.json").write_bytes(sample.trust_file())
    command = [sys.executable, "-I", str(program), str(release), "--trust", str(release.parent / "trust.json")]
    at = LATER.strftime("%Y-%m-%dT%H:%M:%SZ")
    return subprocess.run(
        [*command, "--test", "--at", at, *arguments], capture_output=True, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_a_parquet_bomb_is_unreadable_and_does_not_fill_the_machine(program: Path, release: Path) -> None:
    """2,000 rows whose text is one value of 16 MiB in the dictionary: some kilobytes of file, 32 GB of text."""
    path = min((release / "data").iterdir())
    table = pq.read_table(path).take([0] * 2_000)
    at = table.schema.get_field_index("text")
    indexes = pa.array([0] * 2_000, pa.int32())
    text = pa.DictionaryArray.from_arrays(indexes, pa.array(["x" * 2**24]))
    pq.write_table(table.set_column(at, "text", text), path, store_schema=False, compression="zstd")
    assert path.stat().st_size < 100_000
    resign(release, _as_it_is)
    answer = _run(program, release, "--json")
    assert answer.returncode == 1, answer.stderr[-500:]
    assert json.loads(answer.stdout)["first_wrong"]["path"] == path.relative_to(release).as_posix()


def test_names_cannot_move_the_cursor_or_end_the_program(program: Path, release: Path) -> None:
    (release / "data" / os.fsdecode(b"\x1b[31mred\n\xff\xe4\xbd\xa0")).write_bytes(b"")
    answer = _run(program, release, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (answer.returncode, answer.stderr) == (1, b"")
    assert b"\x1b" not in answer.stdout
    assert b"file_unlisted" in answer.stdout
    assert json.loads(_run(program, release, "--json").stdout)["first_wrong"]["code"] == "file_unlisted"
