"""What one card payment may be, and when a call is looked up before it is sent again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from licensing.payments import rules


@pytest.mark.parametrize(
    ("minor", "currency", "code"),
    [
        (100, "isk", "currency_not_chargeable"), (100, "ugx", "currency_not_chargeable"),
        (1001, "kwd", "amount_not_chargeable"), (100_000_000, "usd", "above_maximum_charge"),
        (49, "usd", "below_minimum_charge"), (49, "jpy", "below_minimum_charge"), (349, "cny", "below_minimum_charge"),
        (49, "sek", "below_minimum_charge"), (490, "kwd", "below_minimum_charge"), (0, "krw", "below_minimum_charge"),
    ],
)  # fmt: skip
def test_what_cannot_be_one_card_payment(minor: int, currency: str, code: str) -> None:
    refused = rules.unchargeable(minor, currency)
    assert refused is not None
    assert [refused.code, *(reason.code for reason in refused.reasons)] == [code, code]
    assert currency in refused.reasons[0].seen


@pytest.mark.parametrize(
    ("minor", "currency"),
    [(50, "usd"), (99_999_999, "usd"), (1000, "kwd"), (500, "kwd"), (50, "sek"), (50, "jpy"), (350, "cny")],
)
def test_what_can(minor: int, currency: str) -> None:
    assert rules.unchargeable(minor, currency) is None


@pytest.mark.parametrize(
    ("answer", "hours", "looked_up"),
    [("timeout", 1, False), ("timeout", 23, False), ("timeout", 24, True), ("definite_error", 1, True)],
)
def test_a_key_is_sent_again_only_while_it_protects(answer: str, hours: int, looked_up: bool) -> None:
    assert rules.must_look_up(answer=answer, age=timedelta(hours=hours)) is looked_up
