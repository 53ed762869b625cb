"""A stored terms version as the rules see it."""

from __future__ import annotations

from datetime import date

from licensing.clearing.boxes import BEGINNING, END, day
from licensing.clearing.facts import Offer, Price
from licensing.rights.models import TermsVersion

MEASURED = {
    "per_1000_characters": "characters",
    "per_1000_words": "words",
    "per_1000_tokens": "tokens",
    "per_minute": "minutes",
}
NEEDS = {"characters": 1, "words": 2, "tokens": 4, "minutes": 8}


def of_version(version: TermsVersion) -> Offer:
    """Read a version. The price comes from its JSON, not from the columns a trigger made of it."""
    return Offer(
        key=version.pk,
        licensor=version.terms.organisation_id,
        actions=version.actions,
        territories=version.territories,
        model_kinds=version.model_kinds,
        outputs=version.outputs,
        start=day(version.offer.lower, otherwise=BEGINNING),
        end=day(version.offer.upper, otherwise=END),
        training_days=version.training_days,
        retention_days=version.retention_days,
        survival=version.survival,
        audience=version.audience,
        audience_organisation=version.audience_organisation_id,
        commercial=version.commercial,
        distribution=frozenset(version.distribution),
        exclusive=bool(version.body.get("exclusive", False)),
        conditions=tuple(sorted(str(condition.get("kind", "")) for condition in version.conditions)),
        manual=version.approval == "manual",
        currency=version.currency,
        price=price_of(version.price),
        released=_released(version),
    )


def _released(version: TermsVersion) -> tuple[int, int] | None:
    """The days an answer about the past names; none of them where it names none."""
    if version.approval != "released":
        return None
    window = version.body.get("training_window")
    if window is None:
        return BEGINNING, BEGINNING
    return date.fromisoformat(window["from"]).toordinal(), date.fromisoformat(window["until"]).toordinal()


def price_of(body: dict[str, object] | None) -> Price:
    """Read the price rules of pricing.md; no price or no rules needs what no work has."""
    rules = (body or {}).get("rules")
    if not body or not isinstance(rules, list) or not rules:
        return Price(needs=-1)
    sums = dict.fromkeys(("flat", *NEEDS), 0)
    needs = 0
    for rule in rules:
        target = MEASURED.get(rule["kind"], "flat")
        sums[target] += 0 if rule["kind"] == "free" else rule["amount_micro"]
        needs |= NEEDS.get(target, 0)
    multipliers = body.get("multipliers")
    return Price(
        flat=sums["flat"],
        characters=sums["characters"],
        words=sums["words"],
        tokens=sums["tokens"],
        minutes=sums["minutes"],
        minimum=int(str(body.get("minimum_per_work_micro", 0))),
        needs=needs,
        multipliers=multipliers if isinstance(multipliers, dict) and multipliers else None,
    )
