"""Parts of an ONIX product: identifiers, titles, contributors, dates. ONIX 2.1 paths stand beside those of 3.x."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal

from licensing.catalogue.identifiers import CONTAINER_SCHEMES, Identifier
from licensing.intake.readers import values
from licensing.intake.readers.onix_tags import Element, every, first_of, own_text, text
from licensing.intake.readers.outcomes import Notes
from licensing.intake.record import Contributor, DateFact, Level, RecordIdentifier, Relation

# ONIX code lists 5 (product), 13 (collection), 16 (work), 44 (name): code -> our scheme. Others are kept as
# own:<code>:<value>.
_SCHEMES: Final[Mapping[str, str]] = {
    "01": "own", "02": "isbn", "03": "gtin", "04": "gtin", "05": "ismn", "06": "doi", "14": "gtin", "15": "isbn",
    "22": "uri", "25": "ismn", "26": "doi", "34": "gtin",
}  # fmt: skip
_COLLECTION: Final[Mapping[str, str]] = {
    "01": "own", "02": "issn", "06": "doi", "15": "isbn", "22": "uri", "38": "issn",
}  # fmt: skip
_WORK: Final[Mapping[str, str]] = {
    "01": "own", "02": "isbn", "06": "doi", "11": "istc", "15": "isbn", "18": "isrc", "19": "isan", "31": "doi",
}  # fmt: skip
_NAME: Final[Mapping[str, str]] = {"01": "own", "02": "own", "16": "isni", "21": "orcid", "39": "ipi", "40": "ror"}
# List 19
_UNNAMED: Final[Mapping[str, str]] = {
    "01": "unknown", "02": "anonymous", "03": "et_al", "04": "various", "05": "synthesised_voice",
    "06": "synthesised_voice", "07": "synthesised_voice", "08": "synthesised_voice", "09": "ai",
}  # fmt: skip
# Lists 51 (related products) and 164 (related works); the names are ours. What a work is made from is an underlying
# work of it whichever of the two says so: `derived_from` and `source_of` are the same statement from both ends.
_PRODUCT_RELATIONS: Final[Mapping[str, str]] = {
    "01": "includes", "02": "part_of", "03": "replaces", "05": "replaced_by", "06": "alternative_format",
    "13": "based_on_print", "27": "available_as_electronic", "42": "edition_of", "43": "adaptation_of",
    "44": "adapted_as",
}  # fmt: skip
_WORK_RELATIONS: Final[Mapping[str, str]] = {
    "01": "manifestation_of", "06": "manifestation_of", "02": "derived_from", "03": "source_of",
    "21": "adaptation_of", "22": "edition_of", "23": "adaptation_of", "24": "edition_of", "25": "adaptation_of",
    "26": "edition_of", "27": "edition_of", "28": "edition_of", "29": "translation_of", "30": "adaptation_of",
    "31": "edition_of",
    "41": "adapted_as", "42": "revised_as", "43": "adapted_as", "44": "revised_as", "45": "adapted_as",
    "46": "revised_as", "47": "revised_as", "48": "revised_as", "49": "translated_as", "50": "adapted_as",
    "51": "revised_as",
}  # fmt: skip
_D: Final = "DescriptiveDetail/"


def _identifier(element: Element, code_path: str, schemes: Mapping[str, str], notes: Notes) -> Identifier | None:
    code, value = text(element, code_path), text(element, "IDValue")
    if not value:
        return None
    scheme = schemes.get(code, "own")
    if code not in schemes:
        value = f"{code}:{value}"
    elif scheme == "own" and (kind := text(element, "IDTypeName")):
        value = f"{kind}:{value}"
    return notes.identifier(scheme, value, f"{element.tag}/IDValue", line=line_of(element, notes))


def line_of(element: Element, notes: Notes) -> int:
    """The line of an element in the file; each record is parsed alone, so its own lines begin at 1."""
    found: object = element.sourceline
    return notes.line + (found if isinstance(found, int) else 1) - 1


def identifiers(product: Element, notes: Notes, *, is_set: bool) -> tuple[RecordIdentifier, ...]:
    """All identifiers of a product with what they name, without repetitions."""
    found: dict[tuple[str, str, str], RecordIdentifier] = {}
    level: Level
    sources: tuple[tuple[str, str, Mapping[str, str], Level], ...] = (
        ("ProductIdentifier", "ProductIDType", _SCHEMES, "container" if is_set else "product"),
        (_D + "Collection/CollectionIdentifier", "CollectionIDType", _COLLECTION, "container"),
        ("Series/SeriesIdentifier", "SeriesIDType", _COLLECTION, "container"),
        ("Set/ProductIdentifier", "ProductIDType", _SCHEMES, "container"),
        ("WorkIdentifier", "WorkIDType", _WORK, "work"),
    )
    for path, code_path, schemes, level in sources:
        for element in product.iterfind(path):
            made = _identifier(element, code_path, schemes, notes)
            if made is not None:
                held: Level = "container" if made.scheme in CONTAINER_SCHEMES else level
                found.setdefault((held, made.scheme, made.value), RecordIdentifier(made, held))
    for item in _plain(product, notes):
        found.setdefault((item.level, item.identifier.scheme, item.identifier.value), item)
    return tuple(found.values())


def _plain(product: Element, notes: Notes) -> Iterator[RecordIdentifier]:
    """ONIX 2.1's identifiers that stand in elements of their own."""
    plain: tuple[tuple[str, str, Level], ...] = (
        ("ISBN", "isbn", "product"),
        ("EAN13", "gtin", "product"),
        ("DOI", "doi", "product"),
        ("Series/SeriesISSN", "issn", "container"),
        ("Set/ISBNOfSet", "isbn", "container"),
    )
    for path, scheme, level in plain:
        value = text(product, path)
        if value:
            yield RecordIdentifier(notes.identifier(scheme, value, path), level)


