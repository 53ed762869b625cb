"""Our tables of ONIX codes against the official lists in the onixcheck package: no code is remembered wrong."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from importlib import resources

import pytest
from lxml import etree

from licensing.intake.readers import onix, onix_parts, onix_rights, values
from licensing.intake.record import UNNAMED

XSD = "{http://www.w3.org/2001/XMLSchema}"


@functools.cache
def official(number: int) -> Mapping[str, str]:
    """Code -> its words, of a list in ONIX 3.1 and what 2.1 had beside it."""
    found: dict[str, str] = {}
    for version in ("2.1", "3.0", "3.1"):
        path = f"schema/xsd{version}/ONIX_BookProduct_CodeLists.xsd"
        tree = etree.fromstring(resources.files("onixcheck").joinpath(path).read_bytes())
        for kind in tree.iterchildren(XSD + "simpleType"):
            if kind.get("name") == f"List{number}":
                found.update(
                    (str(one.get("value")), " ".join("".join(map(str, one.itertext())).split()).casefold())
                    for one in kind.iter(XSD + "enumeration")
                )
    return found


TABLES = [
    (onix._NOTIFICATIONS, 1), (onix_parts._SCHEMES, 5), (onix_parts._COLLECTION, 13), (onix_parts._WORK, 16),
    (onix_parts._NAME, 44), (onix_parts._UNNAMED, 19), (onix_parts._PRODUCT_RELATIONS, 51),
    (onix_parts._WORK_RELATIONS, 164), (onix_rights._FOR_SALE, 46), (onix_rights._SUBJECTS, 27),
    (onix_rights._CONTENT, 81),
]  # fmt: skip


@pytest.mark.parametrize(("table", "number"), TABLES, ids=[f"list {number}" for _, number in TABLES])
def test_every_code_is_in_the_official_list(table: Mapping[str, object], number: int) -> None:
    assert table.keys() - official(number).keys() == set()


def test_every_role_unnamed_person_and_notification_has_a_place() -> None:
    roles = json.loads(resources.files("licensing.intake").joinpath("data/roles.json").read_text())
    codes = [code for row in roles.values() for code in row["onix"]]
    assert len(codes) == len(set(codes))
    assert set(codes) == official(17).keys()
    assert onix_parts._UNNAMED.keys() == official(19).keys()
    assert set(onix_parts._UNNAMED.values()) <= UNNAMED
    assert onix._NOTIFICATIONS.keys() == official(1).keys()


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (1, "05", "delete"), (1, "08", "notice of sale"), (1, "09", "acquisition"), (1, "88", "test"),
        (1, "12", "supply"), (19, "09", "artificial intelligence"), (64, "05", "no longer our product"),
        (64, "07", "out of print"), (73, "55", "third-party certification of absence of ai"),
        (73, "56", "first-party declaration of absence of ai"), (145, "11", "text and data mining"),
        (146, "02", "limit"), (146, "03", "prohibited"), (158, "60", "llm training"), (163, "01", "publication date"),
        (163, "11", "first publication"), (163, "20", "original language"), (163, "37", "year of publication"),
        (218, "03", "additional license"), (218, "21", "additional license"), (260, "14", "valid from"),
        (260, "15", "valid until"), (260, "24", "until"), (44, "39", "ipi"), (44, "40", "ror"),
        (2, "10", "multiple-component"), (2, "31", "pack"), (150, "PI", "sheet music"), (7, "WX", "multiple copy pack"),
    ],
)  # fmt: skip
def test_codes_named_in_the_readers_mean_what_we_take_them_for(number: int, code: str, words: str) -> None:
    assert words in official(number)[code]


@pytest.mark.parametrize(
    ("kind", "words"),
    [("translation_of", "translation"), ("translated_as", "translation"), ("manifestation_of", "manifestation of")],
)
def test_relations_of_works_are_of_their_kind(kind: str, words: str) -> None:
    for code, ours in onix_parts._WORK_RELATIONS.items():
        if ours == kind:
            assert words in official(164)[code]
        if ours in ("adapted_as", "revised_as", "translated_as", "source_of"):
            assert "derived from this" in official(164)[code]


@pytest.mark.parametrize(
    ("code", "role"),
    [("A01", "author"), ("A17", "added_matter"), ("A56", "cover_artist"), ("B06", "translator"), ("B32", "reviser"),
     ("Z05", "author"), ("E07", "narrator"), ("a01", "author"), ("X99", None)],
)  # fmt: skip
def test_roles(code: str, role: str | None) -> None:
    assert values.role_of_code(code) == role
