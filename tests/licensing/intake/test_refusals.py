"""Files refused whole: a clear reason, nothing stored; and a hostile file harms nobody but its own child."""

from __future__ import annotations

from pathlib import Path

import pytest

from accounts.errors import Refused
from accounts.unit import unit
from licensing.intake import child, queries, services
from licensing.intake.models import Import, ImportIssue, ImportRecord
from licensing.outside import confined
from tests.licensing.intake import senders
from tests.licensing.intake.senders import ACTOR, AT

GOOD = senders.onix(senders.product(1), senders.product(2))
BOMB = '<!DOCTYPE ONIXMessage [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + GOOD.partition("\n")[2]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (GOOD[: len(GOOD) * 2 // 3], "xml_truncated"),
        (GOOD.replace("</Product></ONIXMessage>", "</Produkt></ONIXMessage>"), "xml_truncated"),
        (GOOD.replace("<PersonName>Ada", "<PersonName><b>Ada"), "xml_malformed"),
        (BOMB, "xml_entities"),
        ("", "file_empty"),
        (" \n", "file_empty"),
        (senders.onix(), "no_records"),
        ("own_id,title\n", "no_records"),
        ("colour,size\nred,9\n", "header_unknown"),
        ("PK\x03\x04xxxx", "format_unsupported"),
        ("hello", "header_unknown"),
    ],
)
def test_a_broken_file_is_refused_whole(data: str, code: str) -> None:
    catalogue = senders.house()
    before = senders.tables()
    found = senders.validated(catalogue, data)
    with unit(ACTOR):
        report = queries.report(found)
        assert ImportRecord.objects.count() == 0
        assert ImportIssue.objects.count() == 0
    assert found.status == "refused"
    assert [issue["code"] for issue in report["issues"]] == [code]
    assert report["issues"][0]["message"]
    assert report["records"] == 0
    assert senders.tables() == before


@pytest.mark.django_db
def test_what_nobody_can_mean_is_refused_before_anything_is_stored() -> None:
    catalogue = senders.house()
    with senders.DEMO.joinpath("taizhi/catalogue.csv").open("rb") as stream:
        for changed in ({"mode": "wild"}, {"asked_format": "marc21"}, {"expected_sha256": "0" * 64}):
            stream.seek(0)
            with pytest.raises(Refused):
                services.receive(catalogue=catalogue, filename="f", stream=stream, actor=ACTOR, at=AT, **changed)
    with unit(ACTOR):
        assert Import.objects.count() == 0


@pytest.mark.django_db
def test_a_wrong_encoding_is_said_and_the_rest_goes_in() -> None:
    rows = senders.table([senders.row(1), senders.row(2, title="Caf\u00e9 of Lamps")])
    found = senders.committed_feed(senders.house(), rows.encode("cp1252"))
    assert found.outcomes["new"] + found.outcomes["rejected"] == 2
    assert found.outcomes["new"] >= 1
    assert any(code.startswith("encoding") for code in found.issues_by_code)


def test_a_child_without_memory_ends_and_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "feed.jsonl"
    path.write_text('{"own_id": "a", "title": "' + "x" * 1_000_000 + '"}\n')
    with pytest.raises(Refused) as refused:
        child.run(path, asked_format="jsonl", into=tmp_path, memory=24 << 20)
    assert refused.value.reasons[0].code == "file_exhausting"
    assert [left.name for left in tmp_path.iterdir()] == ["feed.jsonl"]


def test_a_refused_file_leaves_no_spool(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    path.write_text(GOOD[:500])
    with pytest.raises(Refused):
        child.run(path, asked_format="auto", into=tmp_path)
    assert [left.name for left in tmp_path.iterdir()] == ["feed"]


def test_the_child_knows_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}
    real = confined.subprocess.run

    def watched(command: list[str], **options: object) -> object:
        seen.update(options)
        return real(command, **options)  # type: ignore[call-overload]  # passed on as it came

    monkeypatch.setenv("STRIPE_API_KEY", "sk_secret")
    monkeypatch.setattr(confined.subprocess, "run", watched)
    path = tmp_path / "feed"
    path.write_text(GOOD)
    lines = list(child.lines(child.run(path, asked_format="auto", into=tmp_path)))
    assert set(seen["env"]) == {"PYTHONPATH", "LANG"}  # type: ignore[call-overload]  # a dict
    assert [line.get("ref") for line in lines[:-1]] == ["R1", "R2"]


def test_the_memory_of_the_child_is_really_limited(tmp_path: Path) -> None:
    """A line of 15 MB that becomes more than twenty times as much when it is read."""
    path = tmp_path / "feed"
    path.write_text('{"own_id": "a", "title": "T", "more": [' + "[]," * 5_000_000 + "[]]}")
    with pytest.raises(Refused) as refused:
        child.run(path, asked_format="auto", into=tmp_path, memory=256 << 20)
    assert [reason.code for reason in refused.value.reasons] == ["file_exhausting"]
    assert [left.name for left in tmp_path.iterdir()] == ["feed"]


def test_a_child_that_is_stopped_says_nothing_about_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that is shut down takes its children with it; the file is read again later."""
    stopped = confined.subprocess.CompletedProcess([], -15, b"", b"")
    monkeypatch.setattr(confined.subprocess, "run", lambda *_, **__: stopped)
    path = tmp_path / "feed"
    path.write_text(GOOD)
    with pytest.raises(RuntimeError, match="code -15"):
        child.run(path, asked_format="auto", into=tmp_path)
    assert [left.name for left in tmp_path.iterdir()] == ["feed"]
