"""Guests: a person of another organisation with a right on one catalogue, grant, release or organisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import guests, permissions
from accounts.base import Named
from accounts.errors import Reason, Refused
from accounts.models import Organisation, User
from accounts.permissions import Scope
from accounts.unit import unit
from licensing.catalogue.models import Catalogue
from licensing.delivery.models import Release
from licensing.grants.models import Grant
from marketplace.api import shapes
from marketplace.api.doors import Door, Strict
from marketplace.api.find import by_id, visible

THINGS: Mapping[str, type[Named]] = {kind.PREFIX: kind for kind in (Organisation, Catalogue, Grant, Release)}


class GuestBody(Strict):
    """Whom to let in: where, with which permission, until when."""

    thing = serializers.CharField(max_length=60)
    email = serializers.EmailField()
    permission = serializers.ChoiceField(sorted(guests.GIVES))
    until = serializers.DateTimeField()


class GuestEndBody(Strict):
    """Whom to let out."""

    thing = serializers.CharField(max_length=60)
    email = serializers.EmailField()


class GuestOut(serializers.Serializer[Any]):
    """A guest; `rights` are those of the permission matrix, on this thing only."""

    object = serializers.CharField()
    thing = serializers.CharField()
    user = serializers.CharField()
    rights = serializers.ListField(child=serializers.CharField())
    until = serializers.DateTimeField(allow_null=True)


class Guests(Door):
    """POST: let a person of another organisation in."""

    @extend_schema(request=GuestBody, responses={201: GuestOut}, operation_id="guests_create")
    def post(self, request: Request) -> Response:
        """A society's agent on one catalogue, an outside auditor on one organisation; again changes the end."""
        sent = self.body(GuestBody)
        at = self.now()
        if sent["until"] <= at:
            reason = Reason("field_invalid", "It would be over already.", "/until", sent["until"].isoformat(), "later")
            raise Refused("field_invalid", "A guest is let in until a moment to come.", [reason])
        with unit(self.actor):
            thing, person = _named(self, sent)
            guests.invite(
                thing=thing, user=person, permission=sent["permission"], until=sent["until"], actor=self.actor, at=at
            )
        rights = sorted(guests.GIVES[sent["permission"]])
        body = {"object": "guest", "thing": thing.name_id, "user": person.name_id, "rights": rights}
        return Response(body | {"until": shapes.moment(sent["until"])}, status.HTTP_201_CREATED)


class GuestEnd(Door):
    """POST: let a guest out."""

    @extend_schema(request=GuestEndBody, responses=GuestOut, operation_id="guests_end")
    def post(self, request: Request) -> Response:
        """Every permission of the person on this thing ends at once; again changes nothing."""
        sent = self.body(GuestEndBody)
        at = self.now()
        with unit(self.actor):
            thing, person = _named(self, sent)
            guests.end(thing=thing, user=person, actor=self.actor, at=at)
        body = {"object": "guest", "thing": thing.name_id, "user": person.name_id}
        return Response(body | {"rights": [], "until": None})


def _named(door: Door, sent: Mapping[str, Any]) -> tuple[Named, User]:
    """The thing, which is the caller's own, and the person. Raises Refused("not_found")."""
    kind = THINGS.get(sent["thing"].partition("_")[0])
    if kind is None:
        raise Refused("not_found", "There is nothing with guests under this id.")
    every: QuerySet[Any] = QuerySet(kind)
    thing: Named = by_id(every if kind is Organisation else visible(every, door.actor), sent["thing"])
    permissions.check(door.actor, "guests.write", Scope(guests.owner_of(thing)))
    person = User.objects.filter(email__iexact=sent["email"]).first()
    if person is None:
        reason = Reason("not_found", "Nobody has registered this address.", "/email", sent["email"])
        raise Refused("not_found", "There is no such person here.", [reason])
    return thing, person
