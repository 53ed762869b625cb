"""Divide a captured payment among those who are paid for its works: once, whole, in one transaction."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Sum

from accounts import audit
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.unit import Actor, unit
from licensing.events import services as events
from licensing.grants.models import Grant
from licensing.kernel import ids, money
from licensing.ledger import accounts as chart
from licensing.ledger import services as ledger
from licensing.ledger.models import LedgerAccount, LedgerEntry
from licensing.orders import services as orders
from licensing.orders.models import Order
from licensing.payments.models import Payment
from licensing.royalties import division, hashing, rules
from licensing.royalties.models import AllocationRun

KIND = "payment"
FILLED = ("weight_total", "works_cut", "first_row", "last_row", "works", "rows", "entry", "input_hash", "output_hash")

# Everybody whom the frozen splits of the quote name; party null: the part is unallocated.
PAYEES = """
SELECT DISTINCT y.id, y.public_id FROM (
  SELECT DISTINCT s.split_version_id FROM licensing_quoteline l JOIN licensing_quoteshare s ON s.line_id = l.id
  WHERE l.quote_id = %(quote)s) v
JOIN licensing_splitpart p ON p.version_id = v.split_version_id LEFT JOIN licensing_party y ON y.id = p.party_id
"""
CONFLICTS = """
SELECT DISTINCT f.id, f.public_id FROM licensing_heldshare h JOIN licensing_conflict f ON f.id = h.conflict_id
WHERE h.run_id = %(run)s
"""


def allocate(*, payment_id: str, actor: Actor, at: datetime) -> AllocationRun:
    """Divide what a captured payment (public id) brought, by the quote's frozen lines, shares and splits.

    Micro units; a second call returns the run there is. Raises Refused("not_found"), ("payment_not_captured"),
    ("order_not_granted", retryable), ("nothing_to_allocate"), ("shares_do_not_sum"), ("nobody_to_pay"); nothing is
    written then. Source: money.md 2, docs/algorithms/statements.md 1 to 3.
    """
    with unit(actor), transaction.atomic():  # a refusal leaves nothing, also inside a caller's unit
        payment = _payment(payment_id)
        order = Order.objects.select_for_update().get(pk=payment.order_id)
        earlier = AllocationRun.objects.filter(source=payment.name_id, kind=KIND).first()
        if earlier is not None:
            return earlier
        _check_ready(payment, order)
        run = _open(payment, order, at)
        _divide(run, actor, at)
        audit.record(
            actor=actor, act="royalties.allocated", subject=run.name_id, at=at, organisation_id=order.organisation_id,
            after={"payment": payment.name_id, "pool_micro": str(run.pool_micro), "output_hash": run.output_hash},
        )  # fmt: skip
        events.emit(
            "royalties.allocated", run.name_id, actor=actor, at=at, organisation_id=None, livemode=run.livemode,
            data={"payment": payment.name_id, "order": order.name_id},
        )  # fmt: skip
    return run


def _payment(payment_id: str) -> Payment:
    try:
        key = ids.decode(Payment.PREFIX, payment_id)
        return Payment.objects.get(public_id=key)
    except (ValueError, Payment.DoesNotExist):
        raise Refused("not_found", f"There is no payment {payment_id}.") from None


def _check_ready(payment: Payment, order: Order) -> None:
    if payment.status != "captured" or payment.captured_minor <= 0:
        reason = Reason("payment_not_captured", "Nothing to divide yet.", "/payment", payment.status, "captured")
        raise Refused("payment_not_captured", f"{payment.name_id} is {payment.status}.", [reason])
    if not Grant.objects.filter(order=order).exists():
        reason = Reason("order_not_granted", "The pool is booked by the grant.", "/order", order.status, "granted")
        raise Refused("order_not_granted", f"{order.name_id} has no grant yet.", [reason], retryable=True)


def _open(payment: Payment, order: Order, at: datetime) -> AllocationRun:
    quote = order.quote
    whole = rules.Charge(quote.tax_minor, quote.fee_minor, quote.works_minor - quote.fee_minor)
    sums = AllocationRun.objects.filter(order=order, kind=KIND).aggregate(
        gross=Sum("gross_minor"), tax=Sum("tax_minor"), fee=Sum("fee_minor")
    )
    gross, tax, fee = (int(sums[name] or 0) for name in ("gross", "tax", "fee"))
    part = rules.charge(whole, rules.Charge(tax, fee, gross - tax - fee), payment.captured_minor)
    if part.gross_minor == 0:
        raise Refused("nothing_to_allocate", f"All of {order.name_id} is divided; {payment.name_id} adds nothing.")
    return AllocationRun.objects.create(
        public_id=fresh(at), created_at=at, livemode=order.livemode, source=payment.name_id, order=order, kind=KIND,
        run_date=at.date(), currency=order.currency, gross_minor=part.gross_minor, tax_minor=part.tax_minor,
        fee_minor=part.fee_minor, pool_micro=part.pool_minor * money.MICRO, rule_version=rules.RULE_VERSION,
    )  # fmt: skip


def _divide(run: AllocationRun, actor: Actor, at: datetime) -> None:
    """Both levels, the entry and the hashes; fills the run in, once."""
    measured = division.measure(run)
    division.settings_for(measured.works)
    plain = _hold(run) == 0 and measured.plain
    if not plain:
        _check_whole(run)
    if measured.works:
        division.divide_works(run, measured)
        division.divide_parts(run, _accounts(run), plain=plain)
    elif run.pool_micro:
        raise Refused("nobody_to_pay", f"{run.order.name_id} has a pool, but none of its works has a licensor.")
    run.entry = _post(run, actor, at)
    run.input_hash, run.output_hash = hashing.of_run(run)
    run.save(update_fields=FILLED)
    division.statistics(run.works)


def _hold(run: AllocationRun) -> int:
    cells = orders.cells_of(run.order.quote)
    return division.hold(run, actions=cells.actions, territories=cells.territories)


def _check_whole(run: AllocationRun) -> None:
    seen = [f"{ids.encode('wrk', work)}: {ppm}" for work, ppm in division.crooked(run)]
    if seen:
        reasons = [Reason("shares_do_not_sum", "The shares make no whole.", "", one, "1000000") for one in seen]
        raise Refused("shares_do_not_sum", "The quoted shares of some works do not make a whole.", reasons)


def _accounts(run: AllocationRun) -> list[tuple[int | None, int | None, int]]:
    """Open every account the run may pay; returns (party or 0 for unallocated, conflict, account), internal ids."""
    with connection.cursor() as cursor:
        cursor.execute(PAYEES, {"quote": run.order.quote_id})
        parties: list[tuple[int | None, UUID | None]] = cursor.fetchall()
        cursor.execute(CONFLICTS, {"run": run.pk})
        conflicts: list[tuple[int, UUID]] = cursor.fetchall()
    codes: dict[str, tuple[int | None, int | None]] = {}
    for party, name in parties:
        codes[f"payee_accrued:{ids.encode('pty', name)}" if name else unallocated(run)] = (party or 0, None)
    for conflict, name in conflicts:
        codes[f"escrow:{ids.encode('cfl', name)}"] = (None, conflict)
    found = _open_accounts(run, sorted(codes))  # one order for everybody, or two runs lock each other out
    return [(party, conflict, found[code]) for code, (party, conflict) in codes.items()]


def unallocated(run: AllocationRun) -> str:
    """The account of money whose owner a split does not name: per year, as it is later searched and claimed."""
    return f"unclaimed:{run.run_date.year}"


def _open_accounts(run: AllocationRun, codes: list[str]) -> dict[str, int]:
    lines = {code: chart.line_of(code) for code in codes}
    LedgerAccount.objects.bulk_create(
        [
            LedgerAccount(
                livemode=run.livemode, code=code, currency_id=run.currency, kind=line.kind, owner=chart.owner_of(code),
                whole_minor_only=line.whole_minor,
            )
            for code, line in lines.items()
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    known = LedgerAccount.objects.filter(livemode=run.livemode, currency_id=run.currency, code__in=codes)
    return dict(known.values_list("code", "id"))


def _post(run: AllocationRun, actor: Actor, at: datetime) -> LedgerEntry | None:
    """One entry: the order's pool to its payees, one line per account; none where there is nothing to divide."""
    if run.pool_micro == 0:
        return None
    lines = [ledger.Line(f"royalty_pool:{run.order.name_id}", run.pool_micro)]
    lines += [ledger.Line(code, -total) for code, total in division.sums(run)]
    return ledger.post(
        idem_key=f"allocation:{run.source}:{run.kind}", kind="allocation", lines=lines, currency=run.currency,
        livemode=run.livemode, effective_date=run.run_date, occurred_at=at, source=run.name_id, actor=actor, at=at,
        rule_version=run.rule_version,
    )  # fmt: skip
