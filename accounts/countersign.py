"""Acts that need a second person: proposed by one member, agreed by another, used once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from accounts import states
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.models import Countersign
from accounts.unit import Actor, unit
from licensing.kernel import digests

NEEDED: Mapping[str, timedelta] = {
    "claims.dispute": timedelta(days=14),
    "splits.write": timedelta(days=14),
    "refunds.make": timedelta(days=7),
    "payouts.release": timedelta(days=3),
    "ledger.reverse": timedelta(days=3),
    "ledger.manual": timedelta(days=3),
    "works.transfer": timedelta(days=14),
    "conflicts.decide": timedelta(days=14),
}
"""Right -> how long a proposal waits for the second person: every 2 of the matrix."""


def propose(
    *, right: str, subject: str, payload: Mapping[str, Any], reason: str, actor: Actor, at: datetime
) -> Countersign:
    """Write down exactly what is to be done. Raises Refused("person_needed") for an actor who is no person."""
    if actor.user_id is None:
        raise Refused("person_needed", "Only a person can propose an act that needs two people.")
    with unit(actor):
        return Countersign.objects.create(
            public_id=fresh(at), created_at=at, organisation_id=actor.organisation_id, livemode=actor.livemode,
            right=right, subject=subject, payload=dict(payload), payload_hash=digests.of_json(dict(payload)),
            proposer_id=actor.user_id, reason=reason, expires_at=at + NEEDED[right],
        )  # fmt: skip


def approve(*, proposal: Countersign, actor: Actor, at: datetime) -> None:
    """Agree as the second person. Raises Refused("second_person_needed") or Refused("proposal_expired")."""
    if actor.user_id is None or actor.user_id == proposal.proposer_id:
        reason = Reason("second_person_needed", "Proposer and approver must be different people.")
        raise Refused("second_person_needed", "Another person must agree to this.", [reason])
    if proposal.expires_at <= at:
        raise Refused("proposal_expired", f"The proposal expired at {proposal.expires_at:%Y-%m-%dT%H:%M:%SZ}.")
    with unit(actor):
        states.advance(proposal, "approved", actor=actor, at=at, approver_id=actor.user_id, decided_at=at)


def use(*, right: str, subject: str, payload: Mapping[str, Any], actor: Actor, at: datetime) -> Countersign:
    """Spend the approval of exactly this act. Raises Refused("countersign_needed") when there is none."""
    with unit(actor):
        found = Countersign.objects.select_for_update().filter(
            right=right, subject=subject, payload_hash=digests.of_json(dict(payload)), status="approved"
        ).first()  # fmt: skip
        if found is None:
            raise Refused("countersign_needed", f"{right} on {subject} needs the agreement of a second person.")
        states.advance(found, "used", actor=actor, at=at)
    return found
