"""The one way to say an expected "no"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause of a refusal, written for the person who reads it.

    `pointer` is an RFC 6901 JSON pointer into what was sent ("" for the whole), `seen` and `expected` are short texts.
    """

    code: str
    message: str
    pointer: str = ""
    seen: str = ""
    expected: str = ""


class Refused(Exception):
    """An expected refusal: a stable code, a sentence, reasons; nothing was changed.

    HTTP statuses are attached in `marketplace/api/errors.py` only. `retryable` tells a client that the same request may
    succeed later without a change.
    """

    def __init__(
        self, code: str, message: str = "", reasons: Sequence[Reason] = (), *, retryable: bool = False
    ) -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message or code
        self.reasons = tuple(reasons)
        self.retryable = retryable
