"""X-Request-Id in and out, and into every audit row."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from accounts import audit

HEADER = "X-Request-Id"
_ALLOWED = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestIdMiddleware:
    """Take the caller's id when it is harmless, else make one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the id the request was handled under."""
        sent = request.headers.get(HEADER, "")
        token = audit.request_id.set(sent if _ALLOWED.fullmatch(sent) else f"req_{secrets.token_hex(12)}")
        try:
            response = self.get_response(request)
            response[HEADER] = audit.request_id.get()
        finally:
            audit.request_id.reset(token)
        return response
