"""The release folder: vectors, Hugging Face and Croissant offline, bounds at a million works."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from licensing.delivery import card, croissant, folder, rights, shards
from licensing.delivery.facts import Attribution, ReleaseFacts
from licensing.delivery.format import COLUMNS
from licensing.kernel import canonical
from licensing.outside import signing
from tests.licensing.delivery import sample

REFERENCE = Path(__file__).parents[3] / "docs/reference/release.md"
OFFLINE = """
import os, socket, sys
def refuse(*arguments, **options): raise OSError("the network is off")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
def leave():
    # Threads of the libraries are still being made when Python goes: their teardown aborts now and then.
    sys.stdout.flush(); sys.stderr.flush(); os._exit(0)
"""
LEAVE = "\nleave()"


def _offline(tmp_path: Path, program: str, target: Path) -> str:
    """Run a program that cannot open a connection."""
    environment = {**os.environ, "HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    command = [sys.executable, "-c", OFFLINE + program + LEAVE, str(target)]
    answer = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_load_dataset_works_with_the_network_off(tmp_path: Path) -> None:
    sample.write_release(tmp_path / "release")
    pytest.importorskip("datasets")
    program = "import sys, datasets; print(datasets.load_dataset(sys.argv[1])['train'].to_json('rows') and 'read')"
    assert "read" in _offline(tmp_path, program, tmp_path / "release")
    rows = [json.loads(line) for line in (tmp_path / "rows").read_text().splitlines()]
    assert [row["work_id"] for row in rows] == [sample.work_id(number) for number in (1, 3, 5, 7, 2, 4, 6, 8)]
    assert list(rows[0]) == [column.name for column in COLUMNS]


def test_croissant_validates_and_reads_with_the_network_off(tmp_path: Path) -> None:
    sample.write_release(tmp_path / "release")
    pytest.importorskip("mlcroissant")
    program = (
        "import sys, mlcroissant; dataset = mlcroissant.Dataset(sys.argv[1]);"
        "assert not dataset.metadata.issues.errors, dataset.metadata.issues.report();"
        "print(dataset.metadata.issues.report()); print(len(list(dataset.records('documents'))))"
    )
    report = _offline(tmp_path, program, tmp_path / "release" / "croissant.json")
    assert report.split() == ["8"], report


def test_our_stricter_croissant_check(tmp_path: Path) -> None:
    sample.write_release(tmp_path)
    data = (tmp_path / "croissant.json").read_bytes()
    value = canonical.parse(data)
    files = [item for item in value["distribution"] if item["@type"] == "cr:FileObject"]
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    listed = {item["path"]: item["sha256"] for item in manifest["files"] if item["path"].startswith("data/")}
    assert {item["contentUrl"]: item["sha256"] for item in files} == listed
    assert value["usageInfo"]["@type"] == "odrl:Agreement"
    assert {value["license"], value["url"]} == {"https://licet.example/releases/rel_00000000000000000000000001"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", value["version"])
    assert data.count(b'"@context"') == 1


def test_vectors_of_the_reference(tmp_path: Path) -> None:
    """Roots and signatures for ever; file bytes only for the writer named there."""
    written = sample.write_release(tmp_path)
    block = re.search(r"```json vectors\n(.*?)```", REFERENCE.read_text(), re.DOTALL)
    assert block is not None
    expected = json.loads(block[1])
    by_writer = expected.pop("file_bytes")
    assert vectors(tmp_path, written) == expected
    if by_writer["writer"] == shards.WRITER:
        assert written.manifest_sha256 == by_writer["manifest_sha256"]


def vectors(root: Path, written: folder.FolderFacts) -> dict[str, Any]:
    """What another implementation must reproduce from the sample."""
    manifest = json.loads((root / "manifest.json").read_text())
    document = json.loads((root / "certificate.json").read_text())
    return {
        "row_sha256": [sample.row_hash(number) for number in (1, 2)],
        "shards": [
            {name: shard[name] for name in ("rows_root", "shard_key", "raw_bytes")} for shard in manifest["shards"]
        ],
        "rows_root": written.rows_root,
        "works": manifest["works"],
        "terms_root": manifest["terms"]["root"],
        "tombstones_root": manifest["tombstones"]["root"],
        "price_commitment": document["credentialSubject"]["priceCommitment"],
        "condition_set": document["credentialSubject"]["agreement"]["permission"][0]["conditionSet"],
        "certificate_proof": document["proof"]["proofValue"],
        "trust_file_sha256": sample.digests.sha256_hex(sample.trust_file()),
    }


def test_the_manifest_lists_every_file_but_itself(tmp_path: Path) -> None:
    written = sample.write_release(tmp_path, certificate_pdf=b"%PDF-")
    data = (tmp_path / "manifest.json").read_bytes()
    listed = [item["path"] for item in canonical.parse(data)["files"]]
    present = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    assert listed == sorted(set(present) - {"manifest.json"})
    assert [file.path for file in written.files] == [*listed, "manifest.json"]
    assert signing.verify(canonical.parse(data)) == sample.TEST_KEY.public_key


def test_signed_files_are_canonical_and_the_same_every_time(tmp_path: Path) -> None:
    one, two = sample.write_release(tmp_path / "1"), sample.write_release(tmp_path / "2")
    assert one == two
    for name in ("manifest.json", "certificate.json"):
        data = (tmp_path / "1" / name).read_bytes()
        assert canonical.jcs(json.loads(data)) == data


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "other"},
        {"livemode": True},
        {"grant_version": 2},
        {"secret": b"\x07" * 32},
        {"terms": []},
        {"licence_texts": {"../outside": b""}},
    ],
)
def test_facts_that_contradict_the_certificate_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    facts = replace(sample.release_facts(tmp_path), **changes)
    with pytest.raises(ValueError):
        folder.write_folder(tmp_path, facts, sample.TEST_KEY)
    assert not (tmp_path / "manifest.json").exists()


def test_works_out_of_order_are_refused(tmp_path: Path) -> None:
    facts = sample.release_facts(tmp_path)
    with pytest.raises(ValueError, match="order"):
        folder.write_folder(tmp_path, replace(facts, works=facts.works[::-1]), sample.TEST_KEY)


def test_attribution_lines_cannot_be_formulas(tmp_path: Path) -> None:
    items = [Attribution("wrk_1", "=1+1", '@x "y"', "MIT"), Attribution("wrk_2", "a,b\nc", "-", "MIT")]
    file, first = rights.write_attributions(tmp_path, items)
    rows = list(csv.reader(io.StringIO((tmp_path / file.path).read_text(), newline="")))
    assert rows[1:] == [["wrk_1", "'=1+1", '\'@x "y"', "MIT"], ["wrk_2", "a,b\nc", "'-", "MIT"]]
    assert first == items


def _many(facts: ReleaseFacts) -> ReleaseFacts:
    names = {f"{'长' * 200}-{number}": 1 for number in range(5_000)}
    return replace(facts, counts={"form": names, "language": names, "licence": names}, name="n" * 9_000)


def test_the_card_stays_below_256_kib(tmp_path: Path) -> None:
    lines = [Attribution("w", "t", "𝒳" * 5_000, "MIT")] * 100
    assert len(card.build(_many(sample.release_facts(tmp_path)), lines)) <= card.LIMIT


def test_texts_of_a_catalogue_stay_in_their_place(tmp_path: Path) -> None:
    facts = replace(sample.release_facts(tmp_path), name='a"\n---\nlicense: mit', description="<script>|\n# x")
    text = card.build(facts, []).decode()
    assert text.count("\n---\n") == 1
    assert "<script>" not in text
    assert "\nlicense: mit" not in text


def test_an_attribution_is_no_link_and_no_picture(tmp_path: Path) -> None:
    lines = [Attribution("w", "t", text, "MIT") for text in ("![x](https://spy.example/1.png)", "\\[a](b)", "`c` | d")]
    text = card.build(sample.release_facts(tmp_path), lines).decode()
    assert text.endswith("- !\\[x\\](https://spy.example/1.png)\n- \\\\\\[a\\](b)\n- \\`c\\` \\| d\n")


def test_a_release_without_data_has_no_data_files(tmp_path: Path) -> None:
    facts = sample.release_facts(tmp_path)
    bare = replace(facts, shards=[], works=[line._replace(shard=None) for line in facts.works])
    written = folder.write_folder(tmp_path, bare, sample.TEST_KEY)
    assert written.rows_root == folder.rows_root([])
    assert croissant.build(bare, [])["recordSet"] == []
    assert "configs:" not in (tmp_path / "README.md").read_text()


def test_the_reference_lists_the_columns_and_codes() -> None:
    text = REFERENCE.read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (no|yes) \|", text, re.MULTILINE)
    expected = [(column.name, column.type, "yes" if column.nullable else "no") for column in COLUMNS]
    expected += [(field.name, str(field.type), "yes" if field.nullable else "no") for field in rights.WORKS_SCHEMA]
    assert rows == expected
    sources = "".join(path.read_text() for path in (REFERENCE.parents[2] / "client/verify").glob("*.py"))
    codes = set(re.findall(r'Wrong\(\s*"(\w+)"', sources)) | set(re.findall(r'"code": "(\w+)"', sources))
    assert not [code for code in codes if not re.search(rf"\b{code}\b", text)]
