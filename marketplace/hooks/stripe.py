"""Stripe's webhooks: verify, store once, hand over. The answer never waits for the work."""

from __future__ import annotations

import logging

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from accounts import unit as units
from accounts.errors import Refused
from accounts.unit import SYSTEM
from licensing.payments import settlement
from marketplace.api import errors

log = logging.getLogger(__name__)
LARGEST = 1 << 20


@csrf_exempt
def receive(request: HttpRequest) -> HttpResponse:
    """POST /hooks/stripe. 200 once the event is stored; a problem (400) when it is not proven to be Stripe's."""
    if request.method != "POST":
        answer = errors.plain(Refused("method_not_allowed", "Stripe sends events by POST."), request)
        answer["Allow"] = "POST"
        return answer
    try:
        _take(request)
    except Refused as refused:
        log.warning("a webhook was not taken: %s", refused.message)
        return errors.plain(refused, request)
    return JsonResponse({"received": True})


def _take(request: HttpRequest) -> None:
    if _length(request) > LARGEST:
        raise Refused("too_large", f"An event has at most {LARGEST} bytes.")
    with units.unit(SYSTEM):
        at = units.now()
    secrets = [secret for secret in settings.STRIPE_WEBHOOK_SECRET.split(",") if secret]
    signature = request.headers.get("Stripe-Signature", "")
    settlement.receive(endpoint="platform", payload=request.body, signature=signature, secrets=secrets, at=at)


def _length(request: HttpRequest) -> int:
    said = request.META.get("CONTENT_LENGTH") or "0"
    return int(said) if said.isdigit() else 0  # what is no number is read as nothing, and nothing proves itself
