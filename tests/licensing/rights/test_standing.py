"""Nobody frees, stops or sells a work of somebody else on his bare word; with a claim he takes part."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.errors import Refused
from accounts.unit import SYSTEM, unit
from licensing.catalogue.models import Catalogue, Contributor
from licensing.rights import terms
from licensing.rights.models import Claim, Conflict, OpenLicence, Reservation, TermsAssignment
from licensing.rights.scopes import Target
from tests import scenario
from tests.licensing.rights.holders import claim, decided, free, outcome, reserve

pytestmark = pytest.mark.django_db


def count(model: Any) -> int:
    with unit(SYSTEM):
        found: int = model.objects.count()
        return found


@pytest.fixture
def harbour() -> scenario.Publisher:
    return scenario.publisher(works=1)


@pytest.fixture
def rival() -> scenario.Publisher:
    return scenario.publisher("rival", works=1)


def test_a_stranger_frees_no_work(harbour: scenario.Publisher, rival: scenario.Publisher) -> None:
    target = Target("work", work=harbour.works[0])
    for first_hand in (True, False, None):
        with pytest.raises(Refused) as refused:
            free(rival, target, first_hand)
        assert refused.value.code == "not_found"
    assert count(OpenLicence) == 0


def test_a_contestant_is_never_first_hand(harbour: scenario.Publisher, rival: scenario.Publisher) -> None:
    target = Target("work", work=harbour.works[0])
    claim(rival, target)
    with pytest.raises(Refused) as refused:
        free(rival, target, True)
    assert refused.value.code == "not_first_hand"
    assert count(OpenLicence) == 0
    assert not free(rival, target, None).first_hand


def test_the_house_is_first_hand_and_a_distributor_is_not(harbour: scenario.Publisher) -> None:
    target = Target("catalogue", catalogue=harbour.catalogue)
    assert free(harbour, target, None).first_hand
    with unit(SYSTEM):
        Catalogue.objects.filter(pk=harbour.catalogue.pk).update(role_of_sender="distributor")
        harbour.catalogue.refresh_from_db()
    assert not free(harbour, target, None).first_hand
    with pytest.raises(Refused, match="first-hand"):
        free(harbour, target, True)
    assert count(OpenLicence) == 2


def test_a_stranger_stops_no_work(harbour: scenario.Publisher, rival: scenario.Publisher) -> None:
    target = Target("work", work=harbour.works[0])
    with pytest.raises(Refused) as refused:
        reserve(rival, target)
    assert refused.value.code == "not_found"
    assert count(Reservation) == 0
    reserve(rival, target, "reserve")  # an opt-out from free use is a note, and may be anybody's
    assert outcome(harbour) == {"cleared": 1, "needs_approval": 0, "refused": 0}


def test_a_stranger_offers_no_terms(harbour: scenario.Publisher, rival: scenario.Publisher) -> None:
    assert rival.terms is not None
    before = count(TermsAssignment)
    with pytest.raises(Refused) as refused:
        terms.assign_terms(
            terms=rival.terms, target=Target("work", work=harbour.works[0]), actor=rival.actor, at=scenario.now()
        )
    assert refused.value.code == "not_found"
    assert count(TermsAssignment) == before


def test_a_claim_to_a_work_of_others_needs_its_document(
    harbour: scenario.Publisher, rival: scenario.Publisher
) -> None:
    before = count(Claim)
    for target in (Target("work", work=harbour.works[0]), Target("list", works=harbour.works)):
        with pytest.raises(Refused) as refused:
            claim(rival, target, document=" ")
        assert [reason.pointer for reason in refused.value.reasons] == ["/document"]
    assert (count(Claim), count(Conflict)) == (before, 0)


def test_an_orphan_of_others_is_not_sold_by_a_stranger(
    harbour: scenario.Publisher, rival: scenario.Publisher
) -> None:
    with unit(SYSTEM):
        Claim.objects.filter(organisation=harbour.organisation).update(status="withdrawn")
    mine = claim(rival, Target("work", work=harbour.works[0]))
    assert rival.terms is not None
    terms.assign_terms(
        terms=rival.terms, target=Target("work", work=harbour.works[0]), actor=rival.actor, at=scenario.now()
    )
    found = decided(harbour)
    assert found.reasons == {"assurance_too_low": 1}
    with unit(SYSTEM):
        Claim.objects.filter(pk=mine.pk).update(status="verified")
    assert outcome(harbour)["cleared"] == 1


def test_a_party_withholds_what_it_made_once_it_is_known(harbour: scenario.Publisher) -> None:
    author = harbour.parties[1]
    with unit(SYSTEM):
        Contributor.objects.filter(work=harbour.works[0]).update(party=author)
    reserve(harbour, Target("party", party=author), by_author=True)
    assert outcome(harbour)["cleared"] == 1
    with unit(SYSTEM):
        type(author).objects.filter(pk=author.pk).update(verified_at=scenario.now())
    found = decided(harbour)
    assert found.reasons == {"withheld_by_author": 1}
