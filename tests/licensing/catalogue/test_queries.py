"""Works by any of their names, for those who may know of them."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.errors import Refused
from accounts.unit import Actor, unit
from licensing.catalogue import queries
from licensing.catalogue.models import Catalogue, Work
from tests.licensing.intake import senders
from tests.licensing.intake.senders import ACTOR

pytestmark = pytest.mark.django_db


def member(catalogue: Catalogue) -> Actor:
    return Actor("member", catalogue.organisation_id, False, frozenset({"publisher_editor"}))


def test_a_work_has_many_names() -> None:
    catalogue = senders.house()
    senders.committed_feed(catalogue, senders.table([senders.row(1, doi="10.1000/ABC"), senders.row(2)]))
    with unit(ACTOR):
        name = Work.objects.get(own_id="W1").name_id
    actor = member(catalogue)
    hyphened = f"{senders.isbn(1)[:3]}-{senders.isbn(1)[3:]}"
    for ref in (name, f"isbn:{senders.isbn(1)}", f"isbn:{hyphened}", "own:W1"):
        assert queries.find_work(ref, actor=actor).own_id == "W1"


@pytest.mark.parametrize("ref", ["own:W9", "isbn:9799000099997", "wrk_01M80MWVB0FY99A0A4XNKMZFDW"])
def test_an_unknown_name_is_not_found(ref: str) -> None:
    catalogue = senders.house()
    senders.committed_feed(catalogue, senders.table([senders.row(1)]))
    with pytest.raises(Refused):
        queries.find_work(ref, actor=member(catalogue))


def test_own_names_and_drafts_are_the_owners() -> None:
    catalogue, other = senders.house(), senders.house("other")
    senders.committed_feed(catalogue, senders.table([senders.row(1), senders.row(2)]))
    with unit(ACTOR):
        Work.objects.filter(own_id="W2").update(status="draft")
        draft = Work.objects.get(own_id="W2").name_id
    assert queries.find_work(draft, actor=member(catalogue)).own_id == "W2"
    assert queries.find_work(f"isbn:{senders.isbn(1)}", actor=member(other)).own_id == "W1"
    for ref in ("own:W1", draft):
        with pytest.raises(Refused):
            queries.find_work(ref, actor=member(other))


def test_catalogues_are_found_by_id_and_slug_at_home() -> None:
    catalogue, other = senders.house(), senders.house("other")
    assert queries.find_catalogue("list", actor=member(catalogue)).pk == catalogue.pk
    assert queries.find_catalogue(catalogue.name_id, actor=member(catalogue)).pk == catalogue.pk
    for ref in (catalogue.name_id, "cat_nonsense", "nothing"):
        with pytest.raises(Refused) as refused:
            queries.find_catalogue(ref, actor=member(other))
        assert refused.value.code == "not_found"


def test_a_list_asks_the_same_number_of_questions() -> None:
    catalogue = senders.house()

    def asked(limit: int) -> int:
        with unit(ACTOR), CaptureQueriesContext(connection) as captured:
            for work in queries.listed(queries.visible(ACTOR).order_by("pk")[:limit]):
                assert [one.name for one in work.contributors.all()] == ["Ada Quill"]
                assert work.catalogue.slug == "list"
                assert [len(edition.identifiers.all()) for edition in work.editions.all()] == [1]
                assert list(work.assets.all()) == []
        return len(captured)

    senders.committed_feed(catalogue, senders.table([senders.row(number) for number in range(30)]))
    assert asked(1) == asked(30)


def test_the_scope_says_whose_and_whether_draft() -> None:
    catalogue = senders.house()
    senders.committed_feed(catalogue, senders.table([senders.row(1)]))
    with unit(ACTOR):
        work = Work.objects.get()
    assert queries.scope_of(work).organisation == catalogue.organisation_id
    assert queries.scope_of(work).facts == frozenset()
    work.status = "draft"
    assert queries.scope_of(work).facts == {"draft"}
