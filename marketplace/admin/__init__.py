"""The read-only administration; importing it registers every table that is shown."""

from __future__ import annotations

from marketplace.admin import catalogue, clearing, grants, imports, money, people, works
from marketplace.admin.site import site

__all__ = ["catalogue", "clearing", "grants", "imports", "money", "people", "site", "works"]
