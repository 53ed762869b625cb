"""A large clearance in a real worker: its lease is renewed beside its snapshot, and a person can stop it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError, connection

from accounts import states
from accounts.models import AuditRow, Organisation
from accounts.unit import SYSTEM, unit
from licensing.clearing import engine, services, tasks
from licensing.clearing.models import Clearance, Decision
from licensing.jobs import held, worker
from licensing.jobs import services as jobs
from licensing.jobs.models import Job
from tests import scenario
from tests.support.databases import Committed


def started() -> Job:
    assert tasks.decide is not None  # its import registers the handler
    of, at = scenario.publisher(works=2), datetime.now(UTC)
    house = scenario.organisation("brindle", "licensee", at=at)
    buyer = scenario.member(house, "developer")
    with unit(buyer):
        house = Organisation.objects.get(pk=house.pk)
    use = services.create_use(organisation=house, body=scenario.use_body(at), title="", actor=buyer, at=at)
    bundle = services.create_bundle(
        organisation=house, title="", ids=[work.name_id for work in of.works], actor=buyer, at=at
    )
    return services.start(use=use, bundle=bundle, currency="usd", actor=buyer, at=at)[1]


def meanwhile(act: Callable[[held.Held], None], patched: pytest.MonkeyPatch) -> None:
    """Do something in another connection between storing the decisions and the end of the clearance."""
    store = engine.store

    def slow(*given: Any) -> Any:
        job, found = held._held.get(), store(*given)
        assert job is not None

        apart(lambda: act(job))
        return found

    patched.setattr(engine, "store", slow)


def apart(act: Callable[[], None]) -> None:
    """Do something in another connection, to its end."""

    def aside() -> None:
        act()
        connection.close()

    thread = threading.Thread(target=aside)
    thread.start()
    thread.join()


def give_up(job: Job, at: datetime) -> None:
    """Stop the job and fail its clearance."""
    jobs.cancel(job=job, actor=SYSTEM, at=at)
    services.give_up(actor=SYSTEM, at=at)


def ended(job: Job) -> tuple[str, str, int]:
    with unit(SYSTEM):
        row = Clearance.objects.get()
        assert job.subject == row.name_id
        return Job.objects.get(pk=job.pk).status, row.status, Decision.objects.count()


def test_the_lease_is_renewed_while_the_snapshot_is_open(
    committed: Committed, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(held.renew, monkeypatch)
    job = started()
    worker.run(job.pk)
    assert ended(job) == ("done", "decided", 2)


@pytest.mark.parametrize("how", ["cancelled", "dead"])
def test_a_clearance_whose_job_never_began_fails_too(committed: Committed, how: str) -> None:
    job, at = started(), datetime.now(UTC)
    assert services.give_up(actor=SYSTEM, at=at) == 0
    assert ended(job) == ("ready", "deciding", 0)
    with unit(SYSTEM):
        states.advance(job, how, actor=SYSTEM, at=at)
    assert services.give_up(actor=SYSTEM, at=at) == 1
    assert ended(job) == (how, "failed", 0)
    with unit(SYSTEM):
        said = AuditRow.objects.get(act="clearance.failed")
        assert (said.subject, said.organisation_id) == (job.subject, job.organisation_id)
    assert services.give_up(actor=SYSTEM, at=at) == 0


def test_a_clearance_that_is_being_decided_is_not_given_up(
    committed: Committed, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    meanwhile(lambda job: found.append(services.give_up(actor=SYSTEM, at=job.at)), monkeypatch)
    job = started()
    worker.run(job.pk)
    assert (found, ended(job)) == ([0], ("done", "decided", 2))


def test_a_decision_that_comes_after_giving_up_changes_nothing(committed: Committed) -> None:
    """Whether it begins later, or has its snapshot from before and not the row yet."""
    job, at = started(), datetime.now(UTC)
    with services._snapshot(), pytest.raises(OperationalError, match="could not serialize"), unit(SYSTEM):
        assert Clearance.objects.get().status == "deciding"
        apart(lambda: give_up(job, at))
        services.decide(clearance_id=job.subject, actor=SYSTEM, at=at)
    services.decide(clearance_id=job.subject, actor=SYSTEM, at=at)
    assert ended(job) == ("cancelled", "failed", 0)


def test_a_stopped_clearance_has_failed_and_decided_nothing(
    committed: Committed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(job: held.Held) -> None:
        with unit(SYSTEM):
            Job.objects.filter(pk=job.id).update(cancel_requested=True)
        held.renew(job)

    meanwhile(stop, monkeypatch)
    job = started()
    worker.run(job.pk)
    assert services.give_up(actor=SYSTEM, at=datetime.now(UTC)) == 1
    assert ended(job) == ("cancelled", "failed", 0)
