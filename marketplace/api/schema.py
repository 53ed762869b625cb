"""The OpenAPI document at /v1/schema, Redoc at /v1/docs."""

from __future__ import annotations

from typing import Any

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularRedocView

IDEMPOTENCY = {
    "name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255},
    "description": "The same key with the same body gives the same answer for 30 days. Required where money moves.",
}  # fmt: skip
TEXT = {"type": "string"}
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. `code` is stable; `errors` point into what was sent.",
    "required": ["type", "title", "status", "code", "detail", "instance", "request_id", "retryable", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": TEXT,
        "status": {"type": "integer"},
        "code": TEXT,
        "detail": TEXT,
        "instance": TEXT,
        "request_id": TEXT,
        "retryable": {"type": "boolean"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "pointer", "message", "seen", "expected", "doc"],
                "properties": dict.fromkeys(("code", "pointer", "message", "seen", "expected", "doc"), TEXT),
            },
        },
    },
}


SCHEMES: dict[str, Any] = {
    "key": {"type": "http", "scheme": "bearer", "bearerFormat": "lk_test_... or lk_live_..."},
    "session": {"type": "apiKey", "in": "cookie", "name": "sessionid"},
}


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say for every operation what they share: problems, and Idempotency-Key on POST."""
    result["components"].setdefault("schemas", {})["Problem"] = PROBLEM
    result["components"]["securitySchemes"] = SCHEMES
    refusal = {
        "description": "Refused; nothing was changed.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for methods in result["paths"].values():
        for method, operation in methods.items():
            operation["responses"]["default"] = refusal
            if method == "post":
                operation.setdefault("parameters", []).append(IDEMPOTENCY)
    return result


class Schema(SpectacularJSONAPIView):
    """GET /v1/schema: the same for everybody."""

    authentication_classes = ()


@method_decorator(
    csp_update(
        {
            "style-src": [SELF, UNSAFE_INLINE],
            "worker-src": [SELF, "blob:"],
            "img-src": [SELF, "data:"],
        }
    ),
    name="dispatch",
)
class Docs(SpectacularRedocView):
    """GET /v1/docs: Redoc from our own files; its styles are made at run time, hence the wider policy."""

    authentication_classes = ()
    template_name = "api/redoc.html"
    url_name = "schema"
