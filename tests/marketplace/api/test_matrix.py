"""Every role at every door: what the matrix says is what happens, and no door is without a row."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from accounts import countersign, identity
from accounts.models import AuditRow, IdempotencyRecord
from accounts.permissions import RIGHTS
from accounts.unit import SYSTEM, unit
from licensing.clearing.models import Approval, Bundle, UseProfile
from licensing.delivery import links
from licensing.delivery import services as delivery
from licensing.grants.models import Grant
from licensing.intake import uploads
from licensing.jobs import services as jobs
from licensing.kernel.periods import Period
from licensing.payments.models import Payment
from licensing.rights import services as rights
from licensing.rights.models import Claim
from licensing.rights.scopes import Target
from licensing.royalties import services as royalties
from licensing.royalties import statements
from marketplace.api import matrix
from marketplace.api.urls import urlpatterns
from tests import cast as casting
from tests import scenario
from tests.cast import Answer, Cast, Person

CLOSED = (401, 403, 404)
LICENSEE = ("developer", "developer_admin", "stranger", "auditor", "operator", "anonymous")
NONE = "zzz_00000000000000000000000000"


@dataclass
class World:
    """One sale with something of every kind, and everybody: `people` role -> member, foreign ones included."""

    things: dict[str, dict[str, str]]
    people: dict[str, Person]
    bodies: dict[str, Any] = field(default_factory=dict)

    def path(self, route: str, side: str, *, missing: bool = False) -> str:
        def put(found: re.Match[str]) -> str:
            name = found.group(1)
            if name == "number":
                return "1"
            return NONE if missing else self.things[side].get(name) or self.things["licensee"][name]

        return re.sub(r"<\w+:(\w+)>", put, route)


def build(cast: Cast) -> World:
    at = scenario.now()
    of = scenario.publisher(works=1)
    grant = scenario.granted(of)
    release = delivery.build(grant_id=grant.name_id, actor=SYSTEM, at=at)
    with unit(SYSTEM):
        grant = Grant.objects.select_related(
            "organisation", "order__quote__clearance__use", "order__quote__clearance__bundle"
        ).get(pk=grant.pk)
        order, decided = grant.order, grant.order.quote.clearance
        claim = Claim.objects.get(organisation=of.organisation)
        approval = Approval.objects.create(
            public_id=identity.fresh(at), created_at=at, organisation=of.organisation, livemode=False,
            clearance=decided, work=of.works[0], due_at=at.replace(year=at.year + 1),
        )  # fmt: skip
    people = everybody(cast, grant, of)
    made, _ = uploads.open_import(
        catalogue=of.catalogue, filename="a.csv", size=3, sha256="a" * 64, actor=of.actor, at=at
    )
    things = each_side(people, at)
    token = links.token(release=release, path="manifest.json", actor=people["developer"].actor, at=at)
    things["licensee"] |= {
        "catalogue": of.catalogue.name_id, "import_id": made.name_id, "upload": made.upload.name_id,
        "work": of.works[0].name_id, "use": decided.use.name_id, "bundle": decided.bundle.name_id,
        "clearance": decided.name_id, "approval": approval.name_id, "quote": order.quote.name_id,
        "order": order.name_id, "grant": grant.name_id, "release": release.name_id, "token": token,
    }  # fmt: skip
    statement = statements.draft(
        payee=of.parties[0], currency="usd", starts=at.date(), ends=at.date() + timedelta(days=1), actor=of.actor, at=at
    )
    with unit(SYSTEM):
        payment = Payment.objects.get(order=order)
    run = royalties.allocate(payment_id=payment.name_id, actor=SYSTEM, at=at)
    things["licensee"] |= {"statement": statement.name_id, "run": run.name_id, "payee": of.parties[0].name_id}
    things["licensee"] |= stated(of, claim, people["publisher_editor"], at)
    return World(things, people, bodies(of, claim, things["licensee"], decided.use, decided.bundle))


def stated(of: scenario.Publisher, claim: Claim, editor: Person, at: datetime) -> dict[str, str]:
    """What the holder states of its works, and a split that waits for a second person."""
    assert of.terms is not None
    with unit(SYSTEM):
        split = claim.splits.get()
    reserved = rights.reserve(
        organisation=of.organisation, kind="reserve", target=Target("catalogue", catalogue=of.catalogue), actions=1,
        territories=claim.territories, period=Period(None, None), signal="", evidence={}, actor=of.actor, at=at,
    )  # fmt: skip
    proposal = countersign.propose(
        right="splits.write", subject=claim.name_id, payload={"claim": claim.name_id}, reason="", actor=editor.actor,
        at=at,
    )  # fmt: skip
    return {
        "terms_id": of.terms.name_id, "claim": claim.name_id, "split": split.name_id, "proposal": proposal.name_id,
        "reservation": reserved.name_id,
    }  # fmt: skip


def everybody(cast: Cast, grant: Grant, of: scenario.Publisher) -> dict[str, Person]:
    return {
        "developer": casting.person("developer", grant.organisation),
        "developer_admin": casting.person("developer_admin", grant.organisation),
        "publisher_editor": casting.person("publisher_editor", of.organisation),
        "publisher_finance": casting.person("publisher_finance", of.organisation),
        "auditor": cast.auditor, "operator": cast.operator, "stranger": cast.stranger, "rival": cast.rival,
        "anonymous": cast.nobody,
    }  # fmt: skip


def each_side(people: dict[str, Person], at: datetime) -> dict[str, dict[str, str]]:
    """What both licensee and holder have: an organisation, a spare key, a job."""
    things: dict[str, dict[str, str]] = {}
    for side, member in (("licensee", people["developer"]), ("holder", people["publisher_editor"])):
        assert member.organisation is not None
        assert member.key is not None
        assert member.user is not None
        job = jobs.enqueue(kind="intake.validate", subject=side, actor=member.actor, at=at, dedupe_key=side)
        assert job is not None
        spare = casting.keyed(member.user, member.organisation)
        assert spare.key is not None
        things[side] = {"organisation": member.organisation.name_id, "key": spare.key.name_id, "job": job.name_id,
                        "user": member.user.name_id}  # fmt: skip
    return things


def bodies(
    of: scenario.Publisher, claim: Claim, things: dict[str, str], use: UseProfile, bundle: Bundle
) -> dict[str, Any]:
    """A body that passes the reader of every door that reads one; it need not succeed."""
    target = {"level": "catalogue", "target": "shelf"}
    return {
        "organisations": {"name": "New", "slug": "new", "roles": ["licensee"]},
        "organisations/<id:organisation>/members": {"email": "new@example.org", "role": "developer"},
        "parties": {"key": "k", "kind": "person", "name": "K"},
        "catalogues": {"slug": "other", "name": "Other", "role_of_sender": "owner"},
        "facts": {"kind": "death", "party": "p0", "not_before": "1900-01-01", "source": "s"},
        "imports": {"catalogue": of.catalogue.name_id, "filename": "b.csv", "bytes": 3, "sha256": "b" * 64},
        "imports/<id:import_id>:commit": {},
        "claims": target | {
            "holder": "p0", "basis": "assignment", "control_ppm": 1, "actions": ["train"], "territories": ["DE"],
            "starts": "2020-01-01", "author_consent": "unknown", "warranty": {"text": "t", "signer": "s"},
        },
        "splits": {"claim": claim.name_id, "parts": [{"party": "p0", "ppm": 1_000_000, "role": "author"}]},
        "claims/<id:claim>:verify": {"evidence": "the contract"},
        "claims/<id:claim>:end": {"reason": "sold"},
        "reservations/<id:reservation>:end": {"reason": "changed our mind"},
        "reservations": target | {"kind": "reserve", "actions": ["train"], "territories": ["DE"]},
        "open_licences": target | {"licence": "CC-BY-4.0", "source": "s"},
        "terms": {"key": "n", "body": scenario.TERMS},
        "terms/<id:terms_id>/assignments": target,
        "works:batch_get": {"ids": [things["work"]]},
        "uses": {**use.body, "past_use": True},
        "bundles": {"ids": [things["work"]]},
        "clearances": {"use": use.name_id, "bundle": bundle.name_id, "currency": "usd"},
        "clearances/<id:clearance>:compare": {"to": things["clearance"]},
        "approvals/<id:approval>:answer": {"answer": "decline"},
        "quotes": {"clearance": things["clearance"]},
        "orders": {"quote": things["quote"]},
        "orders/<id:order>/payment": {"method": "payment_intent"},
        "certificates:verify": {},
        "statements": {"payee": "p0", "currency": "usd"},
    }  # fmt: skip


NAMES_OTHERS = {"imports", "splits", "clearances", "quotes", "orders", "reservations", "open_licences",
                "claims", "statements", "guests", "guests:end", "allocations/explain"}  # fmt: skip
"""Doors to which the bodies above name things of the world's organisations: closed to foreign ones."""


