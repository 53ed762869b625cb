"""The doorbell: one Celery message per ring, never more than a hint. PostgreSQL holds the job (trust.md 1)."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from celery import current_app
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

TASK = "licensing.jobs.run"
QUIET_SECONDS = 5.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Quiet:
    """After a failed send nobody rings for a moment: a broker that hangs must not hang every request."""

    until: float = 0.0


_quiet = _Quiet()


def listen() -> None:
    """End the quiet after a failed send: the broker is known to be there."""
    _quiet.until = 0.0


def ring(jobs: Sequence[tuple[int, str]]) -> int:
    """Send one message per (job id, queue); returns how many went out. Never raises: the relay rings again.

    Call after the commit that wrote the rows.
    """
    sent = 0
    for job_id, queue in jobs:
        if time.monotonic() < _quiet.until:
            break
        try:
            current_app.send_task(TASK, args=[job_id], queue=queue, ignore_result=True, retry=False)
        except (KombuError, RedisError, OSError) as error:
            _quiet.until = time.monotonic() + QUIET_SECONDS
            log.warning("job %s was not rung (%s): the relay will", job_id, error)
            break
        sent += 1
    return sent
