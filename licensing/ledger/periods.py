"""Accounting periods: opened by the month, locked while somebody posts, hashed and closed for ever."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

from django.db import connection

from accounts import audit, identity, states
from accounts.errors import Reason, Refused
from accounts.unit import Actor, unit
from licensing.kernel import digests
from licensing.ledger import queries
from licensing.ledger.models import LedgerPeriod

LOCK_CLASS = 7319
"""First key of the advisory locks of periods; the second is the period's id, or -1 (test) and -2 (live) for the mode's
whole row of periods. The database's triggers take the same."""

AFTER_SOFT = frozenset({"adjustment", "close"})
"""The kinds of entry a softly closed period still takes."""

_LOCK = """
SELECT id, pg_advisory_xact_lock_shared(%s, id::int) FROM licensing_ledgerperiod
WHERE livemode = %s AND starts <= %s AND ends > %s
"""
# The exclusion constraint makes two openers one; a period that overlaps the month leaves it as it is.
_OPEN = """
INSERT INTO licensing_ledgerperiod (public_id, created_at, livemode, starts, ends, status, trial_balance_hash)
VALUES (%s, %s, %s, %s, %s, 'open', '') ON CONFLICT DO NOTHING RETURNING id
"""


def share(*, livemode: bool, day: date, kinds: Collection[str], actor: Actor, at: datetime) -> str:
    """Hold the period of `day` as it is until the transaction ends and return its status, open or soft.

    Opens the calendar month when no period covers the day.

    The lock comes before the status is read: otherwise an entry slips in behind the hash of a closing.
    Raises Refused "period_closed" (also when softly closed for one of `kinds`) or "period_missing".
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [LOCK_CLASS, livemode, day, day])
        found = cursor.fetchone()
        if found is None:
            found = (_open_month(livemode=livemode, day=day, actor=actor, at=at).pk,)
            cursor.execute(_LOCK, [LOCK_CLASS, livemode, day, day])
        cursor.execute("SELECT status FROM licensing_ledgerperiod WHERE id = %s", [found[0]])
        status: str = cursor.fetchone()[0]
    if status == "closed" or (status == "soft" and not AFTER_SOFT.issuperset(kinds)):
        reason = Reason("period_closed", "the period takes no such entry", "/effective_date", status, "open")
        raise Refused("period_closed", f"The period of {day} is {status}.", [reason])
    return status


def find(*, livemode: bool, day: date) -> LedgerPeriod | None:
    """The period that covers `day`, or None."""
    return LedgerPeriod.objects.filter(livemode=livemode, starts__lte=day, ends__gt=day).first()


def close(*, period: LedgerPeriod, actor: Actor, at: datetime) -> str:
    """Close a period for ever and return the hash of its trial balance.

    Waits for everybody who is posting into it. Raises Refused("state_conflict") when it is closed, and
    Refused("period_order") while an earlier one is not: the hash covers everything before the period's end.
    """
    with unit(actor):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_CLASS, -1 - period.livemode])
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_CLASS, period.pk])
        period.refresh_from_db()
        earlier = LedgerPeriod.objects.filter(livemode=period.livemode, starts__lt=period.starts)
        if earlier.exclude(status="closed").exists():
            raise Refused("period_order", f"{period.name_id} cannot close before the earlier periods.")
        found = balance_hash(period)
        states.advance(period, "closed", actor=actor, at=at, trial_balance_hash=found)
        return found


def balance_hash(period: LedgerPeriod) -> str:
    """SHA-256 of JCS [[account, currency, micro]...] of the trial balance at the end of a period; needs a unit."""
    rows = queries.trial_balance(livemode=period.livemode, before=period.ends)
    return digests.of_json([[row.code, row.currency, str(row.balance_micro)] for row in rows])


def _open_month(*, livemode: bool, day: date, actor: Actor, at: datetime) -> LedgerPeriod:
    starts = day.replace(day=1)
    if LedgerPeriod.objects.filter(livemode=livemode, status="closed", starts__gte=starts).exists():
        reason = Reason("period_closed", "a later period is closed", "/effective_date", str(day), "a later day")
        raise Refused("period_closed", f"{day} lies before a closed period.", [reason])
    ends = date(starts.year + starts.month // 12, starts.month % 12 + 1, 1)
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [identity.fresh(at), at, livemode, starts, ends])
        opened = cursor.fetchone() is not None
    period = find(livemode=livemode, day=day)
    if period is None:
        raise Refused("period_missing", f"No period covers {day} and the month cannot be opened: it overlaps another.")
    if opened:
        after = {"starts": starts.isoformat(), "ends": ends.isoformat()}
        audit.record(actor=actor, act="ledger_period.open", subject=period.name_id, at=at, after=after)
    return period
