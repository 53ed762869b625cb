"""Who may speak about a work that another organisation entered. Nobody lifts or stops another's sales on his bare word.

Anybody may claim (a claim is signed, and a rival one opens a conflict) and anybody may reserve (a note). Offering,
withholding and saying that a work is under a public licence need a claim of one's own.
"""

from __future__ import annotations

from django.db.models import Q

from accounts.errors import Reason, Refused
from licensing.catalogue.models import Work
from licensing.rights.models import LIVE, Claim
from licensing.rights.scopes import Target


def of(organisation_id: int, work: Work) -> bool:
    """Whether the organisation entered the work, or has a live claim to it. Runs inside the caller's unit."""
    if work.organisation_id == organisation_id:
        return True
    named = Q(work=work) | Q(listed__work=work)
    return Claim.objects.filter(named, organisation_id=organisation_id, status__in=LIVE).exists()


def check(organisation_id: int, target: Target) -> None:
    """Refuse a single work of others without a claim of one's own. Raises Refused("not_found")."""
    if target.work is not None and not of(organisation_id, target.work):
        seen = Reason("not_found", "Claim the work first, or ask who entered it.", "/target", target.work.name_id)
        raise Refused("not_found", "You have no claim to this work.", [seen])


def foreign(organisation_id: int, target: Target) -> bool:
    """Whether the target is a work, or a list with one, that another organisation entered."""
    works = [target.work] if target.work is not None else target.works
    return any(work.organisation_id != organisation_id for work in works)
