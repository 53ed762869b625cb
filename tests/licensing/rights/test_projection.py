"""The projection is kept by triggers, also when two transactions write at once."""

from __future__ import annotations

import random
import threading
from datetime import date
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange

from accounts.unit import unit
from licensing.catalogue.models import Catalogue
from licensing.kernel import territories
from licensing.rights.models import (
    Reservation,
    RightsItem,
    Terms,
    TermsAssignment,
    Termset,
    TermsVersion,
    WorkClear,
)  # fmt: skip
from tests.support import rights_world as made
from tests.support.databases import Committed

ADD_WORK = """
INSERT INTO licensing_work (organisation_id, livemode, public_id, created_at, catalogue_id, own_id, title, subtitle,
  title_key, form, language, subjects, published_country, contributors_evidence, generator, retracted, court_order,
  record_sha256, status)
SELECT organisation_id, livemode, licet_uuid7(now()), now(), catalogue_id, 'late', title, subtitle, title_key, form,
  language, subjects, published_country, contributors_evidence, generator, retracted, court_order, record_sha256, status
FROM licensing_work ORDER BY id LIMIT 1 RETURNING id, catalogue_id
"""
WITHHOLD = """
INSERT INTO licensing_reservation (organisation_id, livemode, public_id, created_at, level, catalogue_id, actions,
  territories, period, kind, site, by_author, signal, evidence, status)
SELECT organisation_id, livemode, licet_uuid7(now()), now(), 'catalogue', id, 2047, ~ 0::bit(256), '(,)', 'withhold',
  '', false, '', '{}', 'active' FROM licensing_catalogue WHERE id = %s
"""


def shelf() -> made.World:
    """One catalogue with two works."""
    world = made.World(random.Random(5), calm=True)  # noqa: S311 -- a test's dice
    with unit(made.ACTOR):
        made._owners(world)
        made._works(world, 2)
    return world


def kinds(work: int) -> set[str]:
    with unit(made.ACTOR):
        items = Termset.objects.get(pk=WorkClear.objects.get(pk=work).termset_id).items
        return set(RightsItem.objects.filter(pk__in=items).values_list("kind", flat=True))


@pytest.mark.django_db
def test_a_withhold_reaches_every_work_of_its_catalogue_and_leaves_with_its_end() -> None:
    world = shelf()
    for catalogue in world.catalogues:
        with unit(made.ACTOR):
            Reservation.objects.create(
                **made.named(), **world.tenant(), level="catalogue", catalogue=catalogue, kind="withhold", actions=1,
                territories=territories.WORLD, period=DateRange(None, None),
            )  # fmt: skip
    assert all("withhold" in kinds(work.pk) for work in world.works)
    with unit(made.ACTOR):
        Reservation.objects.update(status="ended")
    assert not any("withhold" in kinds(work.pk) for work in world.works)


@pytest.mark.django_db
def test_what_a_catalogue_declares_reaches_works_that_declare_nothing() -> None:
    world = shelf()
    with unit(made.ACTOR):
        before = set(WorkClear.objects.values_list("flags", flat=True))
        Catalogue.objects.update(personal_data="present_without_basis")
        after = WorkClear.objects.filter(work__personal_data=None)
        assert all(row.flags & 8 for row in after)
        assert before
    assert world.works


@pytest.mark.django_db
def test_equal_rights_are_one_set() -> None:
    world = shelf()
    with unit(made.ACTOR):
        type(world.works[0]).objects.update(
            tokens=1, words=1, characters=1, seconds=None, catalogue=world.catalogues[0], source_kind="owned"
        )
        assert WorkClear.objects.values("termset").distinct().count() == 1


TOLD_BY_SHAPE = {
    "actions": 1, "territories": 1, "model_kinds": 1, "outputs": 2, "survival": "until_end", "audience": "research",
    "commercial": False, "distribution": ["api"], "conditions": [{"kind": "attribution"}], "approval": "manual",
    "currency": "eur", "body": {"exclusive": True}, "price": None,
}  # fmt: skip
FREE = {"rules": [{"kind": "free"}]}
TOLD_BY_NUMBERS = {
    "offer": DateRange(date(2020, 1, 2), date(2021, 3, 4)), "training_days": 7, "retention_days": 8,
    "price": {"rules": [{"kind": "flat", "amount_micro": 9}], "minimum_per_work_micro": 11},
}  # fmt: skip
PRICED = {"rules": [{"kind": "flat", "amount_micro": 5}]}


