"""Building a release from rows of the database: planned, built, sealed, any number of times, with the same result."""

from __future__ import annotations

import io
import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from accounts.unit import SYSTEM, unit
from client.verify import release as verifier
from client.verify.certificate import Options
from client.verify.report import Report
from client.verify.signatures import read_trust
from licensing.catalogue.models import Asset
from licensing.delivery import format as rows_format
from licensing.delivery import services as delivery
from licensing.delivery.models import Release, ReleaseFile, Shard, ShardFile
from licensing.grants import keys
from licensing.grants.models import Grant
from licensing.jobs.models import Job
from licensing.outside import storage
from tests import scenario

pytestmark = pytest.mark.django_db


def built(grant: Grant) -> Release:
    release = delivery.build(grant_id=grant.name_id, actor=SYSTEM, at=scenario.now())
    with unit(SYSTEM):
        planned = [shard.name_id for shard in Shard.objects.filter(release=release)]
    for shard in planned:
        delivery.build_shard(shard_id=shard, actor=SYSTEM, at=scenario.now())
    return delivery.seal(release_id=release.name_id, actor=SYSTEM, at=scenario.now())


def folder(release: Release, into: Path) -> Path:
    with unit(SYSTEM):
        files = list(ReleaseFile.objects.filter(release=release))
    for file in files:
        place = into / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(storage.path_of(file.sha256), place)
    return into


def checked(place: Path) -> Report:
    with unit(SYSTEM):
        trust = read_trust(keys.trust(), frozenset())
    return verifier.check(place, Options(trust, test=True, at=datetime.now(UTC)))


def test_a_release_verifies_offline(tmp_path: Path) -> None:
    release = built(scenario.granted(scenario.publisher(works=5)))
    assert (release.status, release.rows) == ("ready", 5)
    report = checked(folder(release, tmp_path / "release"))
    assert report.exit == 0, report.text()
    assert report.value()["checked"]["rows"] == 5


def test_every_step_may_run_again() -> None:
    grant = scenario.granted(scenario.publisher(works=2))
    first = built(grant)
    second = built(grant)
    assert (first.pk, first.manifest_sha256) == (second.pk, second.manifest_sha256)
    with unit(SYSTEM):
        assert Release.objects.count() == Shard.objects.count() == ShardFile.objects.count() == 1
        assert Job.objects.filter(kind="delivery.seal").count() == 1


def test_a_shard_built_twice_is_the_same_file() -> None:
    release = built(scenario.granted(scenario.publisher(works=4)))
    with unit(SYSTEM):
        shard = Shard.objects.get(release=release)
    rebuilt = again(release, shard)
    sealed = delivery.seal(release_id=release.name_id, actor=SYSTEM, at=scenario.now())
    assert (rebuilt.sha256, rebuilt.rows_root, rebuilt.shard_key) == (shard.sha256, shard.rows_root, shard.shard_key)
    assert (sealed.rows_root, sealed.manifest_sha256) == (release.rows_root, release.manifest_sha256)


def test_a_licence_without_data_has_no_shard(tmp_path: Path) -> None:
    release = built(scenario.granted(scenario.publisher(works=2), delivery="licence_only"))
    assert (release.status, release.rows) == ("ready", 0)
    assert checked(folder(release, tmp_path / "release")).exit == 0


