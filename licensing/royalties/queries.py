"""Reading allocations: by organisation, what is still to be divided, and the audit that divides everything again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from itertools import islice, zip_longest
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Max, Min, Q, QuerySet, Sum

from accounts.unit import Actor
from licensing.catalogue.models import Party
from licensing.kernel import apportion, ids, split
from licensing.ledger import guards
from licensing.ledger.models import LedgerEntry
from licensing.orders.models import Order
from licensing.payments.models import Payment
from licensing.royalties import division, hashing, recompute, rules, services
from licensing.royalties.models import Allocation, AllocationRun, WorkAllocation

MOST = 100
"""Differences reported per run."""

ROWS = {"allocation_append_only": guards.APPEND_ONLY, "allocation_of_run": "licet_allocation_rows",
        "allocation_no_truncate": guards.APPEND_ONLY}  # fmt: skip
GUARDS = {
    "licensing_workallocation": ROWS, "licensing_allocation": ROWS,
    "licensing_allocationrun": {
        "allocation_run_new": "licet_allocation_run_new", "allocation_run_guard": "licet_allocation_run",
        "allocation_run_whole": "licet_allocation_whole", "allocation_run_no_truncate": guards.APPEND_ONLY,
    },
    "licensing_heldshare": {
        "held_share_append_only": guards.APPEND_ONLY, "held_share_no_truncate": guards.APPEND_ONLY,
    },
}  # fmt: skip

WORK_ROWS = """
SELECT k.public_id, a.weight, a.floor, a.remainder, a.rank, a.bumped, a.amount
FROM licensing_workallocation a JOIN licensing_work k ON k.id = a.work_id
WHERE a.run_date = %(date)s AND a.run_id = %(run)s AND a.id BETWEEN %(first)s AND %(last)s ORDER BY a.id
"""
PART_ROWS = """
SELECT k.public_id, c.public_id, t.code, a.part_no, a.weight, a.floor, a.remainder, a.rank, a.bumped, a.amount,
       v.public_id
FROM licensing_allocation a JOIN licensing_work k ON k.id = a.work_id
JOIN licensing_ledgeraccount t ON t.id = a.account_id LEFT JOIN licensing_claim c ON c.id = a.claim_id
LEFT JOIN licensing_splitpart p ON p.id = a.split_part_id LEFT JOIN licensing_splitversion v ON v.id = p.version_id
WHERE a.run_date = %(date)s AND a.run_id = %(run)s
  AND a.id BETWEEN %(first)s::bigint << 16 AND (%(last)s::bigint + 1) << 16 ORDER BY a.id
"""
# Rows that no run counts, whose run is not there, or that lie outside the ids of their run: read once for all runs.
BESIDE = """
SELECT a.run_id, r.public_id, min(a.id), count(*) FROM (
  SELECT run_id, run_date, id, id AS place FROM licensing_workallocation WHERE run_date >= %(since)s
  UNION ALL SELECT run_id, run_date, id, id >> 16 FROM licensing_allocation WHERE run_date >= %(since)s) a
LEFT JOIN licensing_allocationrun r ON r.id = a.run_id
WHERE r.id IS NULL OR r.run_date <> a.run_date OR a.place NOT BETWEEN r.first_row AND r.last_row
GROUP BY a.run_id, r.public_id ORDER BY a.run_id LIMIT %(most)s
"""
LOST = """
SELECT e.source, e.public_id FROM licensing_ledgerentry e
WHERE e.kind = 'allocation' AND e.effective_date >= %(since)s
  AND NOT EXISTS (SELECT FROM licensing_allocationrun r WHERE r.entry_id = e.id)
ORDER BY e.id LIMIT %(most)s
"""
ENTRY = """
SELECT t.code, l.amount FROM licensing_ledgerline l JOIN licensing_ledgeraccount t ON t.id = l.account_id
WHERE l.entry_id = %(entry)s
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """One number that is not what it must be. `part_no` 0: the work itself; `work` empty: the run."""

    run: str
    work: str
    part_no: int
    field: str
    seen: str
    expected: str


def audit_splits(since: date | None = None) -> dict[str, Any]:
    """Divide every run (from `since` on) again by the oracle and compare rows, sums, entry and hashes.

    Rows without a run, entries without a run and missing guards are differences too. Returns {runs, differences:
    [{run, work, part_no, field, seen, expected}]}, at most 100 per run. Needs an open unit.
    """
    runs = AllocationRun.objects.select_related("order__quote").order_by("id")
    if since is not None:
        runs = runs.filter(run_date__gte=since)
    found: list[dict[str, Any]] = []
    count = 0
    for run in runs:
        count += 1
        found += [asdict(one) for one in islice(differences(run), MOST)]
    found += [asdict(one) for one in _beside(since or date.min)]
    return {"runs": count, "differences": found}


