"""People, organisations, keys, requests and the audit log."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from accounts.base import Named, Tenant
from licensing.kernel.states import States

ROLES = ("developer", "developer_admin", "publisher_editor", "publisher_finance", "auditor", "operator")
KIND_OF_ROLE = {
    "developer": "licensee", "developer_admin": "licensee", "publisher_editor": "rights_holder",
    "publisher_finance": "rights_holder", "auditor": "operator", "operator": "operator",
}  # fmt: skip
"""Role -> what an organisation must be to give it: nobody becomes an operator in a house of their own."""


class UserManager(BaseUserManager["User"]):
    """Creates users by email address."""

    def get_by_natural_key(self, username: str | None) -> User:
        """The person with this address, in whatever case it is written."""
        return self.get(email__iexact=username or "")


class User(Named, AbstractBaseUser, PermissionsMixin):
    """A person who signs in by email address."""

    PREFIX = "usr"
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    email = models.EmailField(unique=True)
    full_name = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=10, default="en")
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)

    objects = UserManager()

    def __str__(self) -> str:
        return self.email


class Organisation(Named):
    """A company or society with members; may hold rights, license works, or operate the house."""

    PREFIX = "org"

    slug = models.SlugField(unique=True, max_length=80)
    name = models.CharField(max_length=200)
    country = models.CharField(max_length=2, blank=True)
    is_rights_holder = models.BooleanField(default=False)
    is_licensee = models.BooleanField(default=False)
    is_operator = models.BooleanField(default=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class OrganisationUserPermission(UserObjectPermissionBase):
    """guardian: a right of one person on one organisation."""

    content_object = models.ForeignKey(Organisation, models.CASCADE)
    expires_at = models.DateTimeField(null=True)


class OrganisationGroupPermission(GroupObjectPermissionBase):
    """guardian: a right of one group on one organisation."""

    content_object = models.ForeignKey(Organisation, models.CASCADE)


class Membership(models.Model):
    """One role of one person in one organisation (the matrix of trust.md 2)."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=30, choices=[(role, role) for role in ROLES])
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "organisation", "role"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=ROLES), name="membership_role_known"),
        ]


class ApiKey(Named, Tenant):
    """A machine's key: only its SHA-256 is kept; it acts as the member who made it."""

    PREFIX = "key"

    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    label = models.CharField(max_length=100, blank=True)
    prefix = models.CharField(max_length=20, db_index=True)
    secret_sha256 = models.CharField(max_length=64, unique=True)
    scopes: models.Field[list[str], list[str]] = ArrayField(models.CharField(max_length=60), default=list)
    spend_cap_minor = models.BigIntegerField(null=True, blank=True)
    spent_minor = models.BigIntegerField(default=0)  # what was ordered with it, counted under a row lock
    spend_currency = models.CharField(max_length=3, blank=True)
    addresses: models.Field[list[str], list[str]] = ArrayField(models.GenericIPAddressField(), default=list)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)


class IdempotencyRecord(Tenant):
    """A stored request and its answer (interfaces.md 1): inserted first with a lease, answered once, kept 30 days."""

    method = models.CharField(max_length=8)
    path = models.CharField(max_length=300)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    lease_until = models.DateTimeField()
    status_code = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(null=True)
    rights: models.Field[list[Any] | None, list[Any] | None] = models.JSONField(null=True)  # what the answer took
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation", "livemode", "method", "path", "key"], name="idempotency_key_once"
            )
        ]


class Countersign(Named):
    """An act that needs a second person: what exactly was proposed, by whom, and who agreed."""

    PREFIX = "csg"
    STATES = States(
        "countersign", "proposed",
        {"proposed": ("approved", "rejected", "expired"), "approved": ("used", "expired")},
    )  # fmt: skip

    organisation = models.ForeignKey(Organisation, models.PROTECT, null=True, related_name="+")
    livemode = models.BooleanField()
    right = models.CharField(max_length=60)
    subject = models.CharField(max_length=60)
    payload = models.JSONField(default=dict)
    payload_hash = models.CharField(max_length=64)
    proposer = models.ForeignKey(User, models.PROTECT, related_name="+")
    approver = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    reason = models.TextField(blank=True)
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=20, default="proposed")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(approver__isnull=True) | ~models.Q(approver=models.F("proposer")),
                name="countersign_two_people",
            ),
            models.UniqueConstraint(
                fields=["livemode", "right", "subject", "payload_hash"],
                condition=models.Q(status__in=["proposed", "approved"]),
                name="countersign_open_per_mode",
            ),
        ]


class AuditRow(models.Model):
    """One act. Append-only by trigger; `xid` is set by the database whatever the writer sent."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, null=True, related_name="+")
    livemode = models.BooleanField()
    actor = models.CharField(max_length=60)
    act = models.CharField(max_length=80)
    subject = models.CharField(max_length=80, db_index=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()
    xid = models.BigIntegerField(default=0)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["xid", "id"], name="audit_order")]


class AuditLink(models.Model):
    """The hash chain over audit rows, per organisation, in (xid, id) order; written by the `audit.chain` job."""

    row = models.OneToOneField(AuditRow, models.PROTECT, related_name="link")
    chain = models.BigIntegerField()  # organisation id, 0 for the house's own rows
    position = models.BigIntegerField()
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["chain", "position"], name="audit_position_once")]
