"""Explain one cent: every number behind one row of one run, computed again from the frozen inputs."""

from __future__ import annotations

from typing import Any

from django.db import connection

from accounts.errors import Refused
from licensing.kernel import apportion, ids, split
from licensing.royalties import recompute
from licensing.royalties.models import Allocation, AllocationRun, WorkAllocation

# Of the works of a run, how many have a larger remainder, and how many this one or a larger.
PLACE = """
SELECT count(*) FILTER (WHERE remainder > %(remainder)s), count(*) FILTER (WHERE remainder >= %(remainder)s)
FROM licensing_workallocation WHERE run_date = %(date)s AND run_id = %(run)s AND id BETWEEN %(first)s AND %(last)s
"""


def cent(
    *, run: str | None = None, work: str | None = None, payee: str | None = None, part: str | None = None
) -> dict[str, Any]:
    """Explain what `payee` (pty_, cfl_ of an escrow, or the year of unclaimed money) got of `work` in `run`.

    `part` is the number of one of several parts that a payee has of a work. What is left out is chosen: the newest run,
    its first row. Micro and remainders are integers, `share` is out of `share_of`; `recomputed_micro`, q, r and the cut
    are divided again from the frozen inputs by the oracle, at both levels, and `equal` says that floor, remainder, rank
    and amount of both are what that gives.
    Raises Refused("not_found"). Needs an open unit. Source: money.md 2, "Explain this cent".
    """
    row = _find(run, work, payee, part)
    level = WorkAllocation.objects.get(run_date=row.run_date, id=row.id >> 16)
    of_work, again, whole = _again(row)
    tie = apportion.tie(row.run.public_id, row.work.public_id, row.part_no).hex()
    return {
        "run": row.run.name_id, "work": row.work.name_id, "payee": row.account.owner, "part_no": row.part_no,
        "q": again.q, "r": again.r, "floor": row.floor, "remainder": row.remainder, "rank": row.rank,
        "cut_rank": again.cut_rank, "tie": tie, "bumped": row.bumped, "share": row.weight, "share_of": whole,
        "held": row.held, "amount_micro": row.amount, "recomputed_micro": again.amount,
        "equal": _numbers(row) == _numbers(again) and _numbers(level) == _numbers(of_work),
        "input_hash": row.run.input_hash, "output_hash": row.run.output_hash,
        "rule_version": row.run.rule_version, "currency": row.run.currency,
        "entry": row.run.entry.name_id if row.run.entry else None, "account": row.account.code,
        "statement_line": f"{row.run_date.isoformat()}:{row.id}", "charge": _charge(row.run),
        "work_level": _work_level(row.run, level), **_agreement(row),
    }  # fmt: skip


def _find(run: str | None, work: str | None, payee: str | None, part: str | None) -> Allocation:
    runs = AllocationRun.objects.filter(rows__gt=0).order_by("-id")
    chosen = runs.filter(public_id=_key("alr", run)).first() if run else runs.first()
    if chosen is None:
        raise Refused("not_found", "There is no such run." if run else "Nothing has been divided yet.")
    rows = Allocation.objects.filter(run_date=chosen.run_date, run=chosen)
    if work:
        level = WorkAllocation.objects.filter(run=chosen, work__public_id=_key("wrk", work)).first()
        first = level.id << 16 if level else 0
        rows = rows.filter(id__gt=first, id__lt=first + (1 << 16))
    else:
        rows = rows.filter(id__gte=chosen.first_row << 16)
    if payee:
        rows = rows.filter(account__owner=payee)
    if part:  # 16 bits, as in the row's id
        rows = rows.filter(part_no=int(part)) if part.isdecimal() and len(part) <= 5 else rows.none()
    joined = rows.select_related("run__order__quote", "run__entry", "work", "claim", "account", "split_part__version")
    found = joined.order_by("id").first()
    if found is None:
        raise Refused("not_found", f"{payee or 'Nobody'} got nothing of {work or 'any work'} in {chosen.name_id}.")
    return found


def _key(prefix: str, name: str) -> Any:
    try:
        return ids.decode(prefix, name)
    except ValueError as error:
        raise Refused("not_found", f"{error}.") from None


def _again(row: Allocation) -> tuple[apportion.Share, apportion.Share, int]:
    """The row's work and the row itself from the frozen inputs, and what all shares of the work add up to."""
    run, work = row.run, row.work.public_id
    given = recompute.inputs(run, work)
    of_work = split.divide_works(run.public_id, run.pool_micro, given.works)[work]
    parts = split.shares_of_work(work, given.parts[work])
    again = split.divide_parts(run.public_id, work, of_work.amount, parts)[row.part_no - 1]
    return of_work, again, sum(share for _, share in parts)


def _numbers(row: Allocation | WorkAllocation | apportion.Share) -> tuple[int, int, int, bool, int]:
    return row.floor, row.remainder, row.rank, row.bumped, row.amount


def _charge(run: AllocationRun) -> dict[str, Any]:
    return {
        "payment": run.source, "order": run.order.name_id, "gross_minor": run.gross_minor, "tax_minor": run.tax_minor,
        "fee_minor": run.fee_minor, "pool_micro": run.pool_micro,
    }  # fmt: skip


def _work_level(run: AllocationRun, level: WorkAllocation) -> dict[str, Any]:
    values: dict[str, Any] = {
        "run": run.pk, "date": run.run_date, "first": run.first_row, "last": run.last_row, "remainder": level.remainder,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(PLACE, values)
        larger, upto = cursor.fetchone()
    q, r = divmod(run.pool_micro, run.weight_total)
    return {
        "weight": level.weight, "weight_total": run.weight_total, "q": q, "r": r, "floor": level.floor,
        "remainder": level.remainder, "rank": level.rank, "cut_rank": run.works_cut,
        "tied_across_cut": larger < run.works_cut < upto, "amount_micro": level.amount,
        "tie": apportion.tie(run.public_id, level.work.public_id, 0).hex(),
    }  # fmt: skip


def _agreement(row: Allocation) -> dict[str, Any]:
    version = row.split_part.version if row.split_part else None
    return {
        "claim": row.claim.name_id if row.claim else None,
        "split_version": version.name_id if version else None,
        "split_ppm": row.split_part.ppm if row.split_part else None,
        "document": version.document if version else None,
    }
