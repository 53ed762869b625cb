"""ONIX for Books 3.0 and 3.1 (and 2.1), reference and short tags: a message in, one outcome per Product out.

Version by namespace, `release` attribute or DOCTYPE; a message that says nothing is judged by its first product.
"""

from __future__ import annotations

import html.entities
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from licensing.intake import encoding as encodings
from licensing.intake import framing, issues, xml
from licensing.intake.encoding import Encoding
from licensing.intake.framing import Frame
from licensing.intake.issues import Issue
from licensing.intake.readers import onix_parts as parts
from licensing.intake.readers import onix_rights as rights
from licensing.intake.readers.onix_tags import Element, every, text, to_reference
from licensing.intake.readers.outcomes import (
    FileInfo,
    Notes,
    Reading,
    contributor_parts,
    derived_reference,
)
from licensing.intake.record import Notification, Outcome, Record, normalise_title
from licensing.intake.xml import Prolog, Skeleton

PRODUCT: Final = frozenset({"Product", "product"})
_ROOTS: Final = frozenset({"ONIXMessage", "ONIXmessage"})
_READABLE: Final = frozenset({"2.1", "3.0", "3.1"})
_VERSION: Final = re.compile(r"(?<!\d)(\d\.\d)(?!\d)")
_NAMED: Final = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
# The entities that ONIX 2.1's DTD declares, as characters; XML's own five stay as they are.
_ENTITIES: Final[Mapping[str, str]] = {
    name.removesuffix(";"): value
    for name, value in html.entities.html5.items()
    if name.endswith(";") and name not in ("amp;", "lt;", "gt;", "quot;", "apos;") and value not in "&<"
}
# List 1
_NOTIFICATIONS: Final[Mapping[str, Notification]] = {
    "01": "new", "02": "new", "03": "new", "04": "update", "05": "delete", "08": "new", "09": "new", "12": "ignored",
    "13": "ignored", "14": "ignored", "88": "ignored", "89": "ignored",
}  # fmt: skip
_SUPPLY_ONLY: Final = frozenset({"12", "13", "14"})
# The fields of each block. What a full record leaves out is gone: somebody who was named anonymous and now has a name
# must not stay both.
_DESCRIPTIVE: Final = frozenset(
    {"title", "subtitle", "original_title", "language", "original_language", "form", "contributors", "no_contributors",
     "subjects", "measures", "licences", "signals"}
)  # fmt: skip
_PUBLISHING: Final = frozenset(
    {"publisher", "imprint", "publication_date", "first_publication_date", "publication_country", "sales_rights",
     "publishing_status"}
)  # fmt: skip
_BLOCKS: Final[Mapping[str, frozenset[str]]] = {
    "DescriptiveDetail": _DESCRIPTIVE,
    "CollateralDetail": frozenset({"content_file"}),
    "PublishingDetail": _PUBLISHING,
    "RelatedMaterial": frozenset({"relations"}),
}
_FULL: Final = frozenset({"identifiers", "origin"}).union(*_BLOCKS.values())


@dataclass(slots=True)
class _Defaults:
    """What the message's header gives to every product."""

    language: str = ""
    sent_at: str = ""


def read(path: Path, encoding: Encoding, file_issues: list[Issue]) -> Reading:
    """Open an ONIX file. Refuses it (accounts.errors.Refused) when it is no ONIX message or of an unknown version."""
    prolog = xml.read_prolog(path, encoding)
    if prolog.local not in _ROOTS | PRODUCT:
        issues.refuse(
            "onix_root", line=1, column=1, path=prolog.name, seen=prolog.name, expected="ONIXMessage or ONIXmessage"
        )
    if prolog.local in PRODUCT:
        file_issues.append(issues.make("onix_fragment", line=1, column=1, seen=prolog.name, expected="ONIXMessage"))
    usable = all(" " not in value for name, value in prolog.attributes.items() if name.startswith("xmlns"))
    if not usable:
        file_issues.append(issues.make("xml_namespace", line=1, column=1, path=prolog.name, seen="xmlns:*"))
    version = version_of(prolog)
    if version and version not in _READABLE:
        issues.refuse("onix_version", line=1, column=1, path=prolog.name, seen=version, expected="ONIX 3.0 or 3.1")
    tags = "short" if prolog.local in ("ONIXmessage", "product") else "reference"
    info = FileInfo("onix", version, tags, encoding.declared, encoding.read)
    message = _Message(path, encoding, prolog, info, file_issues)
    return Reading(info, file_issues, message.outcomes())


