"""Whether an offer fits a use: what stands in its way, by code. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from licensing.clearing.boxes import Box
from licensing.clearing.facts import Offer, Use


def against_use(offer: Offer, use: Use, today: int, known: int) -> tuple[str, ...]:
    """Codes that hold for every cell: period, retention, survival, model, outputs, audience, conditions, price."""
    found = [code for code, bad in _limits(offer, use, today) if bad]
    if offer.price.needs < 0 or offer.price.needs & ~known:
        found.append("price_missing")
    elif offer.currency != use.currency and not offer.price.free:
        found.append("currency_unavailable")
    return tuple(sorted(found))


def against_cells(offer: Offer, region: Box) -> tuple[str, ...]:
    """Codes that depend on the cells: actions and territories the offer does not reach."""
    found = []
    if region.actions & ~offer.actions:
        found.append("action_not_offered")
    if region.territories & ~offer.territories:
        found.append("territory_not_offered")
    return tuple(found)


def nearest(blockers: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The shortest list of blockers, the first in alphabetical order among equals; no_terms when there is no offer."""
    return min(blockers, key=lambda codes: (len(codes), codes), default=("no_terms",))


def _limits(offer: Offer, use: Use, today: int) -> list[tuple[str, bool]]:
    return [
        ("period_not_offered", not offer.start <= today < offer.end or _beyond(offer, use)),
        ("retention_not_offered", _short(offer.retention_days, use.retention_days)),
        ("survival_not_offered", offer.survival not in ("perpetual", use.survival)),
        ("model_kind_not_offered", use.model_kind & ~offer.model_kinds != 0),
        ("output_not_offered", use.outputs & ~offer.outputs != 0),
        ("distribution_not_offered", bool(offer.distribution) and not use.distribution <= offer.distribution),
        ("audience_not_offered", not _for(offer, use)),
        ("exclusivity_not_offered", use.exclusive and not offer.exclusive),
        ("condition_not_accepted", _declined(offer, use)),
    ]


def _short(offered: int | None, wanted: int | None) -> bool:
    """Whether fewer days are offered than wanted; None is without limit, on both sides."""
    return offered is not None and (wanted is None or offered < wanted)


def _beyond(offer: Offer, use: Use) -> bool:
    """Whether the window of a use is longer than offered, or has days that a release of the past does not name."""
    start, end = offer.released or (use.box.start, use.box.end)
    return _short(offer.training_days, use.window_days) or not start <= use.box.start <= use.box.end <= end


def _for(offer: Offer, use: Use) -> bool:
    if use.commercial and not offer.commercial:
        return False
    allowed = {
        "any": True,
        "research": use.research,
        "non_profit": use.non_profit,
        "named": offer.audience_organisation == use.licensee_id,
    }
    return allowed.get(offer.audience, False)


def _declined(offer: Offer, use: Use) -> bool:
    return any(kind in use.declines or (kind == "attribution" and not use.attribution) for kind in offer.conditions)
