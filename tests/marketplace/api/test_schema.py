"""The published contract: valid OpenAPI 3.1 without a warning, one Problem, and pages behind every code."""

from __future__ import annotations

import json
from typing import Any

from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from marketplace.api import errors
from marketplace.reference import refusals
from marketplace.web import codes
from tests.cast import Cast
from tests.marketplace.web.visitors import visitor

#: Steps of a method a body is checked against: RFC 9110 names that no door answers.
OTHER_METHODS = ("OPTIONS", "PATCH", "DELETE", "TRACE", "PROPFIND")


def schema() -> dict[str, Any]:
    generator: Any = SchemaGenerator
    found: dict[str, Any] = json.loads(json.dumps(generator().get_schema(request=None, public=True), default=str))
    return found


def test_the_schema_is_valid_and_nothing_was_guessed() -> None:
    GENERATOR_STATS.reset()
    found = schema()
    validate_schema(found)
    assert GENERATOR_STATS._error_cache == {}
    assert GENERATOR_STATS._warn_cache == {}
    assert found["openapi"] == "3.1.1"
    names = [operation["operationId"] for path in found["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))


def test_there_is_one_problem_and_every_operation_may_answer_it() -> None:
    found = schema()
    problems = [name for name in found["components"]["schemas"] if "roblem" in name or "Error" in name]
    assert problems == ["Problem"]
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            told = operation["responses"]["default"]["content"]["application/problem+json"]["schema"]
            assert told == {"$ref": "#/components/schemas/Problem"}, (method, path)


def test_every_code_has_a_page_in_both_languages(cast: Cast) -> None:
    known = {said.code for said in refusals.found()} | set(errors.STATUS) | set(errors.DRF_CODES.values())
    missing = [
        code for code in sorted(known) for language in ("en", "zh-hans")
        if codes.explain("errors", code, language) is None and codes.explain("issues", code, language) is None
    ]  # fmt: skip
    assert missing == []
    refused = cast.nobody.get("parties").json
    path = refused["type"].removeprefix("http://127.0.0.1:8000")
    assert path == "/errors/key_missing"
    for language in ("en", "zh-hans"):
        assert visitor(language).get(path).status_code == 200


def test_what_no_door_answers_is_a_problem_too(cast: Cast) -> None:
    for method in OTHER_METHODS:
        refused = cast.publisher.send(method, "parties")
        assert (refused.status, refused.code) == (405, "method_not_allowed"), method
        assert "GET" in refused.headers["Allow"]
    for path in ("nowhere", "parties/", "parties/x/y", "keys/%2F:revoke", "works%00", "keys/a%00b:revoke"):
        refused = cast.publisher.send("POST", path, {})
        assert (refused.status, refused.code) == (404, "not_found"), path
    assert cast.publisher.get("works/own:a%00b").code == "not_found"
    elsewhere = cast.publisher.get("parties", Host="evil.example")
    assert (elsewhere.status, elsewhere.code) == (400, "syntax")


def test_json_is_what_comes_back_whatever_is_preferred(cast: Cast) -> None:
    answer = cast.publisher.get("parties", Accept="text/html;q=1, application/xml")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert cast.nobody.get("parties", Accept="text/html").code == "key_missing"


def test_a_body_that_is_too_large_is_a_413_with_or_without_a_key(cast: Cast) -> None:
    body = b'{"key": "' + b"x" * (11 << 20) + b'"}'
    for idem in (None, "k"):
        headers = {"Idempotency-Key": idem} if idem else {}
        refused = cast.publisher.send("POST", "parties", body, headers=headers)
        assert (refused.status, refused.code) == (413, "too_large")


def test_a_fault_says_what_was_seen_what_is_expected_and_the_nearest_name(cast: Cast) -> None:
    body = {"key": "k", "kind": "ghost", "name": 7.5, "identifers": [], "a/b~c": 1}
    refused = cast.publisher.post("parties", body)
    assert (refused.status, refused.code) == (400, "field_unknown")
    told = {error["pointer"]: error for error in refused.json["errors"]}
    assert (told["/identifers"]["seen"], told["/identifers"]["expected"]) == ("[]", "identifiers")
    assert "/a~1b~0c" in told
    wrong = cast.publisher.post("parties", {"key": "k" * 121, "kind": "ghost", "identifiers": "x"})
    told = {error["pointer"]: error for error in wrong.json["errors"]}
    assert (told["/kind"]["seen"], told["/name"]["seen"]) == ("ghost", "nothing")
    assert "person" in told["/kind"]["expected"]
    assert told["/key"]["expected"] == "a text, at most 120"
    assert told["/identifiers"]["expected"] == "a list of objects"
    for error in wrong.json["errors"]:
        assert error["doc"].endswith(f"/errors/{error['code']}")


def test_numbers_beyond_json_are_refused(cast: Cast) -> None:
    for body in (b'{"key": 1e999}', b'{"key": -Infinity}', b'{"key": ' + b"9" * 5000 + b"}"):
        refused = cast.publisher.send("POST", "parties", body)
        assert (refused.status, refused.code) == (400, "syntax"), body[:20]
