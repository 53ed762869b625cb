"""Offers: draft a version, publish, assign to a level. The body's vocabulary is checked here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db.models import Max, Q

from accounts import audit, states
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.models import Organisation
from accounts.unit import Actor, unit
from licensing.catalogue.models import Work
from licensing.kernel import digests, money, territories
from licensing.kernel.periods import Period
from licensing.rights import vocabulary
from licensing.rights.models import Claim, Terms, TermsAssignment, TermsVersion
from licensing.rights.scopes import Target
from licensing.rights.services import as_range

SURVIVALS = ("perpetual", "until_end", "retrain")
AUDIENCES = ("any", "research", "non_profit", "named")
PRICE_KINDS = {
    "flat": None, "per_1000_tokens": "tokens", "per_1000_words": "words", "per_1000_characters": "characters",
    "per_minute": "seconds", "per_image": None, "free": None,
}  # fmt: skip
KNOWN = frozenset({
    "title", "actions", "territories", "model_kinds", "outputs", "offer", "training_window_days",
    "copy_retention_days", "model_survival", "effects", "refund_rule", "conditions", "exclusive", "approval",
    "audience", "commercial", "distribution", "currency", "price", "sample", "warranties", "indemnity", "law",
    "forum", "legal_text_en", "legal_text_zh",
})  # fmt: skip


def draft_terms(
    *, organisation: Organisation, own_key: str, body: Mapping[str, Any], actor: Actor, at: datetime
) -> TermsVersion:
    """Write the next version of an offer; the same body again returns the version there is.

    Raises Refused("terms_invalid") with a reason per field.
    """
    columns = read_body(body)
    with unit(actor):
        terms, _ = Terms.objects.get_or_create(
            organisation=organisation, livemode=actor.livemode, own_key=own_key,
            defaults={"public_id": fresh(at), "created_at": at},
        )  # fmt: skip
        Terms.objects.select_for_update().get(pk=terms.pk)
        digest = digests.of_json(dict(body))
        last = terms.versions.order_by("-number").first()
        if last is not None and last.sha256 == digest:
            return last
        number = (terms.versions.aggregate(last=Max("number"))["last"] or 0) + 1
        version = TermsVersion.objects.create(
            terms=terms, number=number, body=dict(body), sha256=digest, created_at=at, **columns
        )
        audit.record(
            actor=actor, act="terms.drafted", subject=terms.name_id, at=at, organisation_id=organisation.pk,
            after={"number": number, "sha256": digest},
        )  # fmt: skip
    return version


def publish_terms(*, terms: Terms, actor: Actor, at: datetime) -> None:
    """Make an offer valid; publishing a published one changes nothing."""
    with unit(actor):
        if terms.status != "published":
            states.advance(terms, "published", actor=actor, at=at)


def assign_terms(
    *, terms: Terms, target: Target, actor: Actor, at: datetime, extends: bool = False
) -> TermsAssignment:
    """Put an offer into the set of a level; `extends` adds to broader sets instead of replacing them.

    The same assignment again returns the one there is. Raises Refused("not_found") for a foreign target.
    """
    target.check(terms.organisation, actor.livemode)
    with unit(actor):
        if target.work is not None and not _may_offer(terms, target.work):
            raise Refused("not_found", "There is no such work here.")
        found, new = TermsAssignment.objects.get_or_create(
            organisation=terms.organisation, livemode=actor.livemode, terms=terms, ended_at=None, extends=extends,
            defaults={"created_at": at}, **target.columns(),
        )  # fmt: skip
        if new:
            audit.record(
                actor=actor, act="terms.assigned", subject=terms.name_id, at=at, after={"level": target.level},
                organisation_id=terms.organisation_id,
            )  # fmt: skip
    return found


def _may_offer(terms: Terms, work: Work) -> bool:
    """Own works, and works of others in which the organisation holds a claim (a contestant's offer, domain.md 2)."""
    if work.organisation_id == terms.organisation_id:
        return True
    named = Q(work=work) | Q(listed__work=work)
    return Claim.objects.filter(named, organisation_id=terms.organisation_id).exists()


def read_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a terms body into the columns of a version. Raises Refused("terms_invalid") naming every wrong field."""
    problems = [Reason("terms_invalid", "Unknown field.", f"/{name}", name, ", ".join(sorted(KNOWN)))
                for name in sorted(set(body) - KNOWN)]  # fmt: skip
    columns: dict[str, Any] = {}
    for column, read in READERS.items():
        try:
            columns[column] = read(body)
        except (ValueError, TypeError, KeyError, AttributeError) as wrong:
            problems.append(Reason("terms_invalid", str(wrong), f"/{column}", str(body.get(column, ""))))
    if problems:
        raise Refused("terms_invalid", "The terms cannot be recorded as sent.", problems)
    return columns


def _choice(field: str, allowed: tuple[str, ...], default: str) -> Any:
    def read(body: Mapping[str, Any]) -> str:
        value = body.get(field, default)
        if value not in allowed:
            raise ValueError(f"{field} must be one of {', '.join(allowed)}")
        return str(value)

    return read


def _days(field: str) -> Any:
    def read(body: Mapping[str, Any]) -> int | None:
        value = body.get(field)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value <= 0):
            raise ValueError(f"{field} must be a whole number of days above 0, or null for no limit")
        return value

    return read


def _offer(body: Mapping[str, Any]) -> Any:
    offer = body.get("offer") or {}
    start, end = (date.fromisoformat(offer[key]) if offer.get(key) else None for key in ("from", "until"))
    return as_range(Period(start, end))


def _title(body: Mapping[str, Any]) -> str:
    title = str(body.get("title") or "").strip()
    if not title:
        raise ValueError("terms need a title")
    return title


def _currency(body: Mapping[str, Any]) -> str:
    money.exponent(str(body["currency"]))
    return str(body["currency"])


def _price(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Price rules in micro units: {rules: [{kind, amount_micro}], minimum_per_work_micro, minimum_per_order_minor}."""
    price = body.get("price")
    if price is None:
        return None
    rules = price["rules"]
    if not rules:
        raise ValueError("a price needs at least one rule; say free by the rule free")
    for rule in rules:
        if rule.get("kind") not in PRICE_KINDS:
            raise ValueError(f"price kind {rule.get('kind')!r} is unknown; expected {', '.join(PRICE_KINDS)}")
        if rule["kind"] != "free":
            money.parse_minor(rule["amount_micro"])
    for name in ("minimum_per_work_micro", "minimum_per_order_minor"):
        money.parse_minor(price.get(name, 0))
    return dict(price)


def _flag(field: str, default: bool) -> Any:
    return lambda body: bool(body.get(field, default))


READERS: Mapping[str, Any] = {
    "title": _title,
    "actions": lambda body: vocabulary.mask(body["actions"]),
    "territories": lambda body: territories.mask(body["territories"]),
    "model_kinds": lambda body: vocabulary.model_kinds(body.get("model_kinds", ["any"])),
    "outputs": lambda body: vocabulary.outputs(body["outputs"]),
    "offer": _offer,
    "training_days": _days("training_window_days"),
    "retention_days": _days("copy_retention_days"),
    "survival": _choice("model_survival", SURVIVALS, "perpetual"),
    "audience": _choice("audience", AUDIENCES, "any"),
    "commercial": _flag("commercial", True),
    "distribution": lambda body: [str(item) for item in body.get("distribution", [])],
    "conditions": lambda body: [dict(item) for item in body.get("conditions", [])],
    "approval": _choice("approval", ("auto", "manual"), "auto"),
    "currency": _currency,
    "price": _price,
}
