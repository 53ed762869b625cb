"""The chart of accounts: what each kind of account is, told by the word before the colon of its code (money.md 1).

``payee_accrued:pty_...`` is the payee's accrued royalty; the part behind the colon is the owner, a public id or a
jurisdiction, year or agreement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

LONGEST_CODE = 120


@dataclass(frozen=True, slots=True)
class Chart:
    """One line of the chart. `owned`: the code must name an owner. `whole_minor`: no fractions of a minor unit."""

    kind: str
    owned: bool
    whole_minor: bool
    says: str


# Cash, taxes, fees and payouts move in whole minor units; only what accrues to payees has fractions.
CHART: Mapping[str, Chart] = MappingProxyType(
    {
        "order_clearing": Chart("clearing", True, True, "paid for an order, not yet granted"),
        "stripe_available": Chart("asset", False, True, "at Stripe, can be transferred"),
        "stripe_pending": Chart("asset", False, True, "at Stripe, not yet available"),
        "bank_operating": Chart("asset", False, True, "our own money at the bank"),
        "bank_royalty": Chart("asset", False, True, "held royalties at the bank"),
        "bank_in_transit": Chart("clearing", False, True, "between Stripe and the bank"),
        "buyer_receivable": Chart("asset", True, True, "granted on credit, not yet paid"),
        "buyer_suspense": Chart("liability", True, True, "paid without a matching order"),
        "tax_payable": Chart("liability", True, True, "tax collected, by jurisdiction"),
        "input_tax": Chart("asset", True, True, "tax paid that comes back, by jurisdiction"),
        "platform_fee_income": Chart("income", False, True, "our fee, earned at the grant"),
        "stripe_fee_expense": Chart("expense", False, True, "what Stripe keeps"),
        "royalty_pool": Chart("liability", True, False, "of an order, to be divided; returns to zero"),
        "payee_accrued": Chart("liability", True, False, "earned by a payee, period not closed"),
        "payee_payable": Chart("liability", True, False, "owed to a payee after close"),
        "payee_reserve": Chart("liability", True, False, "kept back from a payee for refunds"),
        "payee_receivable": Chart("asset", True, False, "overpaid to a payee"),
        "escrow": Chart("liability", True, False, "contested, by conflict"),
        "unclaimed": Chart("liability", True, False, "owner unknown, by year"),
        "advance": Chart("asset", True, False, "paid ahead, by agreement"),
        "society_deduction": Chart("liability", True, False, "kept by a society under its rules"),
        "withholding_payable": Chart("liability", True, True, "tax withheld from payees, by jurisdiction"),
        "dispute_clearing": Chart("clearing", True, True, "taken back by a buyer's bank, undecided"),
        "refund_clearing": Chart("clearing", True, True, "on its way back to a buyer"),
        "fx_clearing": Chart("clearing", True, False, "one half of an exchange"),
        "fx_gain_loss": Chart("income", False, False, "differences of exchange, ours"),
        "rounding_writeoff": Chart("income", False, False, "last fractions of payees who left"),
        "bad_debt": Chart("expense", False, True, "given up"),
    }
)


def owner_of(code: str) -> str:
    """The part behind the colon, or empty."""
    return code.partition(":")[2]


def line_of(code: str) -> Chart:
    """The line of the chart a code belongs to.

    Raises ValueError with a sentence for an unknown word, a missing or superfluous owner, a code over 120 characters.
    """
    name, colon, owner = code.partition(":")
    found = CHART.get(name)
    if found is None:
        raise ValueError(f"{name!r} is no account of the chart")
    if found.owned != bool(owner) or (colon and not owner):
        raise ValueError(f"{code!r}: {name} {'needs' if found.owned else 'has no'} owner behind a colon")
    if len(code) > LONGEST_CODE:
        raise ValueError(f"the account code {code[:40]!r}... is longer than {LONGEST_CODE} characters")
    return found
