"""Acts that need a second person: proposed by one member, agreed by another, used once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from accounts import audit, states
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.models import Countersign
from accounts.unit import Actor, unit
from licensing.kernel import digests

NEEDED: Mapping[str, timedelta] = {
    "claims.write": timedelta(days=14),
    "claims.dispute": timedelta(days=14),
    "reservations.write": timedelta(days=14),
    "licences.write": timedelta(days=14),
    "splits.write": timedelta(days=14),
    "terms.publish": timedelta(days=14),
    "refunds.make": timedelta(days=7),
    "payouts.release": timedelta(days=3),
    "ledger.reverse": timedelta(days=3),
    "ledger.manual": timedelta(days=3),
    "works.transfer": timedelta(days=14),
    "conflicts.decide": timedelta(days=14),
}
"""Act -> how long a proposal waits for the second person: every "2" and every "propose" of the matrix."""


def propose(
    *, right: str, subject: str, payload: Mapping[str, Any], reason: str, actor: Actor, at: datetime
) -> Countersign:
    """Write down exactly what is to be done; an open proposal of the same is returned instead of a second one.

    Raises Refused("person_needed") for an actor who is no person, and Refused("field_invalid") for a payload that
    cannot be hashed (fractions, whole numbers beyond 2^53).
    """
    if actor.user_id is None:
        raise Refused("person_needed", "Only a person can propose an act that needs two people.")
    digest = _digest(payload)
    with unit(actor):
        open_ones = Countersign.objects.select_for_update().filter(
            livemode=actor.livemode, right=right, subject=subject, payload_hash=digest,
            status__in=("proposed", "approved"),
        )  # fmt: skip
        open_one = open_ones.first()
        if open_one is not None and open_one.expires_at > at:
            return open_one
        if open_one is not None:
            states.advance(open_one, "expired", actor=actor, at=at)
        # Unique while it is open: who proposes the same at the same moment gets the one that came first.
        made, new = open_ones.get_or_create(
            defaults={
                "public_id": fresh(at), "created_at": at, "organisation_id": actor.organisation_id,
                "livemode": actor.livemode, "right": right, "subject": subject, "payload": dict(payload),
                "payload_hash": digest, "proposer_id": actor.user_id, "reason": reason,
                "expires_at": at + NEEDED[right],
            }
        )  # fmt: skip
        if not new:
            return made
        audit.record(
            actor=actor, act="countersign.proposed", subject=made.name_id, at=at,
            after={"right": right, "about": subject, "payload_sha256": digest},
        )  # fmt: skip
    return made


def approve(*, proposal: Countersign, actor: Actor, at: datetime) -> None:
    """Agree as the second person. Raises Refused("second_person_needed") or Refused("proposal_expired")."""
    if actor.user_id is None or actor.user_id == proposal.proposer_id:
        reason = Reason("second_person_needed", "Proposer and approver must be different people.")
        raise Refused("second_person_needed", "Another person must agree to this.", [reason])
    if proposal.expires_at <= at:
        raise Refused("proposal_expired", f"The proposal expired at {proposal.expires_at:%Y-%m-%dT%H:%M:%SZ}.")
    with unit(actor):
        states.advance(proposal, "approved", actor=actor, at=at, approver_id=actor.user_id, decided_at=at)


def reject(*, proposal: Countersign, actor: Actor, at: datetime) -> None:
    """Say no, as the second person or by taking one's own proposal back. Raises Refused("state_conflict")."""
    with unit(actor):
        states.advance(proposal, "rejected", actor=actor, at=at, decided_at=at)


def use(*, right: str, subject: str, payload: Mapping[str, Any], actor: Actor, at: datetime) -> Countersign:
    """Spend the approval of exactly this act. Raises Refused("countersign_needed") when there is none."""
    with unit(actor):
        found = Countersign.objects.select_for_update().filter(
            right=right, subject=subject, payload_hash=_digest(payload), status="approved", livemode=actor.livemode,
            expires_at__gt=at,
        ).first()  # fmt: skip
        if found is None:
            raise Refused("countersign_needed", f"{right} on {subject} needs the agreement of a second person.")
        states.advance(found, "used", actor=actor, at=at)
    return found


def guard(*, right: str, subject: str, payload: Mapping[str, Any], actor: Actor, at: datetime) -> None:
    """As `use` for people, who need the second person; jobs, commands and the system itself act alone."""
    if actor.user_id is not None:
        use(right=right, subject=subject, payload=payload, actor=actor, at=at)


def _digest(payload: Mapping[str, Any]) -> str:
    try:
        return digests.of_json(dict(payload))
    except ValueError as wrong:
        reason = Reason("field_invalid", str(wrong), "", "", "whole numbers up to 2^53, text, lists and objects")
        raise Refused("field_invalid", "This cannot be written down exactly.", [reason]) from None
