"""Claims, splits, reservations and open licences: what a holder states about works."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.errors import Reason, Refused
from accounts.permissions import Scope
from accounts.unit import Actor, unit
from licensing.catalogue import refs
from licensing.catalogue.models import Catalogue, Imprint
from licensing.kernel import territories as places
from licensing.kernel.periods import Period
from licensing.rights import licences, splits, vocabulary
from licensing.rights import services as rights
from licensing.rights.models import WHOLE, Claim, OpenLicence, Reservation, SplitVersion
from licensing.rights.scopes import Target
from marketplace.api import shapes
from marketplace.api.catalogues import own_organisation
from marketplace.api.doors import Door, Strict
from marketplace.api.find import by_id, visible


def target_of(level: str, named: Any, actor: Actor) -> Target:
    """A level and a name as the API takes them: catalogue by slug or id, imprint by name, works by any reference,
    a party by id or own key. Raises Refused("field_invalid") for what is no name.
    """
    _check_name(level, named)
    if level == "list":
        return Target("list", works=refs.all_works(named, actor=actor))
    if level == "party":
        return Target("party", party=refs.party(named, organisation_id=actor.tenant or 0, actor=actor))
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

    @extend_schema(responses=shapes.listing(ClaimOut), operation_id="claims_list")
    def get(self, request: Request) -> Response:
        """Newest first."""
        with unit(self.actor):
            permissions.check(self.actor, "rights.read", Scope(self.actor.organisation_id))
            return self.listed(visible(Claim.objects.select_related("holder"), self.actor), present_claim)

    @extend_schema(request=ClaimBody, responses={201: ClaimOut}, operation_id="claims_create")
    def post(self, request: Request) -> Response:
        """Declare a claim; where root claims overclaim a work, a conflict is opened."""
        sent = self.body(ClaimBody)
        at = self.now()
        with unit(self.actor):
            permissions.check(self.actor, "claims.write", Scope(self.actor.organisation_id))
            organisation = own_organisation(self.actor)
            parent = sent.pop("from_claim")
            claim = rights.declare_claim(
                organisation=organisation,
                holder=refs.party(sent.pop("holder"), organisation_id=organisation.pk, actor=self.actor),
                target=target_of(sent.pop("level"), sent.pop("target"), self.actor),
                actions=actions_of(sent.pop("actions")),
                territories=mask_of(sent.pop("territories"), "/territories"),
                period=period_of(sent.pop("starts"), sent.pop("ends")),
                from_claim=by_id(visible(Claim.objects.all(), self.actor), parent) if parent else None,
                signer=sent["warranty"]["signer"], warranty=sent.pop("warranty"), **sent, actor=self.actor, at=at,
            )  # fmt: skip
            body = present_claim(Claim.objects.select_related("holder").get(pk=claim.pk))
        return Response(body, status.HTTP_201_CREATED)


class PartBody(Strict):
    """One payee's part."""

    party = serializers.CharField(allow_null=True)
    ppm = shapes.Whole(min_value=1, max_value=WHOLE)
    role = serializers.CharField(max_length=40)


class SplitBody(Strict):
    """Who is paid for a claim's money; the parts sum to exactly 1,000,000 ppm."""

    claim = serializers.CharField()
    parts = serializers.ListField(child=PartBody(), min_length=1, max_length=1000)
    starts = serializers.DateField(required=False, default=None)
    ends = serializers.DateField(required=False, default=None)
    document = serializers.CharField(required=False, default="", allow_blank=True)


class SplitOut(shapes.Object):
    """A version of a split."""

    claim = serializers.CharField()
    number = serializers.IntegerField()
    parts = PartBody(many=True)
    frozen = serializers.BooleanField()


def present_split(row: SplitVersion) -> Mapping[str, Any]:
    """The public form of a split version; parts are fetched with it."""
    parts = [
        {"party": part.party.name_id if part.party else None, "ppm": part.ppm, "role": part.role}
        for part in row.parts.all()
    ]
    return shapes.thing(row, "split") | {
        "claim": row.claim.name_id, "number": row.number, "parts": parts, "frozen": row.frozen_at is not None,
        "livemode": row.claim.livemode,
    }  # fmt: skip


