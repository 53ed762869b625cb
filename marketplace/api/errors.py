"""Refusals as RFC 9457 problems: the one place where a code meets an HTTP status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseServerError, JsonResponse
from django.template import loader
from django.views.defaults import bad_request, page_not_found
from rest_framework import exceptions, status
from rest_framework.response import Response

from accounts import audit
from accounts.errors import Reason, Refused

MEDIA_TYPE = "application/problem+json"

STATUS: Mapping[str, int] = {
    "key_missing": 401, "key_unknown": 401, "key_revoked": 401, "key_expired": 401, "key_address": 401,
    "link_invalid": 403, "link_expired": 403, "link_revoked": 403, "grant_inactive": 403,
    "scope_missing": 403, "forbidden": 403, "not_found": 404, "party_unknown": 404, "works_unknown": 404,
    "syntax": 400, "field_invalid": 400, "field_unknown": 400, "parameter_unknown": 400, "parameter_invalid": 400,
    "idempotency_key_missing": 400, "idempotency_key_invalid": 400, "signature_invalid": 400,
    "method_not_allowed": 405, "media_type_unsupported": 415, "not_acceptable": 406,
    "idempotency_in_flight": 409, "state_conflict": 409, "slug_taken": 409, "email_taken": 409,
    "quote_used": 409, "release_not_ready": 409, "payment_exists": 409, "too_many_keys": 409,
    "withdrawn": 410, "quote_expired": 410, "order_cancelled": 410, "version_changed": 412, "too_large": 413,
    "range_invalid": 416, "throttled": 429, "internal": 500, "unavailable": 503,
}  # fmt: skip
"""Code -> HTTP status; every other refusal is a business rule: 422."""

DRF_CODES: Mapping[type[exceptions.APIException], str] = {
    exceptions.ParseError: "syntax",
    exceptions.NotAuthenticated: "key_missing",
    exceptions.AuthenticationFailed: "key_unknown",
    exceptions.PermissionDenied: "forbidden",
    exceptions.NotFound: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "media_type_unsupported",
    exceptions.Throttled: "throttled",
}


def status_of(code: str) -> int:
    """The HTTP status of a refusal code."""
    return STATUS.get(code, status.HTTP_422_UNPROCESSABLE_ENTITY)


def handler(wrong: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's exception handler: every expected "no" becomes a problem; anything else stays a crash (500)."""
    refused = _as_refusal(wrong)
    if refused is None:
        return None
    path = context["request"].path if context.get("request") else ""
    return problem(refused, instance=path)


def problem(refused: Refused, *, instance: str) -> Response:
    """Build the problem document (RFC 9457) with our members code, request_id, retryable and errors."""
    code = status_of(refused.code)
    headers = {"Retry-After": "2"} if refused.retryable else {}
    if code == status.HTTP_401_UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="licet"'
    body = {
        "type": f"{settings.PUBLIC_URL}/errors/{refused.code}",
        "title": refused.code.replace("_", " ").capitalize(),
        "status": code,
        "code": refused.code,
        "detail": refused.message,
        "instance": instance,
        "request_id": audit.request_id.get(),
        "retryable": refused.retryable,
        "errors": [_error(reason) for reason in refused.reasons],
    }
    return Response(body, status=code, headers=headers, content_type=MEDIA_TYPE)


def _error(reason: Reason) -> dict[str, str]:
    return {
        "code": reason.code,
        "pointer": reason.pointer,
        "message": reason.message,
        "seen": reason.seen,
        "expected": reason.expected,
        "doc": f"{settings.PUBLIC_URL}/errors/{reason.code}",
    }


def _as_refusal(wrong: Exception) -> Refused | None:
    if isinstance(wrong, Refused):
        return wrong
    if isinstance(wrong, Http404):
        return Refused("not_found", "There is nothing at this address.")
    if isinstance(wrong, RequestDataTooBig):
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        return Refused("too_large", f"A body that is not a file has at most {most} bytes.")
    if isinstance(wrong, PermissionDenied):
        return Refused("forbidden", "You may not do this.")
    if isinstance(wrong, exceptions.APIException):
        return Refused(DRF_CODES.get(type(wrong), "internal"), str(wrong.detail))
    return None


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404: a problem for machines, the page for people."""
    if not _for_machines(request):
        return page_not_found(request, exception)
    return plain(Refused("not_found", "There is nothing at this address."), request)


def unreadable(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400: a request that not even the framework could read, such as one for another host."""
    if not _for_machines(request):
        return bad_request(request, exception)
    return plain(Refused("syntax", "The request cannot be read."), request)


def broken(request: HttpRequest) -> HttpResponse:
    """handler500: what happened is in the log under the request id."""
    if not _for_machines(request):
        page = loader.render_to_string("500.html", {"request_id": audit.request_id.get()})
        return HttpResponseServerError(page)
    return plain(Refused("internal", "This is our fault. The request id finds it in our log."), request)


def _for_machines(request: HttpRequest) -> bool:
    return request.path.startswith(("/v1/", "/hooks/"))


def plain(refused: Refused, request: HttpRequest) -> HttpResponse:
    """A problem where no door of DRF answers: webhooks, unknown addresses, what the framework refused itself."""
    body = problem(refused, instance=request.path)
    told = {name: body[name] for name in ("Retry-After", "WWW-Authenticate") if name in body}
    return JsonResponse(body.data, status=body.status_code, headers=told, content_type=MEDIA_TYPE)
