"""Text that compresses like prose, made from a seed: no data set is needed, and everybody measures the same bytes.

A vocabulary of invented words with the frequencies of natural language (Zipf-Mandelbrot), phrases of two to five
words that come back, sentences and paragraphs of varying length. zstd 3 makes it 2.9 times smaller in pages of
1 MiB; 17 English novels 2.5 to 3 times.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Final, NamedTuple

SEED: Final = 20_260_101
MIB: Final = 1024 * 1024
BASE: Final = 48 * MIB
"""Size of the text documents are cut from: far more than the 2 MiB zstd 3 looks back."""
_SIZES: Final = {"1 KB": (1_024, 1_024), "4 KB": (4_096, 4_096), "short": (1_024, 8_192), "novels": (150_000, MIB)}
_WORDS, _PHRASES = 24_000, 60_000
_ONSETS = [
    "b", "bl", "br", "c", "ch", "cl", "cr", "d", "dr", "f", "fl", "fr", "g", "gr", "h", "j", "k", "l", "m", "n",
    "p", "pl", "pr", "qu", "r", "s", "sc", "sh", "sl", "sp", "st", "str", "t", "th", "tr", "v", "w", "wh",
]  # fmt: skip
_VOWELS = ["a", "e", "i", "o", "u", "ai", "ea", "ee", "ie", "oa", "oo", "ou"]
_CODAS = ["", "n", "r", "s", "t", "l", "d", "m", "nd", "st", "ng", "ck", "nt", "ll", "ss"]
_ENDINGS = ["", "", "ed", "ing", "ly", "er", "ness", "s", "s", "able", "tion"]


class Piece(NamedTuple):
    """One document: where its bytes are in the base text, and its number."""

    number: int
    start: int
    size: int


def base(folder: Path) -> Path:
    """The base text as a file, made on the first call. ASCII: every cut is whole characters."""
    path = folder / f"base-{SEED}-{BASE}.txt"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        with part.open("wb") as file:
            written = 0
            for paragraph in _paragraphs(random.Random(SEED)):  # noqa: S311 -- a seed, not a secret
                written += file.write(paragraph[: BASE - written])
                if written == BASE:
                    break
        part.replace(path)
    return path


def pieces(kind: str, total: int) -> list[Piece]:
    """Documents of a kind (`1 KB`, `4 KB`, `novels`, `mix`) with at least `total` bytes together."""
    chance = random.Random(f"{SEED} {kind}")  # noqa: S311 -- a seed, not a secret
    found: list[Piece] = []
    reached = 0
    while reached < total:
        size = _size(kind, chance)
        found.append(Piece(len(found), chance.randrange(BASE - size), size))
        reached += size
    return found


def _size(kind: str, chance: random.Random) -> int:
    """Bytes of the next document; in the mix, 9 of 10 are short and most bytes are in the long ones."""
    if kind == "mix":
        kind = "short" if chance.random() < 0.9 else "long"
    if kind == "long":  # log-uniform
        return int(8_192 * 128 ** chance.random())
    low, high = _SIZES[kind]
    return chance.randint(low, high)


def _paragraphs(chance: random.Random) -> Iterator[bytes]:
    tokens, weights = _tokens(chance)
    while True:
        sentences = [
            " ".join(chance.choices(tokens, cum_weights=weights, k=chance.randint(3, 14))).capitalize()
            + chance.choice((".", ".", ".", ".", "?", "!", ";"))
            for _ in range(chance.randint(2, 9))
        ]
        yield (" ".join(sentences) + "\n\n").encode()


def _tokens(chance: random.Random) -> tuple[list[str], list[float]]:
    """Words and phrases with their cumulated weights."""
    words = sorted({_word(chance) for _ in range(_WORDS)}, key=lambda word: (len(word) + chance.random() * 6, word))
    ranks = list(accumulate(1 / (rank + 2.7) for rank in range(len(words))))
    phrases = [
        " ".join(chance.choices(words, cum_weights=ranks, k=chance.randint(2, 5))) + chance.choice(("", "", "", ","))
        for _ in range(_PHRASES)
    ]
    rare = [ranks[-1] + 0.85 * weight for weight in accumulate(1 / (rank + 40) for rank in range(_PHRASES))]
    return words + phrases, ranks + rare


def _word(chance: random.Random) -> str:
    syllables = chance.choices((1, 2, 3), weights=(4, 5, 2))[0]
    stem = "".join(chance.choice(_ONSETS) + chance.choice(_VOWELS) + chance.choice(_CODAS) for _ in range(syllables))
    return stem + chance.choice(_ENDINGS)
