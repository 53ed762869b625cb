"""Claims, reservations and open licences: what a holder states about works."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from django.db.models import Max
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.errors import Reason, Refused
from accounts.models import Organisation
from accounts.permissions import Scope
from accounts.unit import Actor, unit
from licensing.catalogue import refs
from licensing.catalogue.models import Catalogue, Imprint
from licensing.kernel import territories as places
from licensing.kernel.periods import Period
from licensing.rights import licences, vocabulary
from licensing.rights import services as rights
from licensing.rights.models import WHOLE, Claim, OpenLicence, Reservation
from licensing.rights.scopes import Target
from marketplace.api import proposals, shapes
from marketplace.api.catalogues import own_organisation
from marketplace.api.doors import Door, Strict, read
from marketplace.api.find import by_id, visible
from marketplace.api.proposals import ProposalOut


def target_of(level: str, named: Any, actor: Actor) -> Target:
    """A level and a name as the API takes them: catalogue by slug or id, imprint by name, works by any reference,
    a party by id or own key. Raises Refused("field_invalid") for what is no name.
    """
    _check_name(level, named)
    if level == "list":
        return Target("list", works=refs.all_works(named, actor=actor))
    if level == "party":
        return Target("party", party=refs.party(named, organisation_id=actor.tenant, actor=actor))
    if level == "work":
        return Target("work", work=refs.all_works([str(named)], actor=actor)[0])
    if level == "imprint":
        found = Imprint.objects.filter(
            organisation_id=actor.tenant, livemode=actor.livemode, name=str(named)
        ).first()
        return Target("imprint", imprint=_there(found, "imprint", str(named)))
    rows = Catalogue.objects.filter(organisation_id=actor.tenant, livemode=actor.livemode)
    catalogue = rows.filter(slug=str(named)).first() or by_id(rows, str(named))
    return Target("catalogue", catalogue=catalogue)


def _there(found: Imprint | None, kind: str, name: str) -> Imprint:
    if found is None:
        raise Refused("not_found", f"You have no {kind} {name}.", [Reason("not_found", "", "/target", name)])
    return found


def _check_name(level: str, named: Any) -> None:
    listed = named if level == "list" and isinstance(named, list) else [named]
    several = isinstance(named, list)
    if not listed or several != (level == "list") or not all(isinstance(one, str) and one for one in listed):
        expected = "a list of references" if level == "list" else "one name"
        reason = Reason("field_invalid", f"Level {level} takes {expected}.", "/target", str(named)[:60], expected)
        raise Refused("field_invalid", "The target cannot be read.", [reason])


def period_of(starts: date | None, ends: date | None) -> Period:
    """Days, half-open. Raises Refused("field_invalid") when they end before they start."""
    try:
        return Period(starts, ends)
    except ValueError as wrong:
        reason = Reason("field_invalid", str(wrong), "/ends", str(ends), "a later day")
        raise Refused("field_invalid", "The period is empty.", [reason]) from None


def mask_of(names: list[str], field: str) -> int:
    """Territories by name. Raises Refused("territory_unknown")."""
    try:
        return places.mask(names)
    except ValueError as wrong:
        raise Refused("territory_unknown", str(wrong), [Reason("territory_unknown", str(wrong), field)]) from None


def actions_of(names: list[str], *, restricts: bool = False) -> int:
    """Actions by name. Raises Refused("action_unknown")."""
    try:
        return vocabulary.mask(names, restricts=restricts)
    except ValueError as wrong:
        raise Refused("action_unknown", str(wrong), [Reason("action_unknown", str(wrong), "/actions")]) from None


class Warranty(Strict):
    """What the signer warrants."""

    text = serializers.CharField()
    signer = serializers.CharField(max_length=200)


class ClaimBody(Strict):
    """A claim per catalogue, imprint, work or list."""

    level = serializers.ChoiceField(["catalogue", "imprint", "work", "list"])
    target = serializers.JSONField()
    holder = serializers.CharField()
    basis = serializers.ChoiceField(rights.BASES)
    control_ppm = shapes.Whole(min_value=1, max_value=WHOLE)
    actions = serializers.ListField(child=serializers.CharField(), min_length=1)
    territories = shapes.Territories(min_length=1)
    starts = serializers.DateField()
    ends = serializers.DateField(allow_null=True, required=False, default=None)
    author_consent = serializers.ChoiceField(rights.CONSENTS)
    consent_evidence = serializers.CharField(required=False, default="", allow_blank=True)
    warranty = Warranty()
    document = serializers.CharField(required=False, default="", allow_blank=True)
    part = serializers.CharField(max_length=20, required=False, default="whole")
    from_claim = serializers.CharField(required=False, default=None)
    derivation = serializers.ChoiceField(rights.DERIVATIONS, required=False, default="")
    one_stop = serializers.BooleanField(required=False, default=False)
    includes_underlying = serializers.BooleanField(required=False, default=False)


class ClaimOut(shapes.Object):
    """A claim."""

    holder = serializers.CharField()
    level = serializers.CharField()
    kind = serializers.CharField()
    basis = serializers.CharField()
    control_ppm = serializers.IntegerField()
    actions = serializers.ListField(child=serializers.CharField())
    territories = shapes.Territories()
    starts = serializers.DateField(allow_null=True)
    ends = serializers.DateField(allow_null=True)
    author_consent = serializers.CharField()
    status = serializers.CharField()


def present_claim(row: Claim) -> Mapping[str, Any]:
    """The public form of a claim."""
    return shapes.thing(row, "claim") | {
        "holder": row.holder.name_id, "level": row.level, "kind": row.kind, "basis": row.basis,
        "control_ppm": row.control_ppm, "actions": vocabulary.names(row.actions),
        "territories": places.codes(row.territories), "starts": rights.as_period(row.period).start,
        "ends": rights.as_period(row.period).end, "author_consent": row.author_consent, "status": row.status,
    }  # fmt: skip


class Claims(Door):
    """GET: claims of the caller's organisation. POST: declare one."""

    paged = True

    @extend_schema(responses=shapes.listing(ClaimOut), operation_id="claims_list")
    def get(self, request: Request) -> Response:
        """Newest first."""
        with unit(self.actor):
            permissions.check(self.actor, "rights.read", Scope(self.actor.organisation_id))
            return self.listed(visible(Claim.objects.select_related("holder"), self.actor), present_claim)

    @extend_schema(request=ClaimBody, responses={201: ClaimOut, 202: ProposalOut}, operation_id="claims_create")
    def post(self, request: Request) -> Response:
        """Declare a claim; where root claims overclaim a work, a conflict is opened. An editor proposes it (202)."""
        return propose_or_write(self, "claims.write", ClaimBody, present_claim)


