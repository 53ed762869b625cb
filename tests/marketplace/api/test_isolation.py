"""What is not yours is not there: in paths, in bodies, in filters, and across the two modes. Nothing changes."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps

from accounts.unit import SYSTEM, unit
from marketplace.api import matrix
from marketplace.api.urls import urlpatterns
from tests import cast as casting
from tests import scenario
from tests.cast import Answer, Cast, Person
from tests.marketplace.api.test_matrix import World, build, role_of, side_of

BOTH_MODES = {"organisations", "organisations/<id:organisation>/members", "keys"}
"""Lists whose rows are people's or of the live mode itself."""
NO_MODE = {"organisations/<id:organisation>/members", "organisations/<id:organisation>/members/<id:user>:end",
           "keys/<id:key>:revoke"}  # fmt: skip
"""Organisations and members have no mode; a member may end a key of either."""


@pytest.fixture
def world(cast: Cast) -> World:
    return build(cast)


def everything() -> dict[str, int]:
    """How many rows each of our tables has."""
    models = [model for model in apps.get_models() if model._meta.app_label in ("accounts", "licensing")]
    with unit(SYSTEM):
        return {model.__name__: model._default_manager.count() for model in models}


def test_a_live_key_sees_nothing_of_the_test_mode(world: World) -> None:
    paged = {str(one.pattern) for one in urlpatterns if getattr(one.callback.cls, "paged", False)}  # type: ignore[union-attr]  # views
    wrong = []
    live: dict[str, Person] = {}
    for name, person in world.people.items():
        if person.user is not None and person.organisation is not None:
            live[name] = casting.keyed(person.user, person.organisation, livemode=True)
    for row in matrix.rows():
        for name, person in live.items():
            if row.public or role_of(name) not in row.who or name in ("stranger", "rival"):
                continue
            if "<id:" in row.route and row.route not in NO_MODE:
                body = world.bodies.get(row.route) if row.method == "POST" else b"abc" if row.method == "PUT" else None
                headers = {"Idempotency-Key": name} if row.method == "POST" else {}
                path = world.path(row.route, side_of(name))
                query = f"?work={world.things['licensee']['work']}" if path.endswith("/explain") else ""
                answer = person.send(row.method, path + query, body, headers=headers)
                if answer.status != 404:
                    wrong.append((row.method, row.route, name, answer.status))
            elif row.method == "GET" and row.route in paged - BOTH_MODES:
                answer = person.get(row.route)
                if answer.status != 200 or answer.json["data"]:
                    wrong.append((row.method, row.route, name, answer.status))
    assert wrong == [], "\n".join(map(str, wrong))


@pytest.fixture
def rivals(cast: Cast) -> tuple[Person, Person, str]:
    """An editor and a person of finance of another publisher, and a party of theirs."""
    assert cast.rival.organisation is not None
    editor = casting.person("publisher_editor", cast.rival.organisation)
    party = editor.post("parties", {"key": "own", "kind": "person", "name": "Own"}).json["id"]
    return editor, cast.rival, party


def refused(answer: Answer, before: dict[str, int], what: str) -> None:
    assert answer.status == 404, (what, answer.status, answer.content)
    assert everything() == before, what


def test_a_publisher_cannot_name_what_is_anothers(world: World, rivals: tuple[Person, Person, str]) -> None:
    editor, finance, party = rivals
    things = world.things["licensee"]
    claim = world.bodies["claims"] | {"holder": party}
    reserve, licence = world.bodies["reservations"], world.bodies["open_licences"]
    foreign = {"level": "catalogue", "target": things["catalogue"]}
    offer = editor.post("terms", {"key": "t", "body": scenario.TERMS}).json["id"]
    asked: list[tuple[Person, str, dict[str, Any]]] = [
        (finance, "claims", world.bodies["claims"] | foreign | {"holder": things["payee"]}),
        (finance, "claims", claim | foreign),
        (finance, "claims", claim | {"level": "list", "target": [things["work"]], "from_claim": things["claim"]}),
        (editor, "claims", claim | foreign),
        (finance, "splits", {"claim": things["claim"], "parts": [{"party": party, "ppm": 10**6, "role": "author"}]}),
        (finance, "reservations", reserve | foreign),
        (finance, "reservations", reserve | {"kind": "withhold", "level": "work", "target": things["work"]}),
        (finance, "open_licences", licence | foreign),
        (finance, "open_licences", licence | {"level": "work", "target": things["work"]}),
        (finance, f"terms/{offer}/assignments", foreign),
        (finance, f"terms/{offer}/assignments", {"level": "work", "target": things["work"]}),
        (editor, "imports", {"catalogue": things["catalogue"], "filename": "b.csv", "bytes": 3, "sha256": "b" * 64}),
        (editor, "facts", world.bodies["facts"] | {"party": things["payee"]}),
        (editor, "facts", {"kind": "contributors_complete", "work": things["work"], "source": "s"}),
        (finance, "statements", {"payee": things["payee"], "currency": "usd"}),
        (finance, "keys", {"organisation": things["organisation"], "email": "a@example.org", "scopes": ["*"]}),
    ]  # fmt: skip
    before = everything()
    for person, door, body in asked:
        refused(person.post(door, body), before, f"{door} {body}")


def test_a_split_cannot_pay_a_foreign_party(world: World, rivals: tuple[Person, Person, str]) -> None:
    editor, finance, party = rivals
    shelf = editor.post("catalogues", {"slug": "own", "name": "Own", "role_of_sender": "owner"}).json["id"]
    own = world.bodies["claims"] | {"holder": party, "target": shelf}
    claim = finance.post("claims", own).json["id"]
    before = everything()
    parts = [{"party": world.things["licensee"]["payee"], "ppm": 1_000_000, "role": "author"}]
    refused(editor.post("splits", {"claim": claim, "parts": parts}), before, "party")


def test_a_licensee_cannot_buy_or_read_with_what_is_anothers(world: World, cast: Cast) -> None:
    things, stranger = world.things["licensee"], cast.stranger
    use = stranger.post("uses", world.bodies["uses"]).json["id"]
    bundle = stranger.post("bundles", {"ids": [things["work"]]}).json["id"]
    before = everything()
    money = {"currency": "usd"}
    for door, body in (
        ("clearances", {"use": things["use"], "bundle": bundle, **money}),
        ("clearances", {"use": use, "bundle": things["bundle"], **money}),
        ("clearances", {"use": bundle, "bundle": use, **money}),
        ("quotes", {"clearance": things["clearance"]}),
    ):
        refused(stranger.post(door, body), before, door)
    refused(stranger.post("orders", {"quote": things["quote"]}, idem="k"), before, "orders")
    why = f"clearances/{things['clearance']}/explain?work={things['work']}"
    for path in (f"releases?grant={things['grant']}", why):
        refused(stranger.get(path), before, path)
    for path in (f"allocation_runs?order={things['order']}", f"allocations?run={things['run']}"):
        refused(cast.rival.get(path), before, path)
