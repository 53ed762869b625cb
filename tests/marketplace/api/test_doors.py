"""What every door does, seen through the ones about organisations, keys and parties."""

from __future__ import annotations

import json

from accounts.models import ApiKey, IdempotencyRecord
from accounts.unit import SYSTEM, unit
from licensing.catalogue.models import Party
from tests import cast as casting
from tests.cast import Cast

PARTY = {"key": "lin", "kind": "person", "name": "Lin Yue"}


def parties() -> int:
    with unit(SYSTEM):
        return Party.objects.count()


def test_a_request_without_a_key_is_a_401_problem(cast: Cast) -> None:
    answer = cast.nobody.get("parties")
    assert (answer.status, answer.code) == (401, "key_missing")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="licet"'
    assert answer.json["instance"] == "/v1/parties"


def test_an_unknown_or_malformed_key_is_a_401(cast: Cast) -> None:
    assert casting.Person("lk_test_nobody").get("parties").code == "key_unknown"
    assert cast.nobody.get("parties", Authorization="Basic abc").code == "key_unknown"


def test_a_revoked_key_is_refused_at_once(cast: Cast) -> None:
    assert cast.publisher.get("parties").status == 200
    assert cast.publisher.key is not None
    answer = cast.publisher.post(f"keys/{cast.publisher.key.name_id}:revoke")
    assert answer.status == 200
    refused = cast.publisher.get("parties")
    assert (refused.status, refused.code) == (401, "key_revoked")


def test_a_key_without_the_scope_is_told_which(cast: Cast) -> None:
    assert cast.publisher.user is not None
    assert cast.publisher.organisation is not None
    narrow = casting.keyed(cast.publisher.user, cast.publisher.organisation, scopes=("rights.read",))
    refused = narrow.post("parties", PARTY)
    assert (refused.status, refused.code) == (403, "scope_missing")
    assert refused.json["errors"][0]["expected"] == "catalogue.write"
    assert parties() == 0


def test_every_answer_carries_a_request_id(cast: Cast) -> None:
    assert cast.nobody.get("/livez").headers["X-Request-Id"].startswith("req_")
    sent = cast.publisher.get("parties/nowhere", **{"X-Request-Id": "mine-12345678"})
    assert sent.headers["X-Request-Id"] == "mine-12345678"
    assert (sent.status, sent.json["request_id"]) == (404, "mine-12345678")


def test_a_harmful_request_id_is_replaced(cast: Cast) -> None:
    assert cast.nobody.get("/livez", **{"X-Request-Id": "a b\tc<script>"}).headers["X-Request-Id"].startswith("req_")


def test_unknown_fields_are_named_by_pointer(cast: Cast) -> None:
    refused = cast.publisher.post("parties", {**PARTY, "colour": "red", "identifiers": [{"type": "isni", "val": "1"}]})
    assert (refused.status, refused.code) == (400, "field_unknown")
    assert refused.pointers["/colour"] == "field_unknown"
    nested = cast.publisher.post("parties", {**PARTY, "identifiers": [{"type": "isni", "val": "1"}]})
    assert nested.pointers == {"/identifiers/0/val": "field_unknown"}
    assert parties() == 0


def test_missing_and_wrong_fields_are_named_by_pointer(cast: Cast) -> None:
    refused = cast.publisher.post("parties", {"kind": "ghost", "name": "x"})
    assert (refused.status, refused.code) == (400, "field_invalid")
    assert set(refused.pointers) == {"/key", "/kind"}


def test_a_body_that_is_no_json_object_is_syntax(cast: Cast) -> None:
    twice, nan, nul, half = b'{"a":1,"a":2}', b'{"a": NaN}', b'{"key":"a\\u0000b"}', b'{"key":"\\ud800"}'
    for body in (b"{", b"\xff", twice, nan, nul, half, b"[" * 100_000):
        refused = cast.publisher.send("POST", "parties", body)
        assert (refused.status, refused.code) == (400, "syntax"), body[:20]
    assert cast.publisher.send("POST", "parties", b"[]").status == 400
    assert cast.publisher.send("POST", "parties", b"").status == 400