def _beside(since: date) -> Iterator[Difference]:
    """What no look at a single run can find."""
    values = {"since": since, "most": MOST}
    for key, run, first, number in _all(BESIDE, values):
        named = ids.encode(AllocationRun.PREFIX, run) if run else f"run {key}"
        yield Difference(named, "", 0, "rows beside the run", f"{number}, the first is {first}", "0")
    for source, entry in _all(LOST, values):
        yield Difference(source, "", 0, "run", "none", f"the run of {ids.encode(LedgerEntry.PREFIX, entry)}")
    fault = guards.first_fault(GUARDS, guards.BODIES)
    if fault:
        yield Difference("", "", 0, fault[0], fault[1], "every guard")


def differences(run: AllocationRun) -> Iterator[Difference]:
    """Everything in which a stored run differs from what its frozen inputs give; lazily, in the order of checks."""
    division.settings_for(run.works)
    yield from _of_order(run)
    yield from _of_charge(run)
    given = recompute.inputs(run)
    try:
        levels = split.divide_works(run.public_id, run.pool_micro, given.works)
        expected = recompute.rows(run, given)
        yield from _of_run(run, given, levels)
        yield from _of_works(run, [(work, levels[work]._replace(weight=weight)) for work, weight in given.works])
        yield from _of_parts(run, expected)
    except ValueError as error:
        yield Difference(run.name_id, "", 0, "inputs", str(error), "inputs that sum")
    yield from _of_entry(run)
    try:
        hashes = hashing.of_run(run)
    except (ValueError, IndexError) as error:
        yield Difference(run.name_id, "", 0, "rows", str(error), "every part of every work, in order")
        return
    yield from _compare(run, "", 0, {
        "input_hash": (run.input_hash, hashes.input_hash), "output_hash": (run.output_hash, hashes.output_hash),
    })  # fmt: skip


def undivided(*, livemode: bool) -> list[str]:
    """Captured payments (public ids) of granted orders that no run has divided: completeness; oldest first."""
    captured = Payment.objects.filter(livemode=livemode, status="captured", captured_minor__gt=0)
    granted = captured.filter(order__in=Order.objects.filter(livemode=livemode, status="granted")).order_by("id")
    divided = set(AllocationRun.objects.filter(livemode=livemode).values_list("source", flat=True))
    return [payment.name_id for payment in granted.iterator() if payment.name_id not in divided]


def allocations(
    *, actor: Actor, run: AllocationRun | None = None, before: tuple[date, int] | None = None, limit: int = 25
) -> list[dict[str, Any]]:
    """Rows the actor may see, newest first: an organisation sees what its own parties are paid; scope "all" everything.

    `before` is the (run_date, id) of the last row of the page before. Amounts in micro as decimal text.
    """
    rows = _seen(actor, run).select_related("run", "work", "claim", "account", "split_part__version")
    if before is not None:
        day, last = before
        rows = rows.filter(Q(run_date__lt=day) | Q(run_date=day, id__lt=last))
    return [as_dict(row) for row in rows.order_by("-run_date", "-id")[:limit]]


def count_allocations(*, actor: Actor, run: AllocationRun | None = None) -> int:
    """How many rows `allocations` has in all."""
    return _seen(actor, run).count()


def _seen(actor: Actor, run: AllocationRun | None) -> QuerySet[Allocation]:
    rows = Allocation.objects.filter(run__livemode=actor.livemode)
    if actor.scope != "all":
        mine = Party.objects.filter(organisation_id=actor.organisation_id or 0, livemode=actor.livemode)
        rows = rows.filter(account__owner__in=[party.name_id for party in mine])
    return rows if run is None else rows.filter(run=run, run_date=run.run_date)


def as_dict(row: Allocation) -> dict[str, Any]:
    """One allocation as the API shows it; ids are public, micro and remainders decimal text."""
    return {
        "key": [row.run_date.isoformat(), row.id],
        "object": "allocation",
        "run": row.run.name_id,
        "payment": row.run.source,
        "work": row.work.name_id,
        "claim": row.claim.name_id if row.claim else None,
        "split_version": row.split_part.version.name_id if row.split_part else None,
        "payee": row.account.owner,
        "held": row.held,
        "part_no": row.part_no,
        "share": row.weight,
        "currency": row.run.currency,
        "amount_micro": str(row.amount),
    }


def _of_order(run: AllocationRun) -> Iterator[Difference]:
    yield from _compare(run, "", 0, {
        "livemode": (run.livemode, run.order.livemode), "currency": (run.currency, run.order.currency),
        "kind": (run.kind, services.KIND), "rule_version": (run.rule_version, rules.RULE_VERSION),
    })  # fmt: skip


