"""The same feed again, in any order, any number of times: no change. What is sent anew changes exactly that."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.unit import unit
from licensing.catalogue.models import Edition, Work
from licensing.intake.models import ImportRecord
from tests.licensing.intake import senders
from tests.licensing.intake.senders import ACTOR, DEMO

pytestmark = pytest.mark.django_db
FEEDS = ["harrow-lantern/catalogue.xml", "taizhi/catalogue.csv", "open-ferry/catalogue.jsonl"]


@pytest.mark.parametrize("feed", FEEDS)
def test_the_whole_feed_again_changes_nothing(feed: str) -> None:
    catalogue, data = senders.house(), (DEMO / feed).read_bytes()
    first = senders.committed_feed(catalogue, data)
    before = senders.tables()
    again = senders.committed_feed(catalogue, data)
    assert senders.tables() == before
    assert again.outcomes["unchanged"] == first.records
    assert again.outcomes["new"] == again.outcomes["changed"] == again.outcomes["erased"] == 0


def test_the_same_bytes_are_the_same_import() -> None:
    catalogue, feed = senders.house(), senders.table([senders.row(1)])
    first = senders.received(catalogue, feed, again=False)
    assert senders.received(catalogue, feed, again=False).pk == first.pk
    assert senders.received(senders.house("other"), feed, again=False).pk != first.pk


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(6)), twice=st.booleans())
def test_in_any_order_the_catalogue_is_the_same(order: list[int], twice: bool) -> None:
    related = (
        "<RelatedMaterial><RelatedProduct><ProductRelationCode>13</ProductRelationCode><ProductIdentifier>"
        f"<ProductIDType>15</ProductIDType><IDValue>{senders.isbn(0)}</IDValue></ProductIdentifier></RelatedProduct>"
        "</RelatedMaterial>"
    )
    products = [senders.product(number) for number in range(4)]
    products += [senders.product(number, title="The Lamp of Harbour 0", related=related) for number in (4, 5)]
    straight, shuffled = senders.house(f"a{hash(tuple(order))}{twice}"), senders.house(f"b{hash(tuple(order))}{twice}")
    senders.committed_feed(straight, senders.onix(*products))
    for _ in range(2 if twice else 1):
        senders.committed_feed(shuffled, senders.onix(*(products[place] for place in order)))
    with unit(ACTOR):
        told = [
            list(
                Edition.objects.filter(work__catalogue=catalogue).order_by("record_ref")
                .values_list("record_ref", "record", "work__own_id", "work__title", "work__record_sha256")
            )
            for catalogue in (straight, shuffled)
        ]  # fmt: skip
        Work.objects.filter(catalogue__in=(straight, shuffled)).update(status="withdrawn")
    assert told[0] == told[1]
    assert len({row[2] for row in told[0]}) == 4


def test_a_missing_column_is_ignored_and_an_empty_cell_erases() -> None:
    catalogue = senders.house()
    senders.committed_feed(catalogue, senders.table([senders.row(1, subtitle="A tale"), senders.row(2)]))
    narrow = [{"own_id": "W1", "title": "The Lamp of Harbour 1"}]
    senders.committed_feed(catalogue, senders.table(narrow))
    with unit(ACTOR):
        assert Work.objects.get(own_id="W1").subtitle == "A tale"
    erasing = senders.validated(catalogue, senders.table([{"own_id": "W1", "title": "A", "subtitle": ""}]))
    assert (erasing.outcomes["erased"], erasing.outcomes["changed"]) == (1, 0)
    with unit(ACTOR):
        line = ImportRecord.objects.get(record_import=erasing)
        assert line.diff["subtitle"] == ["A tale", None]
        assert Work.objects.get(own_id="W1").subtitle == "A tale"
    senders.services.commit(record_import=erasing, actor=ACTOR, at=senders.AT)
    with unit(ACTOR):
        work = Work.objects.get(own_id="W1")
        assert (work.title, work.subtitle, work.language) == ("A", "", "en")


def test_a_change_is_told_field_by_field() -> None:
    catalogue = senders.house()
    senders.committed_feed(catalogue, senders.table([senders.row(1), senders.row(2)]))
    changed = senders.committed_feed(catalogue, senders.table([senders.row(1, language="fr"), senders.row(2)]))
    assert (changed.outcomes["changed"], changed.outcomes["unchanged"], changed.outcomes["new"]) == (1, 1, 0)
    with unit(ACTOR):
        line = ImportRecord.objects.get(record_import=changed, ref="W1")
        assert line.diff["language"] == ["en", "fr"]
        assert Work.objects.get(own_id="W1").language == "fr"


def test_a_delete_ends_the_record_and_never_the_work() -> None:
    catalogue = senders.house()
    senders.committed_feed(catalogue, senders.onix(senders.product(1)))
    ended = senders.committed_feed(catalogue, senders.onix(senders.product(1, notification="05")))
    assert ended.outcomes["erased"] == 1
    with unit(ACTOR):
        assert Edition.objects.get().ended_at is not None
        assert Work.objects.get().status == "registered"
    again = senders.committed_feed(catalogue, senders.onix(senders.product(1, notification="05")))
    assert (again.outcomes["erased"], again.outcomes["unchanged"]) == (0, 1)
    unknown = senders.committed_feed(catalogue, senders.onix(senders.product(9, notification="05")))
    assert unknown.outcomes["unchanged"] == 1
    with unit(ACTOR):
        assert Work.objects.count() == 1


def test_an_opt_out_left_out_later_stays() -> None:
    catalogue = senders.house()
    senders.committed_feed(catalogue, senders.onix(senders.product(1, usage=senders.OPT_OUT)))
    kept = senders.tables()["reservation"]
    senders.committed_feed(catalogue, senders.onix(senders.product(1)))
    senders.committed_feed(catalogue, senders.onix(senders.product(1, usage=senders.OPT_OUT)))
    assert senders.tables()["reservation"] == kept


def test_a_csv_after_onix_finds_the_works_by_isbn() -> None:
    catalogue = senders.house()
    senders.committed_feed(catalogue, senders.onix(senders.product(1)))
    found = senders.committed_feed(catalogue, senders.table([senders.row(1)]))
    assert found.outcomes["new"] == 1  # a record nobody sent before, of a work that is there
    with unit(ACTOR):
        assert Work.objects.get().editions.count() == 2


def test_an_isbn_whose_title_disagrees_joins_nothing() -> None:
    catalogue = senders.house()
    senders.committed_feed(catalogue, senders.onix(senders.product(1)))
    senders.committed_feed(catalogue, senders.table([senders.row(1, title="Something else")]))
    with unit(ACTOR):
        assert Work.objects.count() == 2
