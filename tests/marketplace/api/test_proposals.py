"""Who is paid and what is offered takes two people; claims and reservations are proposed by an editor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from accounts import countersign
from accounts.errors import Refused
from accounts.models import AuditRow, Countersign
from accounts.unit import SYSTEM, unit
from licensing.rights.models import Claim, OpenLicence, Reservation, SplitVersion, Terms
from tests import cast as casting
from tests import scenario
from tests.cast import AT, Answer, Cast, Person

TWO = [{"party": "p0", "ppm": 400_000, "role": "author"}, {"party": "p1", "ppm": 600_000, "role": "publisher"}]


@dataclass
class House:
    """A publisher with a claim that has no split yet, an editor and two people of finance."""

    of: scenario.Publisher
    claim: Claim
    editor: Person
    finance: Person
    second: Person


@pytest.fixture
def house(cast: Cast) -> House:
    of = scenario.publisher(works=1)
    claim = of.claim
    assert claim is not None
    with unit(SYSTEM):
        claim.splits.get()
    people = [casting.person(role, of.organisation) for role in ("publisher_editor", *["publisher_finance"] * 2)]
    return House(of, claim, *people)


def later(claim: Claim, **changes: Any) -> dict[str, Any]:
    """A split for a claim of its own, which no other version covers."""
    return {"claim": claim.name_id, "parts": TWO} | changes


@pytest.fixture
def free(house: House) -> Claim:
    """A second claim of the house, without a split."""
    sent = {
        "level": "catalogue", "target": "shelf", "holder": "p0", "basis": "assignment", "control_ppm": 1,
        "actions": ["search"], "territories": ["DE"], "starts": "2020-01-01", "author_consent": "unknown",
        "warranty": {"text": "t", "signer": "s"},
    }  # fmt: skip
    made = house.finance.post("claims", sent)
    assert made.status == 201
    with unit(SYSTEM):
        return Claim.objects.get(public_id=Claim.decode(made.json["id"]))


def versions(claim: Claim) -> int:
    with unit(SYSTEM):
        return SplitVersion.objects.filter(claim=claim).count()


def approve(person: Person, proposal: Answer) -> Answer:
    assert proposal.status == 202, proposal.content
    return person.post(f"proposals/{proposal.json['id']}:approve")


def test_a_split_waits_for_a_second_person(house: House, free: Claim) -> None:
    proposed = house.editor.post("splits", later(free))
    assert (proposed.status, proposed.json["object"], proposed.json["status"]) == (202, "proposal", "proposed")
    assert proposed.headers["Location"] == f"/v1/proposals/{proposed.json['id']}"
    assert [part["ppm"] for part in proposed.json["payload"]["parts"]] == [400_000, 600_000]
    assert versions(free) == 0
    done = approve(house.finance, proposed)
    assert (done.status, done.json["status"]) == (200, "used")
    assert versions(free) == 1
    split = house.editor.get(f"splits/{done.json['result']}").json
    assert [part["ppm"] for part in split["parts"]] == [400_000, 600_000]
    assert approve(house.second, proposed).code == "state_conflict"
    assert versions(free) == 1
    with unit(SYSTEM):
        acts = set(AuditRow.objects.filter(subject=proposed.json["id"]).values_list("act", flat=True))
    assert acts == {"countersign.proposed", "countersign.approved", "countersign.used"}


def test_nobody_agrees_to_their_own_proposal(house: House, free: Claim) -> None:
    proposed = house.finance.post("splits", later(free))
    alone = approve(house.finance, proposed)
    assert (alone.status, alone.code) == (422, "second_person_needed")
    assert versions(free) == 0
    assert approve(house.second, proposed).status == 200
    assert versions(free) == 1


def test_an_editor_agrees_to_nothing(house: House, free: Claim) -> None:
    proposed = house.finance.post("splits", later(free))
    assert approve(house.editor, proposed).status == 404
    assert versions(free) == 0


def test_what_could_never_be_done_is_refused_and_not_proposed(house: House, free: Claim) -> None:
    wrong = house.editor.post("splits", later(free, parts=TWO[:1]))
    assert (wrong.status, wrong.code) == (422, "split_sum")
    covered = house.editor.post("splits", later(house.claim))
    assert covered.code == "split_overlap"
    with unit(SYSTEM):
        assert not Countersign.objects.exists()
    assert versions(free) == 0


def test_the_same_proposal_twice_is_one(house: House, free: Claim) -> None:
    first, again = (house.editor.post("splits", later(free)) for _ in range(2))
    assert first.json["id"] == again.json["id"]
    assert [row["id"] for row in house.finance.get("proposals?status=proposed").json["data"]] == [first.json["id"]]


def test_a_rejected_or_expired_proposal_is_not_carried_out(house: House, free: Claim) -> None:
    proposed = house.editor.post("splits", later(free))
    assert house.editor.post(f"proposals/{proposed.json['id']}:reject").json["status"] == "rejected"
    assert approve(house.finance, proposed).code == "state_conflict"
    anew = house.editor.post("splits", later(free))
    assert anew.json["id"] != proposed.json["id"]
    with unit(SYSTEM):
        Countersign.objects.filter(status="proposed").update(expires_at=AT)
    assert approve(house.finance, anew).code == "proposal_expired"
    assert versions(free) == 0
    assert house.editor.post("splits", later(free)).json["id"] != anew.json["id"]


def test_a_stranger_sees_no_proposal(house: House, free: Claim, cast: Cast) -> None:
    proposed = house.editor.post("splits", later(free))
    assert cast.rival.get(f"proposals/{proposed.json['id']}").status == 404
    assert approve(cast.rival, proposed).status == 404
    assert cast.rival.get("proposals").json["data"] == []


def test_a_rehearsal_in_test_mode_does_not_meet_the_proposal_of_the_live_mode(house: House) -> None:
    assert house.editor.user is not None
    live = casting.keyed(house.editor.user, house.of.organisation, livemode=True)
    assert live.post("catalogues", {"slug": "shelf", "name": "Shelf", "role_of_sender": "owner"}).status == 201
    sent = {"kind": "reserve", "level": "catalogue", "target": "shelf", "actions": ["train"], "territories": ["DE"]}
    first, second = house.editor.post("reservations", sent), live.post("reservations", sent)
    assert (first.status, first.json["livemode"]) == (202, False)
    assert (second.status, second.json["livemode"]) == (202, True)
    assert first.json["id"] != second.json["id"]


def test_a_proposer_takes_back_with_the_right_it_proposed_with(house: House) -> None:
    assert house.editor.user is not None
    scopes = ("claims.propose", "rights.read")
    narrow = casting.keyed(house.editor.user, house.of.organisation, scopes=scopes)
    sent = {"kind": "reserve", "level": "catalogue", "target": "shelf", "actions": ["train"], "territories": ["DE"]}
    proposed = narrow.post("reservations", sent)
    assert proposed.status == 202
    assert narrow.post(f"proposals/{proposed.json['id']}:reject").json["status"] == "rejected"


def test_an_offer_is_in_force_when_finance_agrees(house: House) -> None:
    made = house.editor.post("terms", {"key": "new", "body": scenario.TERMS})
    assert (made.status, made.json["status"]) == (201, "draft")
    proposed = house.editor.post(f"terms/{made.json['id']}:publish")
    assert house.editor.get(f"terms/{made.json['id']}").json["status"] == "draft"
    assert approve(house.finance, proposed).json["result"] == made.json["id"]
    assert house.editor.get(f"terms/{made.json['id']}").json["status"] == "published"
    assert house.editor.post(f"terms/{made.json['id']}:publish").status == 200


def test_a_published_price_changes_only_when_two_people_agree(house: House) -> None:
    assert house.of.terms is not None
    here = f"terms/{house.of.terms.name_id}"
    before = house.editor.get(here).json
    dearer = {**scenario.TERMS, "title": "Dearer"}
    proposed = house.editor.post("terms", {"key": "t", "body": dearer})
    assert proposed.status == 202
    assert house.editor.get(here).json == before
    assert approve(house.finance, proposed).status == 200
    after = house.editor.get(here).json
    assert (after["version"], after["body"]["title"], after["status"]) == (2, "Dearer", "published")


def test_a_version_read_earlier_is_not_overwritten(house: House, free: Claim) -> None:
    assert house.of.terms is not None
    here = f"terms/{house.of.terms.name_id}"
    tag = house.editor.get(here).headers["ETag"]
    dearer = {"key": "t", "body": {**scenario.TERMS, "title": "Dearer"}}
    assert approve(house.finance, house.editor.post("terms", dearer, **{"If-Match": tag})).status == 200
    stale = house.editor.post("terms", {"key": "t", "body": scenario.TERMS}, **{"If-Match": tag})
    assert (stale.status, stale.code) == (412, "version_changed")
    assert stale.json["errors"][0]["expected"] == house.editor.get(here).headers["ETag"]
    split_tag = house.editor.get(f"claims/{free.name_id}").headers["ETag"]
    done = approve(house.finance, house.editor.post("splits", later(free), **{"If-Match": split_tag}))
    assert done.status == 200
    assert house.editor.get(f"splits/{done.json['result']}").headers["ETag"] != split_tag
    assert house.editor.post("splits", later(free), **{"If-Match": split_tag}).status == 412


def test_an_editor_proposes_what_finance_states_alone(house: House) -> None:
    target = {"level": "catalogue", "target": "shelf"}
    asked = {
        "reservations": target | {"kind": "reserve", "actions": ["train"], "territories": ["DE"]},
        "open_licences": target | {"licence": "CC-BY-4.0", "source": "s"},
        "claims": target | {
            "holder": "p0", "basis": "assignment", "control_ppm": 1, "actions": ["search"], "territories": ["DE"],
            "starts": "2020-01-01", "author_consent": "unknown", "warranty": {"text": "t", "signer": "s"},
        },
    }  # fmt: skip

    def stated() -> tuple[int, ...]:
        with unit(SYSTEM):
            return tuple(kind.objects.count() for kind in (Reservation, OpenLicence, Claim))

    before = stated()
    for door, body in asked.items():
        proposed = house.editor.post(door, body)
        assert stated() == before, door
        assert approve(house.finance, proposed).json["status"] == "used"
        assert house.finance.post(door, body).status == 201
        before = stated()
    assert before == (2, 2, 3)


def test_a_claim_is_given_up_by_who_has_read_it(house: House, free: Claim) -> None:
    here = f"claims/{free.name_id}"
    read = house.editor.get(here)
    stale = house.finance.post(f"{here}:end", {"reason": "sold"}, **{"If-Match": '"other"'})
    assert (stale.status, stale.code) == (412, "version_changed")
    assert house.editor.post(f"{here}:end", {"reason": "sold"}).status == 404
    assert house.editor.get(here).json == read.json
    done = house.finance.post(f"{here}:end", {"reason": "sold"}, **{"If-Match": read.headers["ETag"]})
    assert (done.status, done.json["status"]) == (200, "withdrawn")  # with the other claim it was more than the whole
    assert house.finance.post(f"{here}:end", {"reason": "again"}).code == "state_conflict"
    assert done.headers["ETag"] == house.editor.get(here).headers["ETag"] != read.headers["ETag"]


def test_what_the_house_verifies_stands_in_the_log_of_whose_claim_it_is(house: House, cast: Cast) -> None:
    here = house.claim.name_id if house.claim else ""
    done = cast.operator.post(f"claims/{here}:verify", {"evidence": "the contract"})
    assert (done.status, done.json["status"]) == (200, "verified")
    acts = {row["act"] for row in house.finance.get(f"audit?subject={here}").json["data"]}
    assert acts >= {"claim.verified", "claim.evidence"}


def test_a_licensee_reads_published_offers_of_all_and_private_ones_of_its_own(house: House, cast: Cast) -> None:
    assert house.of.terms is not None
    here = f"terms/{house.of.terms.name_id}"
    assert cast.developer.get(here).status == 200
    assert cast.rival.get(here).status == 404
    draft = house.editor.post("terms", {"key": "draft", "body": scenario.TERMS}).json["id"]
    assert cast.developer.get(f"terms/{draft}").status == 404
    with unit(SYSTEM):
        terms = Terms.objects.get(pk=house.of.terms.pk)
        terms.versions.create(
            number=9, title="Private", actions=1, territories=1, model_kinds=1, outputs=1, offer="[2020-01-01,)",
            survival="perpetual", audience="named", audience_organisation=cast.stranger.organisation, currency="usd",
            body={}, sha256="0" * 64, created_at=AT,
        )  # fmt: skip
    assert cast.stranger.get(here).status == 200
    assert cast.developer.get(here).status == 404
    assert house.of.terms.name_id not in cast.developer.get("terms").content.decode()


def test_only_people_propose_and_only_exactly_what_was_agreed_is_used(house: House, free: Claim) -> None:
    with pytest.raises(Refused) as refused:
        countersign.propose(right="splits.write", subject="s", payload={}, reason="", actor=SYSTEM, at=AT)
    assert refused.value.code == "person_needed"
    actor = house.editor.actor
    made = countersign.propose(right="splits.write", subject="s", payload={"a": 1}, reason="", actor=actor, at=AT)
    countersign.approve(proposal=made, actor=house.finance.actor, at=AT)
    for subject, payload in (("s", {"a": 2}), ("t", {"a": 1})):
        with pytest.raises(Refused) as refused:
            countersign.use(right="splits.write", subject=subject, payload=payload, actor=actor, at=AT)
        assert refused.value.code == "countersign_needed"
    assert countersign.use(right="splits.write", subject="s", payload={"a": 1}, actor=actor, at=AT).status == "used"
    with pytest.raises(Refused):
        countersign.use(right="splits.write", subject="s", payload={"a": 1}, actor=actor, at=AT)
