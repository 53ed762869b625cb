"""Lists: newest first, an opaque cursor, counts only when asked (interfaces.md 1)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.request import Request

from accounts.errors import Reason, Refused

DEFAULT, MOST = 25, 100
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of rows and where the next one starts."""

    rows: Sequence[Row]
    next_cursor: str | None
    count: int | None


def page(
    request: Request, rows: QuerySet[Row], *, by: str = "-pk", size: tuple[int, int] = (DEFAULT, MOST)
) -> Page[Row]:
    """Cut one page out of `rows`, in the order of `by`: a unique whole number of the row, `-` for the highest first.

    Raises Refused("parameter_invalid") for a limit outside 1..100 or a cursor we did not make.
    """
    limit = limit_of(request, size)
    cursor = request.query_params.get("cursor")
    count = rows.count() if counted(request) else None
    if cursor:
        rows = rows.filter(**{f"{by.lstrip('-')}__{'lt' if by.startswith('-') else 'gt'}": _decode(cursor)})
    found = list(rows.order_by(by)[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    return Page(found, _encode(getattr(found[-1], by.lstrip("-"))) if more else None, count)


def counted(request: Request) -> bool:
    """Whether a count is asked for: `include=count`. Raises Refused("parameter_invalid") for another value."""
    sent = request.query_params.get("include")
    if sent in (None, "count"):
        return sent is not None
    reason = Reason("parameter_invalid", "What else to tell.", "/include", sent[:40], "count")
    raise Refused("parameter_invalid", "include takes the value count.", [reason])


def envelope(next_cursor: str | None, count: int | None, data: Sequence[Any]) -> dict[str, Any]:
    """The list object of every list endpoint."""
    body = {"object": "list", "data": list(data), "next_cursor": next_cursor, "has_more": next_cursor is not None}
    return body if count is None else body | {"count": count}


def link(request: Request, next_cursor: str | None) -> dict[str, str]:
    """The Link header to the next page (RFC 8288), empty on the last one."""
    if next_cursor is None:
        return {}
    query = request.query_params.copy()
    query["cursor"] = next_cursor
    return {"Link": f'<{request.build_absolute_uri(request.path)}?{query.urlencode()}>; rel="next"'}


def limit_of(request: Request, size: tuple[int, int] = (DEFAULT, MOST)) -> int:
    """How many rows are asked for, `size` = (default, most). Raises Refused("parameter_invalid")."""
    default, most = size
    text = request.query_params.get("limit", str(default))
    if len(text) <= 6 and text.isascii() and text.isdigit() and 1 <= int(text) <= most:
        return int(text)
    reason = Reason("parameter_invalid", "How many rows a page has.", "/limit", text[:40], f"1 to {most}")
    raise Refused("parameter_invalid", f"limit must be 1 to {most}.", [reason])


def _encode(key: int) -> str:
    return base64.urlsafe_b64encode(f"1:{key}".encode()).decode().rstrip("=")


def _decode(cursor: str) -> int:
    try:
        version, _, key = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")
        if version == "1":
            return key_of(key)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        pass
    raise bad_cursor(cursor)


def key_of(text: str) -> int:
    """A row's key out of a cursor. Raises ValueError for what is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and 0 < int(text) < 1 << 63):
        raise ValueError("no key")
    return int(text)


def bad_cursor(cursor: str) -> Refused:
    """The refusal of a cursor we did not make."""
    reason = Reason("parameter_invalid", "Cursors come from next_cursor.", "/cursor", cursor[:40], "a next_cursor")
    return Refused("parameter_invalid", "This cursor was not made here.", [reason])
