"""Dividing a captured payment: the database and the oracle agree, the books close, nothing happens twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection

from accounts.errors import Refused
from accounts.unit import unit
from licensing.events.models import DomainEvent
from licensing.kernel import split
from licensing.ledger import queries as books
from licensing.ledger.models import LedgerEntry
from licensing.payments.models import Payment
from licensing.royalties import queries, recompute, services
from licensing.royalties.models import Allocation, AllocationRun, HeldShare, WorkAllocation
from tests.licensing.royalties.sales import ACTOR, AT, WHOLE, Owned, Sale, Sold, contest, pay, sell, settle_constraints

pytestmark = pytest.mark.django_db

THIRDS = ((0, 333_333), (1, 333_333), (2, 333_334))


def allocate(sale: Sale, number: int = 0) -> AllocationRun:
    run = services.allocate(payment_id=sale.payments[number].name_id, actor=ACTOR, at=AT)
    settle_constraints()
    return run


def amounts(run: AllocationRun) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in Allocation.objects.filter(run=run).select_related("account"):
        found[row.account.code] = found.get(row.account.code, 0) + row.amount
    return found


def refused(code: str, payment: Payment) -> Refused:
    before = (AllocationRun.objects.count(), LedgerEntry.objects.count(), Allocation.objects.count())
    with pytest.raises(Refused) as caught:
        services.allocate(payment_id=payment.name_id, actor=ACTOR, at=AT)
    assert caught.value.code == code
    assert before[2] == Allocation.objects.count()
    assert before[:2] == (AllocationRun.objects.count(), LedgerEntry.objects.count())
    return caught.value


def test_a_pool_goes_to_works_by_price_and_to_payees_by_split() -> None:
    with unit(ACTOR):
        sale = sell(
            [Sold(3_000_000, (Owned(WHOLE, THIRDS),)), Sold(7_000_000)], works_minor=1000, fee_minor=100, tax_minor=77
        )
        run = allocate(sale)
        assert (run.gross_minor, run.tax_minor, run.fee_minor, run.pool_micro) == (1077, 77, 100, 900_000_000)
        works = dict(WorkAllocation.objects.filter(run=run).values_list("work_id", "amount"))
        assert works == {sale.works[0].pk: 270_000_000, sale.works[1].pk: 630_000_000}
        first, second, third = (f"payee_accrued:{payee.name_id}" for payee in sale.payees)
        assert amounts(run) == {first: 630_000_000 + 89_999_910, second: 89_999_910, third: 90_000_180}
        assert books.balance(first, "usd", livemode=False) == -(630_000_000 + 89_999_910)
        assert books.balance(f"royalty_pool:{sale.order.name_id}", "usd", livemode=False) == 0
        assert books.imbalance() == {"usd": 0}
        assert queries.audit_splits() == {"runs": 1, "differences": []}


def test_one_payment_is_divided_once() -> None:
    with unit(ACTOR):
        sale = sell([Sold(5_000_000)])
        run = allocate(sale)
        entries = LedgerEntry.objects.count()
        again = services.allocate(payment_id=sale.payments[0].name_id, actor=ACTOR, at=AT + timedelta(days=1))
        assert again == run
        assert (AllocationRun.objects.count(), Allocation.objects.count()) == (1, 1)
        assert LedgerEntry.objects.count() == entries
        assert DomainEvent.objects.filter(kind="royalties.allocated", subject=run.name_id).count() == 1


def test_the_hashes_are_the_oracles() -> None:
    with unit(ACTOR):
        shares = (Owned(333_331, THIRDS), Owned(666_669, ((2, 500_001), (0, 499_999))))
        sale = sell([Sold(1, shares), Sold(2), Sold(0), Sold(1, (Owned(WHOLE, THIRDS),))], works_minor=7)
        run = allocate(sale)
        rows = list(recompute.rows(run, recompute.inputs(run)))
        assert run.input_hash == split.input_hash(rows)
        assert run.output_hash == split.output_hash(rows)
        assert Allocation.objects.filter(run=run).count() == run.rows == len(rows)


def test_equal_works_are_told_apart_by_their_ties_alone() -> None:
    with unit(ACTOR):
        sale = sell([Sold(100) for _ in range(7)], works_minor=1)
        run = allocate(sale)
        stored = WorkAllocation.objects.filter(run=run)
        assert sorted(stored.values_list("rank", flat=True)) == [1, 2, 3, 4, 5, 6, 7]
        assert (run.works_cut, run.weight_total) == (1_000_000 % 7, 7)
        assert sum(stored.values_list("amount", flat=True)) == 1_000_000
        assert queries.audit_splits()["differences"] == []


def test_works_nobody_licenses_get_nothing() -> None:
    with unit(ACTOR):
        sale = sell([Sold(0, ()), Sold(9_000_000)])
        run = allocate(sale)
        assert set(Allocation.objects.values_list("work_id", flat=True)) == {sale.works[1].pk}
        assert run.works == 1
        assert queries.audit_splits()["differences"] == []


def test_prices_of_zero_share_equally() -> None:
    with unit(ACTOR):
        sale = sell([Sold(0), Sold(0)], works_minor=3)
        run = allocate(sale)
        assert set(WorkAllocation.objects.values_list("amount", "weight")) == {(1_500_000, 0)}
        assert run.weight_total == 2
        assert queries.audit_splits()["differences"] == []


def test_the_contested_part_waits_in_escrow() -> None:
    with unit(ACTOR):
        sale = sell([Sold(10_000_000, (Owned(600_000, ((0, WHOLE),)), Owned(600_000, ((1, WHOLE),))))])
        conflict = contest(sale.works[0], [(claim, 400_000) for claim in sale.claims[0]])
        run = allocate(sale)
        first, second, _ = (f"payee_accrued:{payee.name_id}" for payee in sale.payees)
        escrow = f"escrow:{conflict.name_id}"
        assert amounts(run) == {first: 4_000_000, second: 4_000_000, escrow: 2_000_000}
        held = Allocation.objects.get(held=True)
        assert (held.claim_id, held.split_part_id, held.part_no) == (None, None, 3)
        assert list(HeldShare.objects.values_list("payable_ppm", flat=True)) == [400_000, 400_000]
        assert books.balance(escrow, "usd", livemode=False) == -2_000_000
        assert queries.audit_splits()["differences"] == []


def test_a_conflict_that_changes_later_changes_no_division() -> None:
    with unit(ACTOR):
        sale = sell([Sold(10_000_000)])
        conflict = contest(sale.works[0], [(sale.claims[0][0], 250_000)])
        run = allocate(sale)
        assert amounts(run)[f"escrow:{conflict.name_id}"] == 7_500_000
        conflict.parties.update(guaranteed_ppm=0)
        type(conflict).objects.update(status="decided")
        assert queries.audit_splits()["differences"] == []


def test_a_conflict_over_everything_holds_everything() -> None:
    with unit(ACTOR):
        sale = sell([Sold(10_000_000), Sold(10_000_000)])
        conflict = contest(sale.works[0], [(sale.claims[0][0], 0)])
        run = allocate(sale)
        assert amounts(run)[f"escrow:{conflict.name_id}"] == 10_000_000
        assert run.rows == 2
        assert queries.audit_splits()["differences"] == []


def test_a_conflict_about_another_use_holds_nothing() -> None:
    with unit(ACTOR):
        sale = sell([Sold(10_000_000)])
        contest(sale.works[0], [(sale.claims[0][0], 0)], actions=1 << 30)
        allocate(sale)
        assert not Allocation.objects.filter(held=True).exists()


def test_what_no_payee_is_named_for_waits_unclaimed() -> None:
    with unit(ACTOR):
        sale = sell([Sold(10_000_000, (Owned(WHOLE, ((0, 999_700), (None, 300))),))])
        run = allocate(sale)
        assert amounts(run)["unclaimed:2026"] == 3_000
        assert queries.audit_splits()["differences"] == []


def test_part_payments_close_the_order_exactly() -> None:
    with unit(ACTOR):
        sale = sell([Sold(10_000_000), Sold(3)], works_minor=1001, fee_minor=333, tax_minor=19, payments=[1, 340, 679])
        runs = [allocate(sale, number) for number in range(3)]
        for run in runs:
            assert run.gross_minor == run.tax_minor + run.fee_minor + run.pool_micro // 1_000_000
            assert min(run.tax_minor, run.fee_minor, run.pool_micro) >= 0
        assert sum(run.tax_minor for run in runs) == 19
        assert sum(run.fee_minor for run in runs) == 333
        assert sum(run.pool_micro for run in runs) == 668_000_000
        assert books.balance(f"royalty_pool:{sale.order.name_id}", "usd", livemode=False) == 0
        assert queries.audit_splits() == {"runs": 3, "differences": []}
        refused("nothing_to_allocate", pay(sale.order, 5))


def test_only_captured_money_of_granted_orders_is_divided() -> None:
    with unit(ACTOR):
        sale = sell([Sold(10_000_000)])
        assert queries.undivided(livemode=False) == [sale.payments[0].name_id]
        Payment.objects.update(status="pending")
        refused("payment_not_captured", sale.payments[0])
        Payment.objects.update(status="captured")
        ungranted = sell([Sold(10_000_000)], granted=False)
        assert refused("order_not_granted", ungranted.payments[0]).retryable
        with pytest.raises(Refused, match="no payment"):
            services.allocate(payment_id="pay_nonsense", actor=ACTOR, at=AT)


def test_shares_that_make_no_whole_are_refused_by_name() -> None:
    with unit(ACTOR):
        sale = sell([Sold(10_000_000, (Owned(999_999, ((0, WHOLE),)),)), Sold(5)])
        assert sale.works[0].name_id in refused("shares_do_not_sum", sale.payments[0]).reasons[0].seen


def test_a_pool_without_licensors_is_refused() -> None:
    with unit(ACTOR):
        sale = sell([Sold(10_000_000, ())])
        refused("nobody_to_pay", sale.payments[0])


def test_a_fee_that_takes_all_leaves_a_run_without_an_entry() -> None:
    with unit(ACTOR):
        sale = sell([Sold(10_000_000)], fee_minor=10)
        run = allocate(sale)
        assert (run.pool_micro, run.entry, run.rows) == (0, None, 1)
        assert queries.audit_splits()["differences"] == []
        assert queries.undivided(livemode=False) == []


def test_the_audit_names_a_changed_row() -> None:
    with unit(ACTOR):
        sale = sell([Sold(10_000_000, (Owned(WHOLE, ((0, 500_000), (1, 500_000))),))])
        run = allocate(sale)
        run.input_hash = "0" * 64
        found = [(one.field, one.seen) for one in queries.differences(run)]
        assert found == [("input_hash", "0" * 64)]
        run.pool_micro += 1
        fields = {one.field for one in queries.differences(run)}
        assert {"pool_micro", "amount", f"entry royalty_pool:{sale.order.name_id}"} <= fields


def test_an_organisation_sees_what_its_own_parties_are_paid() -> None:
    with unit(ACTOR):
        sale, other = sell([Sold(10_000_000)]), sell([Sold(10_000_000)])
        allocate(sale)
        allocate(other)
        mine = replace(ACTOR, scope="own", organisation_id=sale.payees[0].organisation_id)
        assert [row["work"] for row in queries.allocations(actor=mine)] == [sale.works[0].name_id]
        newest, oldest = queries.allocations(actor=ACTOR)
        day, last = newest["key"]
        assert queries.allocations(actor=ACTOR, before=(AT.date(), last)) == [oldest]
        assert day == "2026-03-14"
        assert queries.allocations(actor=replace(mine, livemode=True)) == []


def test_queries_do_not_grow_with_the_works() -> None:
    def asked(works: int) -> int:
        sale = sell([Sold(10_000_000) for _ in range(works)])
        before = len(connection.queries_log)
        allocate(sale)
        return len(connection.queries_log) - before

    with unit(ACTOR):
        connection.force_debug_cursor = True
        asked(1)  # opens the month
        few, many = asked(2), asked(60)
        connection.force_debug_cursor = False
    assert few == many
