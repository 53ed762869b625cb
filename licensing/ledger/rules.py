"""What an entry is before it is written: its lines, whether they balance, and the hash of what it says."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from licensing.kernel import digests, money
from licensing.ledger import accounts

LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Line:
    """One leg: account code and amount in micro units, + debit, - credit; `currency` empty: the entry's."""

    account: str
    amount_micro: int
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry that is to be posted; see services.post for the meaning of each field."""

    idem_key: str
    kind: str
    lines: Sequence[Line]
    currency: str
    livemode: bool
    effective_date: date
    occurred_at: datetime
    source: str
    rule_version: str
    memo: str = ""
    reverses: str = ""

    def legs(self) -> list[tuple[str, str, int]]:
        """(account code, currency, micro) of every line, as sent."""
        return [(line.account, line.currency or self.currency, line.amount_micro) for line in self.lines]

    def payload_hash(self) -> str:
        """SHA-256 of what the entry says (not who posts it, when, or under which key), lines sorted."""
        return payload_hash(
            kind=self.kind,
            livemode=self.livemode,
            effective_date=self.effective_date,
            occurred_at=self.occurred_at,
            source=self.source,
            rule_version=self.rule_version,
            memo=self.memo,
            reverses=self.reverses,
            legs=self.legs(),
        )


def payload_hash(
    *,
    kind: str,
    livemode: bool,
    effective_date: date,
    occurred_at: datetime,
    source: str,
    rule_version: str,
    memo: str,
    reverses: str,
    legs: Iterable[tuple[str, str, int]],
) -> str:
    """SHA-256 (hex) of the JCS of an entry; micro as decimal text, time in UTC with microseconds.

    The verifier computes it again from the stored rows. All keys are ASCII and all values text or one boolean: there
    Python's own writer gives the same bytes, many times faster. Raises ValueError for text with a lone surrogate.
    """
    said = json.dumps(
        {
            "kind": kind,
            "livemode": livemode,
            "effective_date": effective_date.isoformat(),
            "occurred_at": occurred_at.astimezone(UTC).isoformat(timespec="microseconds"),
            "source": source,
            "rule_version": rule_version,
            "memo": memo,
            "reverses": reverses,
            "lines": [[code, currency, str(amount)] for code, currency, amount in sorted(legs)],
        },
        ensure_ascii=False, separators=(",", ":"), sort_keys=True,
    )  # fmt: skip
    return digests.sha256_hex(said.encode())


def faults(draft: Draft) -> list[tuple[str, str, str]]:
    """Why the draft cannot be posted: (code, JSON pointer, sentence); empty when it can.

    The database refuses the same again, in case somebody comes another way.
    """
    found = [fault for number, line in enumerate(draft.lines) if (fault := _line_fault(draft, number, line))]
    if found:
        return found
    if len(draft.lines) < 2:
        found.append(("entry_too_short", "/lines", "An entry has at least two lines."))
    for currency, total in imbalances(draft.legs()):
        found.append(("entry_unbalanced", "/lines", f"The lines in {currency} sum to {total} micro, not to zero."))
    return found


def imbalances(legs: Iterable[tuple[str, str, int]]) -> list[tuple[str, int]]:
    """(currency, micro) of every currency whose lines do not sum to zero, by currency."""
    sums: defaultdict[str, int] = defaultdict(int)
    for _, currency, amount in legs:
        sums[currency] += amount
    return [(currency, total) for currency, total in sorted(sums.items()) if total]


def _line_fault(draft: Draft, number: int, line: Line) -> tuple[str, str, str] | None:
    where = f"/lines/{number}"
    amount = line.amount_micro
    if type(amount) is not int or amount == 0 or abs(amount) > LARGEST:
        return ("amount_invalid", f"{where}/amount_micro", f"{amount!r} is not a non-zero 64-bit integer of micro.")
    currency = line.currency or draft.currency
    if currency not in money.EXPONENTS:
        return ("currency_unknown", f"{where}/currency", f"{currency!r} is not an ISO 4217 code in lower case.")
    try:
        chart = accounts.line_of(line.account)
    except ValueError as error:
        return ("account_unknown", f"{where}/account", f"{error}.")
    if chart.whole_minor and amount % money.MICRO:
        return ("fraction_refused", f"{where}/amount_micro", f"{line.account} holds whole minor units only.")
    return None
