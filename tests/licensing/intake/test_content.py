"""Content files find their works by name; what is missing is said, what is unsafe is not opened."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from django.core.management import call_command

from accounts.errors import Refused
from accounts.models import Organisation
from accounts.unit import unit
from licensing.catalogue.models import Asset, Catalogue, Work
from licensing.intake import content
from licensing.intake.models import Import
from licensing.outside import storage
from tests.licensing.intake import senders
from tests.licensing.intake.senders import ACTOR, AT, DEMO

pytestmark = pytest.mark.django_db


def filled() -> Catalogue:
    catalogue = senders.house()
    senders.committed_feed(catalogue, senders.table([senders.row(1), senders.row(2), senders.row(3)]))
    return catalogue


def test_files_are_named_by_isbn_or_own_id(tmp_path: Path) -> None:
    catalogue = filled()
    (tmp_path / f"{senders.isbn(1)}.txt").write_text("one two three")
    (tmp_path / "W2.txt").write_text("\u6e21\u53e3\u7684\u706f")
    (tmp_path / "nobody.txt").write_text("x")
    (tmp_path / "notes.md").write_text("x")
    done = content.attach_folder(catalogue=catalogue, source=tmp_path, actor=ACTOR, at=AT)
    assert (done.attached, done.unmatched, done.missing) == (2, ["nobody.txt"], ["W3"])
    with unit(ACTOR):
        measured = dict(Work.objects.values_list("own_id", "words"))
        assert measured == {"W1": 3, "W2": 4, "W3": None}
        found = Import.objects.get()
        assert found.issues_by_code == {"content_missing": 1}
        assert found.outcomes["warned"] == 1


def test_the_same_files_again_change_nothing_and_a_late_one_settles(tmp_path: Path) -> None:
    catalogue = filled()
    for number in (1, 2):
        (tmp_path / f"W{number}.txt").write_text(f"text {number}")
    content.attach_folder(catalogue=catalogue, source=tmp_path, actor=ACTOR, at=AT)
    (tmp_path / "W3.txt").write_text("text 3")
    done = content.attach_folder(catalogue=catalogue, source=tmp_path, actor=ACTOR, at=AT)
    assert (done.attached, done.unchanged, done.missing) == (1, 2, [])
    with unit(ACTOR):
        assert Asset.objects.count() == 3
        assert Import.objects.get().issues_by_code == {}


def test_a_named_file_that_did_not_come_is_said_at_once_and_until_it_comes(tmp_path: Path) -> None:
    catalogue = senders.house()
    names = enumerate(("one.txt", "", "3.txt"), start=1)
    rows = [senders.row(number, content_file=name) for number, name in names]
    first = senders.committed_feed(catalogue, senders.table(rows))
    assert (first.issues_by_code, first.outcomes["warned"]) == ({"content_missing": 2}, 2)
    senders.committed_feed(catalogue, senders.table([senders.row(4)]))
    (tmp_path / "one.txt").write_text("one")
    done = content.attach_folder(catalogue=catalogue, source=tmp_path, actor=ACTOR, at=AT)
    assert (done.attached, done.missing) == (1, ["W2", "W3", "W4"])
    with unit(ACTOR):
        told = Import.objects.order_by("id").values_list("issues_by_code", "outcomes__warned")
        assert list(told) == [({"content_missing": 1}, 1), ({"content_missing": 1}, 1)]


def test_a_name_that_fits_two_works_is_nobody_s(tmp_path: Path) -> None:
    catalogue = senders.house()
    same = {"isbn": senders.isbn(9)}
    rows = [senders.row(1, own_id="Ab", **same), senders.row(2, own_id="aB", **same), senders.row(3, own_id="c")]
    senders.committed_feed(catalogue, senders.table(rows))
    for name in (senders.isbn(9), "AB", "aB", "C"):
        (tmp_path / f"{name}.txt").write_text(name)
    done = content.attach_folder(catalogue=catalogue, source=tmp_path, actor=ACTOR, at=AT)
    assert done.refused == {f"{senders.isbn(9)}.txt": "name_ambiguous", "AB.txt": "name_ambiguous"}
    with unit(ACTOR):
        held = Asset.objects.order_by("filename").values_list("filename", "work__own_id")
        assert list(held) == [("C.txt", "c"), ("aB.txt", "aB")]


def test_two_files_for_one_work_never_take_turns(tmp_path: Path) -> None:
    catalogue = filled()
    (tmp_path / "W1.txt").write_text("one")
    (tmp_path / f"{senders.isbn(1)}.txt").write_text("another")
    (tmp_path / "W2.txt").write_text("two")
    (tmp_path / f"{senders.isbn(2)}.txt").write_text("two")
    for _ in range(3):
        done = content.attach_folder(catalogue=catalogue, source=tmp_path, actor=ACTOR, at=AT)
        assert done.refused == {"W1.txt": "content_twice"}
        with unit(ACTOR):
            current = Asset.objects.filter(replaced_at__isnull=True).order_by("work__own_id")
            assert list(current.values_list("work__own_id", "characters")) == [("W1", 7), ("W2", 3)]


def test_what_is_attached_stays_when_the_delivery_breaks_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "TOGETHER", 2)
    catalogue, real = filled(), storage.put
    for number in (1, 2, 3):
        (tmp_path / f"W{number}.txt").write_text(f"text {number}")

    def put(stream: BinaryIO, **limits: Any) -> storage.Stored:
        data = stream.read()
        if data == b"text 3":
            raise OSError("no space left on the device")
        return real(io.BytesIO(data), **limits)

    with monkeypatch.context() as full, pytest.raises(OSError, match="no space"):
        full.setattr(storage, "put", put)
        content.attach_folder(catalogue=catalogue, source=tmp_path, actor=ACTOR, at=AT)
    done = content.attach_folder(catalogue=catalogue, source=tmp_path, actor=ACTOR, at=AT)
    assert (done.attached, done.unchanged, done.missing) == (1, 2, [])


@pytest.mark.parametrize("damage", ["bytes", "encrypted", "method", "size"])
def test_a_damaged_entry_costs_itself(tmp_path: Path, damage: str) -> None:
    catalogue = filled()
    path = tmp_path / "texts.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("W1.txt", "the first text of this list")
        archive.writestr("W2.txt", "the second")
    data = bytearray(path.read_bytes())
    first, listed = data.index(b"PK\x03\x04"), data.index(b"PK\x01\x02")
    if damage == "bytes":
        data[data.index(b"the first")] ^= 1
    elif damage == "encrypted":
        data[first + 6] |= 1
        data[listed + 8] |= 1
    elif damage == "method":
        data[first + 8] = data[listed + 10] = 99
    else:
        data[listed + 24] -= 5
    path.write_bytes(data)
    done = content.attach_folder(catalogue=catalogue, source=path, actor=ACTOR, at=AT)
    assert (done.attached, done.refused) == (1, {"W1.txt": "content_damaged"})


def test_a_zip_without_a_usable_table_of_contents_is_not_opened(tmp_path: Path) -> None:
    catalogue = filled()
    path = tmp_path / "texts.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("W1.txt", "one")
    good = path.read_bytes()
    end = good.index(b"PK\x05\x06")
    huge = good[: end + 12] + (1 << 30).to_bytes(4, "little") + good[end + 16 :]
    wide = good[:end] + b"PK\x06\x07" + b"\0" * 16 + good[end:]
    torn = good[: end + 12] + (end // 2).to_bytes(4, "little") + good[end + 16 :]
    for data, code in ((huge, "archive_unsafe"), (wide, "archive_unsafe"), (torn, "archive_invalid")):
        path.write_bytes(data)
        with pytest.raises(Refused) as refused:
            content.attach_folder(catalogue=catalogue, source=path, actor=ACTOR, at=AT)
        assert refused.value.code == code
        with unit(ACTOR):
            assert Asset.objects.count() == 0


def test_a_bad_file_is_said_and_the_rest_goes_in(tmp_path: Path) -> None:
    catalogue = filled()
    (tmp_path / "W1.txt").write_bytes(b"caf\xe9")
    (tmp_path / "W2.txt").write_text("  ")
    (tmp_path / "W3.txt").write_text("good")
    done = content.attach_folder(catalogue=catalogue, source=tmp_path, actor=ACTOR, at=AT)
    assert done.refused == {"W1.txt": "content_not_text", "W2.txt": "content_empty"}
    assert (done.attached, done.missing) == (1, ["W1", "W2"])


def test_a_zip_is_read_like_a_folder(tmp_path: Path) -> None:
    catalogue, path = filled(), tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("texts/W1.txt", "one two")
    done = content.attach_folder(catalogue=catalogue, source=path, actor=ACTOR, at=AT)
    assert (done.attached, done.missing) == (1, ["W2", "W3"])


@pytest.mark.parametrize("kind", ["climbs", "absolute", "link", "bomb"])
def test_an_unsafe_zip_is_not_opened(tmp_path: Path, kind: str) -> None:
    catalogue, path = filled(), tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("W1.txt", "good")
        if kind == "bomb":
            archive.writestr("W2.txt", "a" * 1_000_000)
        else:
            entry = zipfile.ZipInfo({"climbs": "../W2.txt", "absolute": "/W2.txt", "link": "W2.txt"}[kind])
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16 if kind == "link" else 0
            archive.writestr(entry, "text")
    with pytest.raises(Refused) as refused:
        content.attach_folder(catalogue=catalogue, source=path, actor=ACTOR, at=AT)
    assert refused.value.code == "archive_unsafe"
    with unit(ACTOR):
        assert Asset.objects.count() == 0


def test_the_command_says_what_its_reference_says(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(DEMO / "taizhi/catalogue.csv")
    arguments = ["--organisation", "taizhi", "--catalogue", "Alpha", "--create", "--json"]
    call_command("import_catalogue", path, *arguments, "--dry-run")
    planned = json.loads(capsys.readouterr().out)
    with unit(ACTOR):
        assert Organisation.objects.filter(slug="taizhi").count() == 0
        assert Import.objects.count() == 0
    call_command("import_catalogue", path, *arguments, "--content", str(DEMO / "taizhi/content"))
    done = json.loads(capsys.readouterr().out)
    call_command("import_catalogue", path, *arguments)
    again = json.loads(capsys.readouterr().out)
    assert (planned["dry_run"], planned["works"]) == (True, {"before": 0, "after": 0})
    assert set(done) == {"files", "works", "editions", "dry_run"}
    assert set(done["files"][0]) == {"path", "format", "version", "encoding", "records", "outcomes", "issues"}
    assert done["files"][0]["encoding"] == {"declared": "", "read": "utf-8"}
    assert planned["files"][0]["outcomes"]["new"] == done["files"][0]["outcomes"]["new"] == 14
    assert (done["works"], done["editions"]) == ({"before": 0, "after": 14}, {"before": 0, "after": 14})
    seen = {(issue["code"], issue["record"]) for issue in done["files"][0]["issues"]}
    assert seen == {("identifier_invalid", "TZ-013"), ("content_missing", "TZ-012")}
    wanted = {"code", "severity", "line", "column", "record", "path", "seen", "expected"}
    assert wanted <= set(done["files"][0]["issues"][0])
    assert again["files"][0]["outcomes"]["unchanged"] == 14
    assert again["works"] == {"before": 14, "after": 14}


def test_the_command_ends_with_one_when_a_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.xml"
    path.write_text("<ONIXMessage><Product>")
    with pytest.raises(SystemExit):
        call_command("import_catalogue", str(path), "--organisation", "a", "--catalogue", "b", "--create", "--json")
    said = json.loads(capsys.readouterr().out)
    assert [issue["code"] for issue in said["files"][0]["issues"]] == ["xml_truncated"]
    assert said["works"] == {"before": 0, "after": 0}


def test_the_command_leaves_an_older_message_out_unless_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new, old = tmp_path / "new.xml", tmp_path / "old.xml"
    new.write_text(senders.onix(senders.product(1, title="The New Lamp")))
    old.write_text(senders.onix(senders.product(1)).replace("20260105", "20250105"))
    told = [str(new), str(old), "--organisation", "a", "--catalogue", "b", "--create", "--json"]
    with pytest.raises(SystemExit):
        call_command("import_catalogue", *told)
    said = json.loads(capsys.readouterr().out)
    assert [issue["code"] for issue in said["files"][1]["issues"]] == ["sent_date_older"]
    with unit(ACTOR):
        assert Work.objects.get().title == "The New Lamp"
    call_command("import_catalogue", str(old), *told[2:], "--confirm-older")
    with unit(ACTOR):
        assert Work.objects.get().title == "The Lamp of Harbour 1"
