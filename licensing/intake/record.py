"""The common record: what every reader makes of one input record, whatever the format.

Pure data. A record says what the sender sent; nothing in it is decided, matched or repaired silently. Everything
here can be built and passed on in a child process without Django.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from licensing.catalogue.identifiers import MATCHING_SCHEMES, Identifier
from licensing.intake.issues import Issue

Notification = Literal["new", "update", "delete", "ignored"]
Origin = Literal["human", "ai_assisted", "synthetic", "unknown"]
SourceKind = Literal["contract", "open_licence", "public_domain", "owned"]
Layer = Literal["whole", "contributions", "cover", "code", "metadata", "database"]
Level = Literal["product", "container", "work"]

_ASCII_WORD: Final = re.compile("[a-z0-9]+")
FORMS: Final = frozenset(
    {"book", "article", "poem", "news", "image", "audio", "video", "score", "code", "dataset", "other"}
)
ORIGINS: Final = frozenset({"human", "ai_assisted", "synthetic", "unknown"})
SOURCE_KINDS: Final = frozenset({"contract", "open_licence", "public_domain", "owned"})
UNNAMED: Final = frozenset({"unknown", "anonymous", "various", "et_al", "synthesised_voice", "ai"})


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record stands in its file, so that any fact can be traced to the bytes it came from.

    `line` and `column` count from 1 (column in characters of that line, of the record's first character);
    `offset` and `length` are bytes of the file as sent, -1 when the file had to be transcoded (UTF-16, UTF-32);
    `sha256` is of the record's bytes as they were read.
    """

    line: int
    column: int
    offset: int
    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class DateFact:
    """A date as an interval: both ends inclusive, None = not known; `sent` as it came, `source` its path.

    A year is the interval of its days; words such as "c." never become exact (domain.md 1).
    """

    sent: str
    not_before: dt.date | None
    not_after: dt.date | None
    source: str


@dataclass(frozen=True, slots=True)
class RecordIdentifier:
    """An identifier and what it names: this product, the container it stands in (series, set, journal) or the
    work.
    """

    identifier: Identifier
    level: Level = "product"

    @property
    def matches(self) -> bool:
        """Whether it may be used to match this record with an edition: valid, of the product, of a matching
        scheme.
        """
        return self.level == "product" and self.identifier.valid and self.identifier.scheme in MATCHING_SCHEMES


