"""A list asks the database as often for one row as for many."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts import countersign, identity
from accounts.models import AuditRow, Membership, Organisation, User
from accounts.unit import SYSTEM, unit
from licensing.catalogue.models import Work
from licensing.clearing.models import Approval, Bundle, Clearance, UseProfile
from licensing.delivery import services as delivery
from licensing.delivery.models import Release, ReleaseFile
from licensing.events.models import DomainEvent
from licensing.grants.models import Grant
from licensing.intake import uploads
from licensing.intake.models import Import, ImportIssue, ImportRecord
from licensing.jobs.models import Job
from licensing.kernel.periods import Period
from licensing.orders.models import Quote
from licensing.payments.models import Payment
from licensing.rights import services as rights
from licensing.rights.scopes import Target
from licensing.royalties import services as royalties
from licensing.royalties import statements
from licensing.royalties.models import AllocationRun, Statement
from marketplace.api.urls import urlpatterns
from tests import cast as casting
from tests import scenario
from tests.cast import AT, Cast, Person

MANY = 30


def again(row: Any, **changes: Any) -> None:
    """One more row like this one."""
    row.pk = None
    row._state.adding = True
    if hasattr(row, "public_id"):
        row.public_id = identity.fresh(AT)
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(force_insert=True)


@contextmanager
def counted() -> Iterator[list[int]]:
    found: list[int] = []
    with CaptureQueriesContext(connection) as queries:
        yield found
    found.append(len(queries))


def asked(person: Person, path: str) -> tuple[int, int]:
    """(rows, queries)."""
    with counted() as queries:
        answer = person.get(f"{path}{'&' if '?' in path else '?'}limit=100")
    assert answer.status == 200, answer.content
    return len(answer.json["data"]), queries[0]


@dataclass
class Rows:
    """A list with at least one row: who reads it where, and how the n-th further row is made; without `more` the rows
    there are, two or more, are compared with a page of one.
    """

    person: Person
    path: str
    more: Callable[[int], Any] | None


def check(rows: Rows) -> None:
    """Few rows and many: the same number of queries."""
    if rows.more is None:
        many, second = asked(rows.person, rows.path)
        assert many > 1
        with counted() as queries:
            first_page = rows.person.get(f"{rows.path}{'&' if '?' in rows.path else '?'}limit=1")
        assert len(first_page.json["data"]) == 1
        assert queries[0] == second, rows.path
        return
    few, first = asked(rows.person, rows.path)
    assert few >= 1, rows.path
    with unit(SYSTEM):
        for number in range(MANY):
            rows.more(number)
    many, second = asked(rows.person, rows.path)
    assert many == few + MANY, rows.path
    assert second == first, rows.path


@dataclass
class World:
    """One sale with everything around it, and who reads it."""

    of: scenario.Publisher
    grant: Grant
    buyer: Person
    editor: Person
    finance: Person
    cast: Cast


@pytest.fixture
def world(cast: Cast) -> World:
    of = scenario.publisher(works=2)
    grant = scenario.granted(of)
    at = scenario.now()
    delivery.build(grant_id=grant.name_id, actor=SYSTEM, at=at)
    with unit(SYSTEM):
        grant = Grant.objects.select_related("organisation", "order__quote").get(pk=grant.pk)
        payment = Payment.objects.get(order=grant.order)
    royalties.allocate(payment_id=payment.name_id, actor=SYSTEM, at=at)
    statements.draft(
        payee=of.parties[0], currency="usd", starts=at.date(), ends=at.date() + timedelta(days=1), actor=of.actor, at=at
    )
    people = [casting.person(role, of.organisation) for role in ("publisher_editor", "publisher_finance")]
    return World(of, grant, casting.person("developer", grant.organisation), *people, cast)


def of_people(world: World) -> dict[str, Rows]:
    admin = world.cast.admin
    assert admin.organisation is not None
    key, member = world.editor.key, casting.person("developer", admin.organisation)

    def join(n: int) -> None:
        user = User.objects.create(public_id=identity.fresh(AT), created_at=AT, email=f"m{n}@example.org")
        Membership.objects.create(user=user, organisation=admin.organisation, role="developer", created_at=AT)

    assert member.user is not None
    return {
        "keys": Rows(world.editor, "keys", lambda n: again(key, secret_sha256=f"{n:064}")),
        "organisations": Rows(
            world.cast.operator, "organisations",
            lambda n: Organisation.objects.create(
                public_id=identity.fresh(AT), created_at=AT, slug=f"o{n}", name=f"O{n}"
            ),
        ),
        "organisations/<id:organisation>/members": Rows(
            admin, f"organisations/{admin.organisation.name_id}/members", join
        ),
    }  # fmt: skip


def of_catalogues(world: World) -> dict[str, Rows]:
    of, editor = world.of, world.editor
    made, _ = uploads.open_import(
        catalogue=of.catalogue, filename="a.csv", size=3, sha256="a" * 64, actor=of.actor, at=AT
    )
    with unit(SYSTEM):
        record = ImportRecord.objects.create(
            record_import=made, number=1, line=1, ref="r", outcome="new", work=of.works[0]
        )
        issue = ImportIssue.objects.create(
            code="content_missing", record_import=made, record_number=1, severity="warning"
        )
        row, work = Import.objects.get(pk=made.pk), Work.objects.get(pk=of.works[0].pk)
    here = f"imports/{made.name_id}"

    def pair(n: int) -> None:
        again(record, number=n + 2)
        again(issue, record_number=n + 2)

    return {
        "parties": Rows(editor, "parties", lambda n: again(of.parties[0], own_key=f"more{n}")),
        "catalogues": Rows(editor, "catalogues", lambda n: again(of.catalogue, slug=f"c{n}")),
        "imports": Rows(editor, "imports", lambda _: again(row)),
        "imports/<id:import_id>/records": Rows(editor, f"{here}/records", pair),
        "imports/<id:import_id>/issues": Rows(editor, f"{here}/issues", lambda _: again(issue)),
        "works": Rows(
            world.buyer, f"works?catalogue={of.catalogue.slug}",
            lambda n: again(work, own_id=f"w{n}", words_index=None),
        ),
    }  # fmt: skip


def of_rights(world: World) -> dict[str, Rows]:
    of, editor = world.of, world.editor
    claim, terms = of.claim, of.terms
    assert claim is not None
    assert terms is not None
    proposal = countersign.propose(
        right="splits.write", subject="s", payload={}, reason="", actor=editor.actor, at=AT
    )
    made = rights.reserve(
        organisation=of.organisation, kind="reserve", target=Target("catalogue", catalogue=of.catalogue), actions=1,
        territories=1, period=Period(None, None), signal="", evidence={}, actor=of.actor, at=AT,
    )  # fmt: skip
    with unit(SYSTEM):
        version, split = terms.versions.get(), claim.splits.get()
        parts = list(split.parts.all())

    def another_split(_: int) -> None:
        again(claim, control_ppm=1, status="ended")
        again(split, claim=claim, frozen_at=None)
        for part in parts:
            again(part, version=split)

    def another_offer(n: int) -> None:
        again(terms, own_key=f"t{n}")
        again(version, terms=terms)

    return {
        "terms": Rows(editor, "terms", another_offer),
        "splits": Rows(editor, "splits", another_split),
        "claims": Rows(editor, "claims", lambda _: again(claim)),
        "reservations": Rows(editor, "reservations", lambda _: again(made)),
        "proposals": Rows(editor, "proposals", lambda n: again(proposal, subject=f"s{n}")),
    }


def of_asking(world: World) -> dict[str, Rows]:
    of, buyer = world.of, world.buyer
    with unit(SYSTEM):
        use, bundle, decided, quote = (kind.objects.get() for kind in (UseProfile, Bundle, Clearance, Quote))
        approval = Approval.objects.create(
            public_id=identity.fresh(AT), created_at=AT, organisation=of.organisation, livemode=False,
            clearance=decided, work=of.works[0], due_at=AT,
        )  # fmt: skip
        decision = decided.decisions.first()
        work = Work.objects.get(pk=of.works[0].pk)
    first = decided.pk

    def decide(_: int) -> None:
        again(work, own_id=f"d{work.pk}", words_index=None)
        again(decision, work_id=work.pk, clearance_id=first)

    def clear(_: int) -> None:
        again(decided)
        again(approval, clearance=decided)

    return {
        "uses": Rows(buyer, "uses", lambda _: again(use)),
        "bundles": Rows(buyer, "bundles", lambda _: again(bundle)),
        "clearances/<id:clearance>/decisions": Rows(buyer, f"clearances/{decided.name_id}/decisions", decide),
        "approvals": Rows(world.editor, "approvals", clear),
        "clearances": Rows(buyer, "clearances", lambda _: again(decided)),
        "quotes": Rows(buyer, "quotes", lambda _: again(quote, idem=None)),
    }


def of_buying(world: World) -> dict[str, Rows]:
    grant, buyer = world.grant, world.buyer
    with unit(SYSTEM):
        release, order, quote = Release.objects.get(), grant.order, grant.order.quote
        file = ReleaseFile.objects.create(release=release, path="a", bytes=1, sha256="a" * 64, media_type="t")
        payment = Payment.objects.get(order=order)
    name, paid = release.name_id, f"orders/{order.name_id}/payment"
    works = f"grants/{grant.name_id}/works"

    def buy(_: int) -> None:
        again(quote, idem=None)
        again(order, quote=quote, idem=quote.name_id)
        again(grant, order=order, status_index=quote.pk)

    return {
        "releases/<id:release>/files": Rows(buyer, f"releases/{name}/files", lambda n: again(file, path=f"f{n}")),
        "releases/<id:release>/links": Rows(buyer, f"releases/{name}/links", lambda n: again(file, path=f"g{n}")),
        "releases": Rows(buyer, "releases", lambda n: again(release, number=n + 2)),
        "orders/<id:order>/payment": Rows(
            buyer, paid, lambda n: again(payment, idem=f"p{n}", stripe_id=f"pi_m{n}", status="failed")
        ),
        "grants/<id:grant>/works": Rows(buyer, works, None),
        "grants": Rows(buyer, "grants", buy),
        "orders": Rows(buyer, "orders", buy),
    }  # fmt: skip


def of_money(world: World) -> dict[str, Rows]:
    finance = world.finance
    with unit(SYSTEM):
        run, statement = AllocationRun.objects.get(), Statement.objects.get()
    return {
        "allocation_runs": Rows(world.cast.auditor, "allocation_runs", lambda n: again(run, source=f"pay_{n}")),
        "allocations": Rows(finance, "allocations", None),
        "statements": Rows(finance, "statements", lambda n: again(statement, version=n + 2, previous=None)),
        "ledger/entries": Rows(world.cast.auditor, "ledger/entries", None),
    }


def of_work(world: World) -> dict[str, Rows]:
    buyer = world.buyer
    with unit(SYSTEM):
        organisation = buyer.actor.tenant
        job = Job.objects.filter(organisation_id=organisation).first() or Job.objects.earliest("id")
        event = DomainEvent.objects.filter(organisation_id=organisation).earliest("id")
        again(job, organisation_id=organisation, dedupe_key="first")
        act = AuditRow.objects.create(
            organisation=world.of.organisation, livemode=False, actor="a", act="act", subject="s", at=AT
        )
    return {
        "jobs": Rows(buyer, "jobs", lambda n: again(job, dedupe_key=f"j{n}")),
        "events": Rows(buyer, "events", lambda _: again(event)),
        "audit": Rows(world.finance, "audit?subject=s", lambda _: again(act)),
    }


MAKERS = (of_people, of_catalogues, of_rights, of_asking, of_buying, of_money, of_work)


def test_every_list_asks_as_often_for_one_row_as_for_many(world: World) -> None:
    lists = {str(pattern.pattern) for pattern in urlpatterns if getattr(pattern.callback.cls, "paged", False)}  # type: ignore[union-attr]  # views
    tried = set()
    for make in MAKERS:
        with transaction.atomic():
            for route, rows in make(world).items():
                check(rows)
                tried.add(route)
            transaction.set_rollback(True)
    assert tried == lists


def test_every_list_pages_and_counts_the_same_way(world: World) -> None:
    for make in MAKERS:
        with transaction.atomic():
            for rows in make(world).values():
                path, mark = rows.path, "&" if "?" in rows.path else "?"
                whole = rows.person.get(f"{path}{mark}limit=100&include=count")
                body = whole.json
                assert (body["object"], body["has_more"], body["next_cursor"]) == ("list", False, None), path
                assert body["count"] == len(body["data"]) >= 1, path
                assert "Link" not in whole.headers, path
                for query in ("limit=0", "limit=1001", "cursor=%20", "include=all", "limt=1", "limit=" + "1" * 5000):
                    refused = rows.person.get(f"{path}{mark}{query}")
                    assert (refused.status, refused.code[:9]) == (400, "parameter"), (path, query)
                first = rows.person.get(f"{path}{mark}limit=1")
                if first.json["has_more"]:
                    after = rows.person.get(first.headers["Link"].partition(">")[0].removeprefix("<http://testserver"))
                    assert after.json["data"][0] == body["data"][1], path
            transaction.set_rollback(True)


def test_a_page_is_the_same_while_rows_are_added(world: World) -> None:
    for number in range(4):
        world.editor.post("parties", {"key": f"k{number}", "kind": "person", "name": "K"})
    first = world.editor.get("parties?limit=2").json
    world.editor.post("parties", {"key": "later", "kind": "person", "name": "L"})
    second = world.editor.get(f"parties?limit=2&cursor={first['next_cursor']}").json
    assert [row["key"] for row in (*first["data"], *second["data"])] == ["k3", "k2", "k1", "k0"]


def test_every_parameter_is_in_the_schema_and_nearest_names_are_told(world: World) -> None:
    schema = world.cast.nobody.get("schema").json
    for pattern in urlpatterns:
        door: Any = pattern.callback.cls  # type: ignore[union-attr]  # views
        if not hasattr(door, "query"):
            continue
        path = "/v1/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
        told = schema["paths"].get(path, {}).get("get", {}).get("parameters", [])
        names = {one["name"] for one in told if one["in"] == "query"}
        assert names == door.query | ({"limit", "cursor", "include"} if door.paged else set()), path
    near = world.editor.get("jobs?statsu=ready").json["errors"][0]
    assert (near["seen"], near["expected"]) == ("statsu", "status")


def test_the_ledger_sums_to_zero(world: World) -> None:
    auditor = world.cast.auditor
    for entry in auditor.get("ledger/entries").json["data"]:
        assert sum(int(line["amount_micro"]) for line in entry["lines"]) == 0
    balance = auditor.get("ledger/trial_balance").json["accounts"]
    assert sum(int(account["balance_micro"]) for account in balance) == 0
    proof = auditor.get("ledger/verification").json
    assert (proof["ok"], proof["first_bad"], set(proof["imbalance"].values())) == (True, None, {"0"})