class ClaimDoor(Door):
    """GET: one claim."""

    @extend_schema(responses=ClaimOut, operation_id="claims_read")
    def get(self, request: Request, claim: str) -> Response:
        """With its ETag, for If-Match where a split of it is written."""
        with unit(self.actor):
            found = by_id(visible(Claim.objects.select_related("holder"), self.actor), claim)
            permissions.check(self.actor, "rights.read", Scope(found.organisation_id))
            return Response(present_claim(found), headers={"ETag": claim_tag(found)})


def claim_tag(claim: Claim) -> str:
    """Changes with the state of a claim and with every version of its split."""
    newest = claim.splits.aggregate(last=Max("number"))["last"] or 0
    return f'"{claim.name_id}-{claim.status}-{newest}"'


def propose_or_write(
    door: Door, act: str, reader: type[Strict], show: Callable[[Any], Mapping[str, Any]]
) -> Response:
    """What a holder states about works: finance writes it down, an editor proposes it."""
    raw = door.object_body(reader)
    with unit(door.actor):
        permissions.check(door.actor, "claims.propose", Scope(door.actor.organisation_id))
        subject = own_organisation(door.actor).name_id
    return proposals.carry_out(door, act, subject=subject, payload=raw, show=show)


def _declare(raw: Mapping[str, Any], actor: Actor, at: datetime) -> Claim:
    sent = read(ClaimBody, raw)
    organisation = own_organisation(actor)
    parent = sent.pop("from_claim")
    claim = rights.declare_claim(
        organisation=organisation,
        holder=refs.party(sent.pop("holder"), organisation_id=organisation.pk, actor=actor),
        target=target_of(sent.pop("level"), sent.pop("target"), actor),
        actions=actions_of(sent.pop("actions")),
        territories=mask_of(sent.pop("territories"), "/territories"),
        period=period_of(sent.pop("starts"), sent.pop("ends")),
        from_claim=by_id(visible(Claim.objects.all(), actor), parent) if parent else None,
        signer=sent["warranty"]["signer"], warranty=sent.pop("warranty"), **sent, actor=actor, at=at,
    )  # fmt: skip
    _alone("claims.write", organisation, raw, actor, at)
    return Claim.objects.select_related("holder").get(pk=claim.pk)


def _alone(act: str, organisation: Organisation, raw: Mapping[str, Any], actor: Actor, at: datetime) -> None:
    proposals.alone(act, right="claims.write", subject=organisation.name_id, payload=raw, actor=actor, at=at)


proposals.ACTS["claims.write"] = proposals.Act("claims.propose", "claims.write", _declare)