@dataclass(frozen=True, slots=True)
class Contributor:
    """One person or body in one role (a person with two roles appears twice with the same sequence).

    `role` is ours (data/roles.json; `other` or `unknown` when the code has no equal), `role_sent` as sent;
    `key_name` is the
    sorting name ("" when not sent, never derived); `unnamed` is one of UNNAMED or "" for a named contributor.
    """

    sequence: int
    role: str
    role_sent: str
    name: str
    key_name: str = ""
    kind: Literal["person", "organisation", "unknown"] = "unknown"
    identifiers: tuple[Identifier, ...] = ()
    unnamed: str = ""
    born: DateFact | None = None
    died: DateFact | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject as sent: scheme (bisac, thema, keyword, ..., or onix:<code of the scheme>), code and heading."""

    scheme: str
    code: str
    heading: str = ""


@dataclass(frozen=True, slots=True)
class MeasureHint:
    """What the sender says about size. Never taken on trust when the asset is there (domain.md 1)."""

    kind: Literal["characters", "words", "pages", "seconds", "bytes"]
    value: int
    source: str


@dataclass(frozen=True, slots=True)
class LicenceAssertion:
    """An open licence somebody states: words and link as sent; not normalised, clears nothing by itself."""

    expression: str
    url: str
    layer: Layer
    start: DateFact | None
    source: str


@dataclass(frozen=True, slots=True)
class UsageSignal:
    """A machine-readable usage statement.

    `effect` is `reserve` (an opt-out: becomes a reservation of that kind) or `evidence` (kept, never clears).
    `signal` is
    the crosswalk's cell, e.g. `onix:145:11`; `value` the status as sent, e.g. `03`; `evidence` the text of the
    element.
    """

    effect: Literal["reserve", "evidence"]
    signal: str
    value: str
    evidence: str


@dataclass(frozen=True, slots=True)
class SalesRight:
    """Sales rights as sent: evidence that narrows, never grants. Codes as sent (ISO 3166, List 49, WORLD, ECZ,
    ROW).
    """

    code: str
    for_sale: bool | None
    included: tuple[str, ...]
    excluded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """A related work or product: `kind` ours ("" when unknown), `code` as sent, e.g. `work:01`, `product:06`."""

    kind: str
    code: str
    identifiers: tuple[Identifier, ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One input record in the common model. Empty texts and tuples mean "nothing sent"; see `sent` for erasing."""

    ref: str
    """The sender's own reference; when none was sent a digest, see `ref_derived`."""
    position: Position
    notification: Notification = "new"
    notification_sent: str = ""
    ref_derived: bool = False
    identifiers: tuple[RecordIdentifier, ...] = ()
    composition: Literal["single", "set", "trade"] = "single"
    title: str = ""
    subtitle: str = ""
    title_normalised: str = ""
    original_title: str = ""
    language: str = ""
    original_language: str = ""
    form: str = "other"
    form_sent: str = ""
    contributors: tuple[Contributor, ...] = ()
    no_contributors: bool = False
    """The sender says there are none (a fact, not a missing name)."""
    publisher: str = ""
    imprint: str = ""
    publication_date: DateFact | None = None
    """Of this edition."""
    first_publication_date: DateFact | None = None
    """Of this text, where the sender says so."""
    publication_country: str = ""
    subjects: tuple[Subject, ...] = ()
    measures: tuple[MeasureHint, ...] = ()
    origin: Origin = "unknown"
    origin_evidence: str = ""
    generator: str = ""
    source_kind: SourceKind | None = None
    licences: tuple[LicenceAssertion, ...] = ()
    signals: tuple[UsageSignal, ...] = ()
    sales_rights: tuple[SalesRight, ...] = ()
    relations: tuple[Relation, ...] = ()
    content_file: str = ""
    publishing_status: str = ""
    sent_at: str = ""
    """The message's own date, as sent: an older one than the last needs confirmation."""
    sent: frozenset[str] = frozenset()
    """Names of the fields this record speaks about; a field outside is left alone, an empty one inside is erased."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Values no field of ours holds, as sent (unknown columns)."""

    @property
    def erased(self) -> frozenset[str]:
        """Fields the record speaks about and leaves empty: they are erased on commit (interfaces.md 2)."""
        return frozenset(name for name in self.sent if not getattr(self, name))

    @property
    def matching(self) -> tuple[Identifier, ...]:
        """The identifiers that may be used to match this record (valid, of the product; none for sets)."""
        if self.composition != "single":
            return ()
        return tuple(item.identifier for item in self.identifiers if item.matches)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one input record: the record when one could be read, and what is to be said about it.

    `loadable` is false when an issue of severity error stands against the record.
    """

    line: int
    ref: str
    record: Record | None
    issues: tuple[Issue, ...] = ()

    @property
    def loadable(self) -> bool:
        """Whether the record can go in (an ignored notification is not loadable and not an error)."""
        return (
            self.record is not None
            and self.record.notification != "ignored"
            and not any(issue.severity == "error" for issue in self.issues)
        )


def normalise_title(title: str) -> str:
    """The form of a title used to compare titles: NFKC, case folded, punctuation and symbols to single spaces.

    Accents are kept: they tell titles apart in many languages. Articles are kept too.
    """
    if title.isascii():
        return " ".join(_ASCII_WORD.findall(title.casefold()))
    folded = unicodedata.normalize("NFKC", title).casefold()
    kept = (c if unicodedata.category(c)[0] in "LNM" else " " for c in folded)
    return unicodedata.normalize("NFKC", " ".join("".join(kept).split()))
