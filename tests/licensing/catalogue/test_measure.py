"""Measures of a text: the same for every way of writing it down, without spaces too."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licensing.catalogue import words
from licensing.catalogue.measure import measure


@pytest.mark.parametrize(
    ("text", "characters", "counted", "tokens"),
    [
        ("", 0, 0, 0),
        ("It's a well-known lamp.", 23, 4, 9),
        ("\u6e21\u53e3\u7684\u706f\u3002", 5, 4, 5),
        ("GPT-4 \u8bfb\u4e66", 8, 3, 5),
        ("caf\u0065\u0301", 4 + 1, 1, 1),
    ],
)
def test_known_texts(text: str, characters: int, counted: int, tokens: int) -> None:
    found = measure(text)
    assert (found.words, found.tokens) == (counted, tokens)
    assert found.characters == len(unicodedata.normalize("NFC", text)) <= characters


@given(st.text())
def test_composed_or_decomposed_is_the_same(text: str) -> None:
    assert measure(unicodedata.normalize("NFD", text)) == measure(unicodedata.normalize("NFC", text))


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=60))
def test_every_part_of_a_text_is_found_in_it(before: str, asked: str, after: str) -> None:
    """A question's lexemes are among the text's, when its words stand in it as words."""
    held = set(words.lexemes(f"{before} {asked} {after}"))
    wanted = [lexeme.strip("'") for lexeme in words.question(asked).split(" & ") if lexeme]
    assert set(wanted) <= held


def test_chinese_is_asked_by_pairs_and_single_characters() -> None:
    assert words.question("\u8239\u95f8") == "'\u8239\u95f8'"
    assert words.question("\u8336") == "'\u8336'"
    assert words.question("\u5c71\u6c34\u753b lamp") == "'\u5c71\u6c34' & '\u6c34\u753b' & 'lamp'"
    assert words.question("!?") == ""
