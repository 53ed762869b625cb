"""A file becomes works: all formats of the demo, grouping, evidence, and the outcomes said before."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.unit import unit
from licensing.catalogue.models import Contributor, Duplicate, Fact, Identifier, Work, WorkRelation
from licensing.intake import commit, queries, services
from licensing.intake.models import Import
from licensing.rights.models import Claim, OpenLicence, Reservation
from licensing.rights.vocabulary import mask, names
from tests.licensing.intake import senders
from tests.licensing.intake.senders import ACTOR, AT, DEMO

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("publisher", ["harrow-lantern", "taizhi", "open-ferry"])
def test_the_demo_comes_in_as_it_says(publisher: str) -> None:
    said: dict[str, Any] = json.loads((DEMO / "expected.json").read_text())["imports"][publisher]
    catalogue = senders.house(publisher)
    found = senders.committed_feed(catalogue, (DEMO / publisher / said["file"]).read_bytes())
    with unit(ACTOR):
        works = Work.objects.filter(catalogue=catalogue)
        report = queries.report(found)
        assert (found.records, works.count()) == (said["records"], said["works"])
        assert set(works.values_list("status", flat=True)) == {"registered"}
        seen = {(one["code"], one["record"]) for one in report["issues"] if one["code"] != "content_missing"}
        expected = {(code, ref) for code, refs in said["issues"].items() for ref in refs if code != "content_missing"}
        assert seen == expected
        assert Claim.objects.count() == 0


def test_validation_says_the_outcome_and_stores_nothing() -> None:
    catalogue = senders.house()
    before = senders.tables()
    bad = senders.row(3, title="")
    found = senders.validated(catalogue, senders.table([senders.row(1), senders.row(2), bad, senders.row(1)]))
    assert found.status == "validated"
    assert found.outcomes == {"new": 2, "changed": 0, "unchanged": 1, "erased": 0, "rejected": 1, "warned": 1}
    assert found.issues_by_code == {"title_missing": 1, "duplicate_record": 1}
    assert senders.tables() == before
    with unit(ACTOR):
        report = queries.report(found)
    assert [(one["code"], one["record"], one["line"]) for one in report["issues"]] == [
        ("title_missing", "W3", 4),
        ("duplicate_record", "W1", 5),
    ]
    assert report["encoding"] == {"declared": "", "read": "utf-8"}


def test_a_work_carries_what_was_sent() -> None:
    catalogue = senders.house()
    senders.committed_feed(catalogue, senders.table([senders.row(1, first_publication_date="1938-10-14")]))
    with unit(ACTOR):
        work = Work.objects.select_related("imprint").get(catalogue=catalogue)
        assert (work.own_id, work.title, work.language, work.form) == ("W1", "The Lamp of Harbour 1", "en", "book")
        assert work.imprint is not None
        assert work.imprint.name == "Lamp"
        assert str(work.published_not_before) == "1938-10-14"
        assert work.subjects == ["fiction", "rivers"]
        assert work.origin is None  # inherits the catalogue's declaration
        assert list(work.contributors.values_list("role", "name")) == [("author", "Ada Quill")]
        assert Fact.objects.get(work=work).kind == "publication"
        edition = work.editions.get()
        assert str(edition.published_not_before) == "2011-06-12"
        assert list(edition.identifiers.values_list("scheme", "value", "valid")) == [("isbn", senders.isbn(1), True)]


def test_an_edition_date_is_no_publication_date_of_the_text() -> None:
    catalogue = senders.house()
    senders.committed_feed(catalogue, senders.table([senders.row(1)]))
    with unit(ACTOR):
        assert Work.objects.get(catalogue=catalogue).published_not_before is None
        assert Fact.objects.count() == 0


def test_formats_of_one_work_are_joined_and_other_languages_are_not() -> None:
    related = (
        "<RelatedMaterial><RelatedProduct><ProductRelationCode>06</ProductRelationCode><ProductIdentifier>"
        f"<ProductIDType>15</ProductIDType><IDValue>{senders.isbn(1)}</IDValue></ProductIdentifier></RelatedProduct>"
        "</RelatedMaterial>"
    )
    same = {"title": "One Lamp"}
    message = senders.onix(
        senders.product(1, **same),
        senders.product(2, **same, related=related),
        senders.product(3, **same, related=related, language="fre"),
        senders.product(4, title="Another Lamp", related=related),
    )
    catalogue = senders.house()
    senders.committed_feed(catalogue, message)
    with unit(ACTOR):
        works = {work.own_id: work for work in Work.objects.filter(catalogue=catalogue)}
        assert sorted(works) == ["R1", "R3", "R4"]
        assert sorted(works["R1"].editions.values_list("record_ref", flat=True)) == ["R1", "R2"]


def test_a_work_id_joins_records_of_one_language() -> None:
    def of_work(number: int, language: str) -> str:
        related = (
            "<RelatedMaterial><RelatedWork><WorkRelationCode>01</WorkRelationCode><WorkIdentifier><WorkIDType>01"
            "</WorkIDType><IDValue>OPUS-7</IDValue></WorkIdentifier></RelatedWork></RelatedMaterial>"
        )
        return senders.product(number, related=related, language=language)

    catalogue = senders.house()
    senders.committed_feed(catalogue, senders.onix(of_work(1, "eng"), of_work(2, "eng"), of_work(3, "fre")))
    with unit(ACTOR):
        found = Work.objects.filter(catalogue=catalogue).order_by("language")
        assert [(work.own_id, work.editions.count()) for work in found] == [("OPUS-7", 2), ("OPUS-7#fr", 1)]


def related_work(code: str, opus: str) -> str:
    return (
        f"<RelatedMaterial><RelatedWork><WorkRelationCode>{code}</WorkRelationCode><WorkIdentifier><WorkIDType>15"
        f"</WorkIDType><IDValue>{opus}</IDValue></WorkIdentifier></RelatedWork></RelatedMaterial>"
    )


@pytest.mark.parametrize(
    ("code", "from_original", "kind"),
    [("29", False, "translation_of"), ("49", True, "translation_of"), ("02", False, "translation_of"),
     ("03", True, "translation_of"), ("30", False, "adaptation_of"), ("28", False, "edition_of"),
     ("48", True, "edition_of")],
)  # fmt: skip
def test_either_end_says_what_a_work_is_made_from(code: str, from_original: bool, kind: str) -> None:
    original, made = senders.isbn(1), senders.isbn(2)
    message = senders.onix(
        senders.product(1, related=related_work(code, made) if from_original else ""),
        senders.product(2, related="" if from_original else related_work(code, original), language="fre", title="Feu"),
    )
    catalogue = senders.house()
    senders.committed_feed(catalogue, message)
    senders.committed_feed(catalogue, message)
    with unit(ACTOR):
        found = WorkRelation.objects.values_list("work__own_id", "of__own_id", "kind")
        assert list(found) == [("R2", "R1", kind)]


def test_the_country_is_that_of_the_first_publication_or_none() -> None:
    rows = [
        senders.row(1, first_publication_date="1938", publication_country="US"),
        senders.row(2, first_publication_date="2011", publication_country="US"),
    ]
    senders.committed_feed(senders.house(), senders.table(rows))
    with unit(ACTOR):
        assert list(Work.objects.order_by("own_id").values_list("published_country", flat=True)) == ["", "US"]
        assert list(Fact.objects.order_by("work__own_id").values_list("place", flat=True)) == ["", "US"]


def test_an_opt_out_becomes_a_reservation_with_evidence() -> None:
    catalogue = senders.house()
    found = senders.committed_feed(
        catalogue, senders.onix(senders.product(1, usage=senders.OPT_OUT), senders.product(2))
    )
    with unit(ACTOR):
        made = Reservation.objects.select_related("work").get()
        assert (made.kind, made.level, made.signal, made.status) == ("reserve", "work", "onix:145:11", "active")
        assert made.work is not None
        assert made.work.own_id == "R1"
        assert made.actions & mask(["mine", "train"]) == mask(["mine", "train"])
        assert set(names(made.actions)) == {"mine", "train_discriminative", "train_generative", "fine_tune"}
        assert (made.evidence["record"], made.evidence["import"]) == ("R1", found.name_id)


@pytest.mark.parametrize(("role", "first_hand"), [("owner", True), ("distributor", False)])
def test_a_licence_becomes_an_assertion(role: str, first_hand: bool) -> None:
    catalogue = senders.house(role=role)
    rows = [senders.row(1, licence="CC BY-NC 4.0"), senders.row(2, licence="")]
    senders.committed_feed(catalogue, senders.table(rows))
    with unit(ACTOR):
        made = OpenLicence.objects.get()
        assert (made.expression, made.grade, made.attribution) == ("CC-BY-NC-4.0", "non_commercial", True)
        assert (made.first_hand, made.sent) == (first_hand, "CC BY-NC 4.0")


def test_an_invalid_isbn_is_kept_and_matches_nothing() -> None:
    wrong = senders.isbn(1)[:-1] + str((int(senders.isbn(1)[-1]) + 1) % 10)
    rows = [senders.row(1, isbn=wrong, title="Same"), senders.row(2, isbn=wrong, title="Same")]
    catalogue = senders.house()
    senders.committed_feed(catalogue, senders.table(rows))
    with unit(ACTOR):
        assert Work.objects.filter(catalogue=catalogue).count() == 2
        assert set(Identifier.objects.values_list("sent", "valid")) == {(wrong, False)}


def test_the_same_identifier_at_another_house_is_a_note() -> None:
    feed = senders.table([senders.row(1)])
    first, second = senders.house("one"), senders.house("two")
    senders.committed_feed(first, feed)
    senders.committed_feed(second, feed)
    with unit(ACTOR):
        note = Duplicate.objects.select_related("work", "other").get()
        assert (note.work.catalogue_id, note.other.catalogue_id) == (second.pk, first.pk)
        assert note.evidence == {"scheme": "isbn", "value": senders.isbn(1)}


def test_people_with_ids_become_parties_and_names_alone_do_not() -> None:
    line = {
        "own_id": "W1", "title": "A", "language": "en",
        "contributors": [
            {"role": "author", "name": "Ada Quill", "identifiers": [{"type": "own", "value": "quill"}]},
            {"role": "translator", "name": "Ada Quill"},
        ],
    }  # fmt: skip
    senders.committed_feed(senders.house(), json.dumps(line))
    with unit(ACTOR):
        found = Contributor.objects.order_by("sequence").values_list("role", "party__own_key")
        assert list(found) == [("author", "quill"), ("translator", None)]


def test_the_number_of_statements_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    def statements(size: int, slug: str) -> int:
        catalogue = senders.house(slug)
        found = senders.validated(catalogue, senders.table([senders.row(n, own_id=f"{slug}{n}") for n in range(size)]))
        with CaptureQueriesContext(connection) as captured:
            services.commit(record_import=found, actor=ACTOR, at=AT)
        return len(captured)

    assert statements(2, "few") == statements(80, "many")


def test_batches_continue_where_they_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "BATCH", 3)
    catalogue = senders.house()
    feed = senders.table([senders.row(number) for number in range(8)])
    found = senders.validated(catalogue, feed)
    real, calls = commit.write, []

    def fails_on_second(about: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        calls.append(about["low"])
        if len(calls) == 2:
            raise RuntimeError("the worker died")
        real(about, *args, **kwargs)

    monkeypatch.setattr(commit, "write", fails_on_second)
    with pytest.raises(RuntimeError, match="died"):
        services.commit(record_import=found, actor=ACTOR, at=AT)
    with unit(ACTOR):
        assert Import.objects.get(pk=found.pk).status == "committing"
        assert Work.objects.filter(catalogue=catalogue).count() == 3
    done = services.commit(record_import=found, actor=ACTOR, at=AT)
    with unit(ACTOR):
        assert (done.status, done.outcomes["new"]) == ("committed", 8)
        assert Work.objects.filter(catalogue=catalogue).count() == 8
