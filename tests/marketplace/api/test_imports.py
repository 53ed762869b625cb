"""A catalogue file comes in by HTTP: parts, outcomes, commit, and back."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from typing import Any

import pytest

from accounts.unit import SYSTEM, unit
from licensing.catalogue.models import Work
from licensing.intake import services as intake
from licensing.intake import uploads
from licensing.intake.models import Import, Upload, UploadPart
from licensing.jobs.models import Job
from tests.cast import AT, Answer, Cast, Person

CSV = b"own_id,title,isbn\npoem-1,Moon over the Pass,\npoem-2,Spring View,9780306406158\npoem-3,Torn,,too many\n"
CATALOGUE = {"slug": "poems", "name": "Poems", "role_of_sender": "owner"}


def works() -> int:
    with unit(SYSTEM):
        return Work.objects.count()


def announce(person: Person, data: bytes = CSV, **more: Any) -> Answer:
    person.post("catalogues", CATALOGUE)
    body = {
        "catalogue": "poems", "filename": "poems.csv", "format": "csv", "mode": "upsert", "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }  # fmt: skip
    return person.post("imports", body | more)


def put(person: Person, url: str, data: bytes, **headers: str) -> Answer:
    path = url.removeprefix("http://testserver")
    return person.send("PUT", path, data, content_type="application/octet-stream", headers=headers)


def worker(kind: str, person: Person) -> None:
    """What the worker does with the newest job of a kind."""
    with unit(SYSTEM):
        subject = Job.objects.filter(kind=kind).latest("id").subject
    if kind == "intake.validate":
        intake.validate(import_id=subject, actor=person.actor, at=AT)
    else:
        with unit(person.actor):
            found = Import.objects.get(public_id=Import.decode(subject))
        intake.commit(record_import=found, actor=person.actor, at=AT)


def validated(person: Person, data: bytes = CSV) -> str:
    made = announce(person, data)
    put(person, made.json["parts"][0]["url"], data)
    assert person.post(f"imports/{made.json['id']}:complete").status == 202
    worker("intake.validate", person)
    return str(made.json["id"])


def committed(person: Person) -> str:
    name = validated(person)
    assert person.post(f"imports/{name}:commit", {}).status == 202
    worker("intake.commit", person)
    return name


def test_a_file_comes_in_and_its_records_are_told_one_by_one(cast: Cast) -> None:
    made = announce(cast.publisher)
    assert (made.status, made.json["status"]) == (201, "received")
    part = made.json["parts"][0]
    assert part == {"number": 1, "url": part["url"], "bytes": len(CSV), "sha256": None}
    sent = put(cast.publisher, part["url"], CSV)
    assert (sent.status, sent.json["sha256"]) == (200, hashlib.sha256(CSV).hexdigest())
    here = f"imports/{made.json['id']}"
    done = cast.publisher.post(f"{here}:complete")
    assert (done.status, done.json["kind"], done.headers["Location"]) == (
        202, "intake.validate", f"/v1/jobs/{done.json['id']}",
    )  # fmt: skip
    assert cast.publisher.get(done.headers["Location"]).json == done.json
    worker("intake.validate", cast.publisher)
    found = cast.publisher.get(here).json
    assert (found["status"], found["records"], found["format"]) == ("validated", 3, "csv")
    assert found["outcomes"]["new"] == 2
    assert found["outcomes"]["rejected"] == 1
    assert works() == 0
    rows = cast.publisher.get(f"{here}/records").json["data"]
    assert [(row["ref"], row["outcome"]) for row in rows] == [("poem-1", "new"), ("poem-2", "new"), ("", "rejected")]
    assert [row["line"] for row in rows] == [2, 3, 4]
    rejected = cast.publisher.get(f"{here}/records?outcome=rejected").json["data"]
    assert [row["number"] for row in rejected] == [rows[2]["number"]]
    code = rejected[0]["issues"][0]["code"]
    assert found["issues_by_code"][code] >= 1
    issues = cast.publisher.get(f"{here}/issues?code={code}").json["data"]
    assert {issue["code"] for issue in issues} == {code}
    errors = cast.publisher.get(f"{here}/issues?severity=error").json["data"]
    assert {issue["severity"] for issue in errors} == {"error"}


def test_rejected_records_come_back_as_a_file_and_changes_are_shown(cast: Cast) -> None:
    here = f"imports/{committed(cast.publisher)}"
    answer = cast.publisher.get(f"{here}/rejected")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="rejected-imp_')
    header, row = answer.content.decode("utf-8-sig").splitlines()
    assert header == "own_id,title,isbn,licet_comment"
    assert row.startswith('poem-3,Torn,,"csv_cells: ')
    assert cast.stranger.get(f"{here}/rejected").status == 404
    for severity in ("error", "warning", "note"):
        assert cast.publisher.get(f"{here}/issues?severity={severity}").status == 200
    again = validated(cast.publisher, CSV.replace(b"Spring View", b"Autumn View"))
    changed = cast.publisher.get(f"imports/{again}/records?outcome=changed").json["data"]
    assert [one["diff"] for one in changed] == [{"title": ["Spring View", "Autumn View"]}]


def test_records_page_in_the_order_of_the_file(cast: Cast) -> None:
    here = f"imports/{validated(cast.publisher)}/records"
    first = cast.publisher.get(f"{here}?limit=2")
    second = cast.publisher.get(f"{here}?limit=2&cursor={first.json['next_cursor']}")
    assert [row["line"] for row in first.json["data"] + second.json["data"]] == [2, 3, 4]


def test_commit_lets_the_good_records_in_and_revert_takes_them_back(cast: Cast) -> None:
    name = committed(cast.publisher)
    assert works() == 2
    assert cast.publisher.get(f"imports/{name}").json["status"] == "committed"
    back = cast.publisher.post(f"imports/{name}:revert")
    assert (back.status, back.json["status"]) == (200, "reverted")
    assert works() == 0


def test_all_or_nothing_lets_none_in_beside_a_bad_one(cast: Cast) -> None:
    name = validated(cast.publisher)
    refused = cast.publisher.post(f"imports/{name}:commit", {"all_or_nothing": True})
    assert (refused.status, refused.code) == (422, "import_has_rejects")
    assert cast.publisher.get(f"imports/{name}").json["status"] == "validated"


def test_acts_out_of_turn_are_conflicts(cast: Cast) -> None:
    made = announce(cast.publisher)
    for act in ("commit", "revert"):
        refused = cast.publisher.post(f"imports/{made.json['id']}:{act}", {} if act == "commit" else None)
        assert (refused.status, refused.code) == (409, "state_conflict"), act
    name = committed(cast.publisher)
    assert cast.publisher.post(f"imports/{name}:cancel").code == "state_conflict"


def test_the_same_bytes_return_the_earlier_import(cast: Cast) -> None:
    first = announce(cast.publisher)
    again = announce(cast.publisher)
    assert (first.status, again.status) == (201, 200)
    assert again.json["id"] == first.json["id"]


def test_parts_come_in_any_order_and_again(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PART", 40)
    made = announce(cast.publisher)
    urls = [part["url"] for part in made.json["parts"]]
    assert [part["bytes"] for part in made.json["parts"]] == [40, 40, len(CSV) - 80]
    pieces = [CSV[:40], CSV[40:80], CSV[80:]]
    for place in (2, 0, 1):
        assert put(cast.publisher, urls[place], b"wrong").status == 200
        assert put(cast.publisher, urls[place], pieces[place]).status == 200
    with unit(SYSTEM):
        assert UploadPart.objects.count() == 3
    assert cast.publisher.post(f"imports/{made.json['id']}:complete").status == 202
    assert cast.publisher.post(f"imports/{made.json['id']}:complete").status == 202
    with unit(SYSTEM):
        assert Job.objects.filter(kind="intake.validate").count() == 1
    assert put(cast.publisher, urls[0], pieces[0]).code == "state_conflict"


@pytest.mark.parametrize(
    ("pieces", "code"), [([], "parts_missing"), ([CSV[:-1]], "size_mismatch"), ([CSV[:-1] + b"!"], "checksum_mismatch")]
)
def test_what_did_not_arrive_whole_is_not_complete(cast: Cast, pieces: list[bytes], code: str) -> None:
    made = announce(cast.publisher)
    for piece in pieces:
        put(cast.publisher, made.json["parts"][0]["url"], piece)
    refused = cast.publisher.post(f"imports/{made.json['id']}:complete")
    assert (refused.status, refused.code) == (422, code)
    with unit(SYSTEM):
        assert Upload.objects.get().status == "open"
        assert not Job.objects.filter(kind="intake.validate").exists()


def test_a_digest_is_checked_when_it_is_sent(cast: Cast) -> None:
    url = announce(cast.publisher).json["parts"][0]["url"]
    right = base64.b64encode(hashlib.sha256(CSV).digest()).decode()
    refused = put(cast.publisher, url, CSV + b"x", **{"Content-Digest": f"sha-256=:{right}:"})
    assert (refused.status, refused.code) == (422, "checksum_mismatch")
    assert put(cast.publisher, url, CSV, **{"Content-Digest": "sha-256=:%%:"}).code == "syntax"
    with unit(SYSTEM):
        assert not UploadPart.objects.exists()
    assert put(cast.publisher, url, CSV, **{"Content-Digest": f"md5=:eA==:, sha-256=:{right}:"}).status == 200


def test_a_file_that_is_refused_whole_says_why(cast: Cast) -> None:
    name = validated(cast.publisher, b"own_id,title\n")
    found = cast.publisher.get(f"imports/{name}").json
    assert (found["status"], found["refusal"]["reasons"][0]["code"]) == ("refused", "no_records")
    assert works() == 0


def test_sizes_are_whole_numbers(cast: Cast) -> None:
    for size in (1.0, "12", True, 0, -1, 1 << 70):
        assert announce(cast.publisher, bytes=size).pointers == {"/bytes": "field_invalid"}, size
    assert announce(cast.publisher, bytes=1 << 40).code == "too_large"
    with unit(SYSTEM):
        assert not Import.objects.exists()


def test_others_see_nothing_of_an_import(cast: Cast) -> None:
    made = announce(cast.publisher)
    here = f"imports/{made.json['id']}"
    for person in (cast.rival, cast.developer, cast.stranger):
        for path in (here, f"{here}/records", f"{here}/issues", f"{here}/rejected"):
            assert person.get(path).status == 404
        for act in ("complete", "commit", "revert", "cancel"):
            assert person.post(f"{here}:{act}", {} if act == "commit" else None).status == 404
        assert put(person, made.json["parts"][0]["url"], CSV).status == 404
        assert announce(person).status == 404
    with unit(SYSTEM):
        assert not UploadPart.objects.exists()


def archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return out.getvalue()


def test_content_comes_as_one_zip(cast: Cast) -> None:
    committed(cast.publisher)
    catalogue = cast.publisher.get("catalogues").json["data"][0]["id"]
    packed = archive({"poem-1.txt": "床前明月光。".encode(), "stray.txt": b"nobody's"})
    done = cast.publisher.send("POST", f"catalogues/{catalogue}/assets", packed, content_type="application/zip")
    assert done.status == 200
    assert (done.json["attached"], done.json["unmatched"], done.json["missing"]) == (1, ["stray.txt"], ["poem-2"])
    again = cast.publisher.send("POST", f"catalogues/{catalogue}/assets", packed, content_type="application/zip")
    assert (again.json["attached"], again.json["unchanged"]) == (0, 1)


def test_an_archive_that_is_none_or_climbs_out_is_refused(cast: Cast) -> None:
    committed(cast.publisher)
    catalogue = cast.publisher.get("catalogues").json["data"][0]["id"]
    for data, code in ((b"PK nonsense", "archive_invalid"), (archive({"../poem-1.txt": b"x"}), "archive_unsafe")):
        refused = cast.publisher.send("POST", f"catalogues/{catalogue}/assets", data, content_type="application/zip")
        assert refused.code == code