def _of_run(
    run: AllocationRun, given: recompute.Inputs, levels: Mapping[UUID, apportion.Share]
) -> Iterator[Difference]:
    total = sum(weight for _, weight in given.works) or len(given.works)
    rows = sum(len(given.parts.get(work, ())) for work, _ in given.works)
    stored = WorkAllocation.objects.filter(run=run, run_date=run.run_date).aggregate(first=Min("id"), last=Max("id"))
    yield from _compare(run, "", 0, {
        "works": (run.works, len(given.works)), "rows": (run.rows, rows), "weight_total": (run.weight_total, total),
        "works_cut": (run.works_cut, sum(share.bumped for share in levels.values())),
        "first_row": (run.first_row, stored["first"] or 0), "last_row": (run.last_row, stored["last"] or 0),
    })  # fmt: skip


def _of_charge(run: AllocationRun) -> Iterator[Difference]:
    quote = run.order.quote
    whole = rules.Charge(quote.tax_minor, quote.fee_minor, quote.works_minor - quote.fee_minor)
    sums = AllocationRun.objects.filter(order=run.order, kind=run.kind, id__lt=run.pk).aggregate(
        gross=Sum("gross_minor"), tax=Sum("tax_minor"), fee=Sum("fee_minor")
    )
    gross, tax, fee = (int(sums[name] or 0) for name in ("gross", "tax", "fee"))
    named = _payment(run.source)
    payment = Payment.objects.filter(order=run.order, public_id=named).first() if named else None
    if payment is None:
        yield Difference(run.name_id, "", 0, "source", run.source, f"a payment of {run.order.name_id}")
        return
    part = rules.charge(whole, rules.Charge(tax, fee, gross - tax - fee), payment.captured_minor)
    yield from _compare(run, "", 0, {
        "gross_minor": (run.gross_minor, part.gross_minor), "tax_minor": (run.tax_minor, part.tax_minor),
        "fee_minor": (run.fee_minor, part.fee_minor), "pool_micro": (run.pool_micro, part.pool_minor * 1_000_000),
    })  # fmt: skip


def _payment(source: str) -> UUID | None:
    try:
        return Payment.decode(source)
    except ValueError:
        return None


def _of_works(run: AllocationRun, expected: Sequence[tuple[UUID, Any]]) -> Iterator[Difference]:
    names = ("work", "weight", "floor", "remainder", "rank", "bumped", "amount")
    wanted = (
        (work, share.weight, share.floor, share.remainder, share.rank, share.bumped, share.amount)
        for work, share in expected
    )
    yield from _zip(run, names, _stream(WORK_ROWS, run), wanted)


def _of_parts(run: AllocationRun, expected: Iterator[split.Row]) -> Iterator[Difference]:
    names = ("work", "claim", "account", "part_no", "weight", "floor", "remainder", "rank", "bumped", "amount",
             "split_version")  # fmt: skip
    wanted = ((*row[:2], _account(run, row), *row[3:11]) for row in expected)
    yield from _zip(run, names, _stream(PART_ROWS, run), wanted)


def _account(run: AllocationRun, row: split.Row) -> str:
    if row.claim is None:
        return f"escrow:{ids.encode('cfl', row.payee)}"
    if row.payee == recompute.UNNAMED:
        return services.unallocated(run)
    return f"payee_accrued:{ids.encode('pty', row.payee)}"


def _zip(
    run: AllocationRun, names: Sequence[str], stored: Iterator[tuple[Any, ...]], expected: Iterator[tuple[Any, ...]]
) -> Iterator[Difference]:
    """Compare two streams in the same order; a missing or superfluous row shifts the rest and ends the comparison."""
    number = names.index("part_no") if "part_no" in names else None
    for seen, wanted in zip_longest(stored, expected):
        some = wanted or seen
        work, part = ids.encode("wrk", some[0]), 0 if number is None else some[number]
        if seen is None or wanted is None or seen[0] != wanted[0]:
            yield from _compare(run, work, part, {"row": ("none" if seen is None else seen[0], wanted and wanted[0])})
            return
        yield from _compare(run, work, part, dict(zip(names, zip(seen, wanted, strict=True), strict=True)))


def _of_entry(run: AllocationRun) -> Iterator[Difference]:
    stored = {} if run.entry_id is None else dict(_all(ENTRY, {"entry": run.entry_id}))
    expected = {code: -total for code, total in division.sums(run)}
    if run.pool_micro:
        expected[f"royalty_pool:{run.order.name_id}"] = run.pool_micro
    for code in sorted(stored.keys() | expected.keys()):
        yield from _compare(run, "", 0, {f"entry {code}": (stored.get(code, 0), expected.get(code, 0))})


def _compare(run: AllocationRun, work: str, part: int, pairs: dict[str, tuple[object, object]]) -> Iterator[Difference]:
    for field, (seen, expected) in pairs.items():
        if seen != expected:
            yield Difference(run.name_id, work, part, field, str(seen), str(expected))


def _stream(sql: str, run: AllocationRun) -> Iterator[tuple[Any, ...]]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, {"run": run.pk, "date": run.run_date, "first": run.first_row, "last": run.last_row})
        yield from cursor


def _all(sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
