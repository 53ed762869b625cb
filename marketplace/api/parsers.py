"""JSON in, JSON out: one strict reader, and no haggling about formats."""

from __future__ import annotations

import io
import json
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, NoReturn, cast

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from accounts.errors import Reason, Refused
from licensing.outside import storage

LARGEST = 10 << 20
"""Bytes of a JSON body."""


class StrictJSON(BaseParser):
    """UTF-8 JSON (RFC 8259) without what a database or hash cannot hold: repeated names, NaN, NUL, lone surrogates."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Read the body. Raises Refused("syntax") or Refused("too_large")."""
        data = stream.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise Refused("too_large", f"A JSON body has at most {LARGEST} bytes; larger lists go through uploads.")
        try:
            value = json.loads(
                data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant, parse_float=_number
            )
            _check_text(value)
        except UnicodeError as wrong:
            raise _syntax(f"The body is not UTF-8: {wrong}.") from None
        except RecursionError:
            raise _syntax("The body is nested too deeply.") from None
        except ValueError as wrong:
            raise _syntax(f"The body is not JSON: {wrong}.") from None
        return value


class Raw(BaseParser):
    """A file as it is: the door reads the stream itself."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Hand the stream over."""
        return stream


@contextmanager
def spool(request: Request, *, at_most: int) -> Iterator[BinaryIO]:
    """The body of a Raw door in a temporary file. Raises Refused("too_large") above `at_most` bytes."""
    stream = request.data if hasattr(request.data, "read") else io.BytesIO()
    left = at_most
    with tempfile.NamedTemporaryFile(dir=storage.scratch(), prefix="body-") as file:
        while chunk := stream.read(min(storage.CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                raise Refused("too_large", f"This takes at most {at_most} bytes.")
            file.write(chunk)
        file.flush()
        file.seek(0)
        yield cast("BinaryIO", file)


class OnlyJSON(BaseContentNegotiation):
    """The answer is JSON whatever the client would rather have: problems must be readable for every door."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """The parser of the sent Content-Type; None becomes a 415."""
        sent = (request.content_type or "").partition(";")[0].strip().lower()
        wild = [parser for parser in parsers if parser.media_type in (sent, "*/*")]
        return wild[0] if wild else None

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The first renderer."""
        first = next(iter(renderers))
        return first, str(first.media_type)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice[:60]!r} occurs twice in one object")
    return value


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:60]} is beyond every JSON number we can keep")
    return value


def _check_text(value: Any) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("a text contains NUL")
        value.encode("utf-8")
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            _check_text(name)
            _check_text(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_text(inner)


def _syntax(message: str) -> Refused:
    return Refused("syntax", message, [Reason("syntax", message)])
