"""What clearing knows of a work and of a use: plain values, made by queries or by hand.

The bits here are those the projection writes in SQL (licensing/migrations); a test holds them equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from licensing.clearing.boxes import Box

WHOLE = 1_000_000
CEILING = 10**17
"""No work costs more micro than this (10^11 minor units): what asks more is `price_above_maximum`, never wrapped."""

# Flags of a work.
NOT_REGISTERED, WITHDRAWN, COURT_ORDER, PERSONAL_UNCONSENTED = 1, 2, 4, 8
THIRD_PARTY, UNDERLYING, SYNTHETIC, GENERATOR = 16, 32, 64, 128
ORIGIN_UNKNOWN, RETRACTED, PERSONAL_UNKNOWN, NO_CONTENT = 256, 512, 1024, 2048
DUPLICATE, THIRD_PARTY_UNKNOWN, PERSONAL_PRESENT = 4096, 8192, 16384
FORM_SHIFT = 16
FORMS = ("book", "article", "poem", "news", "image", "audio", "video", "score", "code", "dataset", "other")

GATES = {
    NOT_REGISTERED: "not_registered",
    WITHDRAWN: "withdrawn",
    COURT_ORDER: "court_order",
    PERSONAL_UNCONSENTED: "personal_data_unconsented",
    THIRD_PARTY: "third_party_content",
    SYNTHETIC: "origin_synthetic_excluded",
    GENERATOR: "generator_terms_restrict",
    ORIGIN_UNKNOWN: "origin_unknown_excluded",
    RETRACTED: "retracted",
    PERSONAL_UNKNOWN: "personal_data_unknown",
    NO_CONTENT: "content_missing",
}
ALWAYS_GATES = NOT_REGISTERED | WITHDRAWN | COURT_ORDER | PERSONAL_UNCONSENTED | THIRD_PARTY
NOTES = {
    DUPLICATE: "duplicate_of",
    THIRD_PARTY_UNKNOWN: "third_party_unknown",
    PERSONAL_PRESENT: "personal_data_present",
}

# Flags of a claim. FOREIGN: made by another organisation than the one that entered the work.
ROOT, ONE_STOP, CONSENTED, VERIFIED, CONTESTED, EXCLUSIVE, HOLDER_UNKNOWN, INCLUDES = 1, 2, 4, 8, 16, 32, 64, 128
FOREIGN = 256
# Flags of an open licence.
NON_COMMERCIAL, ACADEMIC, UNPARSED, ATTRIBUTION, SHARE_ALIKE, NO_DERIVATIVES, FIRST_HAND, COVERS = (
    1, 2, 4, 8, 16, 32, 64, 128,
)  # fmt: skip

MEASURES = ("characters", "words", "tokens", "seconds")
"""Bit i of `Rights.known` and of a price's needs is measure i."""


@dataclass(frozen=True, slots=True)
class Claim:
    """`parent` is the place of the parent among the claims, None for a root, -1 when it is not live."""

    licensor: int
    ppm: int
    box: Box
    flags: int
    parent: int | None = None
    part: str = "whole"


@dataclass(frozen=True, slots=True)
class Withhold:
    """Not to be licensed."""

    box: Box
    by_author: bool = False

    @property
    def code(self) -> str:
        """The blocker it is."""
        return "withheld_by_author" if self.by_author else "withheld"


@dataclass(frozen=True, slots=True)
class Encumbrance:
    """A licence or promise already given to `licensee` (a public id, "" when secret)."""

    box: Box
    exclusive: bool
    licensee: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """An open conflict; members and consenting are places of claims, -1 one that is not live."""

    box: Box
    members: tuple[int, ...]
    consenting: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Licence:
    """An assertion that the work is under a public licence."""

    box: Box
    licensor: int
    flags: int


@dataclass(frozen=True, slots=True)
class Status:
    """Where the work is in the public domain and where nobody knows, as computed for the day `since` and later."""

    free: int
    unknown: int
    since: int
    declared: bool = False


@dataclass(frozen=True, slots=True)
class Price:
    """Price rules of an offer in micro (pricing.md); `needs` are measures, -1 when there is no price."""

    flat: int = 0
    characters: int = 0
    words: int = 0
    tokens: int = 0
    minutes: int = 0
    minimum: int = 0
    needs: int = 0
    multipliers: dict[str, object] | None = None

    @property
    def free(self) -> bool:
        """Whether it is zero for every work."""
        return not (self.flat or self.characters or self.words or self.tokens or self.minutes or self.minimum)


@dataclass(frozen=True, slots=True)
class Offer:
    """A terms version. `key` orders equal offers: the id of the version; None of days is without limit.

    `released`: the days that the holder said yes to for a use begun in the past; the offer is good for no other days.
    """

    key: int
    licensor: int
    actions: int
    territories: int
    model_kinds: int
    outputs: int
    start: int
    end: int
    training_days: int | None
    retention_days: int | None
    survival: str
    audience: str
    audience_organisation: int | None
    commercial: bool
    distribution: frozenset[str]
    exclusive: bool
    conditions: tuple[str, ...]
    manual: bool
    currency: str
    price: Price
    released: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Rights:
    """Everything of a work that has cells, and which measures are known (bits of MEASURES)."""

    claims: tuple[Claim, ...] = ()
    withholds: tuple[Withhold, ...] = ()
    reserves: tuple[Box, ...] = ()
    encumbrances: tuple[Encumbrance, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    licences: tuple[Licence, ...] = ()
    status: Status | None = None
    offers: tuple[Offer, ...] = ()
    known: int = 0


@dataclass(frozen=True, slots=True)
class WorkFacts:
    """One work as the reference sees it. `underlying`: what it translates, adapts or edits, None for a circle."""

    work: str
    flags: int
    rights: Rights
    measures: dict[str, int] = field(default_factory=dict)
    underlying: tuple[WorkFacts | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """What a licensee intends, for whom and in which currency (clearing.md 6). Days are ordinals."""

    box: Box
    currency: str
    licensee: str
    licensee_id: int
    window_days: int
    retention_days: int | None
    survival: str
    model_kind: int
    outputs: int
    distribution: frozenset[str] = frozenset()
    commercial: bool = True
    research: bool = False
    non_profit: bool = False
    exclusive: bool = False
    needs_verified: bool = False
    attribution: bool = True
    accepts_share_alike: bool = False
    accepts_contested: bool = False
    declines: frozenset[str] = frozenset()
    gates: int = ALWAYS_GATES
    max_price_micro: int = CEILING
    size_band: str = ""
