"""What makes an entry one that cannot be posted, and the hash of what it says. No database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from licensing.ledger import rules
from licensing.ledger.rules import Draft, Line

CENT = 1_000_000
DRAFT = Draft(
    idem_key="k",
    kind="order",
    lines=[Line("stripe_pending", 5 * CENT), Line("order_clearing:ord_1", -5 * CENT)],
    currency="usd",
    livemode=False,
    effective_date=date(2026, 3, 10),
    occurred_at=datetime(2026, 3, 10, 12, tzinfo=UTC),
    source="pay_1",
    rule_version="1",
)


def _faults(*lines: Line) -> list[tuple[str, str]]:
    return [(code, pointer) for code, pointer, _ in rules.faults(replace(DRAFT, lines=list(lines)))]


def test_a_balanced_entry_has_no_faults() -> None:
    assert rules.faults(DRAFT) == []
    assert DRAFT.legs() == [("stripe_pending", "usd", 5 * CENT), ("order_clearing:ord_1", "usd", -5 * CENT)]


@pytest.mark.parametrize(
    ("line", "code", "pointer"),
    [
        (Line("stripe_pending", 0), "amount_invalid", "amount_micro"),
        (Line("stripe_pending", 2**63), "amount_invalid", "amount_micro"),
        (Line("stripe_pending", True), "amount_invalid", "amount_micro"),
        (Line("stripe_pending", 1.5), "amount_invalid", "amount_micro"),  # type: ignore[arg-type]
        (Line("stripe_pending", CENT, "USD"), "currency_unknown", "currency"),
        (Line("pocket", CENT), "account_unknown", "account"),
        (Line("stripe_pending", CENT + 1), "fraction_refused", "amount_micro"),
    ],
)
def test_each_wrong_line_is_named(line: Line, code: str, pointer: str) -> None:
    assert _faults(Line("order_clearing:ord_1", -CENT), line) == [(code, f"/lines/1/{pointer}")]


def test_fractions_are_for_what_accrues() -> None:
    assert _faults(Line("royalty_pool:ord_1", 1), Line("payee_accrued:pty_1", -1)) == []


def test_every_currency_must_sum_to_zero() -> None:
    assert _faults(Line("stripe_pending", CENT)) == [("entry_too_short", "/lines"), ("entry_unbalanced", "/lines")]
    mixed = [Line("fx_clearing:a", CENT), Line("fx_clearing:b", -CENT, "eur")]
    assert _faults(*mixed) == [("entry_unbalanced", "/lines")] * 2
    said = [sentence for _, _, sentence in rules.faults(replace(DRAFT, lines=mixed))]
    assert [sentence.split()[3] for sentence in said] == ["eur", "usd"]


def test_the_hash_is_of_what_the_entry_says() -> None:
    same = replace(DRAFT, idem_key="other", lines=list(reversed(DRAFT.lines)))
    elsewhere = replace(DRAFT, occurred_at=DRAFT.occurred_at.astimezone(timezone(timedelta(hours=8))))
    assert same.payload_hash() == elsewhere.payload_hash() == DRAFT.payload_hash()
    for change in ({"kind": "x"}, {"livemode": True}, {"memo": "x"}, {"reverses": "x"}, {"source": "x"},
                   {"rule_version": "2"}, {"currency": "eur"}, {"effective_date": date(2026, 3, 11)}):  # fmt: skip
        assert replace(DRAFT, **change).payload_hash() != DRAFT.payload_hash()  # type: ignore[arg-type]
