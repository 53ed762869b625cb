"""Records of flat formats (CSV, JSON Lines): one draft of named values in, the common record out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from licensing.catalogue import identifiers
from licensing.catalogue.identifiers import CONTAINER_SCHEMES, SCHEMES, Identifier
from licensing.intake.readers import values
from licensing.intake.readers.outcomes import Notes, contributor_parts, derived_reference
from licensing.intake.record import (
    FORMS,
    ORIGINS,
    SOURCE_KINDS,
    UNNAMED,
    Contributor,
    Layer,
    LicenceAssertion,
    Notification,
    Origin,
    Position,
    Record,
    RecordIdentifier,
    SourceKind,
    Subject,
    normalise_title,
)

TEMPLATE: Final = (
    "own_id", "isbn", "title", "subtitle", "language", "form", "contributors", "publisher", "imprint",
    "publication_date", "publication_country", "subjects", "origin", "generator", "source_kind", "licence",
    "content_file",
)  # fmt: skip
"""The columns of our own CSV template, in order; the keys of JSON Lines are the same."""
OPTIONAL: Final = (
    "notification", "identifiers", "original_title", "original_language", "first_publication_date", "licence_layer",
    "licence_start", "no_contributors",
)  # fmt: skip
COMMENT: Final = "licet_comment"
"""The column or key in which rejected records come back (`intake.rejected`); nothing is read from it."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
IDENTIFIER_COLUMNS: Final = frozenset(SCHEMES) - {"own", "isni", "orcid", "ipi", "ror"} | {"isbn13"}
_NO_FIELDS: Final = frozenset({"ref", "notification", "licence_layer", "licence_start", "original_date"})
_DAMAGED: Final = re.compile(r"[\d.,]+E\+?\d+", re.IGNORECASE)
_DECIMAL: Final = re.compile(r"([\dX-]+)\.0+", re.IGNORECASE)
_SPLIT: Final = re.compile(r"[;\uff1b\n]")
_TAGGED: Final = re.compile(r"\s*\[([a-z]+):([^\]]+)\]\s*$")
_ROLE: Final = re.compile(r"([^:\uff1a]{1,40})[:\uff1a](.*)", re.DOTALL)
_LAYERS: Final = ("whole", "contributions", "cover", "code", "metadata", "database")


@dataclass(slots=True)
class Draft:
    """Named values of one record as sent. `texts` holds the plain columns; `sent` every column the record speaks
    about.
    """

    position: Position
    texts: dict[str, str] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)
    identifiers: list[RecordIdentifier] = field(default_factory=list)
    contributors: list[Contributor] = field(default_factory=list)
    subjects: list[Subject] = field(default_factory=list)
    licences: list[LicenceAssertion] = field(default_factory=list)
    no_contributors: bool = False
    extra: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """A plain value, stripped; "" when it was not sent."""
        return self.texts.get(name, "").strip()


def build(draft: Draft, notes: Notes) -> Record:
    """The common record of a draft. What cannot be read is noted and left empty; nothing is repaired silently."""
    form_sent = draft.get("form")
    title = draft.get("title")
    language = notes.language(draft.get("language"), "language")
    contributors = tuple(draft.contributors)
    ref = draft.get("own_id") or _derived(draft, title, language, contributors, notes)
    origin, source_kind = _closed(draft, notes)
    return Record(
        ref=ref,
        ref_derived=not draft.get("own_id"),
        position=draft.position,
        notification=_notification(draft, notes),
        notification_sent=draft.get("notification"),
        identifiers=tuple(draft.identifiers),
        title=title,
        subtitle=draft.get("subtitle"),
        title_normalised=normalise_title(title),
        original_title=draft.get("original_title"),
        language=language,
        original_language=notes.language(draft.get("original_language"), "original_language"),
        form=_form(form_sent, notes),
        form_sent=form_sent,
        contributors=contributors,
        no_contributors=draft.no_contributors,
        publisher=draft.get("publisher"),
        imprint=draft.get("imprint"),
        publication_date=notes.date(draft.get("publication_date"), "publication_date"),
        first_publication_date=notes.date(draft.get("first_publication_date"), "first_publication_date"),
        publication_country=notes.country(draft.get("publication_country"), "publication_country"),
        subjects=tuple(draft.subjects),
        origin=origin,
        origin_evidence="declared by the sender" if draft.get("origin") else "",
        generator=draft.get("generator"),
        source_kind=source_kind,
        licences=tuple(draft.licences),
        content_file=draft.get("content_file"),
        sent=_sent(draft),
        extra=dict(draft.extra),
    )


