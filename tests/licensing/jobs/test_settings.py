"""The settings on which the promises about lost work rest (trust.md 1)."""

from __future__ import annotations

from datetime import timedelta

import redis
from django.conf import settings

from licensing import tasks  # noqa: F401  # registers the kinds
from licensing.jobs import doorbell, registry, rules, worker
from marketplace.celery import app
from tests.support.databases import Committed


def test_celery_is_a_doorbell_that_loses_as_little_as_it_can() -> None:
    conf = app.conf
    assert conf.task_acks_late is True
    assert conf.task_reject_on_worker_lost is True
    assert conf.worker_prefetch_multiplier == 1
    assert conf.task_ignore_result is True
    assert conf.result_backend is None
    assert (conf.task_serializer, list(conf.accept_content)) == ("json", ["json"])
    options = conf.broker_transport_options
    assert options["visibility_timeout"] == 3600
    assert options["unacked_restore_interval"] == 5
    assert options["unacked_restore_throttle"] == 1
    assert options["socket_timeout"] == 30
    assert conf.task_time_limit < options["visibility_timeout"] / 2
    assert conf.task_soft_time_limit < conf.task_time_limit
    assert set(app.amqp.queues) == set(rules.QUEUES)
    assert not conf.beat_schedule


def test_there_is_one_task_and_it_acknowledges_late() -> None:
    app.finalize()
    ours = {name for name in app.tasks if not name.startswith("celery.")}
    assert ours == {doorbell.TASK}
    task = app.tasks[doorbell.TASK]
    assert (task.acks_late, task.reject_on_worker_lost, task.ignore_result) == (True, True, True)


def test_a_lease_is_shorter_than_what_health_tolerates() -> None:
    assert worker.lease_seconds() == settings.JOB_LEASE_SECONDS == 60
    kinds = {kind.name: kind.every for kind in registry.periodic()}
    assert kinds["heartbeat"] == timedelta(seconds=30)


def test_redis_keeps_what_it_is_told_and_evicts_nothing(committed: Committed) -> None:
    with redis.Redis.from_url(committed.redis_url) as client:
        found = client.info()
    assert isinstance(found, dict)
    assert (found["aof_enabled"], found["maxmemory_policy"]) == (1, "noeviction")
