"""Stored requests and their answers: the same key gives the same answer for 30 days (interfaces.md 1)."""

from __future__ import annotations

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


def begin(*, request: Request, actor: Actor, at: datetime) -> Answer | None:
    """Claim the key before working, or return the answer given earlier; None means: go on and call `finish`.

    Raises Refused("idempotency_key_invalid"), Refused("idempotency_conflict") when the key came with another body, and
    Refused("idempotency_in_flight", retryable) while the first request is still at work (its lease runs 60 s).
    """
    if not 0 < len(request.key) <= LONGEST_KEY or not request.key.isprintable():
        raise Refused("idempotency_key_invalid", f"Idempotency-Key takes 1 to {LONGEST_KEY} printable characters.")
    with unit(actor):
        stored, made = IdempotencyRecord.objects.get_or_create(
            organisation_id=actor.tenant, livemode=actor.livemode, method=request.method, path=request.path,
            key=request.key,
            defaults={"fingerprint": request.fingerprint, "lease_until": at + LEASE, "created_at": at},
        )  # fmt: skip
        if made:
            return None
        stored = _find(request, actor).select_for_update().get()
        return _earlier(stored, request, at)


def _earlier(stored: IdempotencyRecord, request: Request, at: datetime) -> Answer | None:
    if stored.fingerprint != request.fingerprint:
        reason = Reason("idempotency_conflict", "This key was used with another body.", "", request.key, "a new key")
        raise Refused("idempotency_conflict", "Idempotency-Key was already used with a different request.", [reason])
    if stored.status_code is not None:
        return Answer(stored.status_code, stored.headers, bytes(stored.body or b""))
    if stored.lease_until > at:
        raise Refused("idempotency_in_flight", "The first request with this key is still at work.", retryable=True)
    stored.lease_until = at + LEASE
    stored.save(update_fields=["lease_until"])
    return None


def finish(*, request: Request, answer: Answer, actor: Actor) -> None:
    """Keep the answer for replays. Call it for 2xx and for domain 4xx (409, 410, 412, 422) only."""
    with unit(actor):
        _find(request, actor).filter(status_code__isnull=True).update(
            status_code=answer.status_code, headers=dict(answer.headers), body=answer.body
        )


def forget(*, request: Request, actor: Actor) -> None:
    """Give the key back after an answer that is not kept (400, 401, 403, 404, 429, 5xx)."""
    with unit(actor):
        _find(request, actor).filter(status_code__isnull=True).delete()


def _find(request: Request, actor: Actor) -> QuerySet[IdempotencyRecord]:
    return IdempotencyRecord.objects.filter(
        organisation_id=actor.tenant, livemode=actor.livemode, method=request.method, path=request.path,
        key=request.key,
    )  # fmt: skip
