"""A list asks the database as often for one row as for many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import identity
from accounts.models import Organisation
from accounts.unit import SYSTEM, unit
from licensing.catalogue.models import Catalogue, Party, Work
from licensing.clearing.models import Approval, Bundle, Clearance, UseProfile
from licensing.delivery import services as delivery
from licensing.delivery.models import Release, ReleaseFile
from licensing.events.models import DomainEvent
from licensing.grants.models import Grant
from licensing.intake import uploads
from licensing.intake.models import Import, ImportIssue, ImportRecord
from licensing.jobs.models import Job
from licensing.orders.models import Quote
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


def same(person: Person, path: str, more: Callable[[int], Any]) -> None:
    """Few rows and many: the same number of queries. `more(n)` makes the n-th further row."""
    few, first = asked(person, path)
    assert few >= 1
    with unit(SYSTEM):
        for number in range(MANY):
            more(number)
    many, second = asked(person, path)
    assert many == few + MANY
    assert second == first


def test_parties_catalogues_and_keys(cast: Cast) -> None:
    person = cast.publisher
    assert person.organisation is not None
    person.post("parties", {"key": "p", "kind": "person", "name": "P"})
    person.post("catalogues", {"slug": "c", "name": "C", "role_of_sender": "owner"})
    with unit(SYSTEM):
        party, shelf = Party.objects.get(), Catalogue.objects.get()
    same(person, "parties", lambda n: again(party, own_key=f"p{n}"))
    same(person, "catalogues", lambda n: again(shelf, slug=f"c{n}"))
    key = person.key
    same(person, "keys", lambda n: again(key, secret_sha256=f"{n:064}"))


def test_organisations(cast: Cast) -> None:
    same(
        cast.operator, "organisations",
        lambda n: Organisation.objects.create(public_id=identity.fresh(AT), created_at=AT, slug=f"o{n}", name=f"O{n}"),
    )  # fmt: skip


def test_imports_with_their_records_and_issues(cast: Cast) -> None:
    of = scenario.publisher(works=1)
    holder = casting.person("publisher_editor", of.organisation)
    made, _ = uploads.open_import(
        catalogue=of.catalogue, filename="a.csv", size=3, sha256="a" * 64, actor=of.actor, at=AT
    )
    with unit(SYSTEM):
        record = ImportRecord.objects.create(
            record_import=made, number=1, line=1, ref="r", outcome="new", work=of.works[0]
        )
        about: dict[str, Any] = {"record_import": made, "record_number": 1, "severity": "warning"}
        issue = ImportIssue.objects.create(code="content_missing", **about)
    here = f"imports/{made.name_id}"

    def pair(n: int) -> None:
        again(record, number=n + 2)
        again(issue, record_number=n + 2)

    same(holder, f"{here}/records", pair)
    same(holder, f"{here}/issues", lambda _: again(issue))
    with unit(SYSTEM):
        row = Import.objects.get(pk=made.pk)
    same(holder, "imports", lambda _: again(row))


@pytest.fixture
def sold(cast: Cast) -> tuple[Grant, scenario.Publisher, Person, Person]:
    of = scenario.publisher(works=1)
    grant = scenario.granted(of)
    delivery.build(grant_id=grant.name_id, actor=SYSTEM, at=scenario.now())
    with unit(SYSTEM):
        licensee = Grant.objects.select_related("organisation").get(pk=grant.pk).organisation
    return grant, of, casting.person("developer", licensee), casting.person("publisher_finance", of.organisation)


def test_what_a_holder_states(sold: tuple[Grant, scenario.Publisher, Person, Person]) -> None:
    _, of, _, holder = sold
    claim, terms = of.claim, of.terms
    assert claim is not None
    assert terms is not None
    with unit(SYSTEM):
        version = terms.versions.get()
        split = claim.splits.get()
        parts = list(split.parts.all())

    def another_split(_: int) -> None:
        again(claim, control_ppm=1, status="ended")
        again(split, claim=claim, frozen_at=None)
        for part in parts:
            again(part, version=split)

    def another_offer(n: int) -> None:
        again(terms, own_key=f"t{n}")
        again(version, terms=terms)

    same(holder, "terms", another_offer)
    same(holder, "splits", another_split)
    same(holder, "claims", lambda _: again(claim))


def test_what_a_licensee_asks(sold: tuple[Grant, scenario.Publisher, Person, Person]) -> None:
    _, of, buyer, holder = sold
    with unit(SYSTEM):
        use, bundle, decided, quote = (kind.objects.get() for kind in (UseProfile, Bundle, Clearance, Quote))
        approval = Approval.objects.create(
            public_id=identity.fresh(AT), created_at=AT, organisation=of.organisation, livemode=False,
            clearance=decided, work=of.works[0], due_at=AT,
        )  # fmt: skip
        decision = decided.decisions.get()
        work = Work.objects.get(pk=of.works[0].pk)
    first = decided.pk
    same(buyer, f"works?catalogue={of.catalogue.slug}", lambda n: again(work, own_id=f"w{n}", words_index=None))
    same(buyer, "uses", lambda _: again(use))
    same(buyer, "bundles", lambda _: again(bundle))

    def decide(_: int) -> None:
        again(work, own_id=f"d{work.pk}", words_index=None)
        again(decision, work_id=work.pk, clearance_id=first)

    same(buyer, f"clearances/{decided.name_id}/decisions", decide)

    def clear(_: int) -> None:
        again(decided)
        again(approval, clearance=decided)

    same(holder, "approvals", clear)
    same(buyer, "clearances", lambda _: again(decided))
    same(buyer, "quotes", lambda _: again(quote, idem=None))


def test_what_was_bought(sold: tuple[Grant, scenario.Publisher, Person, Person]) -> None:
    grant, _, buyer, _ = sold
    with unit(SYSTEM):
        grant = Grant.objects.select_related("order__quote").get(pk=grant.pk)
        release, order, quote = Release.objects.get(), grant.order, grant.order.quote
        file = ReleaseFile.objects.create(release=release, path="a", bytes=1, sha256="a" * 64, media_type="t")
    name = release.name_id
    same(buyer, f"releases/{name}/files", lambda n: again(file, path=f"f{n}"))
    same(buyer, f"releases/{name}/links", lambda n: again(file, path=f"g{n}"))
    same(buyer, "releases", lambda n: again(release, number=n + 2))

    def buy(_: int) -> None:
        again(quote, idem=None)
        again(order, quote=quote, idem=quote.name_id)
        again(grant, order=order, status_index=quote.pk)

    same(buyer, "grants", buy)
    same(buyer, "orders", buy)


def test_jobs_and_events(sold: tuple[Grant, scenario.Publisher, Person, Person]) -> None:
    _, _, buyer, _ = sold
    with unit(SYSTEM):
        organisation = buyer.actor.tenant
        job = Job.objects.filter(organisation_id=organisation).first() or Job.objects.earliest("id")
        event = DomainEvent.objects.filter(organisation_id=organisation).earliest("id")
        again(job, organisation_id=organisation, dedupe_key="first")
    same(buyer, "jobs", lambda n: again(job, dedupe_key=f"j{n}"))
    same(buyer, "events", lambda _: again(event))


def test_the_ledger(sold: tuple[Grant, scenario.Publisher, Person, Person], cast: Cast) -> None:
    few, first = asked(cast.auditor, "ledger/entries")
    other = scenario.publisher("second", works=1)
    assert few >= 2
    assert other.works
    narrow = cast.auditor.get("ledger/entries?limit=1")
    with counted() as queries:
        cast.auditor.get("ledger/entries?limit=1")
    assert len(narrow.json["data"]) == 1
    assert queries[0] == first
    for entry in cast.auditor.get("ledger/entries").json["data"]:
        assert sum(int(line["amount_micro"]) for line in entry["lines"]) == 0
    balance = cast.auditor.get("ledger/trial_balance").json["accounts"]
    assert sum(int(account["balance_micro"]) for account in balance) == 0
    proof = cast.auditor.get("ledger/verification").json
    assert (proof["ok"], proof["first_bad"], set(proof["imbalance"].values())) == (True, None, {"0"})
