"""Make catalogues and parties, record facts, register works. Content files have `assets.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.models import Organisation
from accounts.unit import Actor, unit
from licensing.catalogue import identifiers
from licensing.catalogue.models import (
    ORIGINS,
    PERSONAL_DATA,
    SOURCE_KINDS,
    THIRD_PARTY,
    Catalogue,
    Fact,
    Party,
    PartyIdentifier,
    Work,
)
from licensing.events import services as events

SENDERS = ("owner", "agent", "distributor")
PARTY_KINDS = ("person", "organisation", "estate", "society", "unknown")
DECLARATIONS: Mapping[str, tuple[str, ...]] = {
    "origin": ORIGINS, "source_kind": SOURCE_KINDS, "personal_data": PERSONAL_DATA, "third_party": THIRD_PARTY,
}  # fmt: skip


def create_catalogue(
    *, organisation: Organisation, slug: str, name: str, role_of_sender: str, declarations: Mapping[str, str],
    actor: Actor, at: datetime,
) -> Catalogue:  # fmt: skip
    """Open a named set of works. `declarations` (keys of DECLARATIONS) hold for every work that has none of its own.

    Raises Refused("slug_taken") or Refused("declaration_unknown").
    """
    known = check_declarations(declarations)
    if role_of_sender not in SENDERS:
        reason = Reason("declaration_unknown", "Who sends.", "/role_of_sender", role_of_sender, ", ".join(SENDERS))
        raise Refused("declaration_unknown", "The catalogue cannot be made as sent.", [reason])
    with unit(actor):
        try:
            with transaction.atomic():
                made = Catalogue.objects.create(
                    public_id=fresh(at), created_at=at, organisation=organisation, livemode=actor.livemode, slug=slug,
                    name=name, role_of_sender=role_of_sender, declared_by=actor.name, declared_at=at, **known,
                )  # fmt: skip
        except IntegrityError:
            raise Refused(
                "slug_taken", f"This organisation has a catalogue {slug}.", [Reason("slug_taken", "", "/slug")]
            ) from None
        audit.record(
            actor=actor, act="catalogue.created", subject=made.name_id, at=at, after={"slug": slug, **known},
            organisation_id=organisation.pk,
        )  # fmt: skip
    return made


def check_declarations(sent: Mapping[str, str]) -> dict[str, str]:
    """The declarations with known keys and values only. Raises Refused("declaration_unknown")."""
    problems = [
        Reason("declaration_unknown", "Choose from the list.", f"/declarations/{key}", str(value),
               ", ".join(DECLARATIONS.get(key, DECLARATIONS)))
        for key, value in sent.items()
        if value not in DECLARATIONS.get(key, ())
    ]  # fmt: skip
    if problems:
        raise Refused("declaration_unknown", "A declaration is not from the list.", problems)
    return dict(sent)


def create_party(
    *, organisation: Organisation, own_key: str, kind: str, name: str, known_as: Sequence[tuple[str, str]],
    actor: Actor, at: datetime, represented_by: Organisation | None = None,
) -> Party:  # fmt: skip
    """Record somebody who may own or be paid; the same `own_key` again returns the party there is.

    `known_as` are (scheme, value) identifiers; invalid ones are kept and marked. Raises Refused("party_kind_unknown").
    """
    if kind not in PARTY_KINDS:
        reason = Reason("party_kind_unknown", "What kind of party.", "/kind", kind, ", ".join(PARTY_KINDS))
        raise Refused("party_kind_unknown", f"There is no kind of party {kind}.", [reason])
    with unit(actor):
        party, new = Party.objects.get_or_create(
            organisation=organisation, livemode=actor.livemode, own_key=own_key,
            defaults={
                "public_id": fresh(at), "created_at": at, "kind": kind, "name": name, "represented_by": represented_by,
            },
        )  # fmt: skip
        if new:
            PartyIdentifier.objects.bulk_create(_identifier(party, scheme, value) for scheme, value in known_as)
            audit.record(
                actor=actor, act="party.created", subject=party.name_id, at=at, after={"kind": kind},
                organisation_id=organisation.pk,
            )  # fmt: skip
    return party


def _identifier(party: Party, scheme: str, value: str) -> PartyIdentifier:
    read = identifiers.normalise(scheme, value)
    return PartyIdentifier(party=party, scheme=read.scheme, value=read.value, sent=read.sent, valid=read.valid)


def record_fact(
    *, kind: str, source: str, not_before: date | None, not_after: date | None, actor: Actor, at: datetime,
    work: Work | None = None, party: Party | None = None, place: str = "",
) -> Fact:  # fmt: skip
    """Record an interval fact about a work or a party, with where it is known from.

    Raises Refused("fact_incomplete") without a source, without any date, or with dates the wrong way round.
    """
    reversed_ = not_before is not None and not_after is not None and not_before > not_after
    if not source.strip() or (not_before is None and not_after is None) or reversed_:
        seen = f"{not_before} to {not_after}, source {source!r}"
        reason = Reason("fact_incomplete", "A fact has a source and at least one date.", "", seen)
        raise Refused("fact_incomplete", "The fact cannot be recorded as sent.", [reason])
    with unit(actor):
        fact = Fact.objects.create(
            work=work, party=party, kind=kind, not_before=not_before, not_after=not_after, place=place, source=source,
            recorded_at=at,
        )  # fmt: skip
        subject = work or party
        audit.record(
            actor=actor, act="fact.recorded", subject=subject.name_id if subject else "", at=at,
            after={"kind": kind, "not_before": str(not_before), "not_after": str(not_after), "source": source},
            organisation_id=subject.organisation_id if subject else None,
        )  # fmt: skip
    return fact


def register(*, catalogue: Catalogue, actor: Actor, at: datetime) -> int:
    """Register every draft work of a catalogue, as a set; returns how many. One audit row says which and how many."""
    with unit(actor):
        changed = Work.objects.filter(catalogue=catalogue, status="draft").update(status="registered")
        if changed:
            after: dict[str, Any] = {"works": changed}
            audit.record(
                actor=actor, act="work.registered", subject=catalogue.name_id, at=at, after=after,
                organisation_id=catalogue.organisation_id,
            )  # fmt: skip
            events.emit(
                "work.registered", catalogue.name_id, actor=actor, at=at, organisation_id=catalogue.organisation_id,
                livemode=actor.livemode, data=after,
            )  # fmt: skip
    return changed
