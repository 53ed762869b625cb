"""docs/reference is generated from the code; here it is compared."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from marketplace.reference import documents
from tests.architecture.source import ROOT


@pytest.mark.parametrize("name", sorted(documents.ALL))
def test_the_document_on_disk_is_the_one_the_code_says(name: str) -> None:
    written = (ROOT / "docs/reference" / name).read_text(encoding="utf-8")
    assert documents.first_difference(documents.ALL[name](), written) is None, "run `make reference`"


def test_a_difference_is_named() -> None:
    assert documents.first_difference("a\nb\n", "a\nc\n") == (2, "b", "c")
    assert documents.first_difference("a\nb\n", "a\n") == (2, "b", "")
    assert documents.first_difference("a\n", "a\n") is None


def test_check_fails_when_a_document_is_missing(tmp_path: object) -> None:
    with pytest.raises(CommandError, match=r"states\.md"):
        call_command("reference", "--check", "--folder", str(tmp_path), "--only", "states.md")
