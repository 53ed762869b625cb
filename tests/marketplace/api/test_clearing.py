"""Works are found, cleared and explained by HTTP; holders answer what they are asked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from accounts.unit import SYSTEM, unit
from licensing.clearing import services as clearing
from licensing.clearing.models import Approval, Bundle, Clearance, UseProfile
from licensing.kernel import territories
from licensing.kernel.periods import Period
from licensing.rights import services as rights
from licensing.rights import terms
from licensing.rights.scopes import Target
from tests import cast as casting
from tests import scenario
from tests.cast import Cast, Person


def use_body(**changes: Any) -> dict[str, Any]:
    return scenario.use_body(datetime.now(UTC) + timedelta(days=1), **changes)


def cleared(person: Person, of: scenario.Publisher, **use: Any) -> dict[str, Any]:
    profile = person.post("uses", use_body(**use)).json["id"]
    bundle = person.post("bundles", {"ids": [work.name_id for work in of.works]}).json["id"]
    made = person.post("clearances", {"use": profile, "bundle": bundle, "currency": "usd"})
    assert made.status == 201
    found: dict[str, Any] = made.json
    return found


def test_works_are_found_by_words_and_facets(cast: Cast) -> None:
    of = scenario.publisher(works=3)
    found = cast.developer.get(f"works?catalogue={of.catalogue.slug}&include=count&limit=2")
    assert (found.status, found.json["count"], found.json["has_more"]) == (200, 3, True)
    assert found.json["facets"]["language"] == [{"value": "en", "count": 3}]
    assert found.json["size"]["works"] == 3
    rest = cast.developer.get(f"works?catalogue={of.catalogue.slug}&cursor={found.json['next_cursor']}")
    names = [work["id"] for work in found.json["data"] + rest.json["data"]]
    assert names == [work.name_id for work in of.works]
    assert found.json["data"][0]["contributors"][0]["name"] == "Author 1"
    assert found.json["data"][0]["assets"][0]["layer"] == "text"
    assert cast.developer.get("works?q=nothing-like-this").json["data"] == []
    assert cast.developer.get("works?with_content=maybe").code == "parameter_invalid"
    assert cast.developer.get("works?cursor=x").code == "parameter_invalid"


def test_a_work_is_read_by_any_of_its_names(cast: Cast) -> None:
    of = scenario.publisher(works=2)
    name = of.works[0].name_id
    assert cast.developer.get(f"works/{name}").json["title"] == "Work 1"
    holder = casting.person("publisher_editor", of.organisation)
    assert holder.get("works/own:W-2").json["id"] == of.works[1].name_id
    for unknown in ("own:W-2", "isbn:9780306406157", "wrk_nothing"):
        assert cast.developer.get(f"works/{unknown}").status == 404
    batch = cast.developer.post("works:batch_get", {"ids": [of.works[1].name_id, "own:none", name, name]})
    assert [work["id"] for work in batch.json["data"]] == [of.works[1].name_id, name]
    assert batch.json["unknown"] == ["own:none"]


def test_a_use_is_kept_with_its_defaults(cast: Cast) -> None:
    made = cast.developer.post("uses", {"title": "Model", **use_body()})
    assert (made.status, made.json["title"]) == (201, "Model")
    assert made.json["body"]["model_survival"] == "perpetual"
    assert cast.developer.get(f"uses/{made.json['id']}").json == made.json
    assert cast.stranger.get(f"uses/{made.json['id']}").status == 404


def test_wrong_fields_of_a_use_are_named(cast: Cast) -> None:
    refused = cast.developer.post("uses", use_body(outputs=[], max_price_minor=1.5, colour="red"))
    assert (refused.status, refused.code) == (422, "use_invalid")
    assert set(refused.pointers) == {"/outputs", "/max_price_minor", "/colour"}
    for name, value in (("copy_retention_days", 10**9), ("copy_retention_days", -1)):
        assert cast.developer.post("uses", use_body(**{name: value})).pointers == {f"/{name}": "use_invalid"}
    long = cast.developer.post("uses", use_body(size_band="x" * 20_000))
    assert (long.status, long.code) == (422, "use_invalid")  # every certificate repeats the use and has 64 KiB
    assert cast.developer.post("uses", ["train"]).pointers == {"": "field_invalid"}
    assert cast.developer.post("uses", {**use_body(), "title": 7}).pointers == {"/title": "field_invalid"}
    with unit(SYSTEM):
        assert not UseProfile.objects.exists()


def test_money_is_never_a_fraction_or_negative(cast: Cast) -> None:
    for price in (1.0, "100", -1, True):
        refused = cast.developer.post("uses", use_body(max_price_minor=price))
        assert refused.pointers == {"/max_price_minor": "use_invalid"}, price


def test_a_bundle_is_a_query_or_a_list(cast: Cast) -> None:
    of = scenario.publisher(works=2)
    by_id = cast.developer.post("bundles", {"query": {"catalogues": [of.catalogue.name_id]}})
    by_slug = cast.developer.post("bundles", {"query": {"catalogue": of.catalogue.slug, "language": "en"}})
    assert (by_id.json["works_count"], by_slug.json["works_count"]) == (2, 2)
    ids = [of.works[0].name_id, of.works[0].name_id, "own:unknown"]
    listed = cast.developer.post("bundles", {"ids": ids, "title": "Mine"})
    assert (listed.json["works_count"], listed.json["duplicate_ids"]) == (1, 1)
    assert listed.json["unknown_ids"] == ["own:unknown"]
    assert cast.developer.get(f"bundles/{listed.json['id']}").json == listed.json
    for body in ({}, {"query": {}, "ids": []}):
        assert cast.developer.post("bundles", body).code == "bundle_invalid"
    assert cast.developer.post("bundles", {"query": {"colour": "red"}}).pointers == {"/query/colour": "field_unknown"}
    with unit(SYSTEM):
        assert Bundle.objects.count() == 3


def test_every_work_has_a_decision_that_can_be_explained(cast: Cast) -> None:
    of = scenario.publisher(works=3)
    made = cleared(cast.developer, of)
    assert made["status"] == "decided"
    assert made["counts"] == {"cleared": 3, "needs_approval": 0, "refused": 0}
    assert made["total"]["currency"] == "usd"
    assert len(made["hash"]) == 64
    here = f"clearances/{made['id']}"
    assert cast.developer.get(here).json == made
    rows = cast.developer.get(f"{here}/decisions?limit=2")
    rest = cast.developer.get(f"{here}/decisions?cursor={rows.json['next_cursor']}")
    decided = {row["work"]: row["outcome"] for row in rows.json["data"] + rest.json["data"]}
    assert decided == {work.name_id: "cleared" for work in of.works}
    assert sum(int(row["price"]["micro"]) for row in rows.json["data"] + rest.json["data"]) == int(made["total_micro"])
    assert cast.developer.get(f"{here}/decisions?outcome=refused").json["data"] == []
    told = cast.developer.get(f"{here}/explain?work={of.works[0].name_id}").json
    assert (told["outcome"], told["now"]["outcome"]) == ("cleared", "cleared")
    assert cast.developer.get(f"{here}/explain").code == "parameter_invalid"
    assert cast.developer.get(f"{here}/explain?work=own:none").status == 404


def test_a_refusal_is_an_answer_with_reasons(cast: Cast) -> None:
    of = scenario.publisher(works=2)
    made = cleared(cast.developer, of, exclusive=True)
    assert made["counts"]["refused"] == 2
    assert made["reasons"]
    code = next(iter(made["reasons"]))
    row = cast.developer.get(f"clearances/{made['id']}/decisions?outcome=refused").json["data"][0]
    assert code in row["reasons"]
    told = cast.developer.get(f"clearances/{made['id']}/explain?work={row['work']}").json
    assert [reason["code"] for reason in told["reasons"]] == row["reasons"]


def test_others_see_no_clearance_and_cannot_use_its_parts(cast: Cast) -> None:
    of = scenario.publisher(works=1)
    made = cleared(cast.developer, of)
    for person in (cast.stranger, cast.rival, cast.publisher):
        for path in ("", "/decisions", f"/explain?work={of.works[0].name_id}"):
            assert person.get(f"clearances/{made['id']}{path}").status == 404
    asked = {"use": made["use"], "bundle": made["bundle"], "currency": "usd"}
    assert cast.stranger.post("clearances", asked).status == 404
    assert cast.auditor.get(f"clearances/{made['id']}").status == 200
    assert cast.auditor.post("clearances", asked).status == 404
    assert cast.developer.post("clearances", {**asked, "currency": "xyz"}).code == "currency_unknown"
    with unit(SYSTEM):
        assert Clearance.objects.count() == 1


def asking(of: scenario.Publisher) -> None:
    """The publisher wants to be asked from now on."""
    at = scenario.now()
    body = {**scenario.TERMS, "approval": "manual", "title": "By agreement"}
    version = terms.draft_terms(organisation=of.organisation, own_key="ask", body=body, actor=of.actor, at=at)
    terms.publish_terms(terms=version.terms, actor=of.actor, at=at)
    for work in of.works:
        terms.assign_terms(terms=version.terms, target=Target("work", work=work), actor=of.actor, at=at)


def test_a_holder_is_asked_and_answers_once(cast: Cast) -> None:
    of = scenario.publisher(works=2)
    asking(of)
    made = cleared(cast.developer, of)
    assert made["counts"]["needs_approval"] == 2
    holder = casting.person("publisher_editor", of.organisation)
    waiting = holder.get("approvals?status=waiting").json["data"]
    assert {row["work"] for row in waiting} == {work.name_id for work in of.works}
    assert cast.rival.get("approvals").json["data"] == []
    here = f"approvals/{waiting[0]['id']}:answer"
    assert cast.rival.post(here, {"answer": "approve"}).status == 404
    assert holder.post(here, {"answer": "approve", "price_minor": 10.5}).pointers == {"/price_minor": "field_invalid"}
    said = holder.post(here, {"answer": "approve", "price_minor": 500, "reason": "Welcome"})
    assert (said.status, said.json["status"]) == (200, "approved")
    assert holder.post(here, {"answer": "decline"}).code == "approval_closed"
    assert holder.post(f"approvals/{waiting[1]['id']}:answer", {"answer": "decline"}).json["status"] == "declined"
    again = cleared(cast.developer, of)
    assert again["counts"]["cleared"] == 1
    assert again["total"]["amount"] == 500
    with unit(SYSTEM):
        assert Approval.objects.filter(status="waiting").count() == 1


def test_a_large_clearance_is_a_job(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    of = scenario.publisher(works=2)
    monkeypatch.setattr(clearing, "INLINE", 2)
    profile = cast.developer.post("uses", use_body()).json["id"]
    bundle = cast.developer.post("bundles", {"ids": [work.name_id for work in of.works]}).json["id"]
    asked = {"use": profile, "bundle": bundle, "currency": "usd"}
    started = cast.developer.post("clearances", asked, idem="one")
    assert (started.status, started.json["kind"]) == (202, "clearing.decide")
    assert started.headers["Location"] == f"/v1/jobs/{started.json['id']}"
    here = f"clearances/{started.json['subject']}"
    waiting = cast.developer.get(here).json
    assert (waiting["status"], waiting["counts"]["cleared"]) == ("deciding", 0)
    assert cast.developer.post("clearances", asked, idem="one").json == started.json
    with unit(SYSTEM):
        assert Clearance.objects.count() == 1
    clearing.decide(clearance_id=started.json["subject"], actor=cast.developer.actor, at=scenario.now())
    assert cast.developer.get(here).json["counts"]["cleared"] == 2
    assert cast.developer.post("clearances", asked, Prefer="wait=1").status == 202  # nobody works here


def test_a_summary_says_what_would_change_it(cast: Cast) -> None:
    of = scenario.publisher(works=2)
    made = cleared(cast.developer, of, exclusive=True)
    found = cast.developer.get(f"clearances/{made['id']}/summary").json
    assert (found["clearance"], found["counts"], found["total"]) == (made["id"], made["counts"], made["total"])
    assert found["outcomes"] == [{"outcome": "refused", "kind": "", "works": 2, "micro": "0"}]
    assert {reason["code"]: reason["works"] for reason in found["reasons"]} == made["reasons"]
    assert all(reason["would_change"] and reason["would_change_zh"] for reason in found["reasons"])
    assert cast.stranger.get(f"clearances/{made['id']}/summary").status == 404


def test_two_clearances_are_compared(cast: Cast) -> None:
    of = scenario.publisher(works=3)
    before = cleared(cast.developer, of)
    at = scenario.now()
    rights.reserve(
        organisation=of.organisation, kind="withhold", target=Target("work", work=of.works[0]), actions=2047,
        territories=territories.WORLD, period=Period(None, None), signal="", evidence={}, actor=of.actor, at=at,
    )  # fmt: skip
    after = cleared(cast.developer, of)
    found = cast.developer.post(f"clearances/{before['id']}:compare", {"to": after["id"]}).json
    price = str(int(before["total_micro"]) // 3)
    assert found["moves"] == [
        {"before": "cleared", "after": "cleared", "works": 2, "micro_before": after["total_micro"],
         "micro_after": after["total_micro"]},
        {"before": "cleared", "after": "refused", "works": 1, "micro_before": price, "micro_after": "0"},
    ]  # fmt: skip
    assert found["reasons"] == {"withheld": [0, 1]}
    assert found["works"] == [
        {"work": of.works[0].name_id, "before": "cleared", "after": "refused", "reasons_before": [],
         "reasons_after": ["withheld"]},
    ]  # fmt: skip
    foreign = cleared(cast.stranger, of)
    assert cast.developer.post(f"clearances/{before['id']}:compare", {"to": foreign["id"]}).status == 404


def test_an_explanation_names_its_premises(cast: Cast) -> None:
    of = scenario.publisher(works=1)
    made = cleared(cast.developer, of, exclusive=True)
    told = cast.developer.get(f"clearances/{made['id']}/explain?work={of.works[0].name_id}").json
    offer = next(one for one in told["premises"] if one["premise"] == "offer")
    assert of.terms is not None
    assert (offer["satisfied"], offer["against"]) == (False, ["exclusivity_not_offered"])
    assert offer["row"] == f"{of.terms.name_id}/1"
    assert offer["cells"]["territories"] == ["CN", "DE"]
    assert date.fromisoformat(offer["cells"]["from"]) < date.fromisoformat(offer["cells"]["until"])
    claim = next(one for one in told["premises"] if one["premise"] == "claim")
    assert of.claim is not None
    assert (claim["satisfied"], claim["row"]) == (False, of.claim.name_id)  # an exclusive use needs it verified
    assert claim["against"] == ["assurance_too_low"]


def test_a_claim_is_verified_by_the_operator_alone(cast: Cast) -> None:
    of = scenario.publisher(works=1)
    assert of.claim is not None
    here, seen = f"claims/{of.claim.name_id}:verify", {"evidence": "contract of 2020"}
    finance = casting.person("publisher_finance", of.organisation)
    assert finance.post(here, seen).status in (403, 404)
    assert cast.operator.post(here, {}).pointers == {"/evidence": "field_invalid"}
    assert cast.operator.post(here, seen).json["status"] == "verified"
    assert cast.operator.post(here, seen).code == "state_conflict"
    assert finance.post(f"claims/{of.claim.name_id}:end", {"reason": "sold"}).json["status"] == "ended"
    assert cast.rival.post(f"claims/{of.claim.name_id}:end", {"reason": "sold"}).status == 404


@pytest.mark.parametrize("target", [None, 7, [], {}, "", ["shelf"], [7]])
def test_a_target_that_is_no_name_is_refused(cast: Cast, target: Any) -> None:
    of = scenario.publisher(works=1)
    finance = casting.person("publisher_finance", of.organisation)
    for level in ("work", "catalogue", "list"):
        if level == "list" and target == ["shelf"]:
            continue
        body = {
            "level": level, "target": target, "holder": "p0", "basis": "assignment", "control_ppm": 1,
            "actions": ["train"], "territories": ["DE"], "starts": "2020-01-01", "author_consent": "unknown",
            "warranty": {"text": "t", "signer": "s"},
        }  # fmt: skip
        refused = finance.post("claims", body)
        assert (refused.status, "/target" in refused.pointers) == (400, True), (level, refused.content)
    period = {"starts": "2021-01-01", "ends": "2020-01-01"}
    refused = finance.post("claims", body | period | {"level": "catalogue", "target": "shelf"})
    assert refused.pointers == {"/ends": "field_invalid"}
