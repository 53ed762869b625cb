"""Reading the books. Everything needs an open unit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import connection

_BALANCE = """
SELECT coalesce(sum(l.amount), 0) FROM licensing_ledgerline l JOIN licensing_ledgeraccount a ON a.id = l.account_id
WHERE a.livemode = %s AND a.code = %s AND a.currency_id = %s
"""
_TRIAL = """
SELECT a.code, a.kind, a.currency_id, sum(l.amount), count(*)
FROM licensing_ledgerline l JOIN licensing_ledgeraccount a ON a.id = l.account_id
WHERE a.livemode = %(livemode)s AND l.effective_date < coalesce(%(before)s, 'infinity'::date)
GROUP BY a.code, a.kind, a.currency_id ORDER BY a.code COLLATE "C", a.currency_id
"""


@dataclass(frozen=True, slots=True)
class Balance:
    """One account's sum in micro units (+ debit, - credit) over `lines` lines."""

    code: str
    kind: str
    currency: str
    balance_micro: int
    lines: int


def balance(code: str, currency: str, *, livemode: bool) -> int:
    """Sum of an account in micro units, + debit, - credit; 0 for one that was never used."""
    with connection.cursor() as cursor:
        cursor.execute(_BALANCE, [livemode, code, currency])
        return int(cursor.fetchone()[0])


def trial_balance(*, livemode: bool, before: date | None = None) -> list[Balance]:
    """Every account with lines, by code and currency; `before`: only lines with an effective date before that day."""
    with connection.cursor() as cursor:
        cursor.execute(_TRIAL, {"livemode": livemode, "before": before})
        return [Balance(code, kind, money, int(total), count) for code, kind, money, total, count in cursor.fetchall()]


def imbalance() -> dict[str, int]:
    """Sum of all lines per currency over both modes, in micro: every value must be 0."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT currency_id, sum(amount) FROM licensing_ledgerline GROUP BY 1 ORDER BY 1")
        return {code: int(total) for code, total in cursor.fetchall()}