def sets_of(*changes: dict[str, Any]) -> Termset:
    """The set of a work to which the same offer is made again and again, each time with some columns changed."""
    world = shelf()
    with unit(made.ACTOR):
        for number, change in enumerate(changes):
            terms = Terms.objects.create(**made.named(), **world.tenant(), own_key=str(number), status="published")
            columns: dict[str, Any] = {
                "actions": 2047, "territories": territories.WORLD, "model_kinds": 31, "outputs": 7,
                "offer": DateRange(None, None), "survival": "perpetual", "currency": "usd", "price": PRICED, "body": {},
            }  # fmt: skip
            TermsVersion.objects.create(
                terms=terms, number=1, title="t", sha256="0" * 64, created_at=made.AT, **columns | change
            )
            TermsAssignment.objects.create(
                **world.tenant(), level="work", work=world.works[0], terms=terms, created_at=made.AT
            )
        return Termset.objects.get(pk=WorkClear.objects.get(pk=world.works[0].pk).termset_id)


@pytest.mark.django_db
def test_offers_are_of_one_shape_where_only_days_and_money_differ() -> None:
    alike = [{name: value} for name, value in TOLD_BY_NUMBERS.items()]
    other = [{name: value} for name, value in TOLD_BY_SHAPE.items()]
    multiplied = PRICED | {"multipliers": {"per_year": True}}
    other += [{"price": FREE}, {"price": multiplied}, {"price": {"rules": [{"kind": "per_minute", "amount_micro": 5}]}}]
    found = sets_of({}, *alike, *other)
    assert len(set(found.shapes[: len(alike) + 1])) == 1
    assert len(set(found.shapes)) == 1 + len(other)
    none, first = 2**31 - 1, -(2**31)
    assert found.days[0] == [first, none, none, none, first, none]
    assert found.days[1] == [18263, 18690, none, none, first, none]
    assert [days[2:4] for days in found.days[2:4]] == [[7, none], [none, 8]]
    assert found.prices[0] == [5, 0, 0, 0, 0, 0]
    assert found.prices[4] == [9, 0, 0, 0, 0, 11]
    assert found.dearest == 20


@pytest.mark.django_db
def test_days_of_the_past_that_an_answer_names_are_days_of_the_set() -> None:
    window = {"training_window": {"from": "2019-05-06", "until": "2019-07-08"}}
    named, nameless = sets_of({"approval": "released", "body": window}, {"approval": "released"}).days
    assert named[4:] == [18022, 18085]
    assert nameless[4] > nameless[5]


@pytest.mark.django_db
def test_many_works_are_planned_for_whatever_the_session_did_before() -> None:
    """Else the plan kept after a few single works compares every work of a catalogue with every other."""
    shelf()
    few, many = list(range(1, 3)), list(range(1, 1000))
    for _ in range(8):
        assert_planned(few, None)
    assert_planned(few, anew=False)
    assert_planned(many, anew=True)
    assert_planned(few, anew=False)


def assert_planned(works: list[int], anew: bool | None) -> None:
    """Ask for the works again, and compare whether PostgreSQL made a plan that reads WITH parts for it."""
    said: list[str] = []

    def note(diagnostic: psycopg.errors.Diagnostic) -> None:
        said.append(diagnostic.message_detail or "")

    with unit(made.ACTOR), connection.cursor() as cursor:
        session = connection.connection
        session.add_notice_handler(note)
        cursor.execute("SET LOCAL debug_print_plan = on; SET LOCAL client_min_messages = log")
        cursor.execute("SELECT licet_refresh_work_clear(%s::bigint[])", [works])
        cursor.execute("SET LOCAL debug_print_plan = off; SET LOCAL client_min_messages = notice")
        session.remove_notice_handler(note)
    assert anew is None or anew == any("CTESCAN" in detail for detail in said)


@pytest.mark.parametrize("first", ["work", "withhold"])
def test_a_work_added_while_its_catalogue_is_withheld_cannot_miss_it(committed: Committed, first: str) -> None:
    """Neither transaction sees the other's rows; the lock makes the later one look again."""
    shelf()
    with psycopg.connect(committed.database_url) as one, psycopg.connect(committed.database_url) as other:
        with unit(made.ACTOR), connection.cursor() as cursor:
            cursor.execute("SELECT catalogue_id FROM licensing_work ORDER BY id LIMIT 1")
            catalogue = cursor.fetchone()[0]
        acts = {"work": (ADD_WORK, None), "withhold": (WITHHOLD, [catalogue])}
        second = "withhold" if first == "work" else "work"
        one.execute(*acts[first])
        waiting = threading.Thread(target=lambda: (other.execute(*acts[second]), other.commit()))
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive(), "the second writer must wait for the first"
        one.commit()
        waiting.join(20)
        assert not waiting.is_alive()
    with unit(made.ACTOR), connection.cursor() as cursor:
        cursor.execute("SELECT id FROM licensing_work WHERE own_id = 'late'")
        late = cursor.fetchone()[0]
    assert "withhold" in kinds(late)
