"""What an ONIX product says about rights, use, origin and size. All of it is evidence; nothing here grants
anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

from licensing.intake.readers.onix_parts import line_of
from licensing.intake.readers.onix_tags import Element, codes, every, own_text, text
from licensing.intake.readers.outcomes import Notes
from licensing.intake.record import (
    Contributor,
    LicenceAssertion,
    MeasureHint,
    Origin,
    SalesRight,
    Subject,
    UsageSignal,
)

_D: Final = "DescriptiveDetail/"
# List 46: sales rights; True = for sale. Codes not listed stay None.
_FOR_SALE: Final[Mapping[str, bool]] = {
    "01": True, "02": True, "03": False, "04": False, "05": False, "06": False, "07": True, "08": True,
}  # fmt: skip
# List 27, the schemes met most; others become onix:<code>.
_SUBJECTS: Final[Mapping[str, str]] = {
    "01": "ddc", "03": "lcc", "04": "lcsh", "10": "bisac", "12": "bic", "20": "keyword", "26": "wgs", "29": "clil",
    "93": "thema", "24": "own",
}  # fmt: skip
# List 81: what a digital product mainly holds; what is left out (games, advertising, blank pages) says no form.
_CONTENT: Final[Mapping[str, str]] = {
    "01": "audio", "02": "audio", "03": "audio", "04": "audio", "13": "audio", "52": "audio", "53": "audio",
    "06": "video", "25": "video", "26": "video", "27": "video", "28": "video", "50": "video",
    "07": "image", "12": "image", "18": "image", "19": "image", "08": "code", "09": "dataset", "33": "dataset",
    "10": "book", "11": "score",
}  # fmt: skip
# Lists 150 and 7: by the whole code, else by its first letter.
_FORMS: Final[Mapping[str, str]] = {
    "A": "audio", "B": "book", "C": "image", "F": "image", "FB": "video", "FF": "video", "PI": "score", "PK": "image",
    "PN": "image", "PO": "image", "PQ": "image", "S": "book", "V": "video",
}  # fmt: skip
_TEXT_ROLES: Final = frozenset({"author", "creator", "added_matter", "adaptor", "translator", "editor", "abridger"})


def licences(product: Element, notes: Notes) -> tuple[LicenceAssertion, ...]:
    """Every EpubLicense that is given with the product and without an end: its name and the links of its expressions.

    Licences that may be had separately (List 218 03, 04, 21) are offers and give nothing; one with an end (List 260 15,
    24) is no open licence and is only noted.
    """
    found: list[LicenceAssertion] = []
    for licence in every(product, _D + "EpubLicense"):
        dates = {text(one, "EpubLicenseDateRole"): text(one, "Date") for one in licence.iterfind("EpubLicenseDate")}
        name = text(licence, "EpubLicenseName")
        if dates.keys() & {"15", "24"}:
            notes.add("licence_limited", line=line_of(licence, notes), path="EpubLicense", seen=name)
            continue
        links = [
            text(one, "EpubLicenseExpressionLink")
            for one in licence.iterfind("EpubLicenseExpression")
            if text(one, "EpubLicenseExpressionType") not in ("03", "04", "21")
        ]
        start = notes.date(dates.get("14", ""), "EpubLicense/EpubLicenseDate")
        found.extend(
            LicenceAssertion(name, link, "whole", start, "onix:EpubLicense") for link in links or [""] if name or link
        )
    return tuple(found)


def signals(product: Element, notes: Notes) -> tuple[UsageSignal, ...]:
    """Usage constraints. List 145 code 11 prohibited (List 146 03) is a reservation; every other one is evidence
    only.
    """
    found = []
    for one in product.iterfind(_D + "EpubUsageConstraint"):
        usage, status = text(one, "EpubUsageType"), text(one, "EpubUsageStatus")
        reserve = usage == "11" and status == "03"
        if usage == "11" and status == "02":
            notes.add("usage_limited", line=line_of(one, notes), path="EpubUsageConstraint", seen=own_text(one))
        limits = "; ".join(own_text(limit) for limit in one.iterfind("EpubUsageLimit"))
        evidence = f"EpubUsageType {usage}, EpubUsageStatus {status}" + (f", limits: {limits}" if limits else "")
        found.append(UsageSignal("reserve" if reserve else "evidence", f"onix:145:{usage}", status, evidence))
    return tuple(found)


def sales_rights(product: Element) -> tuple[SalesRight, ...]:
    """Sales rights of 3.x and 2.1 with their territories as sent."""
    found = []
    for right in every(product, "PublishingDetail/SalesRights", "SalesRights", "NotForSale"):
        code = text(right, "SalesRightsType") or ("03" if right.tag == "NotForSale" else "")
        included = codes(
            right, "Territory/CountriesIncluded", "Territory/RegionsIncluded", "RightsCountry", "RightsTerritory"
        )
        excluded = codes(right, "Territory/CountriesExcluded", "Territory/RegionsExcluded")
        found.append(SalesRight(code, _FOR_SALE.get(code), included, excluded))
    rest = text(product, "PublishingDetail/ROWSalesRightsType")
    if rest:
        found.append(SalesRight(rest, _FOR_SALE.get(rest), ("ROW",), ()))
    return tuple(found)


def subjects(product: Element) -> tuple[Subject, ...]:
    """Subjects in order; keyword lists are cut at semicolons."""
    found: dict[tuple[str, str, str], Subject] = {}
    for code in (text(product, "BASICMainSubject"),):
        if code:
            found[("bisac", code, "")] = Subject("bisac", code)
    for one in every(product, _D + "Subject", "Subject", "MainSubject"):
        listed = text(one, "SubjectSchemeIdentifier", "MainSubjectSchemeIdentifier")
        scheme = _SUBJECTS.get(listed, f"onix:{listed}" if listed else "own")
        code, heading = text(one, "SubjectCode"), text(one, "SubjectHeadingText")
        headings = re.split(r"\s*;\s*", heading) if scheme == "keyword" else [heading]
        for part in headings:
            if code or part:
                found.setdefault((scheme, code, part), Subject(scheme, code, part))
    return tuple(found.values())


def measures(product: Element) -> tuple[MeasureHint, ...]:
    """Extents the sender states (Lists 23 and 24) in our units."""
    found = []
    for extent in every(product, _D + "Extent", "Extent"):
        kind, unit = text(extent, "ExtentType"), text(extent, "ExtentUnit")
        hint = _measure(text(extent, "ExtentValue"), unit, f"onix:Extent {kind}")
        if hint is not None:
            found.append(hint)
    pages = text(product, "NumberOfPages")
    if pages.isascii() and pages.isdigit() and len(pages) < 9:
        found.append(MeasureHint("pages", int(pages), "onix:NumberOfPages"))
    return tuple(found)


def _measure(value: str, unit: str, source: str) -> MeasureHint | None:
    if unit in ("15", "16") and value.isascii() and value.isdigit() and 5 <= len(value) <= 9:
        clock = value if unit == "16" else value + "00"
        return MeasureHint("seconds", int(clock[:-4]) * 3600 + int(clock[-4:-2]) * 60 + int(clock[-2:]), source)
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    if not number.is_finite() or not 0 <= number < 10**12:
        return None
    plain: Mapping[str, tuple[str, int]] = {
        "01": ("characters", 1), "02": ("words", 1), "03": ("pages", 1), "04": ("seconds", 3600), "05": ("seconds", 60),
        "06": ("seconds", 1), "14": ("seconds", 3600), "17": ("bytes", 1), "18": ("bytes", 1024),
        "19": ("bytes", 1048576),
    }  # fmt: skip
    known = plain.get(unit)
    if known is None:
        return None
    kind, factor = known
    whole = int(number * factor)
    match kind:
        case "characters" | "words" | "pages" | "seconds" | "bytes":
            return MeasureHint(kind, whole, source)
    return None


def origin(product: Element, people: Sequence[Contributor], notes: Notes) -> tuple[Origin, str]:
    """What the record says about AI, and the words it says it with.

    An unnamed AI (List 19 code 09) as the only one behind the text is synthetic, beside people ai_assisted; its cover
    says nothing about the text. A synthesised voice is ai_assisted. Website roles 55 and 56 (no AI content, certified
    or declared) say human. Both together say nothing: unknown, with a note.
    """
    machine = [one for one in people if one.unnamed == "ai" and one.role not in ("cover_artist", "designer")]
    voice = [one for one in people if one.unnamed == "synthesised_voice"]
    denied = sorted(set(_denials(product)))
    if denied and machine:
        notes.add("origin_contradiction", path="Contributor/UnnamedPersons", seen="09", expected="no WebsiteRole 55/56")
        return "unknown", ""
    if machine:
        authors = [one for one in people if one.role in _TEXT_ROLES and not one.unnamed]
        leading = any(one.role in ("author", "creator") for one in machine)
        return "synthetic" if leading and not authors else "ai_assisted", "onix:UnnamedPersons 09"
    if voice:
        return "ai_assisted", "onix:UnnamedPersons synthesised voice"
    return ("human", f"onix:WebsiteRole {', '.join(denied)}") if denied else ("unknown", "")


def _denials(product: Element) -> Iterator[str]:
    for role in product.iter("WebsiteRole"):
        if own_text(role) in ("55", "56"):
            yield own_text(role)


def form(product: Element) -> tuple[str, str]:
    """Our form, and the codes it comes from (Lists 150 and 81; the letters of List 7 mean the same)."""
    code = text(product, _D + "ProductForm", "ProductForm")
    content = text(product, _D + "PrimaryContentType")
    detail = [own_text(one) for one in every(product, _D + "ProductFormDetail", "ProductFormDetail")]
    sent = " ".join(part for part in (code, content, *detail) if part)
    if content in _CONTENT and code[:1] in ("D", "E", "L", "S", ""):
        return _CONTENT[content], sent
    if code[:1] in ("D", "E", "L"):
        return ("audio" if any(one.startswith("A1") for one in detail) else "book"), sent
    return _FORMS.get(code) or _FORMS.get(code[:1], "other"), sent


def training_file(product: Element) -> str:
    """The link of a supporting resource that is training data (List 158 code 60), "" when there is none."""
    for resource in product.iterfind("CollateralDetail/SupportingResource"):
        if text(resource, "ResourceContentType") == "60":
            return text(resource, ".//ResourceLink")
    return ""