def side_of(name: str) -> str:
    return "licensee" if name in LICENSEE else "holder"


def role_of(name: str) -> str:
    return {"stranger": "developer_admin", "rival": "publisher_finance"}.get(name, name)


def status(world: World, row: matrix.Row, name: str, *, missing: bool = False) -> int:
    """The status of an answer; whatever it changed is taken back."""
    with transaction.atomic():
        answer = ask(world, row, name, missing=missing)
        transaction.set_rollback(True)
    return answer.status


def traces(world: World, row: matrix.Row, name: str) -> tuple[int, int, bool]:
    """The same with what the answer left until then: (status, audit rows written, kept for replays by anybody)."""
    with transaction.atomic():
        with unit(SYSTEM):
            before = AuditRow.objects.count()
        answer = ask(world, row, name)
        with unit(SYSTEM):
            written = AuditRow.objects.count() - before
            open_to_all = IdempotencyRecord.objects.filter(rights=[]).exists()
        transaction.set_rollback(True)
    return answer.status, written, open_to_all


def ask(world: World, row: matrix.Row, name: str, *, missing: bool = False) -> Answer:
    """Send what a door reads, by one of the people."""
    person = world.people[name]
    body = world.bodies.get(row.route)
    if row.route == "keys" and person.organisation is not None and person.user is not None:
        body = {"organisation": person.organisation.name_id, "email": person.user.email, "scopes": ["clear"]}
    if row.route.startswith("guests"):
        thing = world.things["holder" if name == "rival" else side_of(name)]["organisation"]
        body = {"thing": thing, "email": world.people["stranger"].user.email} | (  # type: ignore[union-attr]  # a person
            {"permission": "view_organisation", "until": "2099-01-01T00:00:00Z"} if row.route == "guests" else {}
        )
    path = world.path(row.route, side_of(name), missing=missing)
    if row.route.startswith("keys/<") and name not in ("stranger", "rival") and person.key and not missing:
        path = f"keys/{person.key.name_id}:revoke"  # members end their own keys
    if row.route == "clearances/<id:clearance>/explain":
        path += f"?work={world.things['licensee']['work']}"
    if row.route == "allocations/explain":
        path += "?" + "&".join(f"{name}={world.things['licensee'][name]}" for name in ("run", "work", "payee"))
    headers = {"Idempotency-Key": f"{name}-{missing}"} if row.method == "POST" else {}
    return person.send(row.method, path, b"abc" if row.method == "PUT" else body, headers=headers)