def guard(cell: str) -> str:
    """A cell that no spreadsheet runs as a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def unguard(cell: str) -> str:
    """The cell before `guard`."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def _sent(draft: Draft) -> frozenset[str]:
    renamed = {"licence": "licences", "own_id": "ref"}
    names = {renamed.get(name, name) for name in draft.sent}
    if names & IDENTIFIER_COLUMNS:
        names.add("identifiers")
    return frozenset(names - IDENTIFIER_COLUMNS - _NO_FIELDS)


def _derived(draft: Draft, title: str, language: str, contributors: tuple[Contributor, ...], notes: Notes) -> str:
    notes.add("reference_missing", path="own_id", expected="own_id")
    made = [f"{one.identifier.scheme}:{one.identifier.sent}" for one in draft.identifiers]
    rest = [title, language, draft.get("publication_date"), *contributor_parts(contributors)]
    return derived_reference(made or rest)


def _form(sent: str, notes: Notes) -> str:
    form = values.form(sent) if sent else "other"
    if form is None:
        notes.add("form_unknown", path="form", seen=sent, expected=", ".join(sorted(FORMS)))
    return form or "other"


def _notification(draft: Draft, notes: Notes) -> Notification:
    sent = draft.get("notification").casefold()
    match sent:
        case "new" | "update" | "delete":
            return sent
        case "":
            # Without a title column a file speaks about records that exist already.
            return "new" if "title" in draft.sent else "update"
    notes.add("notification_unknown", path="notification", seen=sent, expected="new, update, delete")
    return "ignored"


def _closed(draft: Draft, notes: Notes) -> tuple[Origin, SourceKind | None]:
    """Values of closed lists: another word is an error, since reading it as "unknown" would hide a statement."""
    origin, kind = draft.get("origin").casefold(), draft.get("source_kind").casefold()
    if origin and origin not in ORIGINS:
        notes.add("value_not_allowed", path="origin", seen=origin, expected=", ".join(sorted(ORIGINS)))
    if kind and kind not in SOURCE_KINDS:
        notes.add("value_not_allowed", path="source_kind", seen=kind, expected=", ".join(sorted(SOURCE_KINDS)))
    return _origin(origin), _source_kind(kind)


def _origin(word: str) -> Origin:
    match word:
        case "human" | "ai_assisted" | "synthetic":
            return word
    return "unknown"


def _source_kind(word: str) -> SourceKind | None:
    match word:
        case "contract" | "open_licence" | "public_domain" | "owned":
            return word
    return None


def add_identifier(draft: Draft, scheme: str, text: str, path: str, notes: Notes, *, spreadsheet: bool) -> None:
    """Add one identifier; `spreadsheet` also looks for the damage spreadsheets do to numbers (kept, marked, said)."""
    made = _from_spreadsheet(scheme, text, path, notes) if spreadsheet else None
    made = made or notes.identifier(scheme, text, path)
    level: Literal["product", "container"] = "container" if made.scheme in CONTAINER_SCHEMES else "product"
    if level == "container":
        notes.add("identifier_container", path=path, seen=text)
    item = RecordIdentifier(made, level)
    known = {(one.identifier.scheme, one.identifier.value) for one in draft.identifiers}
    if (made.scheme, made.value) not in known:
        draft.identifiers.append(item)


def _from_spreadsheet(scheme: str, text: str, path: str, notes: Notes) -> Identifier | None:
    value = text.strip()
    if scheme not in ("isbn", "gtin", "ismn"):
        return None
    if _DAMAGED.fullmatch(value):
        notes.add("number_damaged", path=path, seen=text, expected="13 digits")
        return Identifier(scheme, text, value, False, "a spreadsheet changed it into a number")
    decimal = _DECIMAL.fullmatch(value)
    whole = decimal[1] if decimal else value
    restored = identifiers.restore_isbn_zeros(whole) if scheme == "isbn" else None
    if restored is not None:
        notes.add("isbn_zeros_restored", path=path, seen=text, expected=restored)
    elif decimal is None:
        return None
    made = identifiers.normalise(scheme, restored or whole)
    if not made.valid:
        return None
    if restored is None:
        notes.add("number_decimal", path=path, seen=text, expected=whole)
    return Identifier(made.scheme, text, made.value, True)


