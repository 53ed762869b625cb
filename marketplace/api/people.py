"""Organisations, members and keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts import services as accounts
from accounts.errors import Reason, Refused
from accounts.models import ROLES, ApiKey, Membership, Organisation, User
from accounts.permissions import Scope
from accounts.unit import Actor, unit
from marketplace.api import shapes
from marketplace.api.doors import Door, Strict
from marketplace.api.find import by_id


class OrganisationBody(Strict):
    """A company or society to register."""

    name = serializers.CharField(max_length=200)
    slug = serializers.SlugField(max_length=80)
    roles = serializers.ListField(child=serializers.ChoiceField(accounts.KINDS), min_length=1)
    country = serializers.RegexField(r"^[A-Z]{2}$", required=False, default="")


class OrganisationOut(shapes.Object):
    """An organisation."""

    name = serializers.CharField()
    slug = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    country = serializers.CharField(allow_blank=True)


def present_organisation(row: Organisation, *, livemode: bool) -> Mapping[str, Any]:
    """The public form of an organisation, which has no mode itself: that of the key that asks."""
    roles = [kind for kind in accounts.KINDS if getattr(row, f"is_{kind}")]
    return shapes.thing(row, "organisation") | {
        "name": row.name, "slug": row.slug, "roles": roles, "country": row.country, "livemode": livemode,
    }  # fmt: skip


class Organisations(Door):
    """GET: organisations the caller may see. POST: register one (operators)."""

    paged = True

    @extend_schema(responses=shapes.listing(OrganisationOut), operation_id="organisations_list")
    def get(self, request: Request) -> Response:
        """The caller's own organisation; operators and auditors see all."""
        with unit(self.actor):
            permissions.check(self.actor, "organisation.read", permissions.listing(self.actor, "organisation"))
            rows = Organisation.objects.all()
            if self.actor.scope == "own":
                rows = rows.filter(pk__in=permissions.own_ids(self.actor, "organisation.read"))
            return self.listed(rows, lambda row: present_organisation(row, livemode=self.actor.livemode))

    @extend_schema(request=OrganisationBody, responses={201: OrganisationOut}, operation_id="organisations_create")
    def post(self, request: Request) -> Response:
        """Register an organisation."""
        sent = self.body(OrganisationBody)
        permissions.check(self.actor, "organisation.write", Scope())
        made = accounts.register_organisation(**sent, actor=self.actor, at=self.now())
        return Response(present_organisation(made, livemode=self.actor.livemode), status.HTTP_201_CREATED)


class MemberBody(Strict):
    """A person to give a role; registered first when new."""

    email = serializers.EmailField()
    full_name = serializers.CharField(max_length=200, required=False, default="")
    role = serializers.ChoiceField(ROLES)
    password = serializers.CharField(max_length=200, required=False, default=None, write_only=True)


class MemberOut(serializers.Serializer[Any]):
    """A person's role in an organisation."""

    user = serializers.CharField()
    email = serializers.EmailField()
    organisation = serializers.CharField()
    role = serializers.CharField()


def present_member(row: Membership) -> Mapping[str, Any]:
    """The public form of a membership; person and organisation are fetched with it."""
    return {
        "user": row.user.name_id, "email": row.user.email, "organisation": row.organisation.name_id, "role": row.role,
    }  # fmt: skip


class MemberGone(serializers.Serializer[Any]):
    """A person without a role."""

    object = serializers.CharField()
    user = serializers.CharField()
    organisation = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())


class Members(Door):
    """GET: who has which role in an organisation. POST: give a person a role in it."""

    paged = True

    @extend_schema(responses=shapes.listing(MemberOut), operation_id="members_list")
    def get(self, request: Request, organisation: str) -> Response:
        """Newest first; those who have left are not listed."""
        with unit(self.actor):
            found = _house(organisation, self.actor)
            rows = Membership.objects.filter(organisation=found, ended_at__isnull=True)
            return self.listed(rows.select_related("user", "organisation"), present_member)

    @extend_schema(request=MemberBody, responses={201: MemberOut}, operation_id="members_create")
    def post(self, request: Request, organisation: str) -> Response:
        """Invite one member; the same again changes nothing."""
        sent = self.body(MemberBody)
        at = self.now()
        with unit(self.actor):
            found = _house(organisation, self.actor)
            person = accounts.ensure_user(
                email=sent["email"], password=sent["password"], full_name=sent["full_name"], actor=self.actor, at=at
            )
            made = accounts.invite(organisation=found, user=person, role=sent["role"], actor=self.actor, at=at)
            return Response(present_member(made), status.HTTP_201_CREATED)


class MemberRemoval(Door):
    """POST: end a membership."""

    @extend_schema(request=None, responses=MemberGone, operation_id="members_end")
    def post(self, request: Request, organisation: str, user: str) -> Response:
        """Take every role of a person away; the keys that act as them are dead at once. Again changes nothing."""
        at = self.now()
        with unit(self.actor):
            found = _house(organisation, self.actor)
            person = by_id(User.objects.filter(memberships__organisation=found).distinct(), user)
            accounts.end_membership(organisation=found, user=person, actor=self.actor, at=at)
        return Response({"object": "member", "user": person.name_id, "organisation": found.name_id, "roles": []})


def _house(name: str, actor: Actor) -> Organisation:
    found = by_id(Organisation.objects.all(), name)
    permissions.check(actor, "organisation.write", Scope(found.pk))
    return found


