"""Open a conflict where root claims add up to more than the whole of a cell; nothing is guessed or rejected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product

from django.db import connection

from accounts import audit, states
from accounts.identity import fresh
from accounts.unit import Actor, unit
from licensing.events import services as events
from licensing.kernel import territories as places
from licensing.rights.models import LIVE, WHOLE, Claim, Conflict, ConflictParty

DUE = timedelta(days=7)  # five working days
OPEN = ("open", "evidence_requested")

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


@dataclass(frozen=True, slots=True)
class Excess:
    """Where claims exceed the whole: all such cells, the largest sum, and per claim (by key) what of its share is
    beyond dispute in each of them. A claim that is in none of these cells is no contestant.
    """

    actions: int
    territories: int
    worst: int
    guaranteed: Mapping[int, int]


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


def settle(*, claim: Claim, actor: Actor, at: datetime) -> None:
    """Close the open conflicts of a claim that is no longer live where the others are within the whole again.

    Their claims are asserted again (what was verified is verified anew). Runs in the caller's transaction.
    """
    with unit(actor):
        rows = Conflict.objects.filter(parties__claim=claim, status__in=OPEN).prefetch_related("parties__claim")
        for conflict in rows:
            rest = [party.claim for party in conflict.parties.all() if party.claim.status in LIVE]
            if overclaimed(rest) is not None:
                continue
            states.advance(conflict, "withdrawn", actor=actor, at=at, decided_at=at)
            for one in rest:
                disputed = ConflictParty.objects.filter(claim=one, conflict__status__in=OPEN).exists()
                if one.status == "contested" and not disputed:
                    states.advance(one, "asserted", actor=actor, at=at)


def overclaimed(contestants: Sequence[Claim]) -> Excess | None:
    """The cells in which these root claims exceed the whole, or None when there is none."""
    actions, mask, worst = 0, 0, 0
    kept: dict[int, int] = {}
    for action in _bits(_union(claim.actions for claim in contestants)):
        here = [claim for claim in contestants if claim.actions & action]
        for place in _atoms([claim.territories for claim in here]):
            for together in _over_time([claim for claim in here if claim.territories & place == place]):
                total = sum(claim.control_ppm for claim in together)
                if total <= WHOLE:
                    continue
                actions, mask, worst = actions | action, mask | place, max(worst, total)
                for claim, share in zip(together, guaranteed([one.control_ppm for one in together]), strict=True):
                    kept[claim.pk] = min(share, kept.get(claim.pk, WHOLE))
    return Excess(actions, mask, worst, kept) if kept else None


def guaranteed(shares: Sequence[int]) -> list[int]:
    """What stays payable to each contestant while the conflict is open: max(0, whole - sum + own) (domain.md 2)."""
    total = sum(shares)
    return [max(0, WHOLE - total + share) if total > WHOLE else share for share in shares]


def _open(work: int, contestants: Sequence[Claim], excess: Excess, actor: Actor, at: datetime) -> Conflict:
    conflict = Conflict.objects.filter(work_id=work, status__in=OPEN).first()
    if conflict is None:
        conflict = Conflict.objects.create(
            public_id=fresh(at), created_at=at, livemode=actor.livemode, work_id=work, actions=excess.actions,
            territories=excess.territories, control_ppm=excess.worst, due_at=at + DUE,
        )  # fmt: skip
        after = {"control_ppm": excess.worst}
        audit.record(actor=actor, act="conflict.opened", subject=conflict.name_id, at=at, after=after)
        events.emit(
            "conflict.opened", conflict.name_id, actor=actor, at=at, organisation_id=None, livemode=actor.livemode
        )
    else:
        _widen(conflict, excess)
    earlier = dict(ConflictParty.objects.filter(conflict=conflict).values_list("claim_id", "guaranteed_ppm"))
    for claim in contestants:
        if claim.pk not in excess.guaranteed:
            continue
        share = min(excess.guaranteed[claim.pk], earlier.get(claim.pk, WHOLE))
        ConflictParty.objects.update_or_create(conflict=conflict, claim=claim, defaults={"guaranteed_ppm": share})
        if claim.status != "contested":
            states.advance(claim, "contested", actor=actor, at=at)
    return conflict


def _widen(conflict: Conflict, excess: Excess) -> None:
    """An open conflict takes the cells of the new claim in: no cell of it may clear as if nothing were disputed."""
    conflict.actions |= excess.actions
    conflict.territories |= excess.territories
    conflict.control_ppm = max(conflict.control_ppm, excess.worst)
    conflict.save(update_fields=["actions", "territories", "control_ppm"])


def _over_time(claims: Sequence[Claim]) -> list[list[Claim]]:
    """Who holds together at each claim's first day: where a maximum over half-open periods must lie."""
    return [
        [other for other in claims
         if (claim.period.lower is None and other.period.lower is None)
         or (claim.period.lower is not None and claim.period.lower in other.period)]
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
