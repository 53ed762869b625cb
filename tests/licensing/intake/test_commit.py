"""Committing and taking back: what is refused, what happens twice, what depends on it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command

from accounts.errors import Refused
from accounts.unit import unit
from licensing.catalogue.models import Edition, Work
from licensing.events.models import DomainEvent
from licensing.intake import queries, services
from licensing.intake.models import Import
from licensing.jobs.models import Job
from licensing.kernel.periods import Period
from licensing.kernel.territories import WORLD
from licensing.rights import services as rights
from licensing.rights.models import OpenLicence, Reservation
from tests.licensing.intake import senders
from tests.licensing.intake.senders import ACTOR, AT

pytestmark = pytest.mark.django_db


def test_all_or_nothing_refuses_a_file_with_rejects() -> None:
    catalogue = senders.house()
    found = senders.validated(catalogue, senders.table([senders.row(1), senders.row(2, title="")]))
    before = senders.tables()
    with pytest.raises(Refused) as refused:
        services.commit(record_import=found, all_or_nothing=True, actor=ACTOR, at=AT)
    assert refused.value.code == "import_has_rejects"
    assert senders.tables() == before
    with unit(ACTOR):
        assert Import.objects.get(pk=found.pk).status == "validated"


def test_a_second_commit_changes_nothing() -> None:
    found = senders.committed_feed(senders.house(), senders.table([senders.row(1)]))
    before = senders.tables()
    again = services.commit(record_import=found, actor=ACTOR, at=AT)
    assert again.status == "committed"
    assert senders.tables() == before
    with unit(ACTOR):
        assert DomainEvent.objects.filter(kind="import.committed").count() == 1


def test_one_import_of_a_catalogue_at_a_time() -> None:
    catalogue = senders.house()
    first = senders.validated(catalogue, senders.table([senders.row(1)]))
    second = senders.validated(catalogue, senders.table([senders.row(2)]))
    services.begin_commit(record_import=first, actor=ACTOR, at=AT, queued=False)
    with pytest.raises(Refused) as refused:
        services.begin_commit(record_import=second, actor=ACTOR, at=AT, queued=False)
    assert (refused.value.code, refused.value.retryable) == ("catalogue_busy", True)
    assert [reason.seen for reason in refused.value.reasons] == [first.name_id]
    with unit(ACTOR):
        assert Import.objects.get(pk=second.pk).status == "validated"


def test_an_abandoned_commit_blocks_nobody_for_ever() -> None:
    catalogue = senders.house()
    found = senders.validated(catalogue, senders.table([senders.row(1)]))
    services.begin_commit(record_import=found, actor=ACTOR, at=AT)
    with pytest.raises(Refused) as refused:  # its job is at work
        services.begin_commit(record_import=found, actor=ACTOR, at=AT + timedelta(seconds=1))
    assert refused.value.code == "state_conflict"
    with unit(ACTOR):
        Job.objects.filter(kind="intake.commit").update(status="dead")
    assert [one.pk for one in services.abandoned(catalogue, actor=ACTOR)] == [found.pk]
    services.begin_commit(record_import=found, actor=ACTOR, at=AT + timedelta(seconds=2))
    with unit(ACTOR):
        jobs = Job.objects.filter(kind="intake.commit").order_by("id").values_list("status", flat=True)
        assert list(jobs) == ["dead", "ready"]
    assert services.abandoned(catalogue, actor=ACTOR) == []
    assert services.commit(record_import=found, actor=ACTOR, at=AT).status == "committed"


def test_the_command_finishes_what_a_killed_one_left(tmp_path: Path) -> None:
    catalogue = senders.house()
    left = senders.validated(catalogue, senders.table([senders.row(1)]))
    services.begin_commit(record_import=left, actor=ACTOR, at=AT, queued=False)
    path = tmp_path / "more.csv"
    path.write_text(senders.table([senders.row(2)]))
    call_command("import_catalogue", str(path), "--organisation", "house", "--catalogue", "list")
    with unit(ACTOR):
        assert set(Import.objects.values_list("status", flat=True)) == {"committed"}
        assert set(Work.objects.values_list("own_id", flat=True)) == {"W1", "W2"}


def test_a_refused_import_cannot_be_committed() -> None:
    found = senders.validated(senders.house(), "")
    with pytest.raises(Refused) as refused:
        services.commit(record_import=found, actor=ACTOR, at=AT)
    assert refused.value.code == "state_conflict"


def test_receiving_leaves_a_job_and_committing_another() -> None:
    catalogue = senders.house()
    with senders.DEMO.joinpath("taizhi/catalogue.csv").open("rb") as stream:
        made = services.receive(catalogue=catalogue, filename="c.csv", stream=stream, actor=ACTOR, at=AT)
    services.validate(import_id=made.name_id, actor=ACTOR, at=AT)
    services.begin_commit(record_import=made, actor=ACTOR, at=AT)
    with unit(ACTOR):
        jobs = Job.objects.filter(kind__startswith="intake.").order_by("id").values_list("kind", "subject", "queue")
        assert list(jobs) == [("intake.validate", made.name_id, "intake"), ("intake.commit", made.name_id, "intake")]


def test_outcomes_are_decided_again_when_the_catalogue_moved() -> None:
    catalogue = senders.house()
    feed = senders.table([senders.row(1)])
    early, late = senders.validated(catalogue, feed), senders.validated(catalogue, feed)
    assert early.outcomes["new"] == late.outcomes["new"] == 1
    services.commit(record_import=early, actor=ACTOR, at=AT)
    before = senders.tables()
    done = services.commit(record_import=late, actor=ACTOR, at=AT)
    assert (done.outcomes["new"], done.outcomes["unchanged"]) == (0, 1)
    assert senders.tables() == before


def dated(day: str, *products: str) -> str:
    return senders.onix(*products).replace("20260105T090000Z", day)


def test_an_older_message_changes_nothing_unless_it_is_confirmed() -> None:
    catalogue = senders.house()
    new = dated("20260301", senders.product(1, title="The New Lamp"))
    old = dated("20260201T1200+0100", senders.product(1), senders.product(2))
    early = senders.validated(catalogue, old)  # before the newer one came in
    senders.committed_feed(catalogue, new)
    late = senders.validated(catalogue, old)
    assert (early.issues_by_code, late.issues_by_code) == ({}, {"sent_date_older": 1})
    before = senders.tables()
    for found in (early, late):
        with pytest.raises(Refused) as refused:
            services.commit(record_import=found, actor=ACTOR, at=AT)
        (reason,) = refused.value.reasons
        assert (refused.value.code, reason.pointer) == ("sent_date_older", "/confirm_older")
        assert (reason.seen, reason.expected[-25:]) == ("2026-02-01T11:00:00+00:00", "2026-03-01T00:00:00+00:00")
        assert senders.tables() == before
        with unit(ACTOR):
            assert Import.objects.get(pk=found.pk).status == "validated"
    services.commit(record_import=late, actor=ACTOR, at=AT, confirm_older=True)
    with unit(ACTOR):
        assert set(Work.objects.values_list("title", flat=True)) == {"The Lamp of Harbour 1", "The Lamp of Harbour 2"}


def test_an_older_message_that_only_adds_needs_no_confirmation() -> None:
    catalogue = senders.house()
    senders.committed_feed(catalogue, dated("20260301", senders.product(1)))
    done = senders.committed_feed(catalogue, dated("20260201", senders.product(1), senders.product(2)))
    assert (done.outcomes["new"], done.outcomes["unchanged"]) == (1, 1)
    assert senders.committed_feed(catalogue, dated("20260301", senders.product(1))).outcomes["unchanged"] == 1


def test_revert_takes_new_works_out_and_says_the_old_again() -> None:
    catalogue = senders.house()
    senders.committed_feed(catalogue, senders.onix(senders.product(1)))
    before = senders.tables()
    changed = senders.onix(senders.product(1, title="A New Lamp", usage=senders.OPT_OUT), senders.product(2))
    second = senders.committed_feed(catalogue, changed)
    with unit(ACTOR):
        assert set(Work.objects.values_list("title", flat=True)) == {"A New Lamp", "The Lamp of Harbour 2"}
    services.revert(record_import=second, actor=ACTOR, at=AT)
    after = senders.tables()
    assert [row[3] for row in after["reservation"]] == ["active"]  # an opt-out is never lifted by itself
    assert {**after, "reservation": []} == before


def test_a_reverted_file_may_come_again() -> None:
    catalogue = senders.house()
    feed = senders.table([senders.row(1, licence="CC0")])
    first = senders.committed_feed(catalogue, feed)
    services.revert(record_import=first, actor=ACTOR, at=AT)
    with unit(ACTOR):
        assert (Work.objects.count(), Edition.objects.count(), OpenLicence.objects.count()) == (0, 0, 0)
    again = senders.received(catalogue, feed, again=False)
    assert again.pk != first.pk


def test_nothing_is_reverted_that_is_licensed() -> None:
    catalogue = senders.house()
    found = senders.committed_feed(catalogue, senders.table([senders.row(1)]))
    with unit(ACTOR):
        work = Work.objects.get()
    rights.encumber(
        work_ids=[work.pk], actions=1, territories=WORLD, period=Period(None, None), exclusive=False, source="grt_x",
        actor=ACTOR, at=AT,
    )  # fmt: skip
    before = senders.tables()
    with pytest.raises(Refused) as refused:
        services.revert(record_import=found, actor=ACTOR, at=AT)
    assert refused.value.code == "import_in_use"
    assert senders.tables() == before


def test_nothing_is_reverted_that_a_right_names() -> None:
    catalogue = senders.house()
    found = senders.committed_feed(catalogue, senders.table([senders.row(1)]))
    with unit(ACTOR):
        work = Work.objects.get()
        Reservation.objects.create(
            public_id="019cd5fe-f800-7000-8000-000000000001", created_at=AT, organisation=catalogue.organisation,
            livemode=False, kind="withhold", level="work", work=work, actions=1, territories=WORLD,
            period=rights.as_range(Period(None, None)),
        )  # fmt: skip
    before = senders.tables()
    with pytest.raises(Refused) as refused:
        services.revert(record_import=found, actor=ACTOR, at=AT)
    assert refused.value.code == "import_in_use"
    assert senders.tables() == before


def test_an_import_of_another_house_is_not_there() -> None:
    found = senders.validated(senders.house(), senders.table([senders.row(1)]))
    other = senders.house("other")
    stranger = type(ACTOR)("stranger", other.organisation_id, False, frozenset({"publisher_editor"}))
    with pytest.raises(Refused) as refused:
        queries.find(found.name_id, actor=stranger)
    assert refused.value.code == "not_found"
