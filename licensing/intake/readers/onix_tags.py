"""ONIX tag names: short to reference, from the schemas that the onixcheck package carries; and small tree helpers.

EDItEUR's schemas and code lists are not copied into this project; codes that mean something to us are named
where used.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from typing import Final

from lxml import etree

from licensing.intake import xml

Element = etree._Element  # noqa: SLF001  lxml gives its element class no public name
_SCHEMAS: Final[Mapping[str, tuple[str, ...]]] = {
    "2.1": ("xsd2.1/ONIX_BookProduct_Release2.1_short.xsd",),
    # A tag retired in 3.1 still means what it meant, so 3.x feeds are read with both.
    "3.0": ("xsd3.1/ONIX_BookProduct_3.1_short.xsd", "xsd3.0/ONIX_BookProduct_3.0_short.xsd"),
    "3.1": ("xsd3.0/ONIX_BookProduct_3.0_short.xsd", "xsd3.1/ONIX_BookProduct_3.1_short.xsd"),
}
_XSD: Final = "{http://www.w3.org/2001/XMLSchema}"


@functools.cache
def reference_names(version: str) -> Mapping[str, str]:
    """Short tag -> reference tag of an ONIX version (2.1, 3.0, 3.1)."""
    names: dict[str, str] = {}
    for path in _SCHEMAS[version]:
        data = resources.files("onixcheck").joinpath("schema").joinpath(path).read_bytes()
        names.update(_pairs(etree.fromstring(data, xml.parser())))
    return names


def _pairs(schema: Element) -> Iterator[tuple[str, str]]:
    for element in schema.iterchildren(_XSD + "element"):
        name = element.get("name")
        for attribute in element.iter(_XSD + "attribute"):
            if attribute.get("name") != "refname":
                continue
            fixed = attribute.get("fixed") or next(
                (value.get("value") for value in attribute.iter(_XSD + "enumeration")), None
            )
            if name and fixed:
                yield name, fixed
            break


def to_reference(element: Element, version: str, *, short: bool) -> None:
    """Rename a tree in place: namespaces dropped, short tags to reference tags; unknown ones keep their local
    name.
    """
    names = reference_names(version) if short else {}
    for node in element.iter(etree.Element):
        local = str(node.tag).rpartition("}")[2]
        node.tag = names.get(local, local)


def text(element: Element | None, *paths: str) -> str:
    """The text of the first path that holds any, inner markup flattened, white space collapsed; "" when none does."""
    if element is None:
        return ""
    for path in paths:
        for found in _at(element, path):
            value = own_text(found)
            if value:
                return value
    return ""


def _at(element: Element, path: str) -> Iterator[Element]:
    """`iterfind`, without its detour for a path that is the name of a child."""
    return element.iterfind(path) if "/" in path else element.iterchildren(path)


def own_text(element: Element) -> str:
    """The text of this element, white space collapsed."""
    if len(element):
        return " ".join("".join(map(str, element.itertext())).split())
    return " ".join((element.text or "").split())


def every(element: Element, *paths: str) -> Iterator[Element]:
    """All elements at any of the paths, path by path."""
    for path in paths:
        yield from _at(element, path)


def codes(element: Element, *paths: str) -> tuple[str, ...]:
    """All space-separated codes at the paths (territory lists)."""
    return tuple(code for found in every(element, *paths) for code in own_text(found).split())


def first_of(pairs: Iterable[tuple[str, Element]], *wanted: str) -> Element | None:
    """The first element whose code is the earliest of the wanted ones."""
    listed = list(pairs)
    for code in wanted:
        for found, element in listed:
            if found == code:
                return element
    return None