class CapBody(Strict):
    """What may be ordered with a key over its life; orders in another currency are refused."""

    amount = shapes.Whole(min_value=0)
    currency = serializers.RegexField(r"^[a-z]{3}$")


class KeyBody(Strict):
    """A key to make. `scopes` are rights of the matrix, or `*`; it acts as the member named by `email`."""

    organisation = serializers.CharField()
    email = serializers.EmailField()
    livemode = serializers.BooleanField(default=False)
    scopes = serializers.ListField(child=serializers.ChoiceField([*permissions.RIGHTS, "*"]), min_length=1)
    spend_cap = CapBody(required=False, default=None, allow_null=True)
    addresses = serializers.ListField(
        child=serializers.IPAddressField(), required=False, default=list, max_length=100
    )
    expires_in_days = shapes.Whole(required=False, default=365, min_value=1, max_value=3650)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`label` is an attribute of DRF's serializers, so it cannot be declared as one of ours."""
        label = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)
        return {**super().get_fields(), "label": label}


class KeyOut(shapes.Object):
    """A key; `secret` is shown once, at creation, and never again."""

    organisation = serializers.CharField()
    user = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    secret = serializers.CharField(allow_null=True)
    spend_cap = shapes.Money(allow_null=True)
    spent = shapes.Money(allow_null=True)
    addresses = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`label`, as above."""
        return {**super().get_fields(), "label": serializers.CharField(allow_blank=True)}


def present_key(row: ApiKey, secret: str | None = None) -> Mapping[str, Any]:
    """The public form of a key; organisation and member are fetched with it."""
    capped = row.spend_cap_minor is not None
    return shapes.thing(row, "key") | {
        "organisation": row.organisation.name_id, "user": row.user.name_id, "label": row.label, "prefix": row.prefix,
        "scopes": row.scopes, "secret": secret, "addresses": row.addresses,
        "spend_cap": shapes.money(row.spend_cap_minor or 0, row.spend_currency) if capped else None,
        "spent": shapes.money(row.spent_minor, row.spend_currency) if capped else None,
        "expires_at": shapes.moment(row.expires_at), "revoked_at": shapes.moment(row.revoked_at),
    }  # fmt: skip


class Keys(Door):
    """GET: the caller's keys; an administrator sees those of the whole organisation. POST: make one."""

    paged = True

    @extend_schema(responses=shapes.listing(KeyOut), operation_id="keys_list")
    def get(self, request: Request) -> Response:
        """Newest first, without secrets."""
        actor = self.actor
        with unit(actor):
            permissions.check(actor, "keys.write", Scope(actor.organisation_id, member=actor.user_id))
            rows = ApiKey.objects.filter(organisation_id=actor.tenant, livemode=actor.livemode)
            if not permissions.may(actor, "keys.write", Scope(actor.organisation_id)):
                rows = rows.filter(user_id=actor.user_id or 0)
            return self.listed(rows.select_related("organisation", "user"), present_key)

    @extend_schema(request=KeyBody, responses={201: KeyOut}, operation_id="keys_create")
    def post(self, request: Request) -> Response:
        """Make a key that acts as one member; members make their own, an administrator anybody's."""
        sent = self.body(KeyBody)
        at = self.now()
        cap = sent["spend_cap"] or {"amount": None, "currency": ""}
        with unit(self.actor):
            found = by_id(Organisation.objects.all(), sent["organisation"])
            person = User.objects.filter(email__iexact=sent["email"]).first()
            permissions.check(self.actor, "keys.write", Scope(found.pk, member=person.pk if person else None))
            key, secret = accounts.issue_key(
                user=by_member(found, sent["email"]), organisation=found, livemode=sent["livemode"],
                scopes=sent["scopes"], label=sent["label"], actor=self.actor, at=at,
                limits=accounts.Limits(cap["amount"], cap["currency"], sent["addresses"], sent["expires_in_days"]),
            )  # fmt: skip
        return Response(present_key(key, secret), status.HTTP_201_CREATED)

    def without_secrets(self, response: Response) -> bytes:
        """A replay never shows the secret again."""
        body = json.loads(response.content)
        if isinstance(body, dict) and "secret" in body:
            body["secret"] = None
        return json.dumps(body).encode()


class KeyRevocation(Door):
    """POST: end a key at once."""

    @extend_schema(request=None, responses=KeyOut, operation_id="keys_revoke")
    def post(self, request: Request, key: str) -> Response:
        """Revoke; doing it again changes nothing."""
        at = self.now()
        with unit(self.actor):
            rows = ApiKey.objects.select_related("organisation", "user")
            if self.actor.scope == "own":
                rows = rows.filter(organisation_id=self.actor.tenant)
            found = by_id(rows, key)
            permissions.check(self.actor, "keys.write", Scope(found.organisation_id, member=found.user_id))
            accounts.revoke_key(key=found, actor=self.actor, at=at)
        return Response(present_key(found))


def by_member(organisation: Organisation, email: str) -> User:
    """The member with this address. Raises Refused("not_member")."""
    rows = User.objects.filter(memberships__organisation=organisation, memberships__ended_at__isnull=True)
    found = rows.filter(email__iexact=email).first()
    if found is None:
        reason = Reason("not_member", "A key acts as a member.", "/email", email)
        raise Refused("not_member", f"{email} is not a member of {organisation.name}.", [reason])
    return found
