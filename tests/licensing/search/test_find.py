"""Search finds words in any script, filters, counts, and asks a fixed number of questions."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.unit import Actor, unit
from licensing.catalogue.models import Work
from licensing.search import queries as search
from licensing.search.queries import Question
from tests.licensing.intake import senders
from tests.licensing.intake.senders import ACTOR, DEMO
from tests.support.databases import LivedIn

pytestmark = pytest.mark.django_db
READER = Actor("reader", None, False, frozenset({"developer"}))


@pytest.fixture(scope="module", autouse=True)
def shelves(lived_in: LivedIn) -> None:
    lived_in.made(_shelve)


def _shelve() -> None:
    for publisher in ("harrow-lantern", "taizhi", "open-ferry"):
        feed = next((DEMO / publisher).glob("catalogue.*")).read_bytes()
        senders.committed_feed(senders.house(publisher), feed)


def titles(**asked: object) -> list[str]:
    return [work.title for work in search.find(Question(**asked), actor=READER, limit=100).works]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("small tides", ["The Keeper of Small Tides"]),
        ("TIDES keeper", ["The Keeper of Small Tides"]),
        ("Calloway-Marsh tides", ["The Keeper of Small Tides"]),
        ("\u8239\u95f8", ["\u8239\u95f8\u5982\u4f55\u62ac\u5347\u8239\u53ea"]),
        ("\u65e7\u4e66\u94fa", ["\u65e7\u4e66\u94fa\u7684\u732b"]),
        ("\u732b", ["\u65e7\u4e66\u94fa\u7684\u732b"]),
        ("\u6c88\u672a\u7720 \u4fee\u4f1e", ["\u4fee\u4f1e\u4eba"]),
        ("zeppelin", []),
        ("' | & !", []),
    ],
)
def test_words_are_found(text: str, expected: list[str]) -> None:
    assert titles(text=text) == expected


def test_filters_narrow_and_combine() -> None:
    with unit(ACTOR):
        total = Work.objects.count()
    assert total == len(titles()) == 41
    assert len(titles(languages=["zh"])) == len(titles(languages=["zh-Hans"])) > 0
    assert len(titles(organisations=["taizhi"], forms=["poem"])) == 4
    assert len(titles(imprints=["Ferry Commons"])) == 8
    assert set(titles(languages=["en"], organisations=["taizhi"])) == {"Four Seasons on a Stone Bridge"}
    assert titles(with_content=True) == []


def test_facets_and_sizes_count_what_fits() -> None:
    with unit(ACTOR):
        Work.objects.filter(own_id="TZ-001").update(characters=10, words=7, tokens=9)
    found = search.find(Question(organisations=["taizhi"]), actor=READER)
    assert (found.total, found.capped) == (14, False)
    assert dict(found.facets["language"]) == {"zh-Hans": 13, "en": 1}
    assert dict(found.facets["organisation"]) == {"taizhi": 14}
    assert sum(times for _, times in found.facets["form"]) == 14
    assert found.size == {"works": 1, "characters": 10, "words": 7, "tokens": 9}


def test_pages_join_to_the_whole() -> None:
    seen: list[str] = []
    after = None
    while True:
        found = search.find(Question(), actor=READER, limit=7, after=after, facets=False)
        seen += [work.own_id for work in found.works]
        if found.after is None:
            break
        after = found.after
    assert len(seen) == len(set(seen)) == 41


def test_drafts_and_live_data_are_not_shown_to_strangers() -> None:
    with unit(ACTOR):
        Work.objects.filter(own_id="TZ-001").update(status="draft")
        Work.objects.filter(own_id="TZ-002").update(livemode=True)
    assert len(titles(organisations=["taizhi"], statuses=["draft", "registered"])) == 12


def test_a_count_is_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "COUNTED", 5)
    found = search.find(Question(), actor=READER, limit=3)
    assert (found.total, found.capped, len(found.works)) == (5, True, 3)
    assert sum(times for _, times in found.facets["organisation"]) == 5


def test_one_or_many_ask_the_same_number_of_questions() -> None:
    def asked(limit: int) -> int:
        with unit(READER), CaptureQueriesContext(connection) as captured:
            found = search.find(Question(), actor=READER, limit=limit)
            assert all(work.catalogue.slug == "list" and work.contributors.all() is not None for work in found.works)
        return len(captured)

    assert asked(1) == asked(40)
