"""Idempotency keys as documented for v1: the first answer of a key is its answer for 24 hours, also a saved 500.

Nothing is saved for requests that failed validation, were rate-limited or met their own key in use.
Source: Stripe API, Idempotent requests.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from marketplace.sandbox.stripe.errors import ApiError, Json, invalid
from marketplace.sandbox.stripe.store import Store

KEPT_SECONDS = 24 * 3600
MAX_KEY = 255


def fingerprint(method: str, path: str, params: dict[str, Any]) -> str:
    """What must be the same when a key is used again."""
    whole = json.dumps([method, path, params], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(whole.encode()).hexdigest()


class Keys:
    """The keys of requests that execute right now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: set[str] = set()

    @contextmanager
    def hold(self, key: str) -> Iterator[None]:
        """Claim a key while its request runs; ApiError 409 when another request holds it."""
        if len(key) > MAX_KEY:
            raise invalid(f"Idempotency keys have at most {MAX_KEY} characters")
        with self._lock:
            if key in self._busy:
                raise ApiError(
                    409,
                    "idempotency_error",
                    f"There is currently another in-progress request using this Idempotent Key: {key}",
                    code="idempotency_key_in_use",
                )
            self._busy.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(key)


def saved(store: Store, key: str, print_: str) -> Json | None:
    """The saved answer of a key; ApiError 400 when its first request was another one."""
    answer = store.answers.get(key)
    if answer is None or store.now() - answer["at"] >= KEPT_SECONDS:
        return None
    if answer["fingerprint"] != print_:
        raise ApiError(
            400,
            "idempotency_error",
            "Keys for idempotent requests can only be used with the same parameters they were first used with."
            f" Try using a key other than '{key}' if you meant to execute a different request.",
        )
    return answer
