"""Rows of a release: columns, hashes, cutting of long texts, names of shard files.

Pure: no Django, no clock, no files. The written form of this module is docs/reference/release.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from mmap import mmap
from typing import Final, NamedTuple

SCHEMA: Final = "licet-row-1"
MIB: Final = 1024 * 1024
SHARD_LIMIT: Final = 256 * MIB
"""Most raw bytes of one shard (a single row above it is a shard of its own)."""
GROUP_ROWS: Final = 2_000
GROUP_BYTES: Final = 32 * MIB
"""A row group closes at this many rows or before it would pass this many raw bytes."""
TEXT_LIMIT: Final = 16 * MIB
"""A longer text is cut at the last paragraph end before this many bytes."""

ROW_DOMAIN: Final = b"licet-row-1\x00"
"""First bytes of what `row_sha256` is the hash of."""
_SHARD_DOMAIN: Final = b"licet-shard-1\x00"
_NULL: Final = b"\xff" * 8


class Column(NamedTuple):
    """One column: name, type as written in release.md, may it be null, is it dictionary-encoded."""

    name: str
    type: str
    nullable: bool = False
    dictionary: bool = False


COLUMNS: Final[tuple[Column, ...]] = (
    Column("work_id", "string"),
    Column("edition_ids", "list<string>"),
    Column("title", "string"),
    Column("contributors", "list<struct<name: string, role: string>>"),
    Column("language", "string", nullable=True, dictionary=True),
    Column("form", "string", dictionary=True),
    Column("text", "string", nullable=True),
    Column("asset", "string", nullable=True),
    Column("sequence", "int32"),
    Column("sequence_count", "int32"),
    Column("characters", "int64", nullable=True),
    Column("words", "int64", nullable=True),
    Column("tokens", "int64", nullable=True),
    Column("seconds", "int64", nullable=True),
    Column("pixels", "int64", nullable=True),
    Column("grant_id", "string", dictionary=True),
    Column("terms_id", "string", dictionary=True),
    Column("terms_hash", "string", dictionary=True),
    Column("licence", "string", dictionary=True),
    Column("attribution", "string"),
    Column("source_kind", "string", dictionary=True),
    Column("origin", "string", dictionary=True),
    Column("content_sha256", "string"),
    Column("row_sha256", "string"),
)
NAMES: Final = tuple(column.name for column in COLUMNS)
_TEXT_AT: Final = NAMES.index("text")


class Contributor(NamedTuple):
    """A name as printed and its role (`author`, `translator`, ...)."""

    name: str
    role: str


class Row(NamedTuple):
    """One row = one whole document, or one piece of a text above `TEXT_LIMIT`.

    `text` is UTF-8 as stored, byte for byte; exactly one of `text` and `asset` (path in the folder) is set.
    Measures belong to the work: they stand in the row with `sequence` 1 and are None in later pieces, so a
    sum over rows counts each work once. Hashes are lower-case hex SHA-256. A tuple: millions are made.
    """

    work_id: str
    edition_ids: tuple[str, ...]
    title: str
    contributors: tuple[Contributor, ...]
    language: str | None
    form: str
    text: bytes | None
    asset: str | None
    sequence: int
    sequence_count: int
    characters: int | None
    words: int | None
    tokens: int | None
    seconds: int | None
    pixels: int | None
    grant_id: str
    terms_id: str
    terms_hash: str
    licence: str
    attribution: str
    source_kind: str
    origin: str
    content_sha256: str


def cells(row: Row) -> list[bytes | None]:
    """The hashed bytes of each column in schema order, without `row_sha256`: UTF-8, decimal, JCS."""
    return [
        row.work_id.encode(),
        editions(row.edition_ids),
        row.title.encode(),
        contributors(row.contributors),
        _text(row.language),
        row.form.encode(),
        row.text,
        _text(row.asset),
        b"%d" % row.sequence,
        b"%d" % row.sequence_count,
        _decimal(row.characters),
        _decimal(row.words),
        _decimal(row.tokens),
        _decimal(row.seconds),
        _decimal(row.pixels),
        row.grant_id.encode(),
        row.terms_id.encode(),
        row.terms_hash.encode(),
        row.licence.encode(),
        row.attribution.encode(),
        row.source_kind.encode(),
        row.origin.encode(),
        row.content_sha256.encode(),
    ]


def _text(value: str | None) -> bytes | None:
    return None if value is None else value.encode()


def _decimal(value: int | None) -> bytes | None:
    return None if value is None else b"%d" % value


# RFC 8785 for lists of strings and of {name, role}: the keys are ASCII and already in order.
_quoted: Final = json.encoder.encode_basestring


def editions(values: tuple[str, ...]) -> bytes:
    """The cell of `edition_ids`: JCS."""
    return f"[{','.join(map(_quoted, values))}]".encode()


@lru_cache(maxsize=4_096)
def contributors(values: tuple[Contributor, ...]) -> bytes:
    """The cell of `contributors`: JCS."""
    items = [f'{{"name":{_quoted(item.name)},"role":{_quoted(item.role)}}}' for item in values]
    return f"[{','.join(items)}]".encode()


def measure(values: list[bytes | None]) -> tuple[bytes, int]:
    """Hash (32 bytes) and raw size of a row's cells.

    The hash frames each cell by its 8-byte big-endian length, null = 2^64-1. The size, as packing counts it,
    is the sum of the lengths of the cells, null = 0.
    """
    text = values[_TEXT_AT]
    before, after = _framed(values[:_TEXT_AT]), _framed(values[_TEXT_AT + 1 :])
    hasher = hashlib.sha256(ROW_DOMAIN + before)
    size = len(before) + len(after) - 8 * (len(values) - 1)
    if text is None:
        hasher.update(_NULL)
    else:  # hashed on its own: a text may be 16 MiB and joining would copy it
        hasher.update(len(text).to_bytes(8, "big"))
        hasher.update(text)
        size += len(text)
    hasher.update(after)
    return hasher.digest(), size


_LENGTHS: Final = tuple(length.to_bytes(8, "big") for length in range(512))


def _framed(values: list[bytes | None]) -> bytes:
    return b"".join(
        [
            _NULL if value is None else (_LENGTHS[n] if (n := len(value)) < 512 else n.to_bytes(8, "big")) + value
            for value in values
        ]
    )


def row_sha256(row: Row) -> str:
    """Hex SHA-256 of a row as release.md defines it."""
    return measure(cells(row))[0].hex()


def raw_bytes(row: Row) -> int:
    """Size of a row as packing counts it."""
    return measure(cells(row))[1]


def shard_key(row_hashes: Iterable[bytes]) -> str:
    """Key under which a shard with these rows (32-byte hashes, in order) is stored and reused, hex.

    SHA-256("licet-shard-1" 00 || schema version 00 || ordered row hashes).
    """
    return hashlib.sha256(_SHARD_DOMAIN + SCHEMA.encode() + b"\x00" + b"".join(row_hashes)).hexdigest()


def shard_name(order: int, sha256: str) -> str:
    """Path of a Parquet shard in the folder: order of the shard and 12 hex digits of the file's SHA-256."""
    return f"data/{order:05d}-{sha256[:12]}.parquet"


def cut(text: bytes | mmap, limit: int = TEXT_LIMIT) -> Iterator[tuple[int, int]]:
    """Spans (start, end) of the pieces of a UTF-8 text, each at most `limit` bytes; joined they are the text.

    A piece ends after the last blank line before the limit; without one after the last line feed; without
    one before the last whole character. An empty text is one empty piece.
    """
    start = 0
    while len(text) - start > limit:
        end = _cut_at(text, start, start + limit)
        yield (start, end)
        start = end
    yield (start, len(text))


def _cut_at(text: bytes | mmap, start: int, stop: int) -> int:
    paragraph = max(
        (at + len(mark) for mark in (b"\n\n", b"\n\r\n") if (at := text.rfind(mark, start, stop)) >= 0), default=0
    )
    if paragraph > start:
        return paragraph
    line = text.rfind(b"\n", start, stop) + 1
    if line > start:
        return line
    while text[stop] & 0xC0 == 0x80:  # never inside a UTF-8 sequence
        stop -= 1
    return stop
