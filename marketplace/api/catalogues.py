"""Parties, catalogues, facts, and the content files of a catalogue."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.errors import Reason, Refused
from accounts.models import Organisation
from accounts.permissions import Scope
from accounts.unit import Actor, unit
from licensing.catalogue import queries, refs
from licensing.catalogue import services as catalogue
from licensing.catalogue.models import Catalogue, Party, Work
from licensing.intake import content
from licensing.rights import copyright as copyright_facts
from marketplace.api import shapes
from marketplace.api.doors import Door, Strict
from marketplace.api.find import by_id
from marketplace.api.parsers import Raw, spool

LARGEST_ARCHIVE: Final = 512 << 20
"""Bytes of a zip of content files."""


def own_organisation(actor: Actor) -> Organisation:
    """The organisation the actor works for; runs inside a unit."""
    return Organisation.objects.get(pk=actor.tenant)


class IdentifierBody(Strict):
    """An identifier as its scheme and value."""

    type = serializers.CharField(max_length=10)
    value = serializers.CharField(max_length=200)


class PartyBody(Strict):
    """Somebody who may own or be paid."""

    key = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(catalogue.PARTY_KINDS)
    name = serializers.CharField(max_length=300)
    identifiers = IdentifierBody(many=True, required=False, default=list)


class PartyOut(shapes.Object):
    """A party."""

    key = serializers.CharField()
    kind = serializers.CharField()
    name = serializers.CharField()


def present_party(row: Party) -> Mapping[str, Any]:
    """The public form of a party."""
    return shapes.thing(row, "party") | {"key": row.own_key, "kind": row.kind, "name": row.name}


class Parties(Door):
    """GET: parties of the caller's organisation. POST: record one."""

    paged = True

    @extend_schema(responses=shapes.listing(PartyOut), operation_id="parties_list")
    def get(self, request: Request) -> Response:
        """Newest first."""
        with unit(self.actor):
            permissions.check(self.actor, "catalogue.read", permissions.listing(self.actor, "organisation"))
            return self.listed(queries.parties(self.actor), present_party)

    @extend_schema(request=PartyBody, responses={201: PartyOut}, operation_id="parties_create")
    def post(self, request: Request) -> Response:
        """Record a party; the same key again returns the party there is."""
        sent = self.body(PartyBody)
        at = self.now()
        with unit(self.actor):
            permissions.check(self.actor, "catalogue.write", Scope(self.actor.organisation_id))
            made = catalogue.create_party(
                organisation=own_organisation(self.actor), own_key=sent["key"], kind=sent["kind"], name=sent["name"],
                known_as=[(item["type"], item["value"]) for item in sent["identifiers"]], actor=self.actor, at=at,
            )  # fmt: skip
        return Response(present_party(made), status.HTTP_201_CREATED)


class CatalogueBody(Strict):
    """A named set of works; what is declared here holds for works that declare nothing themselves."""

    slug = serializers.SlugField(max_length=80)
    name = serializers.CharField(max_length=200)
    role_of_sender = serializers.ChoiceField(catalogue.SENDERS)
    declarations = serializers.DictField(child=serializers.CharField(), required=False, default=dict)


class CatalogueOut(shapes.Object):
    """A catalogue."""

    organisation = serializers.CharField()
    slug = serializers.CharField()
    name = serializers.CharField()
    role_of_sender = serializers.CharField()
    declarations = serializers.DictField(child=serializers.CharField())


def present_catalogue(row: Catalogue) -> Mapping[str, Any]:
    """The public form of a catalogue."""
    return shapes.thing(row, "catalogue") | {
        "organisation": row.organisation.name_id, "slug": row.slug, "name": row.name,
        "role_of_sender": row.role_of_sender,
        "declarations": {name: getattr(row, name) for name in catalogue.DECLARATIONS},
    }  # fmt: skip


class Catalogues(Door):
    """GET: catalogues of the caller's organisation. POST: open one."""

    paged = True

    @extend_schema(responses=shapes.listing(CatalogueOut), operation_id="catalogues_list")
    def get(self, request: Request) -> Response:
        """Newest first."""
        with unit(self.actor):
            scope = permissions.listing(self.actor, "catalogue", "organisation")
            permissions.check(self.actor, "catalogue.read", scope)
            return self.listed(queries.catalogues(self.actor), present_catalogue)

    @extend_schema(request=CatalogueBody, responses={201: CatalogueOut}, operation_id="catalogues_create")
    def post(self, request: Request) -> Response:
        """Open a catalogue."""
        sent = self.body(CatalogueBody)
        at = self.now()
        with unit(self.actor):
            permissions.check(self.actor, "catalogue.write", Scope(self.actor.organisation_id))
            made = catalogue.create_catalogue(
                organisation=own_organisation(self.actor), **sent, actor=self.actor, at=at
            )
        return Response(present_catalogue(made), status.HTTP_201_CREATED)


