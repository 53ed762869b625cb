"""Errors in Stripe's shape. Source: Stripe API, Errors and Idempotent requests."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class ApiError(Exception):
    """An answer that is not 200.

    `saved`: the endpoint had begun to execute, so this answer is kept for its idempotency key and effects stay.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        saved: bool = False,
        more: Json | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.saved = saved
        self.error: Json = {"type": kind, "message": message}
        if code is not None:
            self.error["code"] = code
            self.error["doc_url"] = f"https://docs.stripe.com/error-codes/{code.replace('_', '-')}"
        if param is not None:
            self.error["param"] = param
        self.error.update(more or {})


def invalid(
    message: str, *, code: str | None = None, param: str | None = None, status: int = 400, saved: bool = False
) -> ApiError:
    """An invalid_request_error."""
    return ApiError(status, "invalid_request_error", message, code=code, param=param, saved=saved)


def missing(kind: str, identifier: str, param: str = "id", *, in_path: bool = True) -> ApiError:
    """resource_missing: 404 for an object of the path, 400 for one named in a parameter."""
    return invalid(
        f"No such {kind}: '{identifier}'",
        code="resource_missing",
        param=param,
        status=404 if in_path else 400,
    )
