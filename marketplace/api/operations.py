"""How one view reads in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from marketplace.api import paging


class Operation(AutoSchema):
    """drf-spectacular's reading of a view, with our ways to sign in and the parameters every list has."""

    def get_auth(self) -> list[dict[str, list[str]]]:
        """A key, a session, or for public doors neither."""
        open_to_all: list[dict[str, list[str]]] = [{}] if getattr(self.view, "public", False) else []
        return [*open_to_all, {"key": []}, {"session": []}]

    def get_override_parameters(self) -> list[Any]:
        """Page parameters of a list, headers that a door reads; what it declares itself comes after them."""
        if self.method == "GET" and getattr(self.view, "paged", False):
            return self._page()
        headers = {"If-Match": ("POST", "versioned", "ETag as read: 412 when it was changed since."),
                   "Prefer": ("", "waits", "wait=20 answers when the job ends, or after 20 s.")}  # fmt: skip
        return [
            OpenApiParameter(name, str, OpenApiParameter.HEADER, description=text)
            for name, (method, flag, text) in headers.items()
            if getattr(self.view, flag, False) and method in ("", self.method)
        ]

    def _page(self) -> list[Any]:
        default, most = getattr(self.view, "page_size", (paging.DEFAULT, paging.MOST))
        size = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
        return [
            OpenApiParameter("limit", size, description="Rows of a page."),
            OpenApiParameter("cursor", str, description="next_cursor of the page before."),
            OpenApiParameter("include", str, enum=["count"], description="Count the rows of all pages as well."),
        ]
