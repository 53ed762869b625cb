"""Claims, conflicts, splits, terms, reservations, encumbrances, licences (domain.md 2)."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField, DateRangeField
from django.db import models

from accounts.base import Named, Tenant
from accounts.fields import Int4MultiRangeField, TerritoriesField
from licensing.kernel.states import States

WHOLE = 1_000_000
LIVE = ("asserted", "verified", "contested")
"""States in which a claim counts."""


class Scope(models.Model):
    """What a right is stated for: a catalogue, an imprint, one work, or a list of works."""

    level = models.CharField(max_length=10)  # catalogue, imprint, work, list
    catalogue = models.ForeignKey("licensing.Catalogue", models.PROTECT, null=True, related_name="+")
    imprint = models.ForeignKey("licensing.Imprint", models.PROTECT, null=True, related_name="+")
    work = models.ForeignKey("licensing.Work", models.PROTECT, null=True, related_name="+")

    class Meta:
        abstract = True


class Cells(models.Model):
    """Leaf actions (bit mask) x territories (bit mask) x a half-open period of dates."""

    actions = models.IntegerField()
    territories = TerritoriesField()
    period = DateRangeField()

    class Meta:
        abstract = True


class Claim(Named, Tenant, Scope, Cells):
    """A party's assertion. Root claims hold control in ppm; derived ones carry authority over their parent's share."""

    PREFIX = "clm"
    STATES = States(
        "claim",
        "asserted",
        {
            "asserted": ("verified", "contested", "rejected", "ended", "withdrawn"),
            "verified": ("contested", "ended", "withdrawn"),
            "contested": ("asserted", "verified", "rejected", "withdrawn"),
        },
    )

    holder = models.ForeignKey("licensing.Party", models.PROTECT, related_name="+")
    from_claim = models.ForeignKey("self", models.PROTECT, null=True, related_name="derived")
    kind = models.CharField(max_length=8)  # root, derived
    derivation = models.CharField(max_length=20, blank=True)  # exclusive_licence, licence, agency, society_mandate
    basis = models.CharField(max_length=20)  # author, work_for_hire, inheritance, assignment, licence, mandate
    part = models.CharField(max_length=20, default="whole")
    control_ppm = models.IntegerField()
    one_stop = models.BooleanField(default=False)
    includes_underlying = models.BooleanField(default=False)
    author_consent = models.CharField(max_length=16, default="unknown")
    consent_evidence = models.TextField(blank=True)
    warranty = models.JSONField(null=True)
    signer = models.CharField(max_length=200, blank=True)
    document = models.TextField(blank=True)
    status = models.CharField(max_length=12, default="asserted")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(control_ppm__range=(0, WHOLE)), name="claim_control_range"),
            models.CheckConstraint(
                condition=models.Q(kind="root", from_claim__isnull=True)
                | models.Q(kind="derived", from_claim__isnull=False),
                name="claim_kind_parent",
            ),
        ]


class ClaimWork(models.Model):
    """A work named by a claim of level list."""

    claim = models.ForeignKey(Claim, models.CASCADE, related_name="listed")
    work = models.ForeignKey("licensing.Work", models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["claim", "work"], name="claim_work_once")]


class Conflict(Named):
    """Root shares above the whole in a cell, or two exclusive derivations of one share: opened, never guessed."""

    PREFIX = "cfl"
    STATES = States(
        "conflict",
        "open",
        {
            "open": ("evidence_requested", "decided", "withdrawn"),
            "evidence_requested": ("decided", "withdrawn"),
        },
    )

    livemode = models.BooleanField()
    work = models.ForeignKey("licensing.Work", models.PROTECT, related_name="+")
    actions = models.IntegerField()
    territories = TerritoriesField()
    control_ppm = models.BigIntegerField()
    status = models.CharField(max_length=20, default="open")
    due_at = models.DateTimeField()
    decision = models.JSONField(null=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["work"],
                condition=models.Q(status__in=["open", "evidence_requested"]),
                name="conflict_open_once",
            )
        ]


class ConflictParty(models.Model):
    """A claim taking part in a conflict, with what its holder consented to."""

    conflict = models.ForeignKey(Conflict, models.CASCADE, related_name="parties")
    claim = models.ForeignKey(Claim, models.PROTECT, related_name="+")
    consents = models.BooleanField(default=False)
    guaranteed_ppm = models.IntegerField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["conflict", "claim"], name="conflict_party_once")]


class SplitVersion(Named):
    """Who is paid for a claim's money, during `valid`, in cells; parts sum to exactly 1,000,000 (deferred trigger)."""

    PREFIX = "spl"

    claim = models.ForeignKey(Claim, models.PROTECT, related_name="splits")
    number = models.PositiveIntegerField()
    valid = DateRangeField()
    territories = TerritoriesField()
    actions = models.IntegerField()
    territory_set = Int4MultiRangeField()
    action_set = Int4MultiRangeField()
    document = models.TextField(blank=True)
    approved_by = models.CharField(max_length=60)
    frozen_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["claim", "number"], name="split_number_once")]


