"""Open a conflict where root claims add up to more than the whole of a cell; nothing is guessed or rejected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any

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
SELECT r.on_work, array_agg(d.id ORDER BY d.id)
FROM licet_claims_of(ARRAY(SELECT w.work_id FROM licet_works_of_claim(%(claim)s) w)) r
JOIN licensing_claim d ON d.id = r.claim AND d.kind = 'root' AND d.status = ANY(%(live)s)
JOIN licensing_claim c ON c.id = %(claim)s AND c.part = d.part AND c.period && d.period
  AND c.actions & d.actions <> 0 AND (c.territories & d.territories) <> 0::bit(256)
GROUP BY r.on_work HAVING count(*) > 1 AND sum(d.control_ppm) > %(whole)s ORDER BY r.on_work
"""
# An open conflict takes the cells of the new claim in: no cell of it may clear as if nothing were disputed.
WIDEN = """
UPDATE licensing_conflict SET actions = actions | %(actions)s, territories = territories | %(territories)s::bit(256),
  control_ppm = greatest(control_ppm, %(worst)s)
WHERE work_id = ANY(%(works)s) AND status = ANY(%(open)s)
"""
JOIN = """
INSERT INTO licensing_conflictparty AS old (conflict_id, claim_id, consents, guaranteed_ppm)
SELECT f.id, u.claim, false, u.share FROM licensing_conflict f
CROSS JOIN unnest(%(claims)s::bigint[], %(shares)s::int[]) AS u(claim, share)
WHERE f.work_id = ANY(%(works)s) AND f.status = ANY(%(open)s)
ON CONFLICT (conflict_id, claim_id) DO UPDATE SET guaranteed_ppm = least(old.guaranteed_ppm, excluded.guaranteed_ppm)
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


def open_where_overclaimed(*, claim: Claim, actor: Actor, at: datetime) -> None:
    """Open (or extend) a conflict for every work on which `claim` lifts a cell above 1,000,000 ppm.

    Runs in the caller's transaction; every contestant's state becomes `contested`. Works with the same claims are one
    statement: a catalogue claimed twice is one mistake, whatever its size.
    """
    with unit(actor):
        together: dict[tuple[int, ...], list[int]] = defaultdict(list)
        with connection.cursor() as cursor:
            cursor.execute(RIVALS, {"claim": claim.pk, "live": list(LIVE), "whole": WHOLE})
            for work, keys in cursor.fetchall():
                together[tuple(keys)].append(work)
        claims = Claim.objects.in_bulk({key for keys in together for key in keys})
        contested: set[int] = set()
        for keys, works in together.items():
            excess = overclaimed([claims[key] for key in keys])
            if excess is not None:
                _open(works, excess, actor, at)
                contested |= excess.guaranteed.keys()
        for key in sorted(contested):
            if claims[key].status != "contested":
                states.advance(claims[key], "contested", actor=actor, at=at)


def settle(*, claim: Claim, actor: Actor, at: datetime) -> None:
    """Close the open conflicts of a claim that is no longer live where the others are within the whole again.

    Their claims are asserted again (what was verified is verified anew). Runs in the caller's transaction.
    """
    with unit(actor):
        rows = Conflict.objects.filter(parties__claim=claim, status__in=OPEN).prefetch_related("parties__claim")
        settled: dict[tuple[int, ...], bool] = {}
        freed: dict[int, Claim] = {}
        for conflict in rows:
            rest = {party.claim_id: party.claim for party in conflict.parties.all() if party.claim.status in LIVE}
            keys = tuple(sorted(rest))
            if keys not in settled:
                settled[keys] = overclaimed(list(rest.values())) is None
            if settled[keys]:
                states.advance(conflict, "withdrawn", actor=actor, at=at, decided_at=at)
                freed |= rest
        disputed = ConflictParty.objects.filter(claim__in=list(freed), conflict__status__in=OPEN)
        for key in sorted(freed.keys() - set(disputed.values_list("claim_id", flat=True))):
            if freed[key].status == "contested":
                states.advance(freed[key], "asserted", actor=actor, at=at)


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


def _open(works: Sequence[int], excess: Excess, actor: Actor, at: datetime) -> None:
    """Open or widen the conflict of each work, with the claims that have part in the excess."""
    found: dict[str, Any] = {
        "works": list(works), "open": list(OPEN), "actions": excess.actions, "worst": excess.worst,
        "territories": places.to_bits(excess.territories), "claims": list(excess.guaranteed),
        "shares": list(excess.guaranteed.values()),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(WIDEN, found)
        there = set(Conflict.objects.filter(work__in=works, status__in=OPEN).values_list("work_id", flat=True))
        new = [
            Conflict(
                public_id=fresh(at), created_at=at, livemode=actor.livemode, work_id=work, actions=excess.actions,
                territories=excess.territories, control_ppm=excess.worst, due_at=at + DUE,
            )
            for work in works
            if work not in there
        ]  # fmt: skip
        made = Conflict.objects.bulk_create(new, batch_size=5000)
        cursor.execute(JOIN, found)
    for conflict in made:
        after = {"control_ppm": excess.worst}
        audit.record(actor=actor, act="conflict.opened", subject=conflict.name_id, at=at, after=after)
        events.emit(
            "conflict.opened", conflict.name_id, actor=actor, at=at, organisation_id=None, livemode=actor.livemode
        )


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
