"""The bytes behind a link: Range (RFC 9110), ETag, Repr-Digest (RFC 9530); checked at every use and while it runs."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from accounts.errors import Reason, Refused
from licensing.delivery import links
from licensing.outside import storage
from marketplace.api import errors
from marketplace.api.doors import Door
from marketplace.api.grants import clock

RECHECK_SECONDS: Final = 2.0
"""A running answer is cut at most so long after its key or grant has ended."""
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)
_ETAG = re.compile(r'(?:W/)?("[^"]*")')
PIECE: Final = 256 * 1024
"""Bytes between two looks at the clock: a slow reader must not sit on much more after its key has ended."""


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many."""
        return self.last - self.first + 1


def span_of(header: str, size: int) -> Span | None:
    """The one range a Range header asks for, cut at the end of the file; None means the whole file, which is the answer
    to a header we do not understand and to several ranges (RFC 9110, 14.2 lets a server ignore them).

    Raises Refused("range_invalid") for a range that begins behind the end.
    """
    matched = _RANGE.fullmatch(header.replace(" ", ""))
    if matched is None:
        return None
    first, last = matched.groups()
    if not first and not last:
        return None
    if not first:
        span = Span(max(size - int(last), 0), size - 1)
    else:
        span = Span(int(first), min(int(last), size - 1) if last else size - 1)
        if last and int(last) < int(first):
            return None
    if span.first >= size or span.length <= 0:
        reason = Reason("range_invalid", "The file is shorter.", "", header[:80], f"0 to {size - 1}")
        raise Refused("range_invalid", f"The file has {size} bytes.", [reason])
    return span


class Download(Door):
    """GET: a file by its link; the link is the key."""

    public = True
    limited = False
    authentication_classes = ()

    @extend_schema(
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY,
                   (206, "application/octet-stream"): OpenApiTypes.BINARY}, operation_id="downloads_read",
    )  # fmt: skip
    def get(self, request: Request, token: str) -> HttpResponseBase:
        """The whole file or one range; a client continues with Range and If-Range."""
        at = clock()
        opened = links.open_link(token, at=at)
        file = opened.file
        etag = f'"{file.sha256}"'
        headers = {
            "ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-transform",
            "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(file.sha256)).decode()}:",
            "Content-Disposition": f'attachment; filename="{PurePosixPath(file.path).name}"',
        }  # fmt: skip
        if _matches(request.headers.get("If-None-Match", ""), etag):
            return HttpResponse(status=304, headers=headers)
        if request.method == "HEAD":  # Range has no meaning here (RFC 9110, 14.2), and nothing is fetched
            return HttpResponse(headers={**headers, "Content-Length": str(file.bytes)}, content_type=file.media_type)
        try:
            span = self._span(request, etag, file.bytes)
        except Refused as refused:
            answer = errors.problem(refused, instance=request.path)
            answer["Content-Range"] = f"bytes */{file.bytes}"
            return answer
        asked = span or Span(0, file.bytes - 1)
        links.accessed(opened=opened, first=asked.first, last=asked.last, at=at)
        headers["Content-Length"] = str(asked.length)
        if span is not None:
            headers["Content-Range"] = f"bytes {span.first}-{span.last}/{file.bytes}"
        return StreamingHttpResponse(
            _pieces(token, file.sha256, asked), status=200 if span is None else 206, headers=headers,
            content_type=file.media_type,
        )  # fmt: skip

    def _span(self, request: Request, etag: str, size: int) -> Span | None:
        header = request.headers.get("Range", "")
        if not header or request.headers.get("If-Range", etag) != etag:
            return None
        return span_of(header, size)


def _matches(header: str, etag: str) -> bool:
    """If-None-Match: any, or one of a list, compared weakly (RFC 9110, 13.1.2)."""
    return header.strip() == "*" or etag in _ETAG.findall(header)


def _pieces(token: str, sha256: str, asked: Span) -> Iterator[bytes]:
    """The bytes; an error in here cuts the connection, which is all that can be said once the answer runs."""
    checked = time.monotonic()
    with storage.open_file(sha256) as stream:
        for piece in storage.chunks(stream, start=asked.first, length=asked.length, size=PIECE):
            if time.monotonic() - checked > RECHECK_SECONDS:
                links.open_link(token, at=clock(), running=True)
                checked = time.monotonic()
            yield piece