class SplitPart(models.Model):
    """One payee's part of a split version in ppm; role `unallocated` pays suspense, nothing is scaled silently."""

    version = models.ForeignKey(SplitVersion, models.CASCADE, related_name="parts")
    part_no = models.PositiveIntegerField()
    party = models.ForeignKey("licensing.Party", models.PROTECT, null=True, related_name="+")
    role = models.CharField(max_length=40)
    ppm = models.IntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "part_no"], name="split_part_once"),
            models.CheckConstraint(condition=models.Q(ppm__range=(1, WHOLE)), name="split_part_range"),
        ]


class Terms(Named, Tenant):
    """A reusable offer of an organisation; what it says lives in its versions."""

    PREFIX = "trm"
    STATES = States("terms", "draft", {"draft": ("published",), "published": ("ended",)})

    own_key = models.CharField(max_length=120)
    status = models.CharField(max_length=12, default="draft")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "livemode", "own_key"], name="terms_own_key_once")
        ]


class TermsVersion(models.Model):
    """One immutable wording of an offer: columns the engine compares, `body` everything (domain.md 2, Terms)."""

    terms = models.ForeignKey(Terms, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    actions = models.IntegerField()
    territories = TerritoriesField()
    model_kinds = models.IntegerField()
    outputs = models.IntegerField()
    offer = DateRangeField()
    training_days = models.IntegerField(null=True)
    retention_days = models.IntegerField(null=True)
    survival = models.CharField(max_length=20)
    audience = models.CharField(max_length=14, default="any")
    audience_organisation = models.ForeignKey("accounts.Organisation", models.PROTECT, null=True, related_name="+")
    commercial = models.BooleanField(default=True)
    distribution: models.Field[list[str], list[str]] = ArrayField(models.CharField(max_length=20), default=list)
    conditions = models.JSONField(default=list)
    approval = models.CharField(max_length=8, default="auto")
    currency = models.CharField(max_length=3)
    price = models.JSONField(null=True)
    # The columns below are read from `price`, `body` and `conditions` by a trigger, whatever is sent (pricing.md).
    exclusive = models.BooleanField(default=False)
    conditions_count = models.IntegerField(default=0)
    price_flat = models.BigIntegerField(default=0)
    price_tokens = models.BigIntegerField(default=0)
    price_words = models.BigIntegerField(default=0)
    price_characters = models.BigIntegerField(default=0)
    price_minutes = models.BigIntegerField(default=0)
    price_minimum = models.BigIntegerField(default=0)
    price_measures = models.IntegerField(default=0)  # measures it needs, bits of clearing.facts.MEASURES; -1: no price
    price_multipliers = models.JSONField(null=True)
    body = models.JSONField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["terms", "number"], name="terms_version_once")]


class TermsAssignment(Tenant, Scope):
    """A template in the set of a level; the most specific level with an assignment replaces broader sets whole."""

    terms = models.ForeignKey(Terms, models.PROTECT, related_name="assignments")
    extends = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)


class Reservation(Named, Tenant, Scope, Cells):
    """An opt-out: `reserve` (no free use; met by the holder's terms) or `withhold` (not to be licensed)."""

    PREFIX = "rsv"
    STATES = States("reservation", "active", {"active": ("ended",)})

    kind = models.CharField(max_length=8)
    party = models.ForeignKey("licensing.Party", models.PROTECT, null=True, related_name="+")
    site = models.CharField(max_length=300, blank=True)
    by_author = models.BooleanField(default=False)
    signal = models.CharField(max_length=30, blank=True)
    evidence = models.JSONField(default=dict)
    status = models.CharField(max_length=8, default="active")


class Encumbrance(Cells):
    """A licence or promise already given, sold here or made outside; `source` is a public id or a document."""

    work = models.ForeignKey("licensing.Work", models.PROTECT, related_name="+")
    livemode = models.BooleanField()
    exclusive = models.BooleanField()
    source = models.CharField(max_length=120)
    licensee = models.CharField(max_length=60, blank=True)
    until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["work"], name="encumbrance_work")]