def titles(product: Element) -> tuple[str, str, str]:
    """Title, subtitle and original title (List 15: 01 distinctive, 00 unspecified, 03 original)."""
    found = [(text(one, "TitleType"), one) for one in every(product, _D + "TitleDetail", "Title")]
    main = first_of(found, "01", "00")
    original = first_of(found, "03")
    title, subtitle = _title(main) if main is not None else (text(product, "DistinctiveTitle"), "")
    return title, subtitle or text(product, "Subtitle"), _title(original)[0] if original is not None else ""


def _title(detail: Element) -> tuple[str, str]:
    elements = list(detail.iterfind("TitleElement")) or [detail]
    levels = [(text(one, "TitleElementLevel") or "01", one) for one in elements]
    own = first_of(levels, "01", "03", "04")
    if own is not None and _title_text(own):
        return _title_text(own), text(own, "Subtitle")
    # A volume without a title of its own is named by its collection and its number.
    parts = [part for _, one in levels for part in (_title_text(one), text(one, "PartNumber")) if part]
    return (" ".join(parts) if any(_title_text(one) for one in elements) else ""), text(detail, ".//Subtitle")


def _title_text(element: Element) -> str:
    whole = text(element, "TitleText")
    if whole:
        return whole
    return " ".join(part for part in (text(element, "TitlePrefix"), text(element, "TitleWithoutPrefix")) if part)


def contributors(product: Element, notes: Notes) -> tuple[Contributor, ...]:
    """Everybody named, in order, once per role."""
    found: list[Contributor] = []
    for index, element in enumerate(every(product, _D + "Contributor", "Contributor"), start=1):
        found.extend(_contributor(element, index, notes))
    return tuple(found)


def _contributor(element: Element, index: int, notes: Notes) -> Iterator[Contributor]:
    name, kind = _name(element)
    unnamed_code = text(element, "UnnamedPersons")
    unnamed = _UNNAMED.get(unnamed_code, "unknown" if unnamed_code else "")
    line = line_of(element, notes)
    if not name and not unnamed:
        notes.add("contributor_nameless", line=line, path="Contributor")
    identifiers_ = tuple(_name_identifiers(element, notes))
    number = text(element, "SequenceNumber")
    roles = [own_text(role) for role in element.iterfind("ContributorRole")] or [""]
    for code in roles:
        yield Contributor(
            sequence=int(number) if number.isascii() and number.isdigit() and len(number) < 6 else index,
            role=_role(code, notes, line),
            role_sent=code,
            name=name,
            key_name=text(element, "PersonNameInverted", "KeyNames", "CorporateNameInverted"),
            kind=kind,
            identifiers=identifiers_,
            unnamed=unnamed,
            born=_life(element, notes, "50", "007"),
            died=_life(element, notes, "51", "008"),
        )