def test_a_flipped_byte_is_found_and_named(tmp_path: Path) -> None:
    place = folder(built(scenario.granted(scenario.publisher(works=3))), tmp_path / "release")
    shard = next(place.glob("data/*.parquet"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.chmod(0o600)
    shard.write_bytes(bytes(data))
    report = checked(place)
    assert report.exit == 1
    assert shard.name in str(report.value()["first_wrong"])


def test_content_that_changed_in_the_store_is_not_delivered() -> None:
    grant = scenario.granted(scenario.publisher(works=2))
    with unit(SYSTEM):
        asset = Asset.objects.latest("pk")
    stored = storage.path_of(asset.sha256)
    stored.chmod(0o600)
    stored.write_bytes(stored.read_bytes().swapcase())
    with pytest.raises(ValueError, match="content_sha256"):
        built(grant)
    with unit(SYSTEM):
        assert not ShardFile.objects.exists()
        assert not Release.objects.filter(status="ready").exists()


def test_rows_that_were_written_before_keep_their_file(tmp_path: Path) -> None:
    """Another writer makes other bytes of the same rows: the file there is stays, and the manifest names its writer."""
    release = built(scenario.granted(scenario.publisher(works=3)))
    with unit(SYSTEM):
        shard = Shard.objects.get(release=release)
        table = pq.read_table(storage.path_of(shard.sha256))
    pq.write_table(table, tmp_path / "old", store_schema=False, compression="gzip")
    old = storage.adopt(tmp_path / "old")
    with unit(SYSTEM):
        ShardFile.objects.filter(shard_key=shard.shard_key).update(
            sha256=old.sha256, bytes=old.bytes, writer="pyarrow 1.0"
        )
    rebuilt = again(release, shard)
    assert (rebuilt.sha256, rebuilt.bytes, rebuilt.writer) == (old.sha256, old.bytes, "pyarrow 1.0")
    assert rebuilt.rows_root == shard.rows_root
    sealed = delivery.seal(release_id=release.name_id, actor=SYSTEM, at=scenario.now())
    assert checked(folder(sealed, tmp_path / "release")).exit == 0


def test_a_kept_file_that_is_gone_is_written_again() -> None:
    release = built(scenario.granted(scenario.publisher(works=2)))
    with unit(SYSTEM):
        shard = Shard.objects.get(release=release)
        ShardFile.objects.filter(shard_key=shard.shard_key).update(sha256="0" * 64, writer="pyarrow 1.0")
    rebuilt = again(release, shard)
    assert (rebuilt.sha256, rebuilt.writer) == (shard.sha256, shard.writer)


def again(release: Release, shard: Shard) -> Shard:
    """Build a shard as if it had not been."""
    with unit(SYSTEM):
        Shard.objects.filter(pk=shard.pk).update(status="planned", sha256="", rows_root="", shard_key="")
        Release.objects.filter(pk=release.pk).update(status="building")
        ReleaseFile.objects.all().delete()
    return delivery.build_shard(shard_id=shard.name_id, actor=SYSTEM, at=scenario.now())


def test_a_key_made_while_the_release_was_built_signs_in_its_time(tmp_path: Path, settings: Any) -> None:
    settings.ISSUER_KEYS = tmp_path / "keys"
    release = delivery.build(
        grant_id=scenario.granted(scenario.publisher(works=1)).name_id, actor=SYSTEM, at=scenario.now()
    )
    with unit(SYSTEM):
        (shard,) = Shard.objects.filter(release=release)
    delivery.build_shard(shard_id=shard.name_id, actor=SYSTEM, at=scenario.now())
    later = scenario.now() + timedelta(seconds=30)
    (keys.folder() / keys.TEST).unlink()
    keys.create(actor=SYSTEM, at=later)
    sealed = delivery.seal(release_id=release.name_id, actor=SYSTEM, at=later)
    report = checked(folder(sealed, tmp_path / "release"))
    assert report.exit == 0, report.text()


def test_a_long_text_is_cut_without_being_read_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rows_format, "TEXT_LIMIT", 100)
    monkeypatch.setattr(rows_format.cut, "__defaults__", (100,))
    release = built(scenario.granted(scenario.publisher(works=3)))
    assert release.rows > 3
    place = folder(release, tmp_path / "release")
    assert checked(place).exit == 0
    rows = [row for path in sorted((place / "data").iterdir()) for row in pq.read_table(path).to_pylist()]
    texts: dict[str, str] = {}
    for row in rows:
        texts[row["work_id"]] = texts.get(row["work_id"], "") + row["text"]
    assert sorted(texts.values()) == sorted(scenario.TEXT * number for number in (1, 2, 3))


def test_what_a_killed_worker_left_is_swept_and_what_is_being_made_is_not() -> None:
    old, new = storage.scratch() / "shd_old.parquet", storage.scratch() / "shd_new.parquet"
    folder_ = storage.scratch() / "rel_old"
    (folder_ / "rights").mkdir(parents=True, exist_ok=True)
    for path in (old, new, folder_ / "rights" / "works.parquet"):
        path.write_bytes(b"x")
    for path in (old, folder_):
        os.utime(path, (0, 0))
    delivery.build(grant_id=scenario.granted(scenario.publisher(works=1)).name_id, actor=SYSTEM, at=scenario.now())
    assert (old.exists(), folder_.exists(), new.exists()) == (False, False, True)
    new.unlink()


def said(*arguments: Any) -> dict[str, Any]:
    out = io.StringIO()
    call_command("verify_release", *map(str, arguments), "--json", stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_the_command_answers_as_licet_verify_does(tmp_path: Path) -> None:
    place = folder(built(scenario.granted(scenario.publisher(works=2))), tmp_path / "release")
    answer = said(place, "--test")
    assert (answer["ok"], answer["trust"], answer["checked"]["rows"]) == (True, "authenticated", 2)
    assert list(answer) == [
        "ok", "trust", "status", "status_as_of", "checked", "withdrawn_rows", "first_wrong",
    ]  # fmt: skip
    with pytest.raises(SystemExit, match="1"):
        said(place)
    with pytest.raises(CommandError, match="trust file cannot be read") as unreadable:
        said(place, "--test", "--trust", tmp_path / "nowhere")
    assert unreadable.value.returncode == 2


def test_the_command_without_a_published_key_says_so(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No issuer key is published"):
        said(tmp_path)
