"""What the database itself says of splits and terms versions, whatever the code above does."""

from __future__ import annotations

import random
from datetime import date

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.backends.postgresql.psycopg_any import DateRange

from accounts.unit import unit
from licensing.kernel import territories
from licensing.rights.models import SplitPart, SplitVersion, TermsVersion
from tests.support import rights_world as made

pytestmark = pytest.mark.django_db


def version(world: made.World, number: int = 1, **changed: object) -> SplitVersion:
    values: dict[str, object] = {
        "valid": DateRange(date(2026, 1, 1), None), "territories": territories.WORLD, "actions": 7,
        "territory_set": "{}", "action_set": "{}", "approved_by": "x", "document": "",
    }  # fmt: skip
    return SplitVersion.objects.create(**made.named(), claim=world.claims[0], number=number, **{**values, **changed})


def parts(of: SplitVersion, *shares: int) -> None:
    for number, ppm in enumerate(shares, 1):
        SplitPart.objects.create(version=of, part_no=number, role="unallocated", ppm=ppm)


def check_now() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def world() -> made.World:
    found = made.World(random.Random(1), calm=True)  # noqa: S311 -- a test's dice
    made._owners(found)
    made._works(found, 1)
    made._claim(found)
    return found


@pytest.mark.parametrize("shares", [(), (999_999,), (500_000, 500_001), (1_000_000, 1)])
def test_parts_that_are_not_the_whole_are_refused(shares: tuple[int, ...]) -> None:
    with unit(made.ACTOR), pytest.raises(IntegrityError, match="not 1000000"), transaction.atomic():
        parts(version(world()), *shares)
        check_now()


def test_exact_parts_are_taken_and_the_sets_come_from_the_masks() -> None:
    with unit(made.ACTOR):
        made_version = version(world(), territories=0b1011, actions=0b110)
        parts(made_version, 333_333, 333_333, 333_334)
        check_now()
        with connection.cursor() as cursor:
            cursor.execute("SELECT territory_set::text, action_set::text FROM licensing_splitversion")
            assert cursor.fetchone() == ("{[0,2),[3,4)}", "{[1,3)}")


def test_two_versions_never_overlap_but_may_follow_or_stand_beside() -> None:
    with unit(made.ACTOR):
        where = world()
        first = version(where, valid=DateRange(date(2026, 1, 1), date(2027, 1, 1)), territories=1)
        later = {"valid": DateRange(date(2027, 1, 1), None), "territories": 1}
        for number, changed in ((2, later), (3, {"territories": 2})):
            parts(version(where, number, **changed), 1_000_000)
        parts(first, 1_000_000)
        check_now()
        with pytest.raises(IntegrityError, match="split_no_overlap"), transaction.atomic():
            version(where, 4, valid=DateRange(date(2026, 12, 31), None), territories=1)


@pytest.mark.parametrize("change", ["update", "delete", "part", "more"])
def test_a_frozen_version_never_changes(change: str) -> None:
    with unit(made.ACTOR):
        frozen = version(world())
        parts(frozen, 1_000_000)
        SplitVersion.objects.filter(pk=frozen.pk).update(frozen_at=made.AT)
        acts = {
            "update": lambda: SplitVersion.objects.filter(pk=frozen.pk).update(actions=1),
            "delete": lambda: SplitPart.objects.filter(version=frozen).delete(),
            "part": lambda: SplitPart.objects.filter(version=frozen).update(ppm=1),
            "more": lambda: SplitPart.objects.create(version=frozen, part_no=2, role="unallocated", ppm=1),
        }
        with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
            acts[change]()
        assert list(SplitPart.objects.filter(version=frozen).values_list("ppm", flat=True)) == [1_000_000]


def test_a_terms_version_is_one_wording_for_ever() -> None:
    with unit(made.ACTOR):
        where = world()
        made._terms(where)
        for act in (TermsVersion.objects.all().delete, lambda: TermsVersion.objects.update(title="new")):
            with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
                act()
