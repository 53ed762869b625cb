"""The one error of the embedded servers."""

from __future__ import annotations


class EmbeddedError(Exception):
    """Why the embedded servers cannot run: one sentence that says what to do."""
