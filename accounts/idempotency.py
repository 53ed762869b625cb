"""Stored requests and their answers: the same key gives the same answer for 30 days (interfaces.md 1)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from accounts import permissions
from accounts.errors import Reason, Refused
from accounts.models import IdempotencyRecord
from accounts.permissions import Scope
from accounts.unit import Actor, unit

LEASE = timedelta(seconds=60)
KEPT = timedelta(days=30)
LONGEST_KEY = 255
LONGEST_PATH = 300

Rights = Sequence[tuple[str, Scope]]


@dataclass(frozen=True, slots=True)
class Request:
    """What makes a request the same request: not the API key, so that rotating it keeps the answers."""

    method: str
    path: str
    key: str
    fingerprint: str  # SHA-256 of the body's canonical form
    right: str  # what its door asks for (marketplace/api/matrix.json)


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

    Raises Refused("idempotency_key_invalid"), Refused("idempotency_conflict") when the key came with another body,
    Refused("idempotency_in_flight", retryable) while the first request is still at work (its lease runs 60 s), and as
    `permissions.check` for who lacks a right that the answer was given for.
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
        return lease if held is None else _earlier(held, lease, actor, at)


def _earlier(stored: IdempotencyRecord, lease: Lease, actor: Actor, at: datetime) -> Answer | Lease:
    if stored.fingerprint != lease.request.fingerprint:
        seen = lease.request.key
        reason = Reason("idempotency_conflict", "This key was used with another body.", "", seen, "a new key")
        raise Refused("idempotency_conflict", "Idempotency-Key was already used with a different request.", [reason])
    if stored.status_code is not None:
        for right, scope in _taken(stored, lease.request, actor):
            permissions.check(actor, right, scope)
        return Answer(stored.status_code, stored.headers, bytes(stored.body or b""))
    if stored.lease_until > at:
        raise Refused("idempotency_in_flight", "The first request with this key is still at work.", retryable=True)
    stored.lease_until = lease.until
    stored.save(update_fields=["lease_until"])
    return lease


def _taken(stored: IdempotencyRecord, request: Request, actor: Actor) -> Rights:
    if stored.rights is None:  # answered by a release that did not keep them
        return [(request.right, Scope(actor.organisation_id))]
    return [_read(kept) for kept in stored.rights]


def finish(*, lease: Lease, answer: Answer, rights: Rights, actor: Actor) -> None:
    """Keep the answer for replays, if the lease is still ours. Only for 2xx and domain 4xx (409, 410, 412, 422).

    `rights` are those it took (`permissions.noted`): a replay takes them too.
    """
    with unit(actor):
        _held(lease, actor).update(
            status_code=answer.status_code, headers=dict(answer.headers), body=answer.body,
            rights=[_written(right, scope) for right, scope in rights],
        )  # fmt: skip


def forget(*, lease: Lease, actor: Actor) -> None:
    """Give the key back after an answer that is not kept (400, 401, 403, 404, 429, 5xx), if it is still ours."""
    with unit(actor):
        _held(lease, actor).delete()


def purge(*, actor: Actor, at: datetime) -> int:
    """Take away what is older than KEPT, in both modes; returns how many."""
    with unit(actor):
        gone, _ = IdempotencyRecord.objects.filter(created_at__lt=at - KEPT).delete()
    return gone


def _written(right: str, scope: Scope) -> dict[str, Any]:
    return {
        "right": right, "organisation": scope.organisation, "sellers": sorted(scope.sellers),
        "facts": sorted(scope.facts), "guarded": sorted(scope.guarded), "member": scope.member,
    }  # fmt: skip


def _read(kept: Mapping[str, Any]) -> tuple[str, Scope]:
    guarded = frozenset((kind, number) for kind, number in kept["guarded"])
    sellers, facts = frozenset(kept["sellers"]), frozenset(kept["facts"])
    return kept["right"], Scope(kept["organisation"], sellers, facts, guarded, kept["member"])


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
