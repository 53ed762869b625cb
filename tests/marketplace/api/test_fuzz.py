"""Generated requests against the published schema: never a 500, every answer as documented, every refusal a problem.

A hundred steps of every kind from a fixed seed; LICET_FUZZ=20000 for a long run from a random one.
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from marketplace.api import matrix
from tests.cast import Answer, Cast, Person
from tests.marketplace.api.test_matrix import World, build

LONG = int(os.environ.get("LICET_FUZZ", "0"))
FUZZ = settings(
    max_examples=LONG or 250, derandomize=not LONG, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
ODD = ["", "\x00", "é", "..", "a b", "%", "zzz_0", "own:a\x00", "isbn:9", "own:", "-1", "1" * 5000, "' OR 1=1 --",
       "灯塔", "wrk_00000000000000000000000000", "1e400", "null", "a" * 300]  # fmt: skip
NUMBERS = st.one_of(st.integers(-3, 3), st.sampled_from([2**31, 2**53, 2**63, -(2**63) - 1, 10**30, 0.5, 1e300, -0.0]))
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, st.sampled_from(ODD), st.text(max_size=20))
JUNK = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """One method of one path of the schema."""

    method: str
    path: str
    spec: Mapping[str, Any]

    @property
    def route(self) -> str:
        return self.path.removeprefix("/v1/")


@pytest.fixture
def world(cast: Cast) -> World:
    return build(cast)


@pytest.fixture
def schema(cast: Cast) -> Mapping[str, Any]:
    found: Mapping[str, Any] = cast.nobody.get("schema").json
    return found


def operations(schema: Mapping[str, Any]) -> list[Operation]:
    return [
        Operation(method.upper(), path, spec)
        for path, methods in sorted(schema["paths"].items())
        for method, spec in sorted(methods.items())
    ]


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*at, key))


@st.composite
def damaged(draw: st.DrawFn, body: Any) -> Any:
    """A good body with up to two parts replaced, left out or added."""
    made = copy.deepcopy(body)
    for _ in range(draw(st.integers(0, 2))):
        where = draw(st.sampled_from(sorted(places(made), key=repr)))
        if not where:
            if isinstance(made, dict) and draw(st.booleans()):
                made[draw(st.text(max_size=8))] = draw(JUNK)
            else:
                return draw(JUNK)
            continue
        parent = made
        for key in where[:-1]:
            parent = parent[key]
        if draw(st.booleans()):
            parent[where[-1]] = draw(JUNK)
        else:
            del parent[where[-1]]
    return made


def example(world: World, operation: Operation) -> Any:
    """A body the door's reader takes, if it reads one."""
    known = {re.sub(r"<\w+:(\w+)>", r"{\1}", route): body for route, body in world.bodies.items()}
    return known.get(operation.route, {})


WHO = {
    (re.sub(r"<\w+:(\w+)>", r"{\1}", row.route), row.method): [name for name in row.who if name != "anonymous"]
    for row in matrix.rows()
}


def entitled(operation: Operation) -> list[str]:
    """Who gets through: most requests come from them, so that they reach what lies behind the door."""
    return WHO[operation.route, operation.method]


def address(data: st.DataObject, world: World, operation: Operation) -> str:
    def put(found: re.Match[str]) -> str:
        known = [*world.things["licensee"].values(), *world.things["holder"].values()]
        own = world.things[data.draw(st.sampled_from(["licensee", "holder"]))].get(found.group(1))
        right = own or world.things["licensee"].get(found.group(1), "1")
        return quote(data.draw(st.sampled_from([right] * 4 + [*known, *ODD])), safe="")

    path = re.sub(r"\{(\w+)\}", put, operation.path)
    names = [one["name"] for one in operation.spec.get("parameters", []) if one["in"] == "query"]
    names += data.draw(st.sampled_from([[]] * 5 + [["limit"], ["nonsense"], ["cursor"]]))
    sent = [name for name in names if data.draw(st.booleans())]
    some = [*ODD, *world.things["licensee"].values(), "1", "true"]
    values = {name: data.draw(st.sampled_from(some)) for name in sent}
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in values.items())
    return f"{path}?{query}" if query else path


def asked(data: st.DataObject, world: World, operation: Operation) -> tuple[str, Answer, Any]:
    """Send one request; whatever it changed is taken back."""
    person: Person = world.people[data.draw(st.sampled_from([*sorted(world.people), *entitled(operation) * 6]))]
    path = address(data, world, operation)
    body: Any = None
    if operation.method == "PUT":
        body = data.draw(st.binary(max_size=20))
    elif operation.method == "POST":
        body = data.draw(st.one_of(damaged(example(world, operation)), st.binary(max_size=12)))
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    headers = data.draw(
        st.fixed_dictionaries({}, optional={"Idempotency-Key": st.sampled_from(["k", "é", "x" * 300]),
                                            "If-Match": st.sampled_from(['"x"', "*", "?"]),
                                            "Prefer": st.just("wait=0")})
    )  # fmt: skip
    with transaction.atomic():
        answer = person.send(operation.method, path, body, headers=headers)
        transaction.set_rollback(True)
    return path, answer, body


def check(schema: Mapping[str, Any], operation: Operation, answer: Answer) -> None:
    """The answer is one the schema tells."""
    assert answer.status < 500, answer.content
    told = operation.spec["responses"].get(str(answer.status)) or operation.spec["responses"]["default"]
    kind = answer.headers["Content-Type"].partition(";")[0]
    if answer.status >= 400:
        assert kind == "application/problem+json"
        assert answer.json["status"] == answer.status
        assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    else:
        assert str(answer.status) in operation.spec["responses"], f"{answer.status} is not told"
    assert kind in told["content"], (kind, list(told["content"]))
    if kind.endswith("json"):
        rules = {**told["content"][kind]["schema"], "components": schema["components"]}
        Draft202012Validator(rules).validate(answer.json)


def test_whatever_is_sent_is_answered_as_the_schema_tells(world: World, schema: Mapping[str, Any]) -> None:
    every = operations(schema)

    @FUZZ
    @given(st.data())
    def run(data: st.DataObject) -> None:
        operation = data.draw(st.sampled_from(every))
        path, answer, body = asked(data, world, operation)
        try:
            check(schema, operation, answer)
        except Exception as wrong:
            sent = f"{operation.method} {path[:300]} {str(body)[:500]}"
            raise AssertionError(f"{sent}\n-> {answer.status} {answer.content[:600]!r}\n{wrong}") from wrong

    run()


def test_good_requests_are_answered_as_the_schema_tells(world: World, schema: Mapping[str, Any]) -> None:
    """Every operation once as it is meant, by everybody: most of them succeed somewhere."""
    succeeded = set()
    for operation in operations(schema):
        for name, person in sorted(world.people.items()):
            side = "licensee" if name not in ("publisher_editor", "publisher_finance", "rival") else "holder"
            path = re.sub(r"\{(\w+)\}", lambda found, side=side: world.things[side].get(found.group(1))  # type: ignore[misc]  # bound
                          or world.things["licensee"].get(found.group(1), "1"), operation.path)  # fmt: skip
            body = json.dumps(example(world, operation)).encode() if operation.method == "POST" else b"abc"
            headers = {"Idempotency-Key": f"{name}"} if operation.method == "POST" else {}
            with transaction.atomic():
                sent = None if operation.method == "GET" else body
                answer = person.send(operation.method, path, sent, headers=headers)
                transaction.set_rollback(True)
            check(schema, operation, answer)
            if answer.status < 400:
                succeeded.add((operation.method, operation.path))
    assert len(succeeded) > 0.7 * len(operations(schema)), sorted(succeeded)
