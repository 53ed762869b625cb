"""Content of works: measured from the bytes, replaced and never edited, refused when it is no text."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.errors import Refused
from accounts.identity import fresh
from accounts.models import AuditRow
from accounts.unit import unit
from licensing.catalogue import assets, texts
from licensing.catalogue.models import Asset, Duplicate, Work
from licensing.outside import storage
from tests.licensing.intake import senders
from tests.licensing.intake.senders import ACTOR, AT


def some_works(number: int, slug: str = "house") -> list[Work]:
    catalogue = senders.house(slug)
    with unit(ACTOR):
        return Work.objects.bulk_create(
            Work(
                public_id=fresh(AT), created_at=AT, organisation_id=catalogue.organisation_id, livemode=ACTOR.livemode,
                catalogue=catalogue, own_id=f"W{place}", title="A lamp", title_key="a lamp", form="book",
                status="registered",
            )
            for place in range(number)
        )  # fmt: skip


def one_work(slug: str = "house") -> Work:
    return some_works(1, slug)[0]


def content(data: bytes) -> assets.Content:
    return assets.receive(io.BytesIO(data), filename="a.txt")


@pytest.mark.django_db
def test_the_work_takes_the_measures_of_its_file() -> None:
    work, text = one_work(), "A lamp, lit.\n"
    made = assets.attach(work=work, filename="a.txt", content=content(text.encode()), actor=ACTOR, at=AT)
    with unit(ACTOR):
        work.refresh_from_db()
    assert (work.characters, work.words, work.tokens) == (13, 3, 5)
    assert (made.bytes, made.characters, made.iscc[:5]) == (13, 13, "ISCC:")
    with storage.open_file(made.sha256) as stored:
        assert stored.read() == text.encode()


@pytest.mark.django_db
def test_a_newer_file_replaces_and_the_old_one_comes_back() -> None:
    work = one_work()
    first = assets.attach(work=work, filename="a.txt", content=content(b"one"), actor=ACTOR, at=AT)
    same = assets.attach(work=work, filename="a.txt", content=content(b"one"), actor=ACTOR, at=AT)
    second = assets.attach(work=work, filename="b.txt", content=content(b"two words"), actor=ACTOR, at=AT)
    assert first.pk == same.pk != second.pk
    with unit(ACTOR):
        assert list(Asset.objects.filter(replaced_at__isnull=True).values_list("pk", flat=True)) == [second.pk]
    back = assets.attach(work=work, filename="a.txt", content=content(b"one"), actor=ACTOR, at=AT)
    with unit(ACTOR):
        work.refresh_from_db()
        assert list(Asset.objects.filter(replaced_at__isnull=True).values_list("pk", flat=True)) == [back.pk]
    assert (back.pk, work.words) == (first.pk, 1)


@pytest.mark.django_db
def test_the_same_text_at_another_house_is_a_note_beside_both() -> None:
    first, second = one_work("one"), one_work("two")
    for work in (first, second, first):
        assets.attach(work=work, filename="a.txt", content=content(b"the same"), actor=ACTOR, at=AT)
    assets.attach(work=one_work("three"), filename="a.txt", content=content(b"another"), actor=ACTOR, at=AT)
    with unit(ACTOR):
        (note,) = Duplicate.objects.filter(kind="content")
        assert (note.work_id, note.other_id) == (second.pk, first.pk)
        assert note.evidence == {"sha256": storage.digest(b"the same")}


@pytest.mark.django_db
def test_files_of_many_works_come_as_a_set() -> None:
    works = [one_work(slug) for slug in ("one", "two", "three", "four")]
    one, two, three, four = works
    for text in (b"first", b"second"):
        assets.attach(work=one, filename="a.txt", content=content(text), actor=ACTOR, at=AT)
    kept = assets.attach(work=two, filename="kept.txt", content=content(b"as it was"), actor=ACTOR, at=AT)
    with unit(ACTOR):
        acts = AuditRow.objects.count()
    texts_sent = {four: b"first", two: b"as it was", one: b"first", three: b"a third, new"}
    came = [assets.NewFile(work.pk, "came.txt", content(data)) for work, data in texts_sent.items()]
    now = assets.attach_all(files=came, actor=ACTOR, at=AT)
    assert [(asset.work_id, asset.sha256) for asset in now] == [(f.work_id, f.content.stored.sha256) for f in came]
    assert now[1].pk == kept.pk
    with unit(ACTOR):
        current = Asset.objects.filter(replaced_at__isnull=True).order_by("pk")
        assert [asset.pk for asset in current] == sorted(asset.pk for asset in now)
        assert Asset.objects.filter(work=one).count() == 2
        assert list(Work.objects.order_by("pk").values_list("words", flat=True)) == [1, 3, 3, 1]
        told = AuditRow.objects.order_by("pk")[acts:]
        assert [(row.act, row.subject, row.organisation_id) for row in told] == [
            ("asset.attached", asset.name_id, asset.organisation_id) for asset in (now[0], now[2], now[3])
        ]
        (note,) = Duplicate.objects.filter(kind="content")
        assert {note.work_id, note.other_id} == {one.pk, four.pk}


@pytest.mark.django_db
def test_many_files_are_as_many_statements_as_one() -> None:
    works = some_works(31)

    def statements(some: list[Work]) -> int:
        files = [assets.NewFile(work.pk, "a.txt", content(f"text {work.pk}".encode())) for work in some]
        with CaptureQueriesContext(connection) as captured:
            assets.attach_all(files=files, actor=ACTOR, at=AT)
        return len(captured)

    assert statements(works[:1]) == statements(works[1:])


@pytest.mark.parametrize(
    ("data", "code", "seen"),
    [
        (b"", "content_empty", "0 characters"),
        (b" \n\t", "content_empty", "0 characters"),
        (b"good\nbad \xe9", "content_not_text", "byte 0xe9 in line 2"),
        (b"good\nno\x00ne", "content_not_text", "NUL in line 2"),
    ],
)
def test_what_is_no_text_is_refused_with_its_place(data: bytes, code: str, seen: str) -> None:
    with pytest.raises(Refused) as refused:
        content(data)
    assert refused.value.code == code
    assert refused.value.reasons[0].seen == seen


def test_announced_bytes_must_arrive() -> None:
    with pytest.raises(Refused) as refused:
        assets.receive(io.BytesIO(b"text"), filename="a.txt", expected_sha256="0" * 64)
    assert refused.value.code == "checksum_mismatch"


@pytest.mark.parametrize(
    ("data", "code"), [(b"good\nbad \xe9", "content_not_text"), (b" \n", "content_empty"), (b"", "")]
)
def test_a_large_file_is_read_in_a_child_and_says_the_same(
    data: bytes, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(data or "渡口 lamp-lit".encode())
    here = [read_or_refusal(path)]
    monkeypatch.setattr(texts, "HERE", -1)
    assert [read_or_refusal(path)] == here
    assert (here[0][0] if code else "") == code


def read_or_refusal(path: Path) -> tuple[object, ...]:
    try:
        return (texts.read(path, "a.txt", size=path.stat().st_size),)
    except Refused as refused:
        return refused.code, refused.message, refused.reasons


def test_a_text_that_takes_too_much_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"word " * (20 << 20))
    monkeypatch.setattr(texts, "MEMORY", 160 << 20)
    with pytest.raises(Refused) as refused:
        texts.read(path, "a.txt", size=path.stat().st_size)
    assert refused.value.code == "content_exhausting"
