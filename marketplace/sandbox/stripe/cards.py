"""Stripe's documented test cards, as payment method ids and as numbers for the hosted page. Source: Stripe, Testing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Card:
    """How a test card behaves: declined with a code, refunds that fail or wait, money available at once."""

    number: str
    brand: str = "visa"
    code: str | None = None
    decline_code: str | None = None
    refund: str = "succeeded"
    available_at_once: bool = False


MESSAGES = {
    "card_declined": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}

CARDS = {
    "pm_card_visa": Card("4242424242424242"),
    "pm_card_mastercard": Card("5555555555554444", brand="mastercard"),
    "pm_card_unionpay": Card("6200000000000005", brand="unionpay"),
    "pm_card_bypassPending": Card("4000000000000077", available_at_once=True),
    "pm_card_refundFail": Card("4000000000005126", refund="fails_later"),
    "pm_card_pendingRefund": Card("4000000000007726", refund="pending"),
    "pm_card_chargeDeclined": Card("4000000000000002", code="card_declined", decline_code="generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": Card(
        "4000000000009995", code="card_declined", decline_code="insufficient_funds"
    ),
    "pm_card_chargeDeclinedExpiredCard": Card("4000000000000069", code="expired_card"),
    "pm_card_chargeDeclinedIncorrectCvc": Card("4000000000000127", code="incorrect_cvc"),
    "pm_card_chargeDeclinedProcessingError": Card("4000000000000119", code="processing_error"),
}

METHOD_BY_NUMBER = {card.number: method for method, card in CARDS.items()}
