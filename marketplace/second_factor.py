"""Whether a person signs in with more than a password, as finance and operators must (trust.md 3)."""

from __future__ import annotations

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings

from accounts.services import SECOND_FACTOR
from accounts.unit import SYSTEM, Actor, unit


def missing(person: object, actor: Actor) -> bool:
    """Whether a person's role needs a second factor that is not set up yet. Opens or joins a unit of the system."""
    if not settings.MFA_REQUIRED or not actor.roles & SECOND_FACTOR:
        return False
    with unit(SYSTEM):
        return not is_mfa_enabled(person)