def _role(code: str, notes: Notes, line: int) -> str:
    role = values.role_of_code(code)
    if role is None:
        notes.add("role_unknown", line=line, path="Contributor/ContributorRole", seen=code, expected="List 17")
    return role or "unknown"


def _name(element: Element) -> tuple[str, Literal["person", "organisation", "unknown"]]:
    corporate = text(element, "CorporateName", "CorporateNameInverted")
    whole = text(element, "PersonName")
    parts = ("TitlesBeforeNames", "NamesBeforeKey", "PrefixToKey", "KeyNames", "NamesAfterKey", "SuffixToKey")
    built = " ".join(part for part in (text(element, path) for path in parts) if part)
    person = whole or built or text(element, "PersonNameInverted")
    if person:
        return person, "person"
    return corporate, "organisation" if corporate else "unknown"


def _name_identifiers(element: Element, notes: Notes) -> Iterator[Identifier]:
    for found in every(element, "NameIdentifier", "PersonNameIdentifier"):
        path = "NameIDType" if found.tag == "NameIdentifier" else "PersonNameIDType"
        made = _identifier(found, path, _NAME, notes)
        if made is not None:
            yield made


def _life(element: Element, notes: Notes, role: str, old_role: str) -> DateFact | None:
    for date in element.iterfind("ContributorDate"):
        if text(date, "ContributorDateRole") == role:
            return notes.date(text(date, "Date"), "Contributor/ContributorDate", line=line_of(date, notes))
    for date in element.iterfind("PersonDate"):
        if text(date, "PersonDateRole") == old_role:
            return notes.date(text(date, "Date"), "Contributor/PersonDate", line=line_of(date, notes))
    return None


def dated(product: Element, notes: Notes, *roles: str) -> DateFact | None:
    """The publishing date with the earliest of the roles (List 163: 01 publication, 37 its year, 11 first publication
    of the work that is in the product).
    """
    found = [(text(one, "PublishingDateRole"), one) for one in product.iterfind("PublishingDetail/PublishingDate")]
    date = first_of(found, *roles)
    if date is None:
        return None
    return notes.date(text(date, "Date"), "PublishingDetail/PublishingDate", line=line_of(date, notes))


def relations(product: Element, notes: Notes) -> tuple[Relation, ...]:
    """Related works and products (codes as work:01, product:06, part)."""
    found: list[Relation] = []
    sources = (
        ("RelatedMaterial/RelatedWork", "WorkRelationCode", "work", _WORK_RELATIONS, "WorkIdentifier", "WorkIDType",
         _WORK),
        ("RelatedMaterial/RelatedProduct", "ProductRelationCode", "product", _PRODUCT_RELATIONS, "ProductIdentifier",
         "ProductIDType", _SCHEMES),
        ("RelatedProduct", "RelationCode", "product", _PRODUCT_RELATIONS, "ProductIdentifier", "ProductIDType",
         _SCHEMES),
        (_D + "ProductPart", "", "part", {"": "includes"}, "ProductIdentifier", "ProductIDType", _SCHEMES),
    )  # fmt: skip
    for path, code_path, prefix, kinds, id_path, type_path, schemes in sources:
        for element in product.iterfind(path):
            code = text(element, code_path) if code_path else ""
            made = tuple(
                one
                for one in (_identifier(item, type_path, schemes, notes) for item in element.iterfind(id_path))
                if one is not None
            )
            label = f"{prefix}:{code}" if code else prefix
            if made:
                found.append(Relation(kinds.get(code, ""), label, made, text(element, ".//TitleText")))
    return tuple(found)