def version_of(prolog: Prolog) -> str:
    """The ONIX version a prolog states, "" when it states none. The DOCTYPE and 2.1's namespace count like
    `release`.
    """
    for source in (prolog.attributes.get("release", ""), prolog.namespace, prolog.doctype):
        match = _VERSION.search(source)
        if match:
            return "2.1" if match[1] in ("2.0", "2.1") else match[1]
    return ""


class _Message:
    """One pass over a message."""

    def __init__(
        self, path: Path, encoding: Encoding, prolog: Prolog, info: FileInfo, file_issues: list[Issue]
    ) -> None:
        self._path, self._encoding, self._prolog, self._info, self._issues = path, encoding, prolog, info, file_issues
        self._codec = encodings.stream_codec(encoding)
        self._wrapper = xml.wrapper(prolog, PRODUCT)
        self._skeleton = Skeleton(prolog, PRODUCT)
        self._defaults: _Defaults | None = None
        self._short = info.tags == "short"

    def outcomes(self) -> Iterator[Outcome]:
        skip = self._prolog.start if self._prolog.local in PRODUCT else self._prolog.end
        line = 1
        for piece in framing.frames(self._path, self._encoding, skip, PRODUCT):
            if isinstance(piece, Frame):
                self._skeleton.record(piece.position.line)
                yield self._outcome(piece)
                line = piece.position.line + piece.raw.count(b"\n")
            else:
                self._skeleton.feed(piece.decode(self._codec, "replace"), line)
                line += piece.count(b"\n")
        self._skeleton.close(line)

    def _outcome(self, frame: Frame) -> Outcome:
        notes = Notes(frame.position.line, frame.position.column)
        product = xml.parse_record(frame, self._decode(frame, notes), self._wrapper)
        if not self._info.version:
            self._assume_version(product)
        to_reference(product, self._info.version, short=self._short)
        notes.record = text(product, "RecordReference")
        record = _product(product, frame, notes, self._header())
        notes.record = record.ref
        return Outcome(frame.position.line, record.ref, record, notes.outcome_issues())

    def _decode(self, frame: Frame, notes: Notes) -> str:
        bad = encodings.bad_in(frame.raw, self._codec, frame.position.line, frame.position.column)
        decoded = frame.raw.decode(self._codec, "replace")
        if bad is not None:
            notes.add(
                "encoding_damaged", line=bad.line, column=bad.column, seen=f"0x{bad.byte:02X}", expected=self._codec
            )
        elif "\ufffd" in decoded:
            notes.add("replacement_character", seen="U+FFFD")
        elif self._encoding.wrong and not frame.raw.isascii():
            notes.add("encoding_assumed", seen=self._encoding.declared or "UTF-8", expected=self._encoding.read)
        if self._prolog.doctype:
            decoded = xml.outside_cdata(decoded, _NAMED, dict(_ENTITIES))
        return decoded

    def _assume_version(self, product: Element) -> None:
        new = any(str(child.tag).rpartition("}")[2].lower() == "descriptivedetail" for child in product)
        self._info.version = "3.0" if new else "2.1"
        self._issues.append(issues.make("onix_version_assumed", line=1, column=1, seen=self._info.version))

    def _header(self) -> _Defaults:
        if self._defaults is None:
            header = self._skeleton.header
            if header is None:
                self._defaults = _Defaults()
            else:
                to_reference(header, self._info.version, short=self._short)
                self._defaults = _Defaults(
                    text(header, "DefaultLanguageOfText"), text(header, "SentDateTime", "SentDate")
                )
        return self._defaults


def _product(product: Element, frame: Frame, notes: Notes, defaults: _Defaults) -> Record:
    """The common record of one product with reference tags."""
    notification, code = _notification(product, notes)
    composition = text(product, "DescriptiveDetail/ProductComposition")
    form, form_sent = rights.form(product)
    # Lists 2 and 150: several components, packs; 2.1 says it by form alone
    is_set = composition in ("10", "11", "30", "31") or form_sent[:2] in ("WW", "WX") or form_sent[:1] == "S"
    title, subtitle, original = parts.titles(product)
    people = parts.contributors(product, notes)
    origin, origin_evidence = rights.origin(product, people, notes)
    language, original_language = _languages(product, notes, defaults)
    record = Record(
        ref=notes.record,
        position=frame.position,
        notification=notification,
        notification_sent=code,
        identifiers=parts.identifiers(product, notes, is_set=is_set),
        composition="set" if is_set else "trade" if composition == "20" else "single",
        title=title,
        subtitle=subtitle,
        title_normalised=normalise_title(title),
        original_title=original,
        language=language,
        original_language=original_language,
        form=form,
        form_sent=form_sent,
        contributors=people,
        no_contributors=next(every(product, "DescriptiveDetail/NoContributor", "NoContributor"), None) is not None,
        origin=origin,
        origin_evidence=origin_evidence,
        relations=parts.relations(product, notes),
        content_file=rights.training_file(product),
        sent_at=defaults.sent_at,
        sent=_sent(product, notification),
        **_published(product, notes),
        **_rights(product, notes),
    )
    return record if record.ref else _with_derived(record, notes)


