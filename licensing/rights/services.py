"""Declare claims, reserve, assert licences, write encumbrances. Splits and terms have files of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateRange

from accounts import audit
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.models import Organisation
from accounts.unit import Actor, unit
from licensing.catalogue.models import Party
from licensing.events import services as events
from licensing.kernel.periods import Period
from licensing.rights import conflicts, standing
from licensing.rights.models import WHOLE, Claim, ClaimWork, Encumbrance, OpenLicence, Reservation
from licensing.rights.scopes import Target

BASES = ("author", "work_for_hire", "inheritance", "assignment", "licence", "mandate")
CONSENTS = ("contract_clause", "consent_on_file", "not_needed", "unknown")
DERIVATIONS = ("exclusive_licence", "licence", "agency", "society_mandate")


def declare_claim(
    *, organisation: Organisation, holder: Party, target: Target, basis: str, control_ppm: int, actions: int,
    territories: int, period: Period, author_consent: str, warranty: Mapping[str, Any] | None, signer: str,
    actor: Actor, at: datetime, part: str = "whole", from_claim: Claim | None = None, derivation: str = "",
    one_stop: bool = False, includes_underlying: bool = False, consent_evidence: str = "", document: str = "",
) -> Claim:  # fmt: skip
    """Assert that `holder` controls (root) or may license (derived, `from_claim`) rights in the target's works.

    `control_ppm` is the share in millionths, `actions` and `territories` are masks, `period` half-open.
    A claim without warranty and signer is refused: it is evidence that people sign; and one to a single work of
    somebody else without a document. Where root claims now add up to more than the whole of a cell, a conflict is
    opened in the same transaction.
    Raises Refused("claim_incomplete") or Refused("claim_exceeds_parent").
    """
    target.check(organisation, actor.livemode, lists=True)
    problems = _claim_problems(basis, author_consent, control_ppm, actions, territories, warranty, signer)
    problems += _undocumented(organisation, target, document)
    if from_claim is not None:
        problems += _beyond(from_claim, control_ppm, actions, territories, period)
    if problems:
        raise Refused(problems[0].code, "The claim cannot be recorded as sent.", problems)
    with unit(actor):
        claim = Claim.objects.create(
            public_id=fresh(at), created_at=at, organisation=organisation, livemode=actor.livemode, holder=holder,
            from_claim=from_claim, kind="root" if from_claim is None else "derived", derivation=derivation,
            basis=basis, part=part, control_ppm=control_ppm, one_stop=one_stop,
            includes_underlying=includes_underlying, author_consent=author_consent, consent_evidence=consent_evidence,
            warranty=None if warranty is None else dict(warranty), signer=signer, document=document, actions=actions,
            territories=territories, period=as_range(period), **target.columns(),
        )  # fmt: skip
        ClaimWork.objects.bulk_create([ClaimWork(claim=claim, work=work) for work in target.works], batch_size=5000)
        _say_declared(claim, actor, at)
        if claim.kind == "root":
            conflicts.open_where_overclaimed(claim=claim, actor=actor, at=at)
    return claim


def _say_declared(claim: Claim, actor: Actor, at: datetime) -> None:
    after = {"holder": claim.holder.name_id, "basis": claim.basis, "ppm": claim.control_ppm}
    after |= {"author_consent": claim.author_consent}
    audit.record(
        actor=actor, act="claim.declared", subject=claim.name_id, at=at, organisation_id=claim.organisation_id,
        after=after,
    )  # fmt: skip
    events.emit(
        "claim.declared", claim.name_id, actor=actor, at=at, organisation_id=claim.organisation_id,
        livemode=claim.livemode,
    )  # fmt: skip


def _undocumented(organisation: Organisation, target: Target, document: str) -> list[Reason]:
    if document.strip() or not standing.foreign(organisation.pk, target):
        return []
    missing = "the document this right comes from"
    return [Reason("claim_incomplete", "Somebody else entered this work.", "/document", "", missing)]


def _claim_problems(
    basis: str, consent: str, control: int, actions: int, territories: int, warranty: object, signer: str
) -> list[Reason]:
    wrong = [
        (basis not in BASES, "/basis", basis, ", ".join(BASES)),
        (consent not in CONSENTS, "/author_consent", consent, ", ".join(CONSENTS)),
        (not 0 < control <= WHOLE, "/control_ppm", str(control), f"1 to {WHOLE}"),
        (actions <= 0, "/actions", str(actions), "at least one action"),
        (territories <= 0, "/territories", str(territories), "at least one territory"),
        (not warranty or not signer.strip(), "/warranty", "not signed", "a warranty text and who signs it"),
    ]
    return [
        Reason("claim_incomplete", f"{pointer[1:]} is missing or unknown.", pointer, seen, expected)
        for bad, pointer, seen, expected in wrong
        if bad
    ]


def _beyond(parent: Claim, control: int, actions: int, territories: int, period: Period) -> list[Reason]:
    """A derived claim never exceeds its parent in action, territory, period or share."""
    whole = as_period(parent.period)
    wrong = [
        (control > parent.control_ppm, "/control_ppm", str(control), f"at most {parent.control_ppm}"),
        (actions & ~parent.actions != 0, "/actions", str(actions), "actions of the parent claim"),
        (territories & ~parent.territories != 0, "/territories", "more", "territories of the parent claim"),
        (not whole.covers(period), "/period", str(period), str(whole)),
    ]
    return [
        Reason("claim_exceeds_parent", f"{pointer[1:]} goes beyond the parent claim.", pointer, seen, expected)
        for bad, pointer, seen, expected in wrong
        if bad
    ]


def reserve(
    *, organisation: Organisation, kind: str, target: Target, actions: int, territories: int, period: Period,
    signal: str, evidence: Mapping[str, Any], actor: Actor, at: datetime, by_author: bool = False,
) -> Reservation:  # fmt: skip
    """Record an opt-out: `reserve` (met by the holder's own terms) or `withhold` (not to be licensed).

    Level party: whatever that party made or holds; with `by_author` in that party's name, which binds once the party
    is verified. Raises Refused("reservation_incomplete"), or Refused("not_found") for a withhold of somebody else's
    work without a claim to it.
    """
    target.check(organisation, actor.livemode)
    if kind not in ("reserve", "withhold") or not actions or not territories:
        reason = Reason("reservation_incomplete", "Say which kind, actions and territories.", "/kind", kind)
        raise Refused("reservation_incomplete", "The reservation cannot be recorded as sent.", [reason])
    with unit(actor):
        if kind == "withhold":
            standing.check(organisation.pk, target)
        made = Reservation.objects.create(
            public_id=fresh(at), created_at=at, organisation=organisation, livemode=actor.livemode, kind=kind,
            actions=actions, territories=territories, period=as_range(period), signal=signal, evidence=dict(evidence),
            by_author=by_author, party=target.party, **target.columns(),
        )  # fmt: skip
        audit.record(
            actor=actor, act="reservation.made", subject=made.name_id, at=at, after={"kind": kind, "signal": signal},
            organisation_id=organisation.pk,
        )  # fmt: skip
    return made


def assert_licence(
    *, organisation: Organisation, target: Target, sent: str, licence: Mapping[str, Any], first_hand: bool | None,
    layer: str, starts: date | None, source: str, actor: Actor, at: datetime,
) -> OpenLicence:  # fmt: skip
    """Record that the target's works are under a public licence. `licence` is what the normaliser made of `sent`:
    {expression, grade, attribution, share_alike, no_derivatives} (`licensing.rights.licences`).

    `first_hand`: the licensor itself says so; None: as the sender's place is (own catalogue, owner or agent). Whoever
    did not enter a work needs a claim to it, and is not first-hand.
    Raises Refused("not_found") or Refused("not_first_hand").
    """
    target.check(organisation, actor.livemode)
    with unit(actor):
        standing.check(organisation.pk, target)
        nearest = _nearest_hand(organisation, target)
        if first_hand and not nearest:
            seen = Reason("not_first_hand", "Leave it out: the claim decides.", "/first_hand", "true", "false")
            raise Refused("not_first_hand", "Only whom the work is from says first-hand that it is free.", [seen])
        made = OpenLicence.objects.create(
            public_id=fresh(at), created_at=at, organisation=organisation, livemode=actor.livemode, sent=sent,
            first_hand=nearest if first_hand is None else first_hand, layer=layer, starts=starts,
            source=source, **dict(licence), **target.columns(),
        )  # fmt: skip
        audit.record(
            actor=actor, act="licence.asserted", subject=made.name_id, at=at, after={"sent": sent},
            organisation_id=organisation.pk,
        )  # fmt: skip
    return made


def _nearest_hand(organisation: Organisation, target: Target) -> bool:
    """Whether the sender can be the licensor itself: not for works of others, not as a distributor of metadata."""
    if standing.foreign(organisation.pk, target):
        return False
    catalogue = target.work.catalogue if target.work is not None else target.catalogue
    return catalogue is None or catalogue.role_of_sender in ("owner", "agent")


def encumber(
    *, work_ids: Sequence[int], actions: int, territories: int, period: Period, exclusive: bool, source: str,
    actor: Actor, at: datetime, until: datetime | None = None, licensee: str = "",
) -> int:  # fmt: skip
    """Write down a licence or promise over works (internal ids), in bulk; returns how many rows were written."""
    rows = [
        Encumbrance(
            work_id=work, livemode=actor.livemode, actions=actions, territories=territories, period=as_range(period),
            exclusive=exclusive, source=source, licensee=licensee, until=until, created_at=at,
        )
        for work in work_ids
    ]  # fmt: skip
    with unit(actor):
        return len(Encumbrance.objects.bulk_create(rows, batch_size=5000))


def end_encumbrances(*, source: str, actor: Actor, at: datetime) -> int:
    """End what `source` (a public id) had written; returns how many were open."""
    with unit(actor):
        return Encumbrance.objects.filter(source=source, ended_at__isnull=True).update(ended_at=at)


def as_range(period: Period) -> DateRange:
    """A half-open period as PostgreSQL stores it."""
    return DateRange(period.start, period.end)


def as_period(stored: Any) -> Period:
    """A stored daterange as a period; unbounded ends are None."""
    return Period(stored.lower, stored.upper)
