"""Events, and what the table of licensing.flow makes follow from them."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from accounts.models import Organisation
from accounts.unit import Actor, system, unit
from licensing import flow, tasks  # noqa: F401  # tasks: registers dispatch
from licensing.events import names, services
from licensing.events.models import DomainEvent
from licensing.jobs import worker
from licensing.jobs.models import Job
from licensing.kernel import ids
from tests.support.databases import Committed

ACTOR = system()
AT = datetime(2026, 3, 10, tzinfo=UTC)
ORDER = "ord_01M80MWVB0FY99A0A4XNKMZFDW"
# A grant and payments of one order: captured, without money, in suspense; loaded as a restore would, without checks.
ROWS = """
SET session_replication_role = replica;
INSERT INTO licensing_grant (public_id, created_at, organisation_id, livemode, order_id, version, status, issued_at,
  starts, works_count, works_root, terms_root, secret, status_index)
VALUES ('{grant}', now(), 1, false, 7, 1, 'active', now(), '2026-03-10', 1, '', '', '', 1);
INSERT INTO licensing_payment (public_id, created_at, organisation_id, livemode, order_id, idem, method, client_secret,
  hosted_url, amount_minor, currency, captured_minor, balance_transaction, status)
VALUES ('{paid}', now(), 1, false, 7, 'a', 'checkout', '', '', 5, 'usd', 5, '', 'captured'),
       ('{failed}', now(), 1, false, 7, 'b', 'checkout', '', '', 5, 'usd', 0, '', 'failed'),
       ('{strange}', now(), 1, false, 7, 'd', 'checkout', '', '', 5, 'usd', 4, '', 'suspense'),
       ('{alone}', now(), 1, false, 8, 'c', 'checkout', '', '', 5, 'usd', 5, '', 'captured');
"""
IDS = {
    name: f"019cd5fe-f800-7000-8000-00000000000{number}"
    for number, name in enumerate(("grant", "paid", "failed", "alone", "strange"))
}


def _emit(name: str, subject: str, **change: object) -> DomainEvent:
    with unit(ACTOR):
        values = {"actor": ACTOR, "at": AT, "organisation_id": None, "livemode": False} | change
        return services.emit(name, subject, **values)  # type: ignore[arg-type]


def _followed(event: DomainEvent) -> list[tuple[str, str, str]]:
    with unit(ACTOR):
        found = Job.objects.filter(dedupe_key__startswith=event.name_id).order_by("id")
        return [(job.kind, job.subject, job.queue) for job in found]


def _public(prefix: str, name: str) -> str:
    return ids.encode(prefix, DomainEvent._meta.get_field("public_id").to_python(IDS[name]))


@pytest.mark.django_db
def test_an_event_and_its_dispatch_are_written_together() -> None:
    with unit(ACTOR):
        organisation = Organisation.objects.create(public_id=IDS["grant"], created_at=AT, slug="a", name="A")
    event = _emit("order.placed", ORDER, organisation_id=organisation.pk, livemode=True, data={"total": 5})
    with unit(ACTOR):
        job = Job.objects.get()
        stored = DomainEvent.objects.get()
    assert (job.kind, job.subject, job.dedupe_key) == ("dispatch", event.name_id, f"dispatch:{event.name_id}")
    assert (job.organisation_id, job.livemode, job.actor) == (organisation.pk, True, "system")
    assert (stored.kind, stored.subject, stored.data, stored.actor) == ("order.placed", ORDER, {"total": 5}, "system")


@pytest.mark.django_db
def test_an_unknown_event_or_one_outside_a_unit_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match=r"order\.eaten"):
        _emit("order.eaten", ORDER)
    with pytest.raises(RuntimeError, match="inside the unit"):
        services.emit("order.placed", ORDER, actor=ACTOR, at=AT, organisation_id=None, livemode=False)
    with unit(ACTOR):
        assert (DomainEvent.objects.count(), Job.objects.count()) == (0, 0)


@pytest.mark.django_db
def test_a_replay_of_an_event_adds_nothing() -> None:
    event = _emit("order.secured", ORDER)
    for _ in range(3):
        flow.dispatch(event.name_id, ACTOR, AT)
    assert _followed(event) == [("grants.issue", ORDER, "default")]


@pytest.mark.django_db
def test_an_event_nothing_follows_from_is_dispatched_in_peace() -> None:
    event = _emit("order.placed", ORDER)
    flow.dispatch(event.name_id, ACTOR, AT)
    assert _followed(event) == []


def test_the_worker_dispatches_in_the_name_of_who_acted(committed: Committed) -> None:
    person = Actor("usr_1")
    with unit(person):
        event = services.emit("order.secured", ORDER, actor=person, at=AT, organisation_id=None, livemode=False)
    with unit(ACTOR):
        job_id = Job.objects.get().pk
    worker.run(job_id)
    with unit(ACTOR):
        assert Job.objects.get(pk=job_id).status == "done"
        assert Job.objects.get(dedupe_key__startswith=event.name_id).actor == "usr_1"


def test_money_is_divided_when_both_grant_and_payment_are_there(committed: Committed) -> None:
    with psycopg.connect(committed.superuser_url) as root:
        root.execute(ROWS.format(**IDS))
    granted = _emit("grant.issued", _public("grt", "grant"))
    later = _emit("payment.captured", _public("pay", "paid"))
    early = _emit("payment.captured", _public("pay", "alone"))
    for event in (granted, later, early):
        flow.dispatch(event.name_id, ACTOR, AT)
    assert _followed(granted) == [
        ("royalties.allocate", _public("pay", "paid"), "royalties"),
        ("delivery.build", _public("grt", "grant"), "delivery"),
    ]
    assert _followed(later) == [("royalties.allocate", _public("pay", "paid"), "royalties")]
    assert _followed(early) == []


def test_every_event_of_the_flow_is_named_and_in_the_past_tense() -> None:
    assert set(flow.FLOW) <= set(names.NAMES)
    assert all(sentence.endswith(".") for sentence in names.NAMES.values())
