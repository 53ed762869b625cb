"""Parties, catalogues, works and what identifies, relates and fills them (domain.md 1)."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from accounts.base import Named, Tenant
from licensing.kernel.states import States

FORMS = (
    "book", "article", "poem", "news", "image", "audio", "video", "score", "code", "dataset", "other",
)  # fmt: skip
ORIGINS = ("human", "ai_assisted", "synthetic", "unknown")
SOURCE_KINDS = ("contract", "open_licence", "public_domain", "owned", "unknown")
PERSONAL_DATA = ("none", "present_with_basis", "present_without_basis", "unknown")
THIRD_PARTY = ("none", "cleared", "removed", "present_not_cleared", "unknown")


class Party(Named, Tenant):
    """Anyone who may own or be paid, as one organisation records them; `represents` is the organisation itself."""

    PREFIX = "pty"

    kind = models.CharField(max_length=14)  # person, organisation, estate, society, unknown
    name = models.CharField(max_length=300)
    own_key = models.CharField(max_length=120)
    represented_by = models.ForeignKey("accounts.Organisation", models.PROTECT, null=True, related_name="+")
    verified_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "livemode", "own_key"], name="party_own_key_once")
        ]


class PartyIdentifier(models.Model):
    """isni, ipi, orcid, ror or own; kept as sent beside the normalised value."""

    party = models.ForeignKey(Party, models.CASCADE, related_name="identifiers")
    scheme = models.CharField(max_length=10)
    value = models.CharField(max_length=120)
    sent = models.CharField(max_length=200)
    valid = models.BooleanField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["party", "scheme", "value"], name="party_identifier_once")
        ]


class Catalogue(Named, Tenant):
    """A named set of works. What is declared here holds for every work that does not declare its own."""

    PREFIX = "cat"

    slug = models.SlugField(max_length=80)
    name = models.CharField(max_length=200)
    role_of_sender = models.CharField(max_length=12, default="owner")  # owner, agent, distributor
    origin = models.CharField(max_length=12, default="unknown")
    source_kind = models.CharField(max_length=14, default="unknown")
    personal_data = models.CharField(max_length=22, default="unknown")
    third_party = models.CharField(max_length=22, default="unknown")
    declared_by = models.CharField(max_length=60, blank=True)
    declared_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "livemode", "slug"], name="catalogue_slug_once")
        ]


class CatalogueUserPermission(UserObjectPermissionBase):
    """guardian: a right of one person on one catalogue (a society's agent, for example)."""

    content_object = models.ForeignKey(Catalogue, models.CASCADE)
    expires_at = models.DateTimeField(null=True)


class CatalogueGroupPermission(GroupObjectPermissionBase):
    """guardian: a right of one group on one catalogue."""

    content_object = models.ForeignKey(Catalogue, models.CASCADE)


class Imprint(Named, Tenant):
    """A brand inside an organisation; terms and claims may be stated once for it."""

    PREFIX = "imr"

    name = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "livemode", "name"], name="imprint_name_once")
        ]


class Work(Named, Tenant):
    """The thing licensed. Unknown is stored as null or "unknown", never guessed; null declarations inherit."""

    PREFIX = "wrk"
    STATES = States("work", "draft", {"draft": ("registered",), "registered": ("withdrawn",)})

    catalogue = models.ForeignKey(Catalogue, models.PROTECT, related_name="works")
    imprint = models.ForeignKey(Imprint, models.PROTECT, null=True, related_name="works")
    own_id = models.CharField(max_length=120)
    title = models.CharField(max_length=600)
    subtitle = models.CharField(max_length=600, blank=True)
    title_key = models.CharField(max_length=600)
    form = models.CharField(max_length=10, default="other")
    language = models.CharField(max_length=35, default="und")
    subjects: models.Field[list[str], list[str]] = ArrayField(models.CharField(max_length=200), default=list)
    published_not_before = models.DateField(null=True)
    published_not_after = models.DateField(null=True)
    published_country = models.CharField(max_length=6, blank=True)
    contributors_complete = models.BooleanField(null=True)
    contributors_evidence = models.TextField(blank=True)
    characters = models.BigIntegerField(null=True)
    words = models.BigIntegerField(null=True)
    tokens = models.BigIntegerField(null=True)
    seconds = models.BigIntegerField(null=True)
    pixels = models.BigIntegerField(null=True)
    origin = models.CharField(max_length=12, null=True)
    generator = models.CharField(max_length=200, blank=True)
    generator_terms_restrict = models.BooleanField(null=True)
    source_kind = models.CharField(max_length=14, null=True)
    personal_data = models.CharField(max_length=22, null=True)
    third_party = models.CharField(max_length=22, null=True)
    retracted = models.BooleanField(default=False)
    court_order = models.BooleanField(default=False)
    record_sha256 = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=12, default="draft")
    withdrawn_at = models.DateTimeField(null=True)
    words_index = SearchVectorField(null=True)

    class Meta:
        constraints: ClassVar = [
            # own_id first: a look-up by own id never mistakes the catalogue's own index for the better one
            models.UniqueConstraint(fields=["own_id", "catalogue"], name="work_own_id_once"),
            models.CheckConstraint(condition=models.Q(form__in=FORMS), name="work_form_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organisation", "livemode", "id"], name="work_owner"),
            models.Index(fields=["imprint"], name="work_imprint"),
            GinIndex(fields=["words_index"], name="work_words"),
        ]