def test_every_route_and_method_has_exactly_one_row() -> None:
    known = [(row.route, row.method) for row in matrix.rows()]
    there = [
        (str(pattern.pattern), method.upper())
        for pattern in urlpatterns
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(pattern.callback.cls, method)  # type: ignore[union-attr]  # every callback here is a view class's
    ]
    assert sorted(known) == sorted(there)


def test_every_right_of_a_row_exists_and_agrees_with_the_table() -> None:
    for row in matrix.rows():
        held = set(RIGHTS[row.right])
        if row.right not in ("public.read", "releases.download"):
            assert set(row.who) <= held, row


@pytest.mark.timeout(400)  # a thousand requests: minutes on a machine that does other things as well
def test_every_role_meets_what_the_matrix_says(cast: Cast) -> None:
    world = build(cast)
    wrong = []
    for row in matrix.rows():
        about_one = "<id:" in row.route and not row.public
        for name in world.people:
            foreign = name in ("stranger", "rival") and about_one and (row.right, name) != ("terms.read", "stranger")
            through = row.public or (role_of(name) in row.who and not foreign)
            names_others = row.route in NAMES_OTHERS and (row.method == "POST" or "/" in row.route)
            if names_others and name in ("stranger", "rival"):
                through = False
            seen = status(world, row, name)
            if (seen not in CLOSED) is not through and not (row.public and seen in (403, 404)):
                wrong.append((row.method, row.route, name, seen, "through" if through else "closed"))
    assert wrong == [], "\n".join(map(str, wrong))


def test_what_does_not_exist_is_not_found_by_anybody(cast: Cast) -> None:
    world = build(cast)
    wrong = []
    for row in matrix.rows():
        if "<id:" not in row.route and "<str:work" not in row.route:
            continue
        for name in world.people:
            seen = status(world, row, name, missing=True)
            expected = 401 if name == "anonymous" and not row.public else 404
            if seen != expected:
                wrong.append((row.method, row.route, name, seen))
    assert wrong == [], "\n".join(map(str, wrong))


READ_BY_POST = {"works:batch_get", "certificates:verify", "clearances/<id:clearance>:compare"}
NOTHING_NEW = {
    "guests:end",  # nobody is a guest
    "terms/<id:terms_id>:publish", "terms/<id:terms_id>/assignments",  # published and assigned already
    "uploads/<id:upload>/parts/<int:number>",  # bytes of an import; what becomes of them is in the log
}  # fmt: skip


def test_every_write_that_succeeds_leaves_an_audit_row_and_is_kept_with_its_rights(cast: Cast) -> None:
    world = build(cast)
    silent, unguarded, loud = [], [], set()
    for row in matrix.rows():
        if row.method == "GET" or row.route in READ_BY_POST | NOTHING_NEW:
            continue
        for name in row.who:
            answered, written, open_to_all = traces(world, row, name)
            if 200 <= answered < 300:
                loud.add(row.route)
                if not written:
                    silent.append((row.method, row.route, name, answered))
                if open_to_all:
                    unguarded.append((row.method, row.route, name, answered))
    assert silent == [], "\n".join(map(str, silent))
    assert unguarded == [], "\n".join(map(str, unguarded))
    assert len(loud) > 15, sorted(loud)
