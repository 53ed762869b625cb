"""A record as it is stored and compared: one flat object of what was sent, and the keys that group it.

Pure; runs in the child process. The object holds a field if and only if the record speaks about it and it is not empty;
names that begin with an underscore are derived by us (index words, comparison keys) and never shown as a change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Any, Final

from licensing.catalogue import words
from licensing.catalogue.identifiers import Identifier
from licensing.intake import issues
from licensing.intake.issues import Issue
from licensing.intake.record import Contributor, DateFact, Record, normalise_title

# Fields a record carries beside those it "speaks about": present means sent, absent means nothing.
_BESIDE: Final = (
    "original_title", "original_language", "origin", "generator", "source_kind", "content_file", "publishing_status",
    "no_contributors", "first_publication_date",
)  # fmt: skip
_FIELDS: Final = frozenset(
    {
        "title", "subtitle", "language", "form", "contributors", "publisher", "imprint", "publication_date",
        "publication_country", "subjects", "identifiers", "measures", "licences", "signals", "sales_rights",
        "relations", "extra", *_BESIDE,
    }
)  # fmt: skip
_SAME_WORK: Final = frozenset({"alternative_format", "based_on_print", "available_as_electronic"})
# Width of the columns a field lands in, in characters.
_WIDTHS: Final[Mapping[str, int]] = {
    "ref": 120, "title": 600, "subtitle": 600, "language": 35, "publisher": 300, "imprint": 200, "generator": 200,
}  # fmt: skip


def flatten(record: Record) -> dict[str, Any]:
    """{kind, set, erase, keys}: the notification, the fields sent with a value, the fields sent empty, grouping keys.

    `keys` are [kind, key, signature]: kind "work" joins records that name one work, kind "id" those that name one
    product; both only where the signature agrees too.
    """
    spoken = (record.sent | {name for name in _BESIDE if getattr(record, name)}) & _FIELDS
    if record.extra:
        spoken |= {"extra"}
    values = {name: _plain(name, getattr(record, name)) for name in spoken}
    held = {name: value for name, value in values.items() if value not in ("", None, [], {}, False)}
    if held.get("origin") == "unknown":
        del held["origin"]
    held.update(_derived(record, spoken))
    return {
        "kind": record.notification,
        "set": held,
        "erase": sorted(spoken - held.keys()),
        "keys": [list(key) for key in _keys(record)],
    }


def too_long(record: Record) -> Iterator[Issue]:
    """Texts that do not fit their columns: nothing is cut silently."""
    lengths = {name: len(getattr(record, name)) for name in _WIDTHS}
    names = max((len(one.name) for one in record.contributors), default=0)
    identifiers = max((len(one.identifier.sent) for one in record.identifiers), default=0)
    found = [(name, length, _WIDTHS[name]) for name, length in lengths.items()]
    for name, length, limit in [*found, ("contributors", names, 300), ("identifiers", identifiers, 300)]:
        if length > limit:
            place = record.position
            yield issues.make(
                "text_too_long", line=place.line, column=place.column, record=record.ref, path=name, seen=str(length),
                expected=str(limit),
            )  # fmt: skip


def _plain(name: str, value: Any) -> Any:
    """JSON of one field; empty parts are left out."""
    if isinstance(value, DateFact):
        return _date(value)
    if name == "contributors":
        return [_contributor(one) for one in value]
    if name == "identifiers":
        return [{**_identifier(one.identifier), "level": one.level} for one in value]
    if name == "relations":
        return [
            {"kind": one.kind, "code": one.code, "ids": [_identifier(each) for each in one.identifiers],
             "title": one.title} for one in value
        ]  # fmt: skip
    if isinstance(value, tuple):
        return [_parts(one) for one in value]
    return dict(value) if isinstance(value, Mapping) else value


def _parts(value: Any) -> dict[str, Any]:
    names = type(value).__slots__
    held = {name: getattr(value, name) for name in names}
    return {
        name: _date(part) if isinstance(part, DateFact) else list(part) if isinstance(part, tuple) else part
        for name, part in held.items()
        if part not in ("", None, ())
    }


def _date(fact: DateFact | None) -> dict[str, str]:
    if fact is None:
        return {}
    held = {"sent": fact.sent, "from": _day(fact.not_before), "to": _day(fact.not_after), "source": fact.source}
    return {name: text for name, text in held.items() if text}


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def _identifier(one: Identifier) -> dict[str, Any]:
    return {"scheme": one.scheme, "value": one.value, "sent": one.sent, "valid": one.valid}


def _contributor(one: Contributor) -> dict[str, Any]:
    held = {
        "role": one.role, "role_sent": one.role_sent, "name": one.name, "key_name": one.key_name, "kind": one.kind,
        "unnamed": one.unnamed, "ids": [_identifier(each) for each in one.identifiers], "born": _date(one.born),
        "died": _date(one.died), "party": _party_key(one),
    }  # fmt: skip
    return {name: value for name, value in held.items() if value}


def _party_key(one: Contributor) -> str:
    """The sender's key of the person: its own id (without the name of the list), else a public one, else none.

    A person is never made out of a name alone, except where life dates tell namesakes apart.
    """
    if one.unnamed:
        return ""
    valid = [each for each in one.identifiers if each.valid]
    own = next((each.value.rpartition(":")[2].strip() for each in valid if each.scheme == "own"), "")
    if own:
        return own[:120]
    if valid:
        return f"{valid[0].scheme}:{valid[0].value}"[:120]
    if one.name and (one.born or one.died):
        life = [fact.sent if fact else "" for fact in (one.born, one.died)]
        return f"person:{_digest(normalise_title(one.name), *life)}"
    return ""


def _derived(record: Record, spoken: frozenset[str] | set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "title" in spoken:
        found["_title_key"] = record.title_normalised[:600]
        found["_title"] = words.lexemes(record.title, record.subtitle, record.original_title)
        found["_signature"] = signature(record)
    if "contributors" in spoken:
        found["_people"] = words.lexemes(*(one.name for one in record.contributors))
    if "subjects" in spoken:
        found["_subjects"] = words.lexemes(*(one.heading or one.code for one in record.subjects))
    if spoken & {"publisher", "imprint"}:
        found["_house"] = words.lexemes(record.publisher, record.imprint)
    return {name: value for name, value in found.items() if value}


def signature(record: Record) -> str:
    """What must agree before two products are taken for one work: language, main contributor, normalised title."""
    main = next((one.key_name or one.name for one in record.contributors if not one.unnamed), "")
    return _digest(record.language, " ".join(sorted(normalise_title(main).split())), record.title_normalised)


def _keys(record: Record) -> Iterator[tuple[str, str, str]]:
    """Sets and bundles are never joined; a work id joins within one language only (domain.md 1)."""
    if record.composition != "single" or record.notification == "delete":
        return
    named = [one.identifier for one in record.identifiers if one.level == "work"]
    named += _related(record, {"manifestation_of"})
    same = signature(record)
    for one in named:
        if one.valid:
            yield "work", f"{one.scheme}:{one.value}", record.language or "und"
    for one in (*record.matching, *_related(record, _SAME_WORK)):
        if one.valid:
            yield "id", f"{one.scheme}:{one.value}", same


def _related(record: Record, kinds: Collection[str]) -> list[Identifier]:
    return [one for relation in record.relations if relation.kind in kinds for one in relation.identifiers]


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=12).hexdigest()
