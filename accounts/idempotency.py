"""Stored requests and their answers: the same key gives the same answer for 30 days (interfaces.md 1)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from accounts.errors import Reason, Refused
from accounts.models import IdempotencyRecord
from accounts.unit import Actor, unit

LEASE = timedelta(seconds=60)
KEPT = timedelta(days=30)
LONGEST_KEY = 255
LONGEST_PATH = 300


@dataclass(frozen=True, slots=True)
class Request:
    """What makes a request the same request: not the API key, so that rotating it keeps the answers."""

    method: str
    path: str
    key: str
    fingerprint: str  # SHA-256 of the body's canonical form


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer, byte for byte."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to answer a request, until `until`; who takes an expired one over gets another `until`."""

    request: Request
    until: datetime


def begin(*, request: Request, actor: Actor, at: datetime) -> Answer | Lease:
    """Claim the key before working, or return the answer given earlier; with a lease: go on, `finish` or `forget`.

    Raises Refused("idempotency_key_invalid"), Refused("idempotency_conflict") when the key came with another body, and
    Refused("idempotency_in_flight", retryable) while the first request is still at work (its lease runs 60 s).
    """
    if not 0 < len(request.key) <= LONGEST_KEY or not request.key.isprintable():
        raise Refused("idempotency_key_invalid", f"Idempotency-Key takes 1 to {LONGEST_KEY} printable characters.")
    lease = Lease(request, at + LEASE)
    with unit(actor):
        _, made = IdempotencyRecord.objects.get_or_create(
            organisation_id=actor.tenant, livemode=actor.livemode, method=request.method, path=_path(request),
            key=request.key,
            defaults={"fingerprint": request.fingerprint, "lease_until": lease.until, "created_at": at},
        )  # fmt: skip
        if made:
            return lease
        held = _find(request, actor).select_for_update().first()
        return lease if held is None else _earlier(held, lease, at)


def _earlier(stored: IdempotencyRecord, lease: Lease, at: datetime) -> Answer | Lease:
    if stored.fingerprint != lease.request.fingerprint:
        seen = lease.request.key
        reason = Reason("idempotency_conflict", "This key was used with another body.", "", seen, "a new key")
        raise Refused("idempotency_conflict", "Idempotency-Key was already used with a different request.", [reason])
    if stored.status_code is not None:
        return Answer(stored.status_code, stored.headers, bytes(stored.body or b""))
    if stored.lease_until > at:
        raise Refused("idempotency_in_flight", "The first request with this key is still at work.", retryable=True)
    stored.lease_until = lease.until
    stored.save(update_fields=["lease_until"])
    return lease


def finish(*, lease: Lease, answer: Answer, actor: Actor) -> None:
    """Keep the answer for replays, if the lease is still ours. Only for 2xx and domain 4xx (409, 410, 412, 422)."""
    with unit(actor):
        _held(lease, actor).update(status_code=answer.status_code, headers=dict(answer.headers), body=answer.body)


def forget(*, lease: Lease, actor: Actor) -> None:
    """Give the key back after an answer that is not kept (400, 401, 403, 404, 429, 5xx), if it is still ours."""
    with unit(actor):
        _held(lease, actor).delete()


def _held(lease: Lease, actor: Actor) -> QuerySet[IdempotencyRecord]:
    return _find(lease.request, actor).filter(status_code__isnull=True, lease_until=lease.until)


def _find(request: Request, actor: Actor) -> QuerySet[IdempotencyRecord]:
    return IdempotencyRecord.objects.filter(
        organisation_id=actor.tenant, livemode=actor.livemode, method=request.method, path=_path(request),
        key=request.key,
    )  # fmt: skip


def _path(request: Request) -> str:
    """The path as stored: one that is longer than any of ours, cut and told apart by its hash."""
    if len(request.path) <= LONGEST_PATH:
        return request.path
    return f"{request.path[:200]}#{hashlib.sha256(request.path.encode()).hexdigest()}"