class Splits(Door):
    """GET: splits of the caller's claims. POST: write the next version of one."""

    @extend_schema(responses=shapes.listing(SplitOut), operation_id="splits_list")
    def get(self, request: Request) -> Response:
        """Newest first."""
        with unit(self.actor):
            permissions.check(self.actor, "rights.read", Scope(self.actor.organisation_id))
            rows = SplitVersion.objects.filter(claim__in=visible(Claim.objects.all(), self.actor))
            return self.listed(rows.select_related("claim").prefetch_related("parts__party"), present_split)

    @extend_schema(request=SplitBody, responses={201: SplitOut}, operation_id="splits_create")
    def post(self, request: Request) -> Response:
        """Set who is paid. Refused when the parts do not sum."""
        sent = self.body(SplitBody)
        at = self.now()
        with unit(self.actor):
            claim = by_id(visible(Claim.objects.all(), self.actor), sent["claim"])
            permissions.check(self.actor, "splits.write", Scope(claim.organisation_id, facts=frozenset({"draft"})))
            parts = [
                splits.Part(
                    refs.party(part["party"], organisation_id=claim.organisation_id, actor=self.actor)
                    if part["party"] else None,
                    part["ppm"], part["role"],
                )
                for part in sent["parts"]
            ]  # fmt: skip
            known = rights.as_period(claim.period)
            valid = period_of(sent["starts"] or known.start, sent["ends"] or known.end)
            made = splits.set_split(
                claim=claim, parts=parts, valid=valid, document=sent["document"], actor=self.actor, at=at
            )
            body = present_split(made)
        return Response(body, status.HTTP_201_CREATED)


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

    @extend_schema(responses=shapes.listing(ReservationOut), operation_id="reservations_list")
    def get(self, request: Request) -> Response:
        """Newest first."""
        with unit(self.actor):
            permissions.check(self.actor, "rights.read", Scope(self.actor.organisation_id))
            return self.listed(visible(Reservation.objects.all(), self.actor), present_reservation)

    @extend_schema(request=ReservationBody, responses={201: ReservationOut}, operation_id="reservations_create")
    def post(self, request: Request) -> Response:
        """Reserve or withhold; a parent action restricts its later leaves as well."""
        sent = self.body(ReservationBody)
        at = self.now()
        with unit(self.actor):
            permissions.check(self.actor, "claims.write", Scope(self.actor.organisation_id))
            made = rights.reserve(
                organisation=own_organisation(self.actor), kind=sent["kind"],
                target=target_of(sent["level"], sent["target"], self.actor),
                actions=actions_of(sent["actions"], restricts=True),
                territories=mask_of(sent["territories"], "/territories"),
                period=period_of(sent["starts"], sent["ends"]), signal=sent["signal"], evidence=sent["evidence"],
                by_author=sent["by_author"], actor=self.actor, at=at,
            )  # fmt: skip
        return Response(present_reservation(made), status.HTTP_201_CREATED)


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

    @extend_schema(request=LicenceBody, responses={201: LicenceOut}, operation_id="open_licences_create")
    def post(self, request: Request) -> Response:
        """Assert a licence; what cannot be parsed is kept as such and clears nothing."""
        sent = self.body(LicenceBody)
        at = self.now()
        with unit(self.actor):
            permissions.check(self.actor, "claims.write", Scope(self.actor.organisation_id))
            read = licences.normalise(sent["licence"]).columns()
            made: OpenLicence = rights.assert_licence(
                organisation=own_organisation(self.actor), target=target_of(sent["level"], sent["target"], self.actor),
                sent=sent["licence"], licence=read, first_hand=sent["first_hand"],
                layer=sent["layer"], starts=sent["starts"], source=sent["source"], actor=self.actor, at=at,
            )  # fmt: skip
        body = {"expression": made.expression, "grade": made.grade, "sent": made.sent}
        return Response(shapes.thing(made, "open_licence") | body, status.HTTP_201_CREATED)
