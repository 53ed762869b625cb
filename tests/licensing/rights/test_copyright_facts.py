"""Facts become a status, and a year's end becomes known without anybody asking."""

from __future__ import annotations

from datetime import date

import pytest

from accounts.unit import SYSTEM, unit
from licensing.catalogue.models import Contributor
from licensing.kernel import territories
from licensing.rights import copyright as copyright_facts
from licensing.rights.models import CopyrightStatus
from tests import scenario

pytestmark = pytest.mark.django_db


def free(of: scenario.Publisher, place: str) -> bool:
    with unit(SYSTEM):
        return bool(CopyrightStatus.objects.get(work=of.works[0]).public_domain & territories.mask([place]))


def dead_since(of: scenario.Publisher, died: date) -> None:
    at, author = scenario.now(), of.parties[1]
    copyright_facts.credit(work=of.works[0], sequence=1, party=author, actor=of.actor, at=at)
    copyright_facts.complete(work=of.works[0], evidence="title page", actor=of.actor, at=at)
    copyright_facts.state_fact(
        kind="death", source="register", not_before=died, not_after=died, place="", party=author, actor=of.actor, at=at
    )


def test_a_year_s_end_frees_what_it_frees() -> None:
    of, year = scenario.publisher(works=1), scenario.now().year
    dead_since(of, date(year - 70, 5, 1))
    assert (free(of, "DE"), free(of, "CN")) == (False, True)
    last_day = scenario.now().replace(month=12, day=31)
    assert copyright_facts.catch_up(actor=SYSTEM, at=last_day) == 0
    new_year = scenario.now().replace(year=year + 1, month=1, day=1)
    assert copyright_facts.catch_up(actor=SYSTEM, at=new_year) == 1
    assert free(of, "DE")
    assert copyright_facts.catch_up(actor=SYSTEM, at=new_year) == 0
    later = new_year.replace(year=year + 2)
    assert copyright_facts.catch_up(actor=SYSTEM, at=later) == 1
    with unit(SYSTEM):
        assert CopyrightStatus.objects.get(work=of.works[0]).on_date == new_year.date()  # free since then, not anew


def test_an_earlier_table_of_rules_is_asked_again() -> None:
    of = scenario.publisher(works=1)
    dead_since(of, date(1900, 1, 1))
    with unit(SYSTEM):
        CopyrightStatus.objects.update(rule_version="copyright-0", public_domain=0, unknown=territories.WORLD)
    assert copyright_facts.catch_up(actor=SYSTEM, at=scenario.now()) == 1
    assert free(of, "DE")


def test_the_notes_of_somebody_living_keep_an_old_text_protected() -> None:
    of = scenario.publisher(works=1)
    dead_since(of, date(1800, 1, 1))
    assert free(of, "DE")
    with unit(SYSTEM):
        Contributor.objects.create(work=of.works[0], sequence=2, role="added_matter", name="Somebody")
        copyright_facts.refresh(works=of.works, at=scenario.now())
    assert not free(of, "DE")
