"""Who is in a conflict with how much of his share, and how claims and reservations end."""

from __future__ import annotations

import pytest

from accounts.errors import Refused
from accounts.models import AuditRow
from accounts.unit import SYSTEM, unit
from licensing.events.models import DomainEvent
from licensing.kernel import territories
from licensing.rights import ends
from licensing.rights.models import Claim, Conflict, ConflictParty
from licensing.rights.scopes import Target
from tests import scenario
from tests.licensing.rights.holders import claim, outcome, reserve

pytestmark = pytest.mark.django_db


@pytest.fixture
def harbour() -> scenario.Publisher:
    return scenario.publisher(works=1)


@pytest.fixture
def rival() -> scenario.Publisher:
    return scenario.publisher("rival", works=1)


def test_only_who_shares_a_contested_cell_is_in_the_contest(
    harbour: scenario.Publisher, rival: scenario.Publisher
) -> None:
    """DE is claimed 40 + 60, FR 50 + 60: the claim to DE stays as it was, and nobody loses more than the worst cell."""
    work = Target("work", work=harbour.works[0])
    with unit(SYSTEM):
        Claim.objects.filter(organisation=harbour.organisation).update(status="withdrawn")
    de = claim(harbour, work, control_ppm=400_000, territories=territories.mask(["DE"]))
    fr = claim(harbour, work, control_ppm=500_000, territories=territories.mask(["FR"]))
    wide = claim(rival, work, control_ppm=600_000)
    with unit(SYSTEM):
        parties = dict(ConflictParty.objects.values_list("claim_id", "guaranteed_ppm"))
        assert parties == {fr.pk: 400_000, wide.pk: 500_000}
        assert Claim.objects.get(pk=de.pk).status == "asserted"
        assert Conflict.objects.get().territories == territories.mask(["FR"])
    later = claim(rival, work, control_ppm=300_000, territories=territories.mask(["DE"]))
    with unit(SYSTEM):
        parties = dict(ConflictParty.objects.values_list("claim_id", "guaranteed_ppm"))
        assert parties == {fr.pk: 400_000, wide.pk: 300_000, de.pk: 100_000, later.pk: 0}
        assert Conflict.objects.get().territories == territories.mask(["DE", "FR"])


def conflicts() -> dict[int, tuple[str, dict[int, int]]]:
    """Work -> status of its conflict, and what is beyond dispute of each claim; each was said once."""
    with unit(SYSTEM):
        rows = list(Conflict.objects.prefetch_related("parties"))
        names = sorted(row.name_id for row in rows)
        assert sorted(AuditRow.objects.filter(act="conflict.opened").values_list("subject", flat=True)) == names
        assert sorted(DomainEvent.objects.filter(kind="conflict.opened").values_list("subject", flat=True)) == names
        return {
            row.work_id: (row.status, {party.claim_id: party.guaranteed_ppm for party in row.parties.all()})
            for row in rows
        }


def test_works_claimed_together_by_another_are_one_conflict_each(rival: scenario.Publisher) -> None:
    harbour = scenario.publisher(works=4)
    assert harbour.claim is not None
    own, first, *others = harbour.claim.pk, *(work.pk for work in harbour.works)
    third = claim(scenario.publisher("third", works=1), Target("work", work=harbour.works[0]), control_ppm=500_000)
    assert conflicts() == {first: ("open", {own: 500_000, third.pk: 0})}
    wide = claim(rival, Target("list", works=tuple(harbour.works)), control_ppm=600_000)
    pair = {own: 400_000, wide.pk: 0}
    assert conflicts() == {first: ("open", {own: 0, third.pk: 0, wide.pk: 0})} | dict.fromkeys(others, ("open", pair))
    with unit(SYSTEM):
        said = {row.work_id: row.control_ppm for row in Conflict.objects.all()}
        assert said == {first: 2_100_000} | dict.fromkeys(others, 1_600_000)
        contested = AuditRow.objects.filter(act="claim.contested").values_list("subject", flat=True)
        assert sorted(contested) == sorted(one.name_id for one in (harbour.claim, third, wide))
        wide.refresh_from_db()
    ends.end_claim(claim=wide, reason="Sold in 2021.", actor=rival.actor, at=scenario.now())
    assert {work: status for work, (status, _) in conflicts().items()} == (
        {first: "open"} | dict.fromkeys(others, "withdrawn")
    )
    with unit(SYSTEM):
        assert Claim.objects.get(pk=own).status == "contested"
        third.refresh_from_db()
    ends.end_claim(claim=third, reason="A mistake.", actor=SYSTEM, at=scenario.now())
    with unit(SYSTEM):
        assert Claim.objects.get(pk=own).status == "asserted"
        assert not Conflict.objects.filter(status="open").exists()


def test_giving_up_the_rival_claim_closes_the_conflict(
    harbour: scenario.Publisher, rival: scenario.Publisher
) -> None:
    mine = claim(rival, Target("work", work=harbour.works[0]))
    assert outcome(harbour)["refused"] == 1
    with pytest.raises(Refused) as refused:
        ends.end_claim(claim=mine, reason=" ", actor=rival.actor, at=scenario.now())
    assert refused.value.code == "reason_missing"
    with unit(SYSTEM):
        mine.refresh_from_db()
        assert (mine.status, Conflict.objects.get().status) == ("contested", "open")
    ends.end_claim(claim=mine, reason="Sold in 2021.", actor=rival.actor, at=scenario.now())
    with unit(SYSTEM):
        assert Conflict.objects.get().status == "withdrawn"
        assert Claim.objects.get(organisation=harbour.organisation).status == "asserted"
    assert outcome(harbour)["cleared"] == 1


def test_an_operator_verifies_a_claim_with_evidence_once(harbour: scenario.Publisher) -> None:
    assert harbour.claim is not None
    open_weights = {"outputs": ["open_weights"], "territories": ["WORLD"]}
    assert scenario.clearance(harbour, **open_weights).reasons == {"assurance_too_low": 1}
    ends.verify_claim(claim=harbour.claim, evidence="Contract seen", actor=SYSTEM, at=scenario.now())
    assert outcome(harbour, **open_weights)["cleared"] == 1
    with pytest.raises(Refused) as refused:
        ends.verify_claim(claim=harbour.claim, evidence="again", actor=SYSTEM, at=scenario.now())
    assert refused.value.code == "state_conflict"


def test_a_withhold_is_lifted_with_its_reason(harbour: scenario.Publisher) -> None:
    made = reserve(harbour, Target("work", work=harbour.works[0]))
    assert outcome(harbour)["refused"] == 1
    ends.end_reservation(reservation=made, reason="The author agreed.", actor=harbour.actor, at=scenario.now())
    assert outcome(harbour)["cleared"] == 1
