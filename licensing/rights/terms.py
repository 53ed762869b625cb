"""Offers: draft a version, publish, assign to a level. The body's vocabulary is checked here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db.models import Max

from accounts import audit, countersign, states
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.models import Organisation
from accounts.unit import Actor, unit
from licensing.kernel import digests, money, territories
from licensing.kernel.periods import Period
from licensing.rights import prices, standing, vocabulary
from licensing.rights.models import Terms, TermsAssignment, TermsVersion
from licensing.rights.scopes import Target
from licensing.rights.services import as_range

SURVIVALS = ("perpetual", "until_end", "retrain")
AUDIENCES = ("any", "research", "non_profit", "named")
LONGEST = 100_000
"""Days of a window or of keeping copies; without limit is said by null."""
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

    A version of a published offer is in force at once, so a person needs a second one for it.
    Raises Refused("terms_invalid") with a reason per field, Refused("countersign_needed").
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
        if terms.status == "published":
            countersign.guard(
                right="terms.publish", subject=terms.name_id, payload=written(own_key, body), actor=actor, at=at
            )
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
    """Make an offer valid; publishing a published one changes nothing.

    Raises for a person Refused("countersign_needed") unless another one agreed to its newest version.
    """
    with unit(actor):
        if terms.status != "published":
            last = terms.versions.latest("number")
            payload = written(terms.own_key, last.body)
            countersign.guard(right="terms.publish", subject=terms.name_id, payload=payload, actor=actor, at=at)
            states.advance(terms, "published", actor=actor, at=at)


def written(own_key: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """An offer as people agree to it."""
    return {"key": own_key, "body": dict(body)}


def assign_terms(
    *, terms: Terms, target: Target, actor: Actor, at: datetime, extends: bool = False
) -> TermsAssignment:
    """Put an offer into the set of a level; `extends` adds to broader sets instead of replacing them.

    The same assignment again returns the one there is. Raises Refused("not_found") for a foreign target.
    """
    target.check(terms.organisation, actor.livemode)
    with unit(actor):
        standing.check(terms.organisation_id, target)  # a contestant offers too (domain.md 2)
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
        if value is not None and (type(value) is not int or not 0 < value <= LONGEST):
            raise ValueError(f"{field} must be a whole number of days from 1 to {LONGEST}, or null for no limit")
        found: int | None = value
        return found

    return read


def _offer(body: Mapping[str, Any]) -> Any:
    offer = body.get("offer") or {}
    start, end = (date.fromisoformat(offer[key]) if offer.get(key) else None for key in ("from", "until"))
    return as_range(Period(start, end))


def _title(body: Mapping[str, Any]) -> str:
    title = body.get("title")
    if not isinstance(title, str) or not 0 < len(title.strip()) <= 200:
        raise ValueError("terms need a title of 1 to 200 characters")
    return title.strip()


def _currency(body: Mapping[str, Any]) -> str:
    code: str = body["currency"]
    money.exponent(code)
    return code


def _names(field: str) -> Any:
    """A list of texts, never one text that would be read letter by letter."""

    def read(body: Mapping[str, Any], *otherwise: str) -> list[str]:
        value = body.get(field, list(otherwise)) if otherwise else body[field]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError(f"{field} must be a list of names")
        return value

    return read


def _distribution(body: Mapping[str, Any]) -> list[str]:
    value = body.get("distribution", [])
    if not isinstance(value, list) or not all(isinstance(item, str) and 0 < len(item) <= 20 for item in value):
        raise ValueError("distribution must be a list of names of 1 to 20 characters")
    return value


def _conditions(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    value = body.get("conditions", [])
    named = isinstance(value, list) and all(
        isinstance(item, dict) and isinstance(item.get("kind"), str) and item["kind"] for item in value
    )
    if not named:
        raise ValueError("conditions must be a list of objects, each with its kind")
    return [dict(item) for item in value]


def _flag(field: str, default: bool) -> Any:
    def read(body: Mapping[str, Any]) -> bool:
        value = body.get(field, default)
        if not isinstance(value, bool):
            raise TypeError(f"{field} must be true or false")
        return value

    return read


READERS: Mapping[str, Any] = {
    "title": _title,
    "actions": lambda body: vocabulary.mask(_names("actions")(body)),
    "territories": lambda body: territories.mask(_names("territories")(body)),
    "model_kinds": lambda body: vocabulary.model_kinds(_names("model_kinds")(body, "any")),
    "outputs": lambda body: vocabulary.outputs(_names("outputs")(body)),
    "offer": _offer,
    "training_days": _days("training_window_days"),
    "retention_days": _days("copy_retention_days"),
    "survival": _choice("model_survival", SURVIVALS, "perpetual"),
    "audience": _choice("audience", AUDIENCES, "any"),
    "commercial": _flag("commercial", True),
    "distribution": _distribution,
    "conditions": _conditions,
    "approval": _choice("approval", ("auto", "manual"), "auto"),
    "currency": _currency,
    "price": lambda body: prices.read(body.get("price")),
    "exclusive": _flag("exclusive", False),
}
