"""Documents say what is there."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from django.core.management.base import CommandParser

from marketplace.management import commands
from marketplace.reference.answers import ANSWERS
from tests.architecture.source import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")
README_LINES = 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [link for link in LINK.findall(text) if not (page.parent / link).exists()] == []


def test_the_readme_is_short_and_its_targets_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= README_LINES
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", text)) | set(re.findall(r"^make ([a-z]+)", text, re.MULTILINE))
    assert {"demo", "test", "check"} <= named <= targets


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs/decisions"
    listed = set(LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    assert listed == {page.name for page in folder.glob("*.md")} - {"README.md"}


def test_commands_with_json_name_their_keys() -> None:
    silent, named = [], set()
    for module in pkgutil.iter_modules(commands.__path__):
        command = importlib.import_module(f"{commands.__name__}.{module.name}").Command()
        parser = CommandParser(prog=module.name, add_help=False)
        command.add_arguments(parser)
        named.add(module.name)
        if any("--json" in action.option_strings for action in parser._actions) and module.name not in ANSWERS:
            silent.append(module.name)
    assert silent == [], "write the keys of their answers into marketplace/reference/answers.py"
    assert len(named) > 5