def test_other_media_types_are_refused(cast: Cast) -> None:
    refused = cast.publisher.send("POST", "parties", b"a=b", content_type="application/x-www-form-urlencoded")
    assert (refused.status, refused.code) == (415, "media_type_unsupported")


def test_a_method_that_is_not_there_is_a_405(cast: Cast) -> None:
    refused = cast.publisher.send("DELETE", "parties")
    assert (refused.status, refused.code) == (405, "method_not_allowed")


def test_unknown_parameters_are_a_400_naming_what_there_is(cast: Cast) -> None:
    refused = cast.publisher.get("parties?limt=3")
    assert (refused.status, refused.code) == (400, "parameter_unknown")
    assert "limit" in refused.json["errors"][0]["expected"]


def test_lists_page_by_an_opaque_cursor(cast: Cast) -> None:
    for number in range(5):
        assert cast.publisher.post("parties", {**PARTY, "key": f"p{number}"}).status == 201
    first = cast.publisher.get("parties?limit=2&include=count")
    assert [row["key"] for row in first.json["data"]] == ["p4", "p3"]
    assert (first.json["has_more"], first.json["count"]) == (True, 5)
    assert 'rel="next"' in first.headers["Link"]
    second = cast.publisher.get(f"parties?limit=3&cursor={first.json['next_cursor']}")
    assert [row["key"] for row in second.json["data"]] == ["p2", "p1", "p0"]
    assert (second.json["has_more"], second.json["next_cursor"]) == (False, None)


def test_bad_page_parameters_are_refused(cast: Cast) -> None:
    for query in ("limit=0", "limit=101", "limit=x", "cursor=zzz", "cursor=%00", "cursor=MTow"):
        refused = cast.publisher.get(f"parties?{query}")
        assert (refused.status, refused.code) == (400, "parameter_invalid"), query


def test_the_same_request_is_answered_byte_for_byte(cast: Cast) -> None:
    first = cast.publisher.post("parties", PARTY, idem="one")
    again = cast.publisher.post("parties", PARTY, idem="one")
    assert (first.status, again.status) == (201, 201)
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert "Idempotent-Replayed" not in first.headers
    assert parties() == 1


def test_a_key_may_be_rotated_between_request_and_replay(cast: Cast) -> None:
    assert cast.publisher.user is not None
    assert cast.publisher.organisation is not None
    first = cast.publisher.post("parties", PARTY, idem="one")
    other = casting.keyed(cast.publisher.user, cast.publisher.organisation)
    assert other.post("parties", PARTY, idem="one").content == first.content


def test_a_replay_needs_a_valid_key(cast: Cast) -> None:
    cast.publisher.post("parties", PARTY, idem="one")
    assert cast.publisher.key is not None
    cast.publisher.post(f"keys/{cast.publisher.key.name_id}:revoke")
    assert cast.publisher.post("parties", PARTY, idem="one").status == 401


def test_a_replay_needs_the_rights_the_answer_was_given_for(cast: Cast) -> None:
    assert cast.publisher.user is not None
    assert cast.publisher.organisation is not None
    cast.publisher.post("parties", PARTY, idem="one")
    narrow = casting.keyed(cast.publisher.user, cast.publisher.organisation, scopes=("rights.read",))
    editor = casting.person("publisher_editor", cast.publisher.organisation, scopes=("catalogue.write",))
    for kept in ("with its rights", "by a release that kept none"):
        for person, code in ((narrow, "scope_missing"), (cast.colleague, "not_found")):
            refused = person.post("parties", PARTY, idem="one")
            assert refused.code == code, kept
            assert "Idempotent-Replayed" not in refused.headers
        assert editor.post("parties", PARTY, idem="one").headers["Idempotent-Replayed"] == "true", kept
        with unit(SYSTEM):
            assert IdempotencyRecord.objects.update(rights=None) == 1


