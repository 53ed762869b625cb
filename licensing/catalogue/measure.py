"""Measures of a text, taken at intake and never on trust: characters, words and tokens. Rule version `measure-1`."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

VERSION = "measure-1"

# One ideograph, kana or hangul syllable is a word and a token of its own; other scripts are written with spaces.
_CJK = "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+(?:['’\-][^\W_{_CJK}]+)*")
_TOKEN = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+|[^\w\s]|_")


@dataclass(frozen=True, slots=True)
class TextMeasures:
    """Counts over the NFC form of a text."""

    characters: int
    words: int
    tokens: int


def measure(text: str) -> TextMeasures:
    """Count characters (code points), words, and tokens (words and marks, each ideograph one) of the NFC form."""
    normal = unicodedata.normalize("NFC", text)
    return TextMeasures(len(normal), sum(1 for _ in _WORD.finditer(normal)), sum(1 for _ in _TOKEN.finditer(normal)))
