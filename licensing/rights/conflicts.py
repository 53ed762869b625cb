"""Open a conflict where root claims add up to more than the whole of a cell; nothing is guessed or rejected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import product

from django.db import connection

from accounts import audit, states
from accounts.identity import fresh
from accounts.unit import Actor, unit
from licensing.events import services as events
from licensing.kernel import territories as places
from licensing.rights.models import WHOLE, Claim, Conflict, ConflictParty

DUE = timedelta(days=7)  # five working days
LIVE = ("asserted", "verified", "contested")

# Root claims of the works of one claim, live, of the same part, with a cell in common with it.
RIVALS = """
WITH mine AS (
  SELECT w.id FROM licensing_work w JOIN licensing_claim c ON c.id = %(claim)s
  WHERE CASE c.level
    WHEN 'catalogue' THEN w.catalogue_id = c.catalogue_id
    WHEN 'imprint' THEN w.imprint_id = c.imprint_id
    WHEN 'work' THEN w.id = c.work_id
    ELSE EXISTS (SELECT 1 FROM licensing_claimwork l WHERE l.claim_id = c.id AND l.work_id = w.id) END
), roots AS (
  SELECT c.*, w.id AS on_work FROM licensing_claim c
  JOIN licensing_work w ON w.livemode = c.livemode AND (
    (c.level = 'catalogue' AND w.catalogue_id = c.catalogue_id) OR (c.level = 'imprint' AND w.imprint_id = c.imprint_id)
    OR (c.level = 'work' AND w.id = c.work_id)
    OR (c.level = 'list' AND EXISTS (SELECT 1 FROM licensing_claimwork l WHERE l.claim_id = c.id AND l.work_id = w.id)))
  WHERE c.kind = 'root' AND c.status = ANY(%(live)s) AND w.id IN (SELECT id FROM mine)
)
SELECT r.on_work, array_agg(r.id ORDER BY r.id) FROM roots r
JOIN licensing_claim c ON c.id = %(claim)s AND c.part = r.part AND c.period && r.period
  AND c.actions & r.actions <> 0 AND (c.territories & r.territories) <> 0::bit(256)
GROUP BY r.on_work HAVING count(*) > 1 AND sum(r.control_ppm) > %(whole)s
"""


def open_where_overclaimed(*, claim: Claim, actor: Actor, at: datetime) -> list[Conflict]:
    """Open (or extend) a conflict for every work on which `claim` lifts a cell above 1,000,000 ppm.

    Runs in the caller's transaction; every contestant's state becomes `contested`.
    """
    with unit(actor):
        with connection.cursor() as cursor:
            cursor.execute(RIVALS, {"claim": claim.pk, "live": list(LIVE), "whole": WHOLE})
            found: list[tuple[int, list[int]]] = cursor.fetchall()
        claims = Claim.objects.in_bulk({key for _, keys in found for key in keys})
        opened = []
        for work, keys in found:
            contestants = [claims[key] for key in keys]
            excess = overclaimed(contestants)
            if excess is not None:
                opened.append(_open(work, contestants, excess, actor, at))
        return opened


def overclaimed(contestants: Sequence[Claim]) -> tuple[int, int, int] | None:
    """The worst cell of these claims as (actions, territories, sum ppm), or None when none exceeds the whole.

    The union of all exceeding cells is returned with the largest sum found.
    """
    actions, territories, worst = 0, 0, 0
    for action in _bits(_union(claim.actions for claim in contestants)):
        here = [claim for claim in contestants if claim.actions & action]
        for mask in _atoms([claim.territories for claim in here]):
            total = max(_sums_over_time([claim for claim in here if claim.territories & mask == mask]), default=0)
            if total > WHOLE:
                actions, territories, worst = actions | action, territories | mask, max(worst, total)
    return (actions, territories, worst) if worst else None


def guaranteed(shares: Sequence[int]) -> list[int]:
    """What stays payable to each contestant while the conflict is open: max(0, whole - sum + own) (domain.md 2)."""
    total = sum(shares)
    return [max(0, WHOLE - total + share) if total > WHOLE else share for share in shares]


def _open(
    work: int, contestants: Sequence[Claim], excess: tuple[int, int, int], actor: Actor, at: datetime
) -> Conflict:
    actions, territories, total = excess
    conflict = Conflict.objects.filter(work_id=work, status__in=["open", "evidence_requested"]).first()
    if conflict is None:
        conflict = Conflict.objects.create(
            public_id=fresh(at), created_at=at, livemode=actor.livemode, work_id=work, actions=actions,
            territories=territories, control_ppm=total, due_at=at + DUE,
        )  # fmt: skip
        audit.record(actor=actor, act="conflict.opened", subject=conflict.name_id, at=at, after={"control_ppm": total})
        events.emit(
            "conflict.opened", conflict.name_id, actor=actor, at=at, organisation_id=None, livemode=actor.livemode
        )
    shares = guaranteed([claim.control_ppm for claim in contestants])
    for claim, share in zip(contestants, shares, strict=True):
        ConflictParty.objects.update_or_create(conflict=conflict, claim=claim, defaults={"guaranteed_ppm": share})
        if claim.status != "contested":
            states.advance(claim, "contested", actor=actor, at=at)
    return conflict


def _sums_over_time(claims: Sequence[Claim]) -> list[int]:
    """The sum of shares at each claim's first day: where a maximum over half-open periods must lie."""
    return [
        sum(other.control_ppm for other in claims
            if (claim.period.lower is None and other.period.lower is None)
            or (claim.period.lower is not None and claim.period.lower in other.period))
        for claim in claims
    ]  # fmt: skip


def _union(masks: Iterable[int]) -> int:
    total = 0
    for mask in masks:
        total |= mask
    return total


def _bits(mask: int) -> list[int]:
    return [1 << index for index in range(mask.bit_length()) if mask >> index & 1]


def _atoms(masks: Sequence[int]) -> list[int]:
    """The distinct regions that overlapping territory masks cut the world into, none empty."""
    regions = [places.WORLD]
    for mask in masks:
        regions = [part for region, side in product(regions, (mask, ~mask)) if (part := region & side & places.WORLD)]
    return regions