class ReservationBody(Strict):
    """An opt-out: `reserve` is met by the holder's own terms, `withhold` is not to be licensed."""

    kind = serializers.ChoiceField(["reserve", "withhold"])
    level = serializers.ChoiceField(["catalogue", "imprint", "work", "party"])
    target = serializers.CharField()
    by_author = serializers.BooleanField(required=False, default=False)
    actions = serializers.ListField(child=serializers.CharField(), min_length=1)
    territories = shapes.Territories(min_length=1)
    starts = serializers.DateField(required=False, default=None)
    ends = serializers.DateField(required=False, default=None)
    signal = serializers.CharField(max_length=30, required=False, default="", allow_blank=True)
    evidence = serializers.DictField(required=False, default=dict)


class ReservationOut(shapes.Object):
    """A reservation."""

    kind = serializers.CharField()
    level = serializers.CharField()
    actions = serializers.ListField(child=serializers.CharField())
    territories = shapes.Territories()
    signal = serializers.CharField(allow_blank=True)
    status = serializers.CharField()


def present_reservation(row: Reservation) -> Mapping[str, Any]:
    """The public form of a reservation."""
    return shapes.thing(row, "reservation") | {
        "kind": row.kind, "level": row.level, "actions": vocabulary.names(row.actions),
        "territories": places.codes(row.territories), "signal": row.signal, "status": row.status,
    }  # fmt: skip


class Reservations(Door):
    """GET: reservations of the caller's organisation. POST: make one."""

    paged = True

    @extend_schema(responses=shapes.listing(ReservationOut), operation_id="reservations_list")
    def get(self, request: Request) -> Response:
        """Newest first."""
        with unit(self.actor):
            permissions.check(self.actor, "rights.read", Scope(self.actor.organisation_id))
            return self.listed(visible(Reservation.objects.all(), self.actor), present_reservation)

    @extend_schema(
        request=ReservationBody, responses={201: ReservationOut, 202: ProposalOut}, operation_id="reservations_create"
    )
    def post(self, request: Request) -> Response:
        """Reserve or withhold; a parent action restricts its later leaves as well. An editor proposes it (202)."""
        return propose_or_write(self, "reservations.write", ReservationBody, present_reservation)


def _reserve(raw: Mapping[str, Any], actor: Actor, at: datetime) -> Reservation:
    sent = read(ReservationBody, raw)
    organisation = own_organisation(actor)
    made = rights.reserve(
        organisation=organisation, kind=sent["kind"], target=target_of(sent["level"], sent["target"], actor),
        actions=actions_of(sent["actions"], restricts=True),
        territories=mask_of(sent["territories"], "/territories"),
        period=period_of(sent["starts"], sent["ends"]), signal=sent["signal"], evidence=sent["evidence"],
        by_author=sent["by_author"], actor=actor, at=at,
    )  # fmt: skip
    _alone("reservations.write", organisation, raw, actor, at)
    return made


proposals.ACTS["reservations.write"] = proposals.Act("claims.propose", "claims.write", _reserve)


class LicenceBody(Strict):
    """An open licence the sender itself has put on works."""

    level = serializers.ChoiceField(["catalogue", "imprint", "work"])
    target = serializers.CharField()
    licence = serializers.CharField(max_length=300)
    layer = serializers.CharField(max_length=20, required=False, default="whole")
    starts = serializers.DateField(required=False, default=None)
    first_hand = serializers.BooleanField(required=False, allow_null=True, default=None)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`source` is an attribute of DRF's serializers, so it cannot be declared as one of ours."""
        return {**super().get_fields(), "source": serializers.CharField(max_length=2000)}


class LicenceOut(shapes.Object):
    """An open licence as normalised."""

    expression = serializers.CharField(allow_blank=True)
    grade = serializers.CharField()
    sent = serializers.CharField()


class OpenLicences(Door):
    """POST: assert that works are under a public licence."""

    @extend_schema(
        request=LicenceBody, responses={201: LicenceOut, 202: ProposalOut}, operation_id="open_licences_create"
    )
    def post(self, request: Request) -> Response:
        """Assert a licence; what cannot be parsed is kept as such and clears nothing. An editor proposes it (202)."""
        return propose_or_write(self, "licences.write", LicenceBody, present_licence)


def present_licence(row: OpenLicence) -> Mapping[str, Any]:
    """The public form of an open licence."""
    return shapes.thing(row, "open_licence") | {"expression": row.expression, "grade": row.grade, "sent": row.sent}


def _assert_licence(raw: Mapping[str, Any], actor: Actor, at: datetime) -> OpenLicence:
    sent = read(LicenceBody, raw)
    organisation = own_organisation(actor)
    made = rights.assert_licence(
        organisation=organisation, target=target_of(sent["level"], sent["target"], actor), sent=sent["licence"],
        licence=licences.normalise(sent["licence"]).columns(), first_hand=sent["first_hand"], layer=sent["layer"],
        starts=sent["starts"], source=sent["source"], actor=actor, at=at,
    )  # fmt: skip
    _alone("licences.write", organisation, raw, actor, at)
    return made


proposals.ACTS["licences.write"] = proposals.Act("claims.propose", "claims.write", _assert_licence)
