"""Words of a text as they are indexed and asked for: one way for both, or a search would miss what is there.

Pure. Scripts with spaces give case-folded words; Chinese, Japanese and Korean give every character and every pair of
neighbours, so that a word of any length is found without a dictionary. The lexemes go into a tsvector as they are
(`array_to_tsvector`), which is what the configuration `simple` would make of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

LONGEST: Final = 60
"""Characters of a lexeme; longer words are cut, in the index and in questions alike."""
MOST: Final = 400
"""Lexemes kept of one text."""

_CJK: Final = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUN: Final = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+")
_ASCII_RUN: Final = re.compile("[a-z0-9]+")
_IS_CJK: Final = re.compile(rf"[{_CJK}]")


def lexemes(*texts: str) -> list[str]:
    """All lexemes of the texts, each once, in order of appearance, at most MOST."""
    found: dict[str, None] = {}
    for text in texts:
        if text.isascii():
            found.update(dict.fromkeys(run[:LONGEST] for run in _ASCII_RUN.findall(text.casefold())))
            continue
        for run in _runs(text):
            found.update(dict.fromkeys(_indexed(run)))
    return list(found)[:MOST]


def question(text: str) -> str:
    """A tsquery (as text, for a cast) that wants every word of `text`; "" when there is no word in it."""
    asked = dict.fromkeys(lexeme for run in _runs(text) for lexeme in _asked(run))
    return " & ".join(f"'{lexeme}'" for lexeme in list(asked)[:MOST])


def _runs(text: str) -> Iterator[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return (match[0] for match in _RUN.finditer(folded))


def _indexed(run: str) -> Iterable[str]:
    return [*run, *_pairs(run)] if _IS_CJK.match(run) else [run[:LONGEST]]


def _asked(run: str) -> Iterable[str]:
    if not _IS_CJK.match(run):
        return [run[:LONGEST]]
    return _pairs(run) or [run]


def _pairs(run: str) -> list[str]:
    return [run[start : start + 2] for start in range(len(run) - 1)]
