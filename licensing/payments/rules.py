"""What one card payment may be, and when a stored call must be looked up instead of being sent again. Pure."""

from __future__ import annotations

from datetime import timedelta

from accounts.errors import Reason, Refused
from licensing.kernel import money

LARGEST_MINOR = 99_999_999  # a PaymentIntent takes 8 digits; beyond it an invoice by bank transfer is needed
SMALLEST_MINOR = {"usd": 50, "eur": 50, "gbp": 30, "cny": 350, "hkd": 400, "jpy": 50}
OTHER_UNITS = frozenset({"isk", "mga", "ugx"})
"""Stripe counts these in other units than ISO 4217: a charge would be wrong by a factor of 100."""
TENS = 10
"""Of currencies with three digits Stripe takes multiples of ten only. Source for both: Stripe, Supported currencies."""

REPLAYS_FOR = timedelta(hours=23)
"""Stripe forgets an idempotency key after 24 hours; until then the same key cannot act twice."""


def unchargeable(amount_minor: int, currency: str) -> Refused | None:
    """Why an order's total cannot be one card payment; None when it can."""
    if currency in OTHER_UNITS:
        said = "Cards are not charged in this currency; pay by invoice."
        reason = _reason("currency_not_chargeable", currency, "another currency")
        return Refused("currency_not_chargeable", said, [reason])
    seen = f"{amount_minor} {currency}"
    if money.exponent(currency) == 3 and amount_minor % TENS:
        said = "Cards are charged in whole hundredths of this currency; pay by invoice."
        return Refused("amount_not_chargeable", said, [_reason("amount_not_chargeable", seen, "a multiple of 10")])
    if amount_minor > LARGEST_MINOR:
        said = "This is more than one card payment may be."
        reason = _reason("above_maximum_charge", seen, f"at most {LARGEST_MINOR}")
        return Refused("above_maximum_charge", said, [reason])
    least = SMALLEST_MINOR.get(currency, max(10 ** money.exponent(currency) // 2, 1))
    if amount_minor < least:
        said = "This is less than one card payment may be."
        return Refused("below_minimum_charge", said, [_reason("below_minimum_charge", seen, f"at least {least}")])
    return None


def _reason(code: str, seen: str, expected: str) -> Reason:
    return Reason(code, "The order's total cannot be one card payment.", "/order", seen, expected)


def must_look_up(*, answer: str, age: timedelta) -> bool:
    """Whether a call whose effect we have not taken is looked up before anything is sent.

    `answer` is the kind of the last one stored, empty when none is: Stripe replays a saved 500 for its key for ever,
    and after a day a key protects nothing any more.
    """
    return answer == "definite_error" or age > REPLAYS_FOR
