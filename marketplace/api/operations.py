"""How one view reads in the OpenAPI document."""

from __future__ import annotations

from drf_spectacular.openapi import AutoSchema


class Operation(AutoSchema):
    """drf-spectacular's reading of a view, with our ways to sign in."""

    def get_auth(self) -> list[dict[str, list[str]]]:
        """A key, a session, or for public doors neither."""
        open_to_all: list[dict[str, list[str]]] = [{}] if getattr(self.view, "public", False) else []
        return [*open_to_all, {"key": []}, {"session": []}]
