"""Claims are verified or end, reservations are lifted; nothing is deleted, everything keeps its reason."""

from __future__ import annotations

from datetime import datetime

from accounts import audit, states
from accounts.errors import Reason, Refused
from accounts.unit import Actor, unit
from licensing.rights import conflicts
from licensing.rights.models import Claim, Reservation


def verify_claim(*, claim: Claim, evidence: str, actor: Actor, at: datetime) -> Claim:
    """An operator has seen what proves a claim. Raises Refused("reason_missing") without evidence, and
    Refused("state_conflict") for a claim that is contested, ended or verified.
    """
    _said(evidence, "/evidence")
    with unit(actor):
        states.advance(claim, "verified", actor=actor, at=at)
        audit.record(
            actor=actor, act="claim.evidence", subject=claim.name_id, at=at, after={"evidence": evidence},
            organisation_id=claim.organisation_id,
        )  # fmt: skip
    return claim


def end_claim(*, claim: Claim, reason: str, actor: Actor, at: datetime) -> Claim:
    """The claimant gives a claim up: a contested one is withdrawn, another ends. For new grants its children end too.

    Conflicts that it was needed for are closed. Raises Refused("reason_missing") or Refused("state_conflict").
    """
    _said(reason, "/reason")
    with unit(actor):
        states.advance(claim, "withdrawn" if claim.status == "contested" else "ended", actor=actor, at=at)
        audit.record(
            actor=actor, act="claim.given_up", subject=claim.name_id, at=at, after={"reason": reason},
            organisation_id=claim.organisation_id,
        )  # fmt: skip
        conflicts.settle(claim=claim, actor=actor, at=at)
    return claim


def end_reservation(*, reservation: Reservation, reason: str, actor: Actor, at: datetime) -> Reservation:
    """Lift a reservation; what was decided before stays as it was.

    Raises Refused("reason_missing") or Refused("state_conflict").
    """
    _said(reason, "/reason")
    with unit(actor):
        states.advance(reservation, "ended", actor=actor, at=at)
        audit.record(
            actor=actor, act="reservation.lifted", subject=reservation.name_id, at=at, after={"reason": reason},
            organisation_id=reservation.organisation_id,
        )  # fmt: skip
    return reservation


def _said(reason: str, pointer: str) -> None:
    if not reason.strip():
        missing = Reason("reason_missing", "Say why.", pointer, "", "a sentence")
        raise Refused("reason_missing", "This is kept for good and needs its reason.", [missing])
