"""Rights on one thing of another organisation: seen exactly there, until a day, without a query per row."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from guardian.utils import get_user_obj_perms_model

from accounts import guests, identity
from accounts.base import Named
from accounts.errors import Refused
from accounts.models import AuditRow
from accounts.unit import SYSTEM, unit
from licensing.catalogue.models import Catalogue
from licensing.jobs import services as jobs
from licensing.royalties import statements
from tests import cast as casting
from tests import scenario
from tests.cast import AT, Cast, Person

pytestmark = pytest.mark.django_db



@pytest.fixture
def cast(db: None) -> Cast:
    return casting.hire("rival", "stranger")


def another(shelf: Catalogue, slug: str) -> Catalogue:
    with unit(SYSTEM):
        return Catalogue.objects.create(
            public_id=identity.fresh(AT), created_at=AT, organisation_id=shelf.organisation_id, livemode=False,
            slug=slug, name=slug, role_of_sender="owner",
        )  # fmt: skip


def let_in(person: Person, thing: Named, permission: str, *, days: int = 30) -> None:
    assert person.user is not None
    at = scenario.now()
    guests.invite(
        thing=thing, user=person.user, permission=permission, until=at + timedelta(days=days), actor=SYSTEM, at=at
    )


def ids(person: Person, path: str) -> list[str]:
    answer = person.get(path)
    assert answer.status == 200, answer.content
    return [row["id"] for row in answer.json["data"]]


def test_an_agent_sees_exactly_the_catalogue_given(cast: Cast) -> None:
    of = scenario.publisher(works=1)
    other = another(of.catalogue, "other")
    agent = cast.rival
    assert ids(agent, "catalogues") == []
    let_in(agent, of.catalogue, "view_catalogue")
    assert ids(agent, "catalogues") == [of.catalogue.name_id]
    assert agent.post(f"catalogues/{of.catalogue.name_id}/assets", {}).status == 404
    assert agent.post(f"catalogues/{other.name_id}/assets", {}).status == 404
    assert agent.get("statements").json["data"] == []
    assert agent.get("claims").json["data"] == []


def test_a_right_ends_on_its_day_and_when_it_is_taken(cast: Cast) -> None:
    of = scenario.publisher(works=1)
    agent = cast.rival
    assert agent.user is not None
    let_in(agent, of.catalogue, "view_catalogue", days=-1)
    assert ids(agent, "catalogues") == []
    let_in(agent, of.catalogue, "view_catalogue")
    assert ids(agent, "catalogues") == [of.catalogue.name_id]
    guests.end(thing=of.catalogue, user=agent.user, actor=SYSTEM, at=AT)
    guests.end(thing=of.catalogue, user=agent.user, actor=SYSTEM, at=AT)
    assert ids(agent, "catalogues") == []
    with unit(SYSTEM):
        acts = list(AuditRow.objects.filter(subject=of.catalogue.name_id).order_by("id").values_list("act", flat=True))
    assert acts[-3:] == ["guest.invited", "guest.invited", "guest.ended"]


def test_a_guest_needs_the_scope_of_the_key_too(cast: Cast) -> None:
    of = scenario.publisher(works=1)
    assert cast.rival.user is not None
    assert cast.rival.organisation is not None
    let_in(cast.rival, of.catalogue, "view_catalogue")
    narrow = casting.keyed(cast.rival.user, cast.rival.organisation, scopes=("statements.read",))
    assert narrow.get("catalogues").code == "scope_missing"


def test_an_outside_auditor_reads_the_statements_of_one_organisation(cast: Cast) -> None:
    of, at = scenario.publisher(works=1), scenario.now()
    made = statements.draft(
        payee=of.parties[0], currency="usd", starts=at.date(), ends=at.date() + timedelta(days=1), actor=of.actor, at=at
    )
    outside = cast.stranger
    assert outside.get("statements").status == 404
    let_in(outside, of.organisation, "view_organisation")
    assert ids(outside, "statements") == [made.name_id]
    assert outside.get(f"statements/{made.name_id}.csv").status == 200
    assert of.organisation.name_id in ids(outside, "organisations")
    assert outside.post("statements", {"payee": of.parties[0].name_id, "currency": "usd"}).status == 404
    assert cast.rival.get(f"statements/{made.name_id}").status == 404


def test_a_grant_and_its_releases_are_shown_to_whom_it_was_given(cast: Cast) -> None:
    of = scenario.publisher(works=1)
    grant = scenario.granted(of)
    outside = cast.rival
    assert outside.get(f"grants/{grant.name_id}").status == 404
    let_in(outside, grant, "view_grant")
    assert ids(outside, "grants") == [grant.name_id]
    assert outside.get(f"grants/{grant.name_id}/certificate").status == 200
    assert len(outside.get(f"grants/{grant.name_id}/works").json["data"]) == 1
    assert outside.get("releases").json["data"] == []


def test_the_owner_lets_guests_in_and_out_over_rest(cast: Cast) -> None:
    of = scenario.publisher(works=1)
    finance, agent = casting.person("publisher_finance", of.organisation), cast.rival
    assert agent.user is not None
    sent = {"thing": of.catalogue.name_id, "email": agent.user.email}
    until = {"permission": "view_catalogue", "until": "2099-01-01T00:00:00Z"}
    assert agent.post("guests", sent | until).status == 404
    made = finance.post("guests", sent | until)
    assert (made.status, made.json["rights"]) == (201, ["catalogue.read"])
    assert ids(agent, "catalogues") == [of.catalogue.name_id]
    over = finance.post("guests", sent | until | {"until": "2020-01-01T00:00:00Z"})
    assert over.pointers == {"/until": "field_invalid"}
    assert finance.post("guests", sent | until | {"permission": "view_grant"}).code == "permission_unknown"
    assert finance.post("guests", sent | until | {"thing": of.works[0].name_id}).status == 404
    assert finance.post("guests", sent | until | {"email": "nobody@example.org"}).status == 404
    assert finance.post("guests:end", sent).status == 200
    assert ids(agent, "catalogues") == []


def test_an_agent_who_may_change_a_catalogue_brings_a_file_in(cast: Cast) -> None:
    of, agent = scenario.publisher(works=1), cast.rival
    let_in(agent, of.catalogue, "change_catalogue")
    data = b"own_id,title\nW-9,Nine\n"
    sent = {"catalogue": of.catalogue.name_id, "filename": "a.csv", "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest()}  # fmt: skip
    opened = agent.post("imports", sent)
    assert opened.status == 201
    part = opened.json["parts"][0]["url"].removeprefix("http://testserver")
    assert agent.send("PUT", part, data, content_type="application/octet-stream").status == 200
    assert cast.stranger.send("PUT", part, data, content_type="application/octet-stream").status == 404
    assert ids(agent, "imports") == [opened.json["id"]]


def test_an_agent_follows_the_job_it_asked_for(cast: Cast) -> None:
    of, agent = scenario.publisher(works=1), cast.rival
    let_in(agent, of.catalogue, "change_catalogue")
    job = jobs.enqueue(
        kind="intake.commit", subject="i", actor=agent.actor, at=AT, dedupe_key="d", organisation_id=of.organisation.pk
    )
    assert job is not None
    assert agent.user is not None
    let_in(cast.stranger, of.catalogue, "change_catalogue")
    assert cast.stranger.get(f"jobs/{job.name_id}").status == 404
    assert agent.get(f"jobs/{job.name_id}").status == 200
    assert agent.post(f"jobs/{job.name_id}:cancel").json["status"] == "cancelled"
    guests.end(thing=of.catalogue, user=agent.user, actor=SYSTEM, at=AT)
    assert agent.get(f"jobs/{job.name_id}").status == 404


def test_an_agent_states_facts_of_works_of_the_catalogue_only(cast: Cast) -> None:
    of, agent = scenario.publisher(works=1), cast.rival
    work, shelf = of.works[0], of.catalogue
    facts = {"kind": "contributors_complete", "work": work.name_id, "source": "the title page"}
    let_in(agent, another(shelf, "other"), "change_catalogue")
    assert agent.post("facts", facts).status == 404
    let_in(agent, shelf, "view_catalogue")
    assert agent.post("facts", facts).status == 404
    let_in(agent, shelf, "change_catalogue")
    assert agent.post("facts", facts).status == 201
    death = {"kind": "death", "party": of.parties[0].name_id, "not_before": "1900-01-01", "source": "s"}
    assert agent.post("facts", death).status == 404
    with unit(SYSTEM):
        assert AuditRow.objects.get(act="contributors.complete").organisation_id == of.organisation.pk


def test_a_guest_of_an_organisation_sees_its_parties(cast: Cast) -> None:
    of, outside = scenario.publisher(works=1), cast.stranger
    assert outside.get("parties").status == 404
    let_in(outside, of.organisation, "view_organisation")
    assert set(ids(outside, "parties")) == {party.name_id for party in of.parties}
    assert ids(cast.rival, "parties") == []


def test_what_nobody_can_be_given_is_refused(cast: Cast) -> None:
    of = scenario.publisher(works=1)
    for permission in ("delete_catalogue", "view_grant", "nonsense"):
        with pytest.raises(Refused) as refused:
            let_in(cast.rival, of.catalogue, permission)
        assert refused.value.code == "permission_unknown"
    table = get_user_obj_perms_model(Catalogue)
    with unit(SYSTEM):
        assert not table.objects.exists()


def test_a_guest_of_many_asks_as_often_as_a_guest_of_one(cast: Cast) -> None:
    of = scenario.publisher(works=1)
    let_in(cast.rival, of.catalogue, "view_catalogue")

    def asked() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as queries:
            rows = len(ids(cast.rival, "catalogues?limit=100"))
        return rows, len(queries)

    one = asked()
    for number in range(20):
        let_in(cast.rival, another(of.catalogue, f"c{number}"), "view_catalogue")
    assert asked() == (21, one[1])