def test_a_replay_of_a_members_own_key_is_that_members(cast: Cast) -> None:
    assert cast.developer.user is not None
    assert cast.developer.organisation is not None
    here, email = cast.developer.organisation.name_id, cast.developer.user.email
    body = {"organisation": here, "email": email, "scopes": ["clear"]}
    made = cast.developer.post("keys", body, idem="k")
    refused = casting.person("developer", cast.developer.organisation).post("keys", body, idem="k")
    assert (refused.status, refused.code) == (403, "forbidden")
    assert cast.admin.post("keys", body, idem="k").json["id"] == made.json["id"]


def test_another_body_under_the_same_key_is_a_conflict(cast: Cast) -> None:
    cast.publisher.post("parties", PARTY, idem="one")
    refused = cast.publisher.post("parties", {**PARTY, "key": "other"}, idem="one")
    assert (refused.status, refused.code) == (422, "idempotency_conflict")
    assert parties() == 1


def test_a_request_in_flight_is_a_409_with_retry_after(cast: Cast) -> None:
    cast.publisher.post("parties", PARTY, idem="one")
    with unit(SYSTEM):
        IdempotencyRecord.objects.update(status_code=None, body=None)
    refused = cast.publisher.post("parties", PARTY, idem="one")
    assert (refused.status, refused.code) == (409, "idempotency_in_flight")
    assert refused.json["retryable"] is True
    assert "Retry-After" in refused.headers


def test_a_400_is_not_kept(cast: Cast) -> None:
    assert cast.publisher.post("parties", {"key": "x"}, idem="one").status == 400
    with unit(SYSTEM):
        assert not IdempotencyRecord.objects.exists()


def test_idempotency_keys_of_two_organisations_do_not_meet(cast: Cast) -> None:
    cast.publisher.post("parties", PARTY, idem="one")
    assert cast.rival.post("parties", PARTY, idem="one").status == 404  # finance may not write the catalogue
    assert parties() == 1


def test_a_stored_answer_holds_no_secret(cast: Cast) -> None:
    assert cast.admin.user is not None
    assert cast.admin.organisation is not None
    body = {"organisation": cast.admin.organisation.name_id, "email": cast.admin.user.email, "scopes": ["clear"]}
    first = cast.admin.post("keys", body, idem="k")
    assert first.status == 201
    assert first.json["secret"].startswith("lk_test_")
    again = cast.admin.post("keys", body, idem="k")
    assert again.json == {**first.json, "secret": None}
    with unit(SYSTEM):
        kept = IdempotencyRecord.objects.get()
        assert first.json["secret"].encode() not in bytes(kept.body or b"")
        assert ApiKey.objects.filter(user=cast.admin.user).count() == 2


def test_ids_of_others_and_of_other_things_are_the_same_404(cast: Cast) -> None:
    assert cast.rival.key is not None
    assert cast.publisher.key is not None
    for name in (cast.rival.key.name_id, "key_0", "wrk_" + cast.publisher.key.name_id[4:], "a%00b", "é"):
        refused = cast.publisher.post(f"keys/{name}:revoke")
        assert (refused.status, refused.code) == (404, "not_found"), name


def test_the_schema_and_its_pages_are_public(cast: Cast) -> None:
    schema = cast.nobody.get("schema")
    assert schema.status == 200
    assert json.loads(schema.content)["openapi"].startswith("3.1")
    page = cast.nobody.get("docs")
    assert page.status == 200
    assert b"redoc.standalone.js" in page.content
    assert "worker-src 'self' blob:" in page.headers["Content-Security-Policy"]


def test_health(cast: Cast) -> None:
    assert cast.nobody.get("/livez").json == {"ok": True}
    ready = cast.nobody.get("/readyz")
    assert (ready.json["database"], ready.json["redis"], ready.json["migrations"]) == (True, True, True)
    assert ready.status == 503  # nothing has travelled through the queue of this database
    assert ready.json["queue"]["heartbeat_age_seconds"] is None


def test_a_page_that_is_not_there_is_a_page(cast: Cast) -> None:
    assert cast.nobody.get("/nowhere").headers["Content-Type"].startswith("text/html")
    assert cast.nobody.get("nowhere").code == "not_found"
