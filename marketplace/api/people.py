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
from accounts.models import ROLES, ApiKey, Organisation, User
from accounts.permissions import Scope
from accounts.unit import unit
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


def present_organisation(row: Organisation) -> Mapping[str, Any]:
    """The public form of an organisation."""
    roles = [kind for kind in accounts.KINDS if getattr(row, f"is_{kind}")]
    return shapes.thing(row, "organisation") | {
        "name": row.name, "slug": row.slug, "roles": roles, "country": row.country,
    }  # fmt: skip


class Organisations(Door):
    """GET: organisations the caller may see. POST: register one (operators)."""

    @extend_schema(responses=shapes.listing(OrganisationOut), operation_id="organisations_list")
    def get(self, request: Request) -> Response:
        """The caller's own organisation; operators and auditors see all."""
        with unit(self.actor):
            permissions.check(self.actor, "organisation.read", Scope(self.actor.organisation_id))
            rows = Organisation.objects.all()
            if self.actor.scope == "own":
                rows = rows.filter(pk=self.actor.tenant)
            return self.listed(rows, present_organisation)

    @extend_schema(request=OrganisationBody, responses={201: OrganisationOut}, operation_id="organisations_create")
    def post(self, request: Request) -> Response:
        """Register an organisation."""
        sent = self.body(OrganisationBody)
        permissions.check(self.actor, "organisation.write", Scope())
        made = accounts.register_organisation(**sent, actor=self.actor, at=self.now())
        return Response(present_organisation(made), status.HTTP_201_CREATED)


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


class Members(Door):
    """POST: give a person a role in an organisation."""

    @extend_schema(request=MemberBody, responses={201: MemberOut}, operation_id="members_create")
    def post(self, request: Request, organisation: str) -> Response:
        """Invite one member; the same again changes nothing."""
        sent = self.body(MemberBody)
        at = self.now()
        with unit(self.actor):
            found = by_id(Organisation.objects.all(), organisation)
            permissions.check(self.actor, "organisation.write", Scope(found.pk))
            person = User.objects.filter(email__iexact=sent["email"]).first() or accounts.register_user(
                email=sent["email"], password=sent["password"], full_name=sent["full_name"], actor=self.actor, at=at
            )
            accounts.invite(organisation=found, user=person, role=sent["role"], actor=self.actor, at=at)
        body = {"user": person.name_id, "email": person.email, "organisation": found.name_id, "role": sent["role"]}
        return Response(body, status.HTTP_201_CREATED)


class KeyBody(Strict):
    """A key to make. `scopes` are rights of the matrix, or `*`."""

    organisation = serializers.CharField()
    email = serializers.EmailField()
    livemode = serializers.BooleanField(default=False)
    scopes = serializers.ListField(child=serializers.ChoiceField([*permissions.RIGHTS, "*"]), min_length=1)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`label` is an attribute of DRF's serializers, so it cannot be declared as one of ours."""
        label = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)
        return {**super().get_fields(), "label": label}


class KeyOut(shapes.Object):
    """A key; `secret` is shown once, at creation, and never again."""

    organisation = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    secret = serializers.CharField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`label`, as above."""
        return {**super().get_fields(), "label": serializers.CharField(allow_blank=True)}


def present_key(row: ApiKey, secret: str | None = None) -> Mapping[str, Any]:
    """The public form of a key."""
    return shapes.thing(row, "key") | {
        "organisation": row.organisation.name_id, "label": row.label, "prefix": row.prefix, "scopes": row.scopes,
        "secret": secret, "expires_at": shapes.moment(row.expires_at), "revoked_at": shapes.moment(row.revoked_at),
    }  # fmt: skip


class Keys(Door):
    """GET: keys of the caller's organisation. POST: make one."""

    @extend_schema(responses=shapes.listing(KeyOut), operation_id="keys_list")
    def get(self, request: Request) -> Response:
        """Newest first, without secrets."""
        with unit(self.actor):
            permissions.check(self.actor, "keys.write", Scope(self.actor.organisation_id))
            rows = ApiKey.objects.filter(organisation_id=self.actor.tenant, livemode=self.actor.livemode)
            return self.listed(rows.select_related("organisation"), present_key)

    @extend_schema(request=KeyBody, responses={201: KeyOut}, operation_id="keys_create")
    def post(self, request: Request) -> Response:
        """Make a key that acts as one member."""
        sent = self.body(KeyBody)
        at = self.now()
        with unit(self.actor):
            found = by_id(Organisation.objects.all(), sent["organisation"])
            permissions.check(self.actor, "keys.write", Scope(found.pk))
            member = by_member(found, sent["email"])
            key, secret = accounts.issue_key(
                user=member, organisation=found, livemode=sent["livemode"], scopes=sent["scopes"],
                label=sent["label"], actor=self.actor, at=at,
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
            rows = ApiKey.objects.select_related("organisation")
            if self.actor.scope == "own":
                rows = rows.filter(organisation_id=self.actor.tenant)
            found = by_id(rows, key)
            permissions.check(self.actor, "keys.write", Scope(found.organisation_id))
            accounts.revoke_key(key=found, actor=self.actor, at=at)
        return Response(present_key(found))


def by_member(organisation: Organisation, email: str) -> User:
    """The member with this address. Raises Refused("not_member")."""
    found = User.objects.filter(email__iexact=email, memberships__organisation=organisation).first()
    if found is None:
        reason = Reason("not_member", "A key acts as a member.", "/email", email)
        raise Refused("not_member", f"{email} is not a member of {organisation.name}.", [reason])
    return found