class CreditBody(Strict):
    """A contributor of one of the sender's works, by its place in the list."""

    work = serializers.CharField()
    sequence = shapes.Whole(min_value=1, max_value=10_000)


class FactBody(Strict):
    """An interval fact about a party or a work; a contributor names whose death or birth it is."""

    kind = serializers.CharField(max_length=24)
    party = serializers.CharField(required=False, default=None)
    contributor = CreditBody(required=False, default=None)
    work = serializers.CharField(required=False, default=None)
    not_before = serializers.DateField(required=False, default=None)
    not_after = serializers.DateField(required=False, default=None)
    country = serializers.CharField(max_length=6, required=False, default="", allow_blank=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`source` is an attribute of DRF's serializers, so it cannot be declared as one of ours."""
        return {**super().get_fields(), "source": serializers.CharField(max_length=2000)}


class FactOut(serializers.Serializer[Any]):
    """A recorded fact."""

    object = serializers.CharField()
    kind = serializers.CharField()
    subject = serializers.CharField()


class Facts(Door):
    """POST: record when a person was born or died, when a text was first published, or that its list of contributors
    is complete, with the source.
    """

    @extend_schema(request=FactBody, responses={201: FactOut}, operation_id="facts_create")
    def post(self, request: Request) -> Response:
        """Record one fact; the copyright status of the works it concerns follows at once."""
        sent = self.body(FactBody)
        at = self.now()
        with unit(self.actor):
            subject = _fact(sent, self.actor, at)
        body = {"object": "fact", "kind": sent["kind"], "subject": subject.name_id}
        return Response(body, status.HTTP_201_CREATED)


def _fact(sent: Mapping[str, Any], actor: Actor, at: datetime) -> Party | Work:
    if sent["work"]:
        work = refs.all_works([sent["work"]], actor=actor)[0]
        permissions.check(actor, "catalogue.write", queries.scope_of(work))
        if sent["kind"] == "contributors_complete":
            copyright_facts.complete(work=work, evidence=sent["source"], actor=actor, at=at)
            return work
        copyright_facts.state_fact(**_interval(sent), work=work, actor=actor, at=at)
        return work
    permissions.check(actor, "catalogue.write", Scope(actor.organisation_id))
    party = refs.party(str(sent["party"]), organisation_id=actor.tenant, actor=actor)
    credited = sent["contributor"]
    if credited:
        work = refs.all_works([credited["work"]], actor=actor)[0]
        permissions.check(actor, "catalogue.write", Scope(work.organisation_id))
        copyright_facts.credit(work=work, sequence=credited["sequence"], party=party, actor=actor, at=at)
    copyright_facts.state_fact(**_interval(sent), party=party, actor=actor, at=at)
    return party


def _interval(sent: Mapping[str, Any]) -> dict[str, Any]:
    return {name: sent[name] for name in ("kind", "source", "not_before", "not_after")} | {"place": sent["country"]}


class AssetsOut(serializers.Serializer[Any]):
    """What became of each file of an archive."""

    object = serializers.CharField()
    attached = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    unmatched = serializers.ListField(child=serializers.CharField())
    refused = serializers.DictField(child=serializers.CharField())
    missing = serializers.ListField(child=serializers.CharField())


class CatalogueAssets(Door):
    """POST: content files of many works as one zip; each is named `<isbn13 or own id>.txt`."""

    parser_classes = (Raw,)
    streams = True

    @extend_schema(
        request={"application/zip": OpenApiTypes.BINARY}, responses=AssetsOut, operation_id="catalogues_assets_create"
    )
    def post(self, request: Request, catalogue: str) -> Response:
        """Attach what fits; files without a work and works without a file are reported. Again changes nothing."""
        at = self.now()
        with unit(self.actor):
            found = by_id(queries.catalogues(self.actor), catalogue)
            permissions.check(self.actor, "catalogue.write", queries.scope_of(found))
        with spool(request, at_most=LARGEST_ARCHIVE) as file:
            if not zipfile.is_zipfile(file):
                reason = Reason("archive_invalid", "Content files come as one zip.", "", "no zip", "application/zip")
                raise Refused("archive_invalid", "This is no zip file.", [reason])
            done = content.attach_folder(catalogue=found, source=Path(file.name), actor=self.actor, at=at)
        return Response({"object": "asset_report", **asdict(done)})
