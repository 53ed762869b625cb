"""Every sentence exists in Chinese, the compiled catalogue is the written one, and every code has its page."""

from __future__ import annotations

import ast
import gettext
import io
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.apps import apps

from accounts.models import ROLES
from licensing.catalogue.models import FORMS, ORIGINS, PERSONAL_DATA, SOURCE_KINDS, THIRD_PARTY
from licensing.catalogue.services import PARTY_KINDS
from licensing.delivery.facts import KINDS as RELEASE_KINDS
from licensing.intake.plan import OUTCOMES
from licensing.ledger.models import KINDS as LEDGER_KINDS
from licensing.payments.services import METHODS
from licensing.rights.scopes import LEVELS
from licensing.rights.services import BASES, CONSENTS, DERIVATIONS
from licensing.rights.terms import SURVIVALS
from marketplace.admin import columns
from marketplace.admin.site import site
from marketplace.api import errors
from marketplace.web import codes

ROOT = Path(__file__).parents[3]
CATALOGUE = ROOT / "locale/zh_Hans/LC_MESSAGES/django.po"
PAGES = [
    *ROOT.glob("marketplace/web/**/*.html"),
    *ROOT.glob("marketplace/templates/**/*.html"),
    *ROOT.glob("marketplace/web/*.py"),
    *ROOT.glob("marketplace/admin/*.py"),
]
_TAG = re.compile(r"""\{% *trans(?:late)? +(["'])(.*?)\1""")
_BLOCK = re.compile(r"\{% *blocktrans(?:late)?[^%]*%\}(.*?)\{% *endblocktrans", re.DOTALL)
_SLOT = re.compile(r"\{\{ *(\w+) *\}\}")
_FUNCTIONS = frozenset({"_", "gettext", "gettext_lazy"})


def _sentences() -> Iterator[tuple[str, str]]:
    for path in PAGES:
        text = path.read_text("utf-8")
        if path.suffix == ".html":
            yield from ((path.name, found[1]) for found in _TAG.findall(text))
            yield from ((path.name, _SLOT.sub(r"%(\1)s", found)) for found in _BLOCK.findall(text))
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
                first = node.args[0]
                assert isinstance(first, ast.Constant), f"{path.name}: a sentence must stand where it is translated"
                yield path.name, str(first.value)


def test_every_sentence_is_translated() -> None:
    with CATALOGUE.open("rb") as file:
        known = {message.id: message.string for message in read_po(file) if message.id and not message.context}
    assert len(PAGES) > 20
    assert sorted({found for found in _sentences() if not known.get(found[1])}) == []


def _known(context: str | None = None) -> set[str]:
    with CATALOGUE.open("rb") as file:
        return {str(each.id) for each in read_po(file) if each.id and each.string and each.context == context}


def test_every_column_of_the_administration_is_translated() -> None:
    names = {
        columns.named(field)
        for model, page in site._registry.items()
        for field in model._meta.concrete_fields
        if field.name not in {*page.hidden, "id", "public_id"}  # type: ignore[attr-defined]  # all are Reading
    }
    assert len(names) > 150
    assert sorted(names - _known()) == []


def test_every_word_of_a_vocabulary_is_translated() -> None:
    states = {state for model in apps.get_models() if hasattr(model, "STATES") for state in model.STATES.all}
    vocabularies = (
        ROLES, LEDGER_KINDS, FORMS, ORIGINS, SOURCE_KINDS, PERSONAL_DATA, THIRD_PARTY, PARTY_KINDS, LEVELS, BASES,
        CONSENTS, DERIVATIONS, OUTCOMES, RELEASE_KINDS, METHODS, SURVIVALS, ("cleared", "needs_approval", "refused"),
        ("error", "warning", "note"), ("terms", "open_licence", "public_domain", "mixed"), ("root", "derived"),
        ("asserted", "verified", "not_needed"), ("reserve", "withhold"), ("identifier", "content"),
    )  # fmt: skip
    words = {word.replace("_", " ") for vocabulary in (states, *vocabularies) for word in vocabulary}
    assert sorted(words - _known("value")) == []


def test_no_translation_is_empty_fuzzy_or_loses_a_place() -> None:
    with CATALOGUE.open("rb") as file:
        messages = [message for message in read_po(file) if message.id]
    place = re.compile(r"%\(\w+\)s|</?\w+>")
    for message in messages:
        assert message.string, message.id
        assert not message.fuzzy, message.id
        assert sorted(place.findall(str(message.id))) == sorted(place.findall(str(message.string)))


def test_the_compiled_catalogue_is_the_written_one() -> None:
    with CATALOGUE.open("rb") as file:
        written = io.BytesIO()
        write_mo(written, read_po(file))
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    written.seek(0)
    assert _texts(compiled) == _texts(gettext.GNUTranslations(written))


def _texts(catalogue: gettext.GNUTranslations) -> dict[object, str]:
    """All entries but the header, in which each tool writes its own name."""
    found: dict[object, str] = catalogue._catalog  # type: ignore[attr-defined]  # gettext has no way to list them
    return {key: text for key, text in found.items() if key}


def _refusals() -> set[str]:
    """Codes of every Refused("...") and Reason("...") in the source."""
    found = set()
    for top in ("accounts", "licensing", "marketplace"):
        for path in (ROOT / top).rglob("*.py"):
            if "sandbox" in path.parts or "demo" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"Refused", "Reason"} and node.args:
                    first = node.args[0]
                    if isinstance(first, ast.Constant):
                        found.add(str(first.value))
    return found


def test_every_problem_code_has_a_page() -> None:
    known = {*codes.error_file(), *codes._codes("issues")}
    assert sorted({*_refusals(), *errors.STATUS} - known) == []


def test_every_explanation_is_in_both_languages() -> None:
    for kind in ("reasons", "errors", "issues"):
        english, chinese = codes.listed(kind, "en"), codes.listed(kind, "zh-hans")
        assert [each.code for each in english] == [each.code for each in chinese]
        assert all(each.sentence for each in english)
        assert all(re.search(r"[\u4e00-\u9fff]", each.sentence) for each in chinese)


def test_what_a_reason_says_is_said_in_the_language_of_the_page() -> None:
    for each in codes.listed("reasons", "zh-hans"):
        assert {language for *_, language in each.facts} == {"zh"}, each.code
        _, change, lifted, example = (text for _, text, _ in each.facts)
        assert re.search(r"[\u4e00-\u9fff]", change), each.code
        assert re.search(r"[\u4e00-\u9fff]", lifted), each.code
        assert example != codes.explain("reasons", each.code, "en").facts[3][1], each.code  # type: ignore[union-attr]  # it is there


def test_no_placeholder_is_left_in_an_explanation() -> None:
    text = "".join(
        fact[1] + each.sentence
        for language in ("en", "zh")
        for each in codes.listed("issues", language)
        for fact in each.facts
    )
    assert "{" not in text
