"""What is in a text file: strict UTF-8, its measures and its ISCC. A large file is read in a confined child."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from iscc_lib import gen_text_code_v0

from accounts.errors import Reason, Refused
from licensing.catalogue.measure import measure
from licensing.outside import confined

HERE: Final = 4 << 20
"""Bytes of a file that is read in this process: its memory is bounded by its size."""
MEMORY: Final = 2 << 30


@dataclass(frozen=True, slots=True)
class TextRead:
    """Measures of a text and its content code."""

    characters: int
    words: int
    tokens: int
    iscc: str


def read(path: Path, filename: str, *, size: int) -> TextRead:
    """Read a stored text of `size` bytes; `filename` is what its sender calls it.

    Raises Refused("content_empty"), ("content_not_text") with the first bad byte, or ("content_exhausting").
    """
    if size <= HERE:
        return _read(path.read_bytes(), filename)
    try:
        done = confined.run("licensing.catalogue.texts", str(path), filename, memory=MEMORY)
    except confined.Exhausted as exhausted:
        reason = Reason("content_exhausting", "", "", str(exhausted), f"{MEMORY} bytes of memory")
        raise Refused("content_exhausting", f"{filename} takes too much memory or time to read.", [reason]) from None
    answer: dict[str, Any] = orjson.loads(done.output)
    if "code" in answer:
        raise Refused(answer["code"], answer["message"], [Reason(**reason) for reason in answer["reasons"]])
    return TextRead(**answer)


def _read(data: bytes, filename: str) -> TextRead:
    text = _decode(data, filename)
    if not text.strip():
        reason = Reason("content_empty", "", "", "0 characters")
        raise Refused("content_empty", f"{filename} has no text in it.", [reason])
    counts = measure(text)
    return TextRead(counts.characters, counts.words, counts.tokens, gen_text_code_v0(text)["iscc"])


def _decode(data: bytes, filename: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = data.count(b"\n", 0, wrong.start) + 1
        reason = Reason(
            "content_not_text", "Text files are UTF-8.", "", f"byte 0x{data[wrong.start]:02x} in line {line}", "UTF-8"
        )
        raise Refused("content_not_text", f"{filename} is not UTF-8 text (line {line}).", [reason]) from None
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        reason = Reason("content_not_text", "A NUL character is no text.", "", f"NUL in line {line}", "text")
        raise Refused("content_not_text", f"{filename} contains NUL characters.", [reason])
    return text


def main(arguments: list[str]) -> None:
    """The child: one JSON answer on standard output; a refusal is an answer, not a failure."""
    path, filename, memory = arguments
    confined.limit(int(memory))
    try:
        answer = asdict(_read(Path(path).read_bytes(), filename))
    except Refused as refused:
        reasons = [asdict(reason) for reason in refused.reasons]
        answer = {"code": refused.code, "message": refused.message, "reasons": reasons}
    sys.stdout.buffer.write(orjson.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1:])