class WorkRelation(models.Model):
    """`work` is part of, a translation, adaptation or edition of `of`."""

    work = models.ForeignKey(Work, models.CASCADE, related_name="relations")
    of = models.ForeignKey(Work, models.PROTECT, related_name="related_by")
    kind = models.CharField(max_length=16)  # part_of, translation_of, adaptation_of, edition_of
    added_matter = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["work", "of", "kind"], name="work_relation_once")]


class Contributor(models.Model):
    """A contributor in order, as sent; `unnamed` says anonymous, ai, various or unknown where there is no name."""

    work = models.ForeignKey(Work, models.CASCADE, related_name="contributors")
    sequence = models.PositiveIntegerField()
    role = models.CharField(max_length=40)
    name = models.CharField(max_length=300, blank=True)
    unnamed = models.CharField(max_length=12, blank=True)
    party = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["work", "sequence"], name="contributor_sequence")]


class Fact(models.Model):
    """An interval fact with its source: when a person died, when this text was first published, and the like."""

    work = models.ForeignKey(Work, models.CASCADE, null=True, related_name="facts")
    party = models.ForeignKey(Party, models.CASCADE, null=True, related_name="facts")
    kind = models.CharField(max_length=24)  # birth, death, publication, renewal, no_renewal, government_work
    not_before = models.DateField(null=True)
    not_after = models.DateField(null=True)
    place = models.CharField(max_length=6, blank=True)
    source = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(work__isnull=True) ^ models.Q(party__isnull=True), name="fact_of_one"
            )
        ]


class Edition(Named, Tenant):
    """A published form of a work with its own identifiers."""

    PREFIX = "edn"

    work = models.ForeignKey(Work, models.CASCADE, related_name="editions")
    record_ref = models.CharField(max_length=200)
    publisher = models.CharField(max_length=300, blank=True)
    imprint_name = models.CharField(max_length=200, blank=True)
    medium = models.CharField(max_length=20, blank=True)
    published_not_before = models.DateField(null=True)
    published_not_after = models.DateField(null=True)
    record = models.JSONField(default=dict)  # all that its sender has said about it, fields merged over time
    record_sha256 = models.CharField(max_length=64, blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["work", "record_ref"], name="edition_ref_once")]
        indexes: ClassVar = [models.Index(fields=["record_ref"], name="edition_record_ref")]


class Identifier(models.Model):
    """An identifier of an edition: normalised, and as sent; invalid or container ones never match a work."""

    edition = models.ForeignKey(Edition, models.CASCADE, related_name="identifiers")
    scheme = models.CharField(max_length=10)
    value = models.CharField(max_length=300)
    sent = models.CharField(max_length=300)
    valid = models.BooleanField()
    container = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["edition", "scheme", "value"], name="identifier_once")
        ]
        indexes: ClassVar = [models.Index(fields=["scheme", "value"], name="identifier_value")]


class Asset(Named, Tenant):
    """A content file of a work: immutable bytes, addressed by their SHA-256; a newer file replaces, never edits."""

    PREFIX = "ast"

    work = models.ForeignKey(Work, models.CASCADE, related_name="assets")
    sha256 = models.CharField(max_length=64)
    bytes = models.BigIntegerField()
    media_type = models.CharField(max_length=100)
    filename = models.CharField(max_length=300)
    layer = models.CharField(max_length=20, default="text")
    characters = models.BigIntegerField(null=True)
    words = models.BigIntegerField(null=True)
    tokens = models.BigIntegerField(null=True)
    iscc = models.CharField(max_length=80, blank=True)
    replaced_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["work", "sha256"], name="asset_once"),
            models.UniqueConstraint(
                fields=["work", "layer"], condition=models.Q(replaced_at__isnull=True), name="asset_current_once"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["sha256"], name="asset_sha256")]


class Duplicate(models.Model):
    """A match of two works, with its evidence: a note without effect on clearing."""

    work = models.ForeignKey(Work, models.CASCADE, related_name="duplicates")
    other = models.ForeignKey(Work, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=12)  # identifier, content
    evidence = models.JSONField()
    found_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["work", "other", "kind"], name="duplicate_once"),
            models.CheckConstraint(condition=~models.Q(work=models.F("other")), name="duplicate_of_another"),
        ]
