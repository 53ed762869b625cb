"""A large clearance in a real worker: its lease is renewed beside its snapshot, and a person can stop it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from accounts.models import Organisation
from accounts.unit import SYSTEM, unit
from licensing.clearing import engine, services, tasks
from licensing.clearing.models import Clearance, Decision
from licensing.jobs import held, worker
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

        def aside() -> None:
            act(job)
            connection.close()

        thread = threading.Thread(target=aside)
        thread.start()
        thread.join()
        return found

    patched.setattr(engine, "store", slow)


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
    assert ended(job) == ("cancelled", "failed", 0)
