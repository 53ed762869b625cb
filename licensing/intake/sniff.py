"""What a file is: format, encoding declared and real. The name of the file is not asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from licensing.intake import encoding as encodings
from licensing.intake import issues, xml
from licensing.intake.encoding import Encoding
from licensing.intake.issues import Issue

Format = Literal["onix", "csv", "jsonl"]
FORMATS: Final = ("onix", "csv", "jsonl")
READABLE: Final = "ONIX 3.0 or 3.1, CSV or JSON Lines"
_MAGIC: Final = (
    (b"PK\x03\x04", "a ZIP or Office file"),
    (b"\xd0\xcf\x11\xe0", "an old Office file"),
    (b"%PDF", "PDF"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstandard"),
    (b"PAR1", "Parquet"),
)
_XML_NAMES: Final = re.compile(r"^[\s\ufeff]*<[?!A-Za-z_]")


@dataclass(frozen=True, slots=True)
class Sniffed:
    """The verdict: format, encoding, and the file's issues so far (a wrong declaration)."""

    format: Format
    encoding: Encoding
    issues: tuple[Issue, ...]


def sniff(path: Path, *, format_name: str = "auto") -> Sniffed:
    """Say what a file is. `format_name` other than `auto` is believed (one of FORMATS).

    Refuses (accounts.errors.Refused) an empty file and formats that cannot be read here.
    """
    with path.open("rb") as stream:
        head = stream.read(4096)
    if not head.strip(b"\x00\t\n\r \xef\xbb\xbf\xff\xfe"):
        issues.refuse("file_empty", seen=f"{path.stat().st_size} bytes", expected="> 0")
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            issues.refuse("format_unsupported", seen=kind, expected=READABLE)
    declared = xml.declared_encoding(path)
    encoding = encodings.detect(path, declared)
    text = _head_text(path, encoding)
    chosen = _format(text) if format_name == "auto" else _asked(format_name)
    if chosen == "jsonl":
        encoding = _strict(encoding)
    return Sniffed(chosen, encoding, tuple(_encoding_issue(encoding)))


def _strict(encoding: Encoding) -> Encoding:
    """JSON Lines are UTF-8 and nothing else (RFC 8259, 8.1): lines that are not are reported one by one."""
    if encoding.wide:
        issues.refuse("format_unsupported", seen=f"{encoding.read} JSON", expected="UTF-8 JSON Lines")
    return Encoding("", "utf-8", encoding.bom, encoding.first_bad, mixed=encoding.wrong)


def _asked(name: str) -> Format:
    if name not in ("onix", "csv", "jsonl"):
        issues.refuse("format_unsupported", seen=name, expected=", ".join(FORMATS))
    return "onix" if name == "onix" else "csv" if name == "csv" else "jsonl"


def _head_text(path: Path, encoding: Encoding) -> str:
    for chunk in encodings.open_source(path, encoding):
        return chunk[:8192].decode(encodings.stream_codec(encoding), "replace")
    return ""


def _format(head: str) -> Format:
    start = head.lstrip("\ufeff \t\r\n")
    if _XML_NAMES.match(head):
        if re.match(r"<!doctype html|<html", start, re.IGNORECASE):
            issues.refuse("format_unsupported", seen="HTML", expected=READABLE)
        return "onix"
    if start.startswith("{"):
        return "jsonl"
    if start.startswith("["):
        issues.refuse("json_not_lines", line=1, column=1, seen=start[:20], expected='{"own_id": ...}')
    # One NUL is a fault of its record and is told there; many, or one in the first line, are no table at all.
    nul = head[:1024].count("\x00") > 8 or "\x00" in start.partition("\n")[0]
    if nul or not re.match(r"[^\n\r]*[,;\t|]|[\w \"'-]+(?:\r|\n|$)", start):
        issues.refuse("format_unknown", line=1, column=1, seen=start[:40], expected=READABLE)
    return "csv"


def _encoding_issue(encoding: Encoding) -> list[Issue]:
    bad = encoding.first_bad
    if bad is None:
        return []
    expected = encoding.declared or "UTF-8"
    return [issues.make("encoding_wrong", line=bad.line, column=bad.column, seen=encoding.read, expected=expected)]
