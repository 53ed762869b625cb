"""Calls to Stripe that survive us: written down before they are made, then answered or resumed under the same key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

from accounts import states
from accounts.errors import Refused
from accounts.unit import Actor, unit
from licensing.kernel import digests
from licensing.payments import gateway
from licensing.payments.facts import Outcome
from licensing.payments.models import StripeCall


def configured() -> gateway.Gateway:
    """The gateway of this deployment: Stripe, or the local stand-in where no key is configured."""
    return gateway.Gateway(settings.STRIPE_API_KEY, settings.STRIPE_API_BASE)


def write_down(*, key: str, subject: str, method: str, params: Mapping[str, Any], at: datetime) -> StripeCall:
    """Store a call in the caller's unit, before it is made. A key is never used with other parameters.

    Raises Refused("call_key_conflict").
    """
    digest = digests.of_json(dict(params))
    call, _ = StripeCall.objects.get_or_create(
        key=key,
        defaults={
            "subject": subject, "method": method, "params": dict(params), "params_hash": digest, "first_sent_at": at,
        },
    )  # fmt: skip
    if call.params_hash != digest:
        raise Refused("call_key_conflict", f"The key {key} was used with other parameters.")
    return call


def answered(*, call: StripeCall, outcome: Outcome[Any], actor: Actor, at: datetime) -> None:
    """Keep what Stripe said; a call whose effect is unknown stays open and is looked up before anything is sent."""
    with unit(actor):
        held = StripeCall.objects.select_for_update().get(pk=call.pk)
        if held.status == "answered":
            return
        said: dict[str, Any] = {"kind": str(outcome.kind)}
        if outcome.problem is not None:
            said |= {"code": outcome.problem.code, "message": outcome.problem.message}
        to = "unknown" if outcome.state_unknown else "answered"
        if held.status != to:
            states.advance(held, to, actor=actor, at=at, response=said)
        else:
            StripeCall.objects.filter(pk=held.pk).update(response=said)
