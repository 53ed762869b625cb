"""Prefer: wait=20 on work that is done later: the answer comes when it ends, or says that it goes on."""

from __future__ import annotations

import pytest

from accounts.unit import SYSTEM, system, unit
from licensing.jobs import services
from licensing.jobs.models import Job
from marketplace.api import jobs
from tests.cast import AT, Cast


def waiting_job(cast: Cast) -> Job:
    actor = system(organisation_id=cast.publisher.actor.organisation_id)
    made = services.enqueue(kind="heartbeat", subject="s", actor=actor, at=AT, dedupe_key="d")
    assert made is not None
    return made


def test_the_answer_comes_when_the_job_ends(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    job, paused = waiting_job(cast), []

    def pause() -> None:
        paused.append(1)
        if len(paused) == 3:
            with unit(SYSTEM):
                services.cancel(job=Job.objects.get(pk=job.pk), actor=SYSTEM, at=AT)

    monkeypatch.setattr(jobs, "_pause", pause)
    answer = cast.publisher.get(f"jobs/{job.name_id}", Prefer="respond-async, wait=20")
    assert (answer.status, answer.json["status"], len(paused)) == (200, "cancelled", 3)
    assert answer.headers["Preference-Applied"] == "wait=20"


def test_nobody_waits_longer_than_the_limit_or_unasked(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    job = waiting_job(cast)
    monkeypatch.setattr(jobs, "LONGEST_WAIT", 0.0)
    answer = cast.publisher.get(f"jobs/{job.name_id}", Prefer="wait=9999")
    assert (answer.json["status"], answer.headers["Preference-Applied"]) == ("ready", "wait=0")
    assert "Preference-Applied" not in cast.publisher.get(f"jobs/{job.name_id}").headers
    assert "Preference-Applied" not in cast.publisher.get(f"jobs/{job.name_id}", Prefer="wait=soon").headers


def test_a_member_stops_what_members_ask_for_and_not_what_follows(cast: Cast) -> None:
    made = {
        kind: services.enqueue(kind=kind, subject="s", actor=cast.colleague.actor, at=AT, dedupe_key=kind)
        for kind in ("intake.validate", "royalties.allocate")
    }
    asked, follows = made["intake.validate"], made["royalties.allocate"]
    assert asked is not None
    assert follows is not None
    refused = cast.publisher.post(f"jobs/{follows.name_id}:cancel")
    assert (refused.status, refused.code) == (403, "forbidden")
    for person in (cast.auditor, cast.rival):
        assert person.post(f"jobs/{asked.name_id}:cancel").status == 404
    with unit(SYSTEM):
        assert set(Job.objects.values_list("status", flat=True)) == {"ready"}
    assert cast.publisher.post(f"jobs/{asked.name_id}:cancel").json["status"] == "cancelled"
    assert cast.operator.post(f"jobs/{follows.name_id}:cancel").json["status"] == "cancelled"