class OpenLicence(Named, Tenant, Scope):
    """An assertion that a work is under a public licence: normalised, with its layer, start and source."""

    PREFIX = "olc"

    sent = models.TextField()
    expression = models.CharField(max_length=200)
    grade = models.CharField(max_length=16)  # use_all, non_commercial, academic, none, unparsed
    attribution = models.BooleanField(default=False)
    share_alike = models.BooleanField(default=False)
    no_derivatives = models.BooleanField(default=False)
    layer = models.CharField(max_length=20, default="whole")
    starts = models.DateField(null=True)
    first_hand = models.BooleanField()
    source = models.TextField()
    evidence = models.JSONField(default=dict)
    ended_at = models.DateTimeField(null=True)


class CopyrightStatus(models.Model):
    """What the rule table says of a work, per territory: three masks that together cover the world, and the facts."""

    work = models.OneToOneField("licensing.Work", models.CASCADE, related_name="+")
    public_domain = TerritoriesField()
    protected = TerritoriesField()
    unknown = TerritoriesField()
    free_from = models.JSONField(default=dict)  # territory -> first free day, where the rules name one
    facts = models.JSONField(default=dict)
    rule_version = models.CharField(max_length=40)
    on_date = models.DateField()
    computed_at = models.DateTimeField()


class RightsItem(models.Model):
    """One claim, withhold, reservation, encumbrance, conflict, licence or status as clearing reads it, without its id.

    Content-addressed: the key is the first half of the SHA-256 of what it says, so equal facts are one row, never
    changed. What the columns mean per kind is written in docs/algorithms/clearing.md and `clearing.facts`.
    """

    id = models.UUIDField(primary_key=True)
    kind = models.CharField(max_length=12)  # claim, withhold, reserve, encumbrance, conflict, licence, status
    licensor = models.BigIntegerField(null=True)  # organisation that speaks for a claim or licence
    parent = models.IntegerField(null=True)  # place of the parent claim among the items; -1: it is not live
    ppm = models.IntegerField(null=True)
    actions = models.IntegerField()
    territories = TerritoriesField()
    # Of a status: where nothing is known.
    unknown = TerritoriesField(null=True)  # type: ignore[misc]  # the stubs know no nullable field of our own
    period = DateRangeField()
    flags = models.IntegerField()
    word = models.TextField(blank=True)  # part of a claim, licensee of an encumbrance
    until = models.DateTimeField(null=True)
    members: models.Field[list[int], list[int]] = ArrayField(models.IntegerField(), default=list)
    consenting: models.Field[list[int], list[int]] = ArrayField(models.IntegerField(), default=list)


class Termset(models.Model):
    """A distinct list of rights items (in order), offers and known measures; content-addressed, never changed.

    The rest is read from these by a trigger, so that clearing need not: `itemset` is the key of the items; per offer
    `shapes` (all of it but days and money), `days` (from, until, training, retention, released from, until; counted
    from 1970) and `prices` (flat, characters, words, tokens, minutes, minimum); `dearest` is the largest sum of these.
    """

    id = models.UUIDField(primary_key=True)
    items: models.Field[list[UUID], list[UUID]] = ArrayField(models.UUIDField())
    offers: models.Field[list[int], list[int]] = ArrayField(models.BigIntegerField())  # terms versions
    known = models.IntegerField()
    itemset = models.UUIDField(default=UUID(int=0))
    shapes: models.Field[list[UUID], list[UUID]] = ArrayField(models.UUIDField(), default=list)
    days: models.Field[list[list[int]], list[list[int]]] = ArrayField(ArrayField(models.IntegerField()), default=list)
    prices: models.Field[list[list[int]], list[list[int]]] = ArrayField(
        ArrayField(models.BigIntegerField()), default=list
    )
    dearest = models.BigIntegerField(default=0)


class WorkClear(models.Model):
    """The projection the engine reads, one row per work, kept by statement triggers (architecture.md)."""

    work = models.OneToOneField("licensing.Work", models.CASCADE, primary_key=True, related_name="+")
    public_id = models.UUIDField()
    # Copies of the work's own columns, which are checked there.
    organisation = models.ForeignKey("accounts.Organisation", models.PROTECT, related_name="+", db_constraint=False)
    catalogue = models.ForeignKey("licensing.Catalogue", models.PROTECT, related_name="+", db_constraint=False)
    livemode = models.BooleanField()
    flags = models.BigIntegerField(default=0)
    termset = models.ForeignKey(Termset, models.PROTECT, related_name="+")
    claims: models.Field[list[int], list[int]] = ArrayField(models.BigIntegerField(), default=list)
    characters = models.BigIntegerField(null=True)
    words = models.BigIntegerField(null=True)
    tokens = models.BigIntegerField(null=True)
    seconds = models.BigIntegerField(null=True)