def contributors_text(text: str, notes: Notes) -> list[Contributor]:
    """`author:Name; translator:Name [isni:...]`: role, colon, name, parts separated by semicolons or line ends."""
    found = []
    for sequence, part in enumerate((one.strip() for one in _SPLIT.split(text) if one.strip()), start=1):
        match = _ROLE.fullmatch(part)
        word, name = (match[1].strip(), match[2].strip()) if match else ("", part)
        if not word:
            notes.add("role_missing", path="contributors", seen=part, expected="role:Name")
        found.append(_person(sequence, word, name, notes))
    return found


def names(parts: Iterable[str], role: str, sent: str) -> list[Contributor]:
    """Contributors from a column of names that share a role (a foreign header)."""
    cleaned = [part.strip() for part in parts if part.strip()]
    return [
        Contributor(sequence, role, sent, name, unnamed=values.UNNAMED_WORDS.get(name.casefold(), ""))
        for sequence, name in enumerate(cleaned, start=1)
    ]


def _person(sequence: int, word: str, text: str, notes: Notes) -> Contributor:
    made: list[Identifier] = []
    while tag := _TAGGED.search(text):
        made.insert(0, notes.identifier(tag[1], tag[2].strip(), "contributors"))
        text = text[: tag.start()]
    name = text.strip()
    if not name:
        notes.add("contributor_nameless", path="contributors", seen=word, expected="role:Name")
    unnamed = values.UNNAMED_WORDS.get(name.casefold(), "")
    return Contributor(sequence, role_of(word, notes), word, name, identifiers=tuple(made), unnamed=unnamed)


def role_of(word: str, notes: Notes) -> str:
    """Our role for a word; `unknown` with a note when the list has none, silently when no word was sent."""
    role = values.role_of_word(word) if word else "unknown"
    if role is None:
        notes.add("role_unknown", path="contributors", seen=word, expected="a role of our list")
    return role or "unknown"


def unnamed_of(word: str, name: str, notes: Notes) -> str:
    """The kind of an unnamed contributor: as stated (one of UNNAMED), else from the name itself."""
    if word and word not in UNNAMED:
        notes.add("value_not_allowed", path="contributors/unnamed", seen=word, expected=", ".join(sorted(UNNAMED)))
    return word if word in UNNAMED else values.UNNAMED_WORDS.get(name.casefold(), "")


def subjects_text(text: str) -> list[Subject]:
    """`thema:FBA; Sea stories`: scheme and code where a scheme is named, else a keyword."""
    found = []
    for part in (one.strip() for one in _SPLIT.split(text)):
        scheme, colon, code = part.partition(":")
        if colon and scheme.strip().casefold() in ("thema", "bisac", "bic", "clil", "ddc", "lcc", "lcsh", "wgs"):
            found.append(Subject(scheme.strip().casefold(), code.strip()))
        elif part:
            found.append(Subject("keyword", "", part))
    return found


def licence(values_sent: Mapping[str, str], notes: Notes) -> LicenceAssertion | None:
    """A stated licence from its parts (expression, url, layer, start); None when neither words nor a link were
    sent.
    """
    expression, url = values_sent.get("expression", "").strip(), values_sent.get("url", "").strip()
    if re.match(r"https?://", expression) and not url:
        expression, url = "", expression
    if not expression and not url:
        return None
    layer = values_sent.get("layer", "").strip() or "whole"
    if layer not in _LAYERS:
        notes.add("value_not_allowed", path="licence/layer", seen=layer, expected=", ".join(_LAYERS))
    start = notes.date(values_sent.get("start", ""), "licence/start")
    return LicenceAssertion(expression, url, _layer(layer), start, "sender")


def _layer(word: str) -> Layer:
    match word:
        case "contributions" | "cover" | "code" | "metadata" | "database":
            return word
    return "whole"
