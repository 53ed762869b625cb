"""What an import says about people and dates changes what is free at once: an old answer never outlives its facts."""

from __future__ import annotations

import json
from datetime import date

import pytest

from accounts.unit import unit
from licensing.catalogue import services as catalogues
from licensing.catalogue.models import Catalogue, Work
from licensing.intake import services
from licensing.kernel import territories
from licensing.rights import copyright as status
from licensing.rights.models import CopyrightStatus
from tests.licensing.intake import senders
from tests.licensing.intake.senders import ACTOR, AT

pytestmark = pytest.mark.django_db
AUTHOR = {"role": "author", "name": "Ada Quill", "born": "1810", "died": "1871"}
LIVING = {"role": "translator", "name": "Bo Lamp", "born": "1970"}


def line(*people: dict[str, str], own_id: str = "W1", **more: object) -> str:
    told = {"own_id": own_id, "title": "A", "language": "en", "form": "book", "contributors": people, **more}
    return json.dumps(told) + "\n"


def free(own_id: str = "W1") -> set[str]:
    """Of Germany and the United States, where the work is in the public domain."""
    with unit(ACTOR):
        found = CopyrightStatus.objects.filter(work__own_id=own_id).first()
        mask = found.public_domain if found else 0
    return {place for place in ("DE", "US") if int(mask) & territories.mask([place])}


def completed(catalogue: Catalogue) -> None:
    with unit(ACTOR):
        work = Work.objects.get(catalogue=catalogue, own_id="W1")
    status.complete(work=work, evidence="checked", actor=ACTOR, at=AT)


def test_lives_that_come_with_a_record_count_at_once_and_a_translator_after_them() -> None:
    catalogue = senders.house()
    senders.committed_feed(catalogue, line(AUTHOR))
    assert free() == set()  # nobody said that nobody is missing
    completed(catalogue)
    assert "DE" in free()
    revised = senders.committed_feed(catalogue, line(AUTHOR, LIVING))
    assert free() == set()
    services.revert(record_import=revised, actor=ACTOR, at=AT)
    completed(catalogue)
    assert "DE" in free()


def test_what_was_added_by_hand_stays_while_the_contributors_do() -> None:
    catalogue = senders.house()
    unknown = {"role": "author", "name": "Ada Quill"}
    senders.committed_feed(catalogue, line(unknown))
    completed(catalogue)
    with unit(ACTOR):
        work = Work.objects.get(own_id="W1")
    ada = catalogues.create_party(
        organisation=catalogue.organisation, own_key="ada", kind="person", name="Ada", known_as=[], actor=ACTOR, at=AT
    )
    status.credit(work=work, sequence=1, party=ada, actor=ACTOR, at=AT)
    status.state_fact(
        kind="death", source="register", not_before=date(1871, 1, 1), not_after=date(1871, 12, 31), place="",
        party=ada, actor=ACTOR, at=AT,
    )  # fmt: skip
    assert "DE" in free()
    senders.committed_feed(catalogue, line(unknown, subtitle="mended"))
    assert "DE" in free()
    with unit(ACTOR):
        assert Work.objects.get(own_id="W1").contributors_evidence == "checked"
    senders.committed_feed(catalogue, line(unknown, LIVING, subtitle="mended"))
    with unit(ACTOR):
        work = Work.objects.get(own_id="W1")
        assert (work.contributors_complete, work.contributors_evidence) == (None, "")
        assert work.contributors.get(sequence=1).party is None
    assert free() == set()


def test_a_list_that_is_no_longer_empty_is_not_complete() -> None:
    catalogue = senders.house()
    senders.committed_feed(catalogue, line(no_contributors=True))
    senders.committed_feed(catalogue, line(no_contributors=False))
    with unit(ACTOR):
        work = Work.objects.get(own_id="W1")
    assert (work.contributors_complete, work.contributors_evidence) == (None, "")


def test_a_translation_without_a_translator_is_unknown() -> None:
    catalogue = senders.house()
    said: list[dict[str, str]] = [{}, {"original_language": "fr"}, {"original_language": "en-GB"},
            {"original_language": "", "original_title": "Un titre"}]  # fmt: skip
    found = []
    for more in said:
        senders.committed_feed(catalogue, line(AUTHOR, **more))
        completed(catalogue)
        found.append("DE" in free())
    assert found == [True, False, True, False]


def test_a_date_of_death_reaches_the_other_works_of_the_same_person() -> None:
    catalogue = senders.house()
    person = {"role": "author", "name": "Ada", "identifiers": [{"type": "own", "value": "ada"}]}
    senders.committed_feed(catalogue, line(person))
    completed(catalogue)
    assert free() == set()
    senders.committed_feed(catalogue, line({**person, "died": "1871"}, own_id="W2"))
    assert "DE" in free()


def test_an_import_that_said_what_is_free_can_be_taken_back() -> None:
    catalogue = senders.house()
    found = senders.committed_feed(catalogue, line(AUTHOR, first_publication_date="1851"))
    with unit(ACTOR):
        assert CopyrightStatus.objects.count() == 1
    services.revert(record_import=found, actor=ACTOR, at=AT)
    with unit(ACTOR):
        assert (Work.objects.count(), CopyrightStatus.objects.count()) == (0, 0)
