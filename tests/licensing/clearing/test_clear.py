"""From a use and a bundle to stored decisions, approvals and explanations, on real rights tables."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from django.db.backends.postgresql.psycopg_any import DateRange

from accounts.errors import Refused
from accounts.unit import Actor, unit
from licensing.clearing import approvals, engine, reasons, services
from licensing.clearing.models import Approval, Bundle, Clearance, Decision
from licensing.kernel import territories
from licensing.rights import models as r
from tests.support import rights_world as made

pytestmark = pytest.mark.django_db
BODY: dict[str, Any] = {
    "actions": ["train"],
    "territories": ["EU"],
    "training_window": {"from": "2027-01-01", "until": "2027-12-31"},
    "outputs": ["product"],
    "delivery": "licence_only",
}


def shelf(approval: str = "auto") -> made.World:
    """Two registered works of one owner who claims everything and offers it at 1,000,000 micro."""
    world = made.World(random.Random(3), calm=True)  # noqa: S311 -- a test's dice
    with unit(made.ACTOR):
        made._owners(world)
        made._works(world, 2)
        for work in world.works:
            type(work).objects.filter(pk=work.pk).update(
                status="registered", court_order=False, third_party="none", personal_data="none", imprint=None
            )
        owner = world.tenant(world.organisations[0])
        for catalogue in world.catalogues:
            r.Claim.objects.create(
                **made.named(), **owner, level="catalogue", catalogue=catalogue, holder=world.parties[0], kind="root",
                basis="assignment", control_ppm=1_000_000, author_consent="contract_clause", actions=2047,
                territories=territories.WORLD, period=DateRange(None, None),
            )  # fmt: skip
        terms = r.Terms.objects.create(**made.named(), **owner, own_key="x", status="published")
        body = {
            "title": "t", "actions": ["all"], "territories": ["WORLD"], "outputs": ["any"], "currency": "usd",
            "approval": approval, "price": {"rules": [{"kind": "flat", "amount_micro": 1_000_000}]},
        }  # fmt: skip
        r.TermsVersion.objects.create(
            terms=terms, number=1, title="t", actions=2047, territories=territories.WORLD, model_kinds=31, outputs=7,
            offer=DateRange(None, None), survival="perpetual", approval=approval, currency="usd", price=body["price"],
            body=body, sha256="0" * 64, created_at=made.AT,
        )  # fmt: skip
        for catalogue in world.catalogues:
            r.TermsAssignment.objects.create(
                **owner, level="catalogue", catalogue=catalogue, terms=terms, created_at=made.AT
            )
    return world


def clear(world: made.World, **more: Any) -> Clearance:
    licensee = world.organisations[3]
    use = services.create_use(organisation=licensee, body=BODY | more, title="", actor=made.ACTOR, at=made.AT)
    ids = [work.name_id for work in world.works]
    buyer = Actor("lice", licensee.pk, scope="all")
    bundle = services.create_bundle(
        organisation=licensee, ids=[*ids, ids[0], "own:nobody"], title="", actor=buyer, at=made.AT
    )
    assert (bundle.works_count, bundle.duplicate_ids, bundle.unknown_ids) == (2, 1, ["own:nobody"])
    return services.clear(use=use, bundle=bundle, currency="usd", actor=made.ACTOR, at=made.AT)


def test_works_clear_at_their_price_and_the_hash_repeats() -> None:
    world = shelf()
    one, other = clear(world), clear(world)
    assert one.counts == {"cleared": 2, "needs_approval": 0, "refused": 0}
    assert one.total_micro == 2_000_000
    assert one.status == "decided"
    assert one.decisions_hash == other.decisions_hash != ""
    with unit(made.ACTOR):
        row = Decision.objects.filter(clearance=one).first()
        assert row is not None
        assert (row.shares, len(row.claims), len(row.versions)) == ([1_000_000], 1, 1)


def test_a_withhold_refuses_its_work_alone_and_changes_the_hash() -> None:
    world = shelf()
    before = clear(world)
    with unit(made.ACTOR):
        r.Reservation.objects.create(
            **made.named(), **world.tenant(), level="work", work=world.works[0], kind="withhold", actions=2047,
            territories=territories.WORLD, period=DateRange(None, None),
        )  # fmt: skip
    after = clear(world)
    assert after.counts == {"cleared": 1, "needs_approval": 0, "refused": 1}
    assert after.reasons == {"withheld": 1}
    assert after.decisions_hash != before.decisions_hash
    said = services.explain(clearance=after, work=world.works[0], actor=made.ACTOR, at=made.AT)
    assert said["reasons"][0]["code"] == "withheld"
    assert said["reasons"][0]["detail"][0]["actions"] == ["train_discriminative", "train_generative", "fine_tune"]


def test_a_yes_becomes_a_private_offer_and_the_work_clears() -> None:
    world = shelf("manual")
    asked = clear(world)
    assert asked.counts == {"cleared": 0, "needs_approval": 2, "refused": 0}
    owner = world.organisations[0]
    holder = Actor("owner", owner.pk, roles=frozenset({"publisher_editor"}), scope="all")
    with unit(made.ACTOR):
        first, second = Approval.objects.filter(clearance=asked).order_by("work_id")
    services.answer_approval(approval=first, yes=True, reason="", price_minor=7, actor=holder, at=made.AT)
    services.answer_approval(approval=second, yes=False, reason="no", actor=holder, at=made.AT)
    again = clear(world)
    assert again.counts == {"cleared": 1, "needs_approval": 1, "refused": 0}
    assert again.total_micro == 7_000_000
    with pytest.raises(Refused) as closed:
        services.answer_approval(approval=first, yes=True, reason="", actor=holder, at=made.AT)
    assert closed.value.code == "approval_closed"
    late = made.AT + approvals.DUE + timedelta(days=1)
    assert approvals.expire(clearance=again, actor=made.ACTOR, at=late) == 1


def test_a_stranger_cannot_answer() -> None:
    world = shelf("manual")
    asked = clear(world)
    with unit(made.ACTOR):
        approval = Approval.objects.filter(clearance=asked)[0]
    stranger = Actor("bela", world.organisations[1].pk)
    with pytest.raises(Refused, match="no such approval"):
        services.answer_approval(approval=approval, yes=True, reason="", actor=stranger, at=made.AT)
    with unit(made.ACTOR):
        assert Approval.objects.get(pk=approval.pk).status == "waiting"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"actions": []}, "/actions"),
        ({"actions": ["dance"]}, "/actions"),
        ({"training_window": {"from": "2026-01-01", "until": "2027-01-01"}}, "/training_window"),
        ({"outputs": ["open_weights"], "model_territories": ["EU"]}, "/model_territories"),
        ({"max_price_minor": 1.5}, "/max_price_minor"),
        ({"colour": "red"}, "/colour"),
        ({"exclusive": "yes"}, "/exclusive"),
    ],
)
def test_a_wrong_use_is_refused_by_field(change: dict[str, Any], pointer: str) -> None:
    world = made.World(random.Random(1))  # noqa: S311 -- a test's dice
    with unit(made.ACTOR):
        made._owners(world)
    with pytest.raises(Refused) as wrong:
        services.create_use(
            organisation=world.organisations[3], body=BODY | change, title="", actor=made.ACTOR, at=made.AT
        )
    assert pointer in [reason.pointer for reason in wrong.value.reasons]


def test_a_difference_between_engine_and_rules_stores_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = shelf()
    rows = engine.sample

    def wrong(clearance_id: int, size: int) -> Any:
        for row in rows(clearance_id, size):
            yield (row[0], "refused", *row[2:])

    monkeypatch.setattr(engine, "sample", wrong)
    with pytest.raises(services.EngineDisagrees):
        clear(world)
    with unit(made.ACTOR):
        assert not Clearance.objects.exists()
        assert not Decision.objects.exists()


def test_every_code_has_one_effect() -> None:
    effects = {code.effect for code in reasons.CODES.values()}
    assert effects == {"gate", "route", "approval", "note"}
    assert all((code.route is not None) == (code.effect == "route") for code in reasons.CODES.values())
    assert all(code.en and code.zh and code.example for code in reasons.CODES.values())


def answered(world: made.World, asked: Clearance, **more: Any) -> None:
    """The holder says yes to the first question of a clearance."""
    with unit(made.ACTOR):
        first = Approval.objects.filter(clearance=asked, status="waiting").order_by("work_id")[0]
    holder = Actor("owner", world.organisations[0].pk, roles=frozenset({"publisher_editor"}), scope="all")
    services.answer_approval(approval=first, yes=True, reason="", actor=holder, at=made.AT, **more)


@pytest.mark.parametrize(
    "wider",
    [
        {"territories": ["EU", "US"]},
        {"actions": ["train", "ground"]},
        {"outputs": ["product", "open_weights"], "min_assurance": "asserted"},
        {"model_kind": "embedding"},
        {"training_window": {"from": "2027-01-01", "until": "2028-01-02"}},
        {"copy_retention_days": None},
        {"commercial": True},
    ],
)
def test_a_yes_to_one_use_is_a_yes_to_no_wider_one(wider: dict[str, Any]) -> None:
    world = shelf("manual")
    answered(world, clear(world, commercial=False), price_minor=1)
    assert clear(world, commercial=False).counts["cleared"] == 1
    assert clear(world, commercial=False, actions=["fine_tune"]).counts["cleared"] == 1
    assert clear(world, **({"commercial": False} | wider)).counts == {"cleared": 0, "needs_approval": 2, "refused": 0}


def test_only_an_answer_about_the_past_releases_it() -> None:
    world = shelf("manual")
    window = {"training_window": {"from": "2026-01-01", "until": "2026-12-31"}, "past_use": True}
    answered(world, clear(world), price_minor=1)
    assert clear(world).counts["cleared"] == 1
    past = clear(world, **window)
    assert (past.counts["cleared"], past.reasons["past_use"]) == (0, 2)
    answered(world, past)
    assert clear(world, **window).counts["cleared"] == 1


@pytest.mark.parametrize(
    "other",
    [
        {"from": "2025-12-31", "until": "2026-12-31"},
        {"from": "2020-01-01", "until": "2020-12-30"},
        {"from": "2026-06-01", "until": "2027-05-31"},
    ],
)
def test_a_released_past_is_no_other_past(other: dict[str, str]) -> None:
    world = shelf()
    window = {"training_window": {"from": "2026-01-01", "until": "2026-12-31"}, "past_use": True}
    answered(world, clear(world, **window))
    assert clear(world, **window).counts == {"cleared": 1, "needs_approval": 1, "refused": 0}
    inside = window | {"training_window": {"from": "2026-02-01", "until": "2026-12-01"}}
    assert clear(world, **inside).counts["cleared"] == 1
    again = clear(world, **window | {"training_window": other})
    assert (again.counts["cleared"], again.reasons) == (0, {"past_use": 2})


def test_a_large_clearance_is_decided_by_its_job_once() -> None:
    world = shelf()
    licensee = world.organisations[3]
    use = services.create_use(organisation=licensee, body=BODY, title="", actor=made.ACTOR, at=made.AT)
    buyer = Actor("lice", licensee.pk, roles=frozenset({"developer"}), scope="all")
    ids = [work.name_id for work in world.works]
    bundle = services.create_bundle(organisation=licensee, ids=ids, title="", actor=buyer, at=made.AT)
    asked: dict[str, Any] = {"use": use, "bundle": bundle, "currency": "usd", "actor": buyer, "at": made.AT}
    row, job = services.start(**asked)
    assert (row.status, job.subject, job.kind) == ("deciding", row.name_id, "clearing.decide")
    later = made.AT + timedelta(minutes=1)
    for _ in range(2):  # the second finds it decided
        services.decide(clearance_id=row.name_id, actor=buyer, at=later)
    with unit(made.ACTOR):
        row.refresh_from_db()
        assert Decision.objects.filter(clearance=row).count() == 2
    assert (row.status, row.at, row.counts["cleared"]) == ("decided", later, 2)
    assert row.decisions_hash == services.clear(**asked).decisions_hash


@pytest.mark.parametrize(
    "query", [{"colour": "red"}, {"q": 5}, {"catalogues": "novels"}, {"catalogue": ["novels"]}, {"language": None}]
)
def test_a_query_that_cannot_be_read_is_refused_and_makes_no_bundle(query: dict[str, Any]) -> None:
    world = shelf()
    with pytest.raises(Refused) as refused:
        services.create_bundle(
            organisation=world.organisations[3], query=query, title="", actor=made.ACTOR, at=made.AT
        )
    assert [reason.pointer for reason in refused.value.reasons] == [f"/query/{name}" for name in query]
    with unit(made.ACTOR):
        assert not Bundle.objects.exists()