def _published(product: Element, notes: Notes) -> dict[str, Any]:
    """The fields of a record that are about publication."""
    status = text(product, "PublishingDetail/PublishingStatus", "PublishingStatus")
    if status in ("05", "07"):
        notes.add("possible_reversion", path="PublishingStatus", seen=status)
    old = notes.date(text(product, "PublicationDate"), "PublicationDate")
    country = text(product, "PublishingDetail/CountryOfPublication", "CountryOfPublication")
    return {
        "publisher": text(
            product, "PublishingDetail/Publisher/PublisherName", "Publisher/PublisherName", "PublisherName"
        ),
        "imprint": text(product, "PublishingDetail/Imprint/ImprintName", "Imprint/ImprintName", "ImprintName"),
        "publication_date": parts.dated(product, notes, "01", "37") or old,
        # Of this text: not when a translation's original (20) or any edition (2.1's YearFirstPublished) came out
        "first_publication_date": parts.dated(product, notes, "11"),
        "publication_country": notes.country(country, "CountryOfPublication"),
        "publishing_status": status,
    }


def _rights(product: Element, notes: Notes) -> dict[str, Any]:
    """The fields of a record that are about rights, subjects and size."""
    return {
        "subjects": rights.subjects(product),
        "measures": rights.measures(product),
        "licences": rights.licences(product, notes),
        "signals": rights.signals(product, notes),
        "sales_rights": rights.sales_rights(product),
    }


def _languages(product: Element, notes: Notes, defaults: _Defaults) -> tuple[str, str]:
    """Language of the text (List 22 code 01) and the original language of a translation (02)."""
    own = original = ""
    for path in ("DescriptiveDetail/Language", "Language"):
        for found in product.iterfind(path):
            role = text(found, "LanguageRole")
            tag = notes.language(
                text(found, "LanguageCode"),
                "Language/LanguageCode",
                script=text(found, "ScriptCode"),
                country=text(found, "CountryCode"),
                line=parts.line_of(found, notes),
            )
            own = own or (tag if role == "01" else "")
            original = original or (tag if role == "02" else "")
    if not own:
        sent = text(product, "LanguageOfText") or defaults.language
        own = notes.language(sent, "DefaultLanguageOfText") if sent else ""
    return own, original


def _notification(product: Element, notes: Notes) -> tuple[Notification, str]:
    code = text(product, "NotificationType")
    if not code:
        notes.add("notification_missing", path="NotificationType", expected="03")
        return "new", ""
    known = _NOTIFICATIONS.get(code)
    if known is None:
        notes.add(
            "notification_unknown", path="NotificationType", seen=code, expected=", ".join(sorted(_NOTIFICATIONS))
        )
    elif code in _SUPPLY_ONLY:
        notes.add("notification_supply", path="NotificationType", seen=code)
    elif known == "ignored":
        notes.add("notification_ignored", path="NotificationType", seen=code)
    elif code in ("08", "09"):
        notes.add("chain_of_title", path="NotificationType", seen=code)
    return known or "ignored", code


def _sent(product: Element, notification: Notification) -> frozenset[str]:
    """The fields a record speaks about: a full record replaces all of them, a block update (04) those of its
    blocks.
    """
    if notification == "new":
        return _FULL
    if notification != "update":
        return frozenset()
    present = {str(child.tag) for child in product}
    return frozenset(name for block, names in _BLOCKS.items() if block in present for name in names)


def _with_derived(record: Record, notes: Notes) -> Record:
    notes.add("reference_missing", path="RecordReference", expected="RecordReference")
    made = [f"{one.identifier.scheme}:{one.identifier.sent}" for one in record.identifiers]
    ref = derived_reference(made or [record.title, record.language, *contributor_parts(record.contributors)])
    return replace(record, ref=ref, ref_derived=True)
