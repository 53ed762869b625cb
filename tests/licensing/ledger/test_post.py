"""Posting: what goes in, what comes back, what is refused and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import connection

from accounts.errors import Refused
from accounts.models import AuditRow
from accounts.unit import system, unit
from licensing.kernel import money
from licensing.ledger import accounts, periods, queries, services, verify
from licensing.ledger.models import Currency, LedgerAccount, LedgerEntry, LedgerLine, LedgerPeriod
from licensing.ledger.services import Draft, Line
from tests.support.databases import Committed

ACTOR = system()
AT = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
USD = money.MICRO
CAPTURE: dict[str, Any] = {
    "idem_key": "capture:pay_1",
    "kind": "capture",
    "lines": [Line("stripe_pending", 50 * USD), Line("order_clearing:ord_1", -50 * USD)],
    "currency": "usd",
    "livemode": False,
    "effective_date": date(2026, 3, 10),
    "occurred_at": AT,
    "source": "pay_1",
    "actor": ACTOR,
    "at": AT,
    "rule_version": "1",
}


def _counts() -> tuple[int, int, int]:
    with unit(ACTOR):
        return LedgerEntry.objects.count(), LedgerLine.objects.count(), LedgerAccount.objects.count()


@pytest.fixture
def _immediate() -> Iterator[None]:
    """Deferred checks run at once, since a rollback test never commits."""
    with unit(ACTOR), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    yield
    with unit(ACTOR), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.django_db
@pytest.mark.usefixtures("_immediate")
class TestPost:
    def test_an_entry_is_written_with_its_lines_accounts_and_period(self) -> None:
        entry = services.post(**CAPTURE)
        with unit(ACTOR):
            assert queries.balance("stripe_pending", "usd", livemode=False) == 50 * USD
            assert queries.balance("order_clearing:ord_1", "usd", livemode=False) == -50 * USD
            assert queries.balance("stripe_pending", "usd", livemode=True) == 0
            account = LedgerAccount.objects.get(code="order_clearing:ord_1")
            assert (account.kind, account.owner, account.whole_minor_only) == ("clearing", "ord_1", True)
            period = LedgerPeriod.objects.get()
            assert (period.starts, period.ends, period.status) == (date(2026, 3, 1), date(2026, 4, 1), "open")
            assert entry.payload_hash == Draft(**_draft()).payload_hash()
            assert (entry.actor, entry.posted_at, entry.source) == ("system", AT, "pay_1")
            assert verify.verify() == verify.Proof({"usd": 0}, 1, 2, None)

    def test_the_same_key_returns_the_earlier_entry(self) -> None:
        first = services.post(**CAPTURE)
        before = _counts()
        again = services.post(**CAPTURE | {"actor": system(), "at": AT.replace(hour=20)})
        assert (again.pk, again.posted_at, _counts()) == (first.pk, AT, before)

    @pytest.mark.parametrize(
        "change",
        [
            {"kind": "other"},
            {"source": "pay_2"},
            {"memo": "x"},
            {"rule_version": "2"},
            {"effective_date": date(2026, 3, 11)},
            {"occurred_at": AT.replace(second=1)},
            {"lines": [Line("stripe_pending", 51 * USD), Line("order_clearing:ord_1", -51 * USD)]},
        ],
    )
    def test_the_same_key_with_other_content_is_refused(self, change: dict[str, Any]) -> None:
        services.post(**CAPTURE)
        before = _counts()
        with pytest.raises(Refused) as refused:
            services.post(**CAPTURE | change)
        assert (refused.value.code, _counts()) == ("idem_conflict", before)

    @pytest.mark.parametrize(
        ("lines", "code"),
        [
            ([Line("stripe_pending", 1 * USD)], "entry_too_short"),
            ([], "entry_too_short"),
            ([Line("stripe_pending", 2 * USD), Line("bank_operating", -1 * USD)], "entry_unbalanced"),
            ([Line("stripe_pending", 1 * USD), Line("bank_operating", -1 * USD, "eur")], "entry_unbalanced"),
            ([Line("stripe_pending", 0), Line("bank_operating", 0)], "amount_invalid"),
            ([Line("stripe_pending", 1.5), Line("bank_operating", -1.5)], "amount_invalid"),  # type: ignore[arg-type]
            ([Line("stripe_pending", True), Line("bank_operating", -1)], "amount_invalid"),
            ([Line("escrow:cfl_1", 2**63), Line("payee_accrued:p", -(2**63))], "amount_invalid"),
            ([Line("stripe_pending", 1), Line("bank_operating", -1)], "fraction_refused"),
            ([Line("nowhere", 1 * USD), Line("bank_operating", -1 * USD)], "account_unknown"),
            ([Line("escrow", 1 * USD), Line("bank_operating", -1 * USD)], "account_unknown"),
            ([Line("stripe_pending:x", 1 * USD), Line("bank_operating", -1 * USD)], "account_unknown"),
            ([Line("escrow:" + "x" * 120, 1 * USD), Line("bank_operating", -1 * USD)], "account_unknown"),
            ([Line("stripe_pending", 1 * USD, "xxx"), Line("bank_operating", -1 * USD, "xxx")], "currency_unknown"),
        ],
    )
    def test_a_wrong_entry_is_refused_with_its_reason(self, lines: list[Line], code: str) -> None:
        before = _counts()
        with pytest.raises(Refused) as refused:
            services.post(**CAPTURE | {"lines": lines})
        assert refused.value.code == "entry_invalid"
        assert code in [reason.code for reason in refused.value.reasons]
        assert _counts() == before

    def test_two_currencies_balance_each_by_itself(self) -> None:
        lines = [
            Line("stripe_available", -100 * USD),
            Line("fx_clearing:pay_1", 100 * USD),
            Line("stripe_available", 92 * USD, "eur"),
            Line("fx_clearing:pay_1", -92 * USD, "eur"),
        ]
        services.post(**CAPTURE | {"lines": lines})
        with unit(ACTOR):
            assert queries.imbalance() == {"eur": 0, "usd": 0}
            assert queries.balance("stripe_available", "eur", livemode=False) == 92 * USD

    def test_a_full_reversal_names_its_entry_and_there_is_only_one(self) -> None:
        entry = services.post(**CAPTURE)
        back = [replace(line, amount_micro=-line.amount_micro) for line in CAPTURE["lines"]]
        reverse = CAPTURE | {"lines": back, "reverses": entry.name_id, "kind": "reversal"}
        services.post(**reverse | {"idem_key": "back"})
        with unit(ACTOR):
            assert queries.balance("stripe_pending", "usd", livemode=False) == 0
        with pytest.raises(Exception, match="reverses_id"):
            services.post(**reverse | {"idem_key": "back again"})
        unknown = "lde_01M80MWVB0FY99A0A4XNKMZFDW"
        with pytest.raises(Refused, match=unknown):
            services.post(**reverse | {"idem_key": "x", "reverses": unknown})

    def test_many_entries_cost_the_same_number_of_statements(self, django_assert_num_queries: Any) -> None:
        services.post(**CAPTURE)

        def batch(start: int, size: int) -> list[Draft]:
            return [Draft(**_draft(idem_key=f"many:{number}")) for number in range(start, start + size)]

        for start, size in ((0, 2), (100, 50)):
            with unit(ACTOR), django_assert_num_queries(5):
                assert services.post_many(batch(start, size), actor=ACTOR, at=AT) == size
        assert services.post_many(batch(100, 51), actor=ACTOR, at=AT) == 1
        with unit(ACTOR):
            assert verify.verify() == verify.Proof({"usd": 0}, 54, 108, None)

    def test_one_key_twice_in_a_batch_is_refused(self) -> None:
        with pytest.raises(Refused, match="same key"):
            services.post_many([Draft(**_draft()), Draft(**_draft())], actor=ACTOR, at=AT)
        assert _counts() == (0, 0, 0)


@pytest.mark.django_db
class TestPeriods:
    def test_a_closed_period_takes_nothing_more_and_keeps_its_hash(self) -> None:
        services.post(**CAPTURE)
        with unit(ACTOR):
            period = LedgerPeriod.objects.get()
        found = periods.close(period=period, actor=ACTOR, at=AT)
        before = _counts()
        with pytest.raises(Refused) as refused:
            services.post(**CAPTURE | {"idem_key": "late"})
        assert (refused.value.code, _counts()) == ("period_closed", before)
        with pytest.raises(Refused, match="closed"):
            periods.close(period=period, actor=ACTOR, at=AT)
        with unit(ACTOR):
            period.refresh_from_db()
            assert (period.status, period.trial_balance_hash) == ("closed", found)
            assert AuditRow.objects.filter(act="ledger_period.closed", subject=period.name_id).count() == 1

    def test_december_opens_a_month_that_ends_with_the_year(self) -> None:
        services.post(**CAPTURE | {"effective_date": date(2026, 12, 31)})
        with unit(ACTOR):
            assert LedgerPeriod.objects.get().ends == date(2027, 1, 1)

    def test_a_day_between_periods_that_is_no_free_month_is_refused(self) -> None:
        with unit(ACTOR), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO licensing_ledgerperiod (public_id, created_at, livemode, starts, ends, status,"
                " trial_balance_hash) VALUES (gen_random_uuid(), now(), false, '2026-03-20', '2026-05-01', 'open', '')"
            )
        with pytest.raises(Refused) as refused:
            services.post(**CAPTURE)
        assert (refused.value.code, _counts()) == ("period_missing", (0, 0, 0))


@pytest.mark.django_db
def test_the_currencies_are_those_of_the_kernel() -> None:
    with unit(ACTOR):
        assert dict(Currency.objects.values_list("code", "exponent")) == dict(money.EXPONENTS)


def test_the_chart_speaks_of_kinds_the_database_knows() -> None:
    kinds = {"asset", "liability", "income", "expense", "equity", "clearing"}
    assert {line.kind for line in accounts.CHART.values()} <= kinds


def test_one_key_in_eight_threads_is_one_entry(committed: Committed) -> None:
    def once(_: int) -> int:
        try:
            return services.post(**CAPTURE).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(once, range(8)))
    assert len(set(made)) == 1
    assert _counts() == (1, 2, 2)
    with unit(ACTOR):
        assert verify.verify().ok


def _draft(**change: Any) -> dict[str, Any]:
    return {name: value for name, value in CAPTURE.items() if name not in {"actor", "at"}} | change
