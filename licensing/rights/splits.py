"""Who is paid for a claim's money: versions whose parts sum to exactly 1,000,000 ppm (domain.md 2, Split)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max

from accounts import audit, countersign
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.unit import Actor, unit
from licensing.catalogue.models import Party
from licensing.kernel.periods import Period
from licensing.rights.models import WHOLE, Claim, SplitPart, SplitVersion
from licensing.rights.services import as_range

UNALLOCATED = "unallocated"


@dataclass(frozen=True, slots=True)
class Part:
    """A payee's share in ppm; no party only for role `unallocated`, whose money waits in suspense."""

    party: Party | None
    ppm: int
    role: str


def set_split(
    *, claim: Claim, parts: Sequence[Part], valid: Period, document: str, actor: Actor, at: datetime,
    territories: int | None = None, actions: int | None = None,
) -> SplitVersion:  # fmt: skip
    """Write the next version of a claim's split. Raises Refused("split_sum"), ("split_part_invalid"),
    ("split_overlap"), and for a person Refused("countersign_needed") unless another one agreed to exactly this.

    Nothing is scaled: a source that does not sum says so by an explicit `unallocated` part.
    """
    problems = _problems(parts)
    if problems:
        raise Refused(problems[0].code, "The split cannot be recorded as sent.", problems)
    with unit(actor), transaction.atomic():  # a refusal at the end takes what was written back
        Claim.objects.select_for_update().get(pk=claim.pk)
        number = (claim.splits.aggregate(last=Max("number"))["last"] or 0) + 1
        mask = claim.territories if territories is None else territories
        leaves = claim.actions if actions is None else actions
        try:
            with transaction.atomic():
                version = SplitVersion.objects.create(
                    public_id=fresh(at), created_at=at, claim=claim, number=number, valid=as_range(valid),
                    territories=mask, actions=leaves, territory_set=as_set(mask), action_set=as_set(leaves),
                    document=document, approved_by=actor.name,
                )  # fmt: skip
        except IntegrityError:
            reason = Reason(
                "split_overlap", "Another version covers part of this.", "/valid", str(valid), "a free time"
            )
            raise Refused("split_overlap", "A split of this claim is already valid then and there.", [reason]) from None
        _write_parts(version, parts)
        audit.record(
            actor=actor, act="split.set", subject=version.name_id, at=at, organisation_id=claim.organisation_id,
            after={"claim": claim.name_id, "parts": [[_name(part), part.ppm, part.role] for part in parts]},
        )  # fmt: skip
        countersign.guard(
            right="splits.write", subject=claim.name_id, actor=actor, at=at,
            payload=written(claim=claim, parts=parts, valid=valid, document=document),
        )  # fmt: skip
    return version


def _write_parts(version: SplitVersion, parts: Sequence[Part]) -> None:
    SplitPart.objects.bulk_create(
        SplitPart(version=version, part_no=number, party=part.party, role=part.role, ppm=part.ppm)
        for number, part in enumerate(parts, 1)
    )


def written(*, claim: Claim, parts: Sequence[Part], valid: Period, document: str) -> dict[str, Any]:
    """A split as people agree to it: ids, ppm, roles and days as the API takes them."""
    return {
        "claim": claim.name_id, "document": document,
        "parts": [
            {"party": part.party.name_id if part.party else None, "ppm": part.ppm, "role": part.role} for part in parts
        ],
        "starts": valid.start and valid.start.isoformat(), "ends": valid.end and valid.end.isoformat(),
    }  # fmt: skip


def freeze(*, version_ids: Sequence[int], at: datetime) -> None:
    """Mark split versions as relied upon by a quote: the database refuses changes from then on."""
    SplitVersion.objects.filter(pk__in=version_ids, frozen_at__isnull=True).update(frozen_at=at)


def as_set(mask: int) -> str:
    """A bit mask as int4multirange text: bits 0, 1 and 5 give ``{[0,2),[5,6)}``."""
    runs: list[list[int]] = []
    for bit in (index for index in range(mask.bit_length()) if mask >> index & 1):
        if runs and runs[-1][1] == bit:
            runs[-1][1] = bit + 1
        else:
            runs.append([bit, bit + 1])
    return "{" + ",".join(f"[{start},{end})" for start, end in runs) + "}"


def _problems(parts: Sequence[Part]) -> list[Reason]:
    total = sum(part.ppm for part in parts)
    found = [
        Reason("split_part_invalid", "A part is 1 to 1,000,000 ppm of a payee.", f"/parts/{place}", str(part.ppm))
        for place, part in enumerate(parts)
        if not 0 < part.ppm <= WHOLE or (part.party is None) != (part.role == UNALLOCATED)
    ]
    if total != WHOLE:
        found.append(Reason("split_sum", "The parts must sum to exactly the whole.", "/parts", str(total), str(WHOLE)))
    return found


def _name(part: Part) -> str:
    return UNALLOCATED if part.party is None else part.party.name_id
