"""Money as divided and booked: allocation runs and allocations, the ledger, the fee schedule."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.db.models import Max, QuerySet, Sum
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts import unit as units
from accounts.permissions import Scope
from accounts.unit import Actor, system, unit
from licensing.catalogue.models import Party
from licensing.ledger import queries as ledger
from licensing.ledger import verify
from licensing.ledger.models import LedgerEntry, LedgerLine
from licensing.orders.models import FeeSchedule, Order
from licensing.royalties import queries as royalties
from licensing.royalties.models import Allocation, AllocationRun
from marketplace.api import paging, shapes
from marketplace.api.doors import Door
from marketplace.api.find import by_id


def runs(actor: Actor) -> QuerySet[AllocationRun]:
    """Runs of the actor's mode in which a party of its organisation is paid; all for the house. Needs an open unit."""
    rows = AllocationRun.objects.select_related("order").filter(livemode=actor.livemode)
    if actor.scope == "all":
        return rows
    mine = Party.objects.filter(organisation_id=actor.organisation_id or 0, livemode=actor.livemode)
    names = [party.name_id for party in mine]
    return rows.filter(pk__in=Allocation.objects.filter(account__owner__in=names).values("run_id"))


class RunOut(shapes.Object):
    """One division of a payment's pool; sums for the house only, as they tell what others sold."""

    payment = serializers.CharField()
    order = serializers.CharField(allow_null=True)
    kind = serializers.CharField()
    currency = serializers.CharField()
    gross = shapes.Money(allow_null=True)
    tax = shapes.Money(allow_null=True)
    fee = shapes.Money(allow_null=True)
    pool_micro = serializers.CharField(allow_null=True)
    allocated_micro = serializers.CharField(allow_null=True)
    works = serializers.IntegerField(allow_null=True)
    rows = serializers.IntegerField(allow_null=True)
    rule_version = serializers.CharField()
    input_hash = serializers.CharField()
    output_hash = serializers.CharField()


def _present_runs(rows: Sequence[AllocationRun], actor: Actor) -> list[Mapping[str, Any]]:
    sums = Allocation.objects.filter(run__in=rows).values_list("run_id").annotate(total=Sum("amount"))
    totals = {run: int(total) for run, total in sums}
    return [_present_run(row, totals.get(row.pk, 0), whole=actor.scope == "all") for row in rows]


def _present_run(row: AllocationRun, allocated: int, *, whole: bool) -> Mapping[str, Any]:
    amounts: dict[str, Any] = {
        "gross": shapes.money(row.gross_minor, row.currency), "tax": shapes.money(row.tax_minor, row.currency),
        "fee": shapes.money(row.fee_minor, row.currency), "pool_micro": str(row.pool_micro),
        "allocated_micro": str(allocated), "works": row.works, "rows": row.rows, "order": row.order.name_id,
    }  # fmt: skip
    if not whole:
        amounts = dict.fromkeys(amounts)
    return shapes.thing(row, "allocation_run") | amounts | {
        "payment": row.source, "kind": row.kind, "currency": row.currency, "rule_version": row.rule_version,
        "input_hash": row.input_hash, "output_hash": row.output_hash,
    }  # fmt: skip


class AllocationRuns(Door):
    """GET: how payments were divided."""

    paged = True
    query = frozenset({"order"})

    @extend_schema(
        responses=shapes.listing(RunOut), operation_id="allocation_runs_list",
        parameters=[OpenApiParameter("order", str)],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Newest first; `order=` chooses."""
        with unit(self.actor):
            permissions.check(self.actor, "allocations.read", permissions.listing(self.actor))
            rows = runs(self.actor)
            if "order" in request.query_params:
                orders = Order.objects.filter(pk__in=rows.values("order_id"))
                rows = rows.filter(order=by_id(orders, request.query_params["order"]))
            return self.together(rows, lambda found: _present_runs(found, self.actor))


class AllocationOut(serializers.Serializer[Any]):
    """A payee's part of a work in a run, in micro units."""

    object = serializers.CharField()
    run = serializers.CharField()
    payment = serializers.CharField()
    work = serializers.CharField()
    claim = serializers.CharField(allow_null=True)
    split_version = serializers.CharField(allow_null=True)
    payee = serializers.CharField()
    held = serializers.BooleanField()
    part_no = serializers.IntegerField()
    share = serializers.IntegerField()
    currency = serializers.CharField()
    amount_micro = serializers.CharField()


class Allocations(Door):
    """GET: who was paid what for which work."""

    paged = True
    query = frozenset({"run"})

    @extend_schema(
        responses=shapes.listing(AllocationOut), operation_id="allocations_list",
        parameters=[OpenApiParameter("run", str)],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Newest first; a holder sees the parts of its own parties."""
        limit = paging.limit_of(request)
        with unit(self.actor):
            permissions.check(self.actor, "allocations.read", permissions.listing(self.actor))
            chosen = request.query_params.get("run")
            run = by_id(runs(self.actor), chosen) if chosen else None
            rows = royalties.allocations(actor=self.actor, run=run, before=_before(request), limit=limit + 1)
            count = royalties.count_allocations(actor=self.actor, run=run) if paging.counted(request) else None
        keys = [row.pop("key") for row in rows]
        more = len(rows) > limit
        after = _cursor(keys[limit - 1]) if more else None
        body = paging.envelope(after, count, rows[:limit])
        return Response(body, headers=paging.link(request, after))


def _cursor(key: Sequence[Any]) -> str:
    return urlsafe_b64encode(f"{key[0]}:{key[1]}".encode()).decode().rstrip("=")


def _before(request: Request) -> tuple[date, int] | None:
    sent = request.query_params.get("cursor")
    if not sent:
        return None
    try:
        day, _, last = urlsafe_b64decode(sent + "=" * (-len(sent) % 4)).decode().partition(":")
        return date.fromisoformat(day), paging.key_of(last)
    except (binascii.Error, ValueError):
        raise paging.bad_cursor(sent) from None


class BalanceOut(serializers.Serializer[Any]):
    """One account; + debit, - credit, in micro units."""

    code = serializers.CharField()
    kind = serializers.CharField()
    currency = serializers.CharField()
    balance_micro = serializers.CharField()
    lines = serializers.IntegerField()


class TrialBalanceOut(serializers.Serializer[Any]):
    """Every account that has lines."""

    object = serializers.CharField()
    livemode = serializers.BooleanField()
    accounts = BalanceOut(many=True)


class TrialBalance(Door):
    """GET: every account's balance."""

    @extend_schema(responses=TrialBalanceOut, operation_id="ledger_trial_balance")
    def get(self, request: Request) -> Response:
        """Per currency the balances sum to zero."""
        with unit(self.actor):
            permissions.check(self.actor, "ledger.read", Scope())
            found = ledger.trial_balance(livemode=self.actor.livemode)
        rows = [
            {"code": one.code, "kind": one.kind, "currency": one.currency, "balance_micro": str(one.balance_micro),
             "lines": one.lines}
            for one in found
        ]  # fmt: skip
        return Response({"object": "trial_balance", "livemode": self.actor.livemode, "accounts": rows})


class LineOut(serializers.Serializer[Any]):
    """A leg; + debit, - credit."""

    account = serializers.CharField()
    amount_micro = serializers.CharField()
    currency = serializers.CharField()


class EntryOut(shapes.Object):
    """A transaction of the books; its lines sum to zero per currency."""

    kind = serializers.CharField()
    effective_date = serializers.DateField()
    occurred_at = serializers.DateTimeField()
    posted_at = serializers.DateTimeField()
    subject = serializers.CharField()
    memo = serializers.CharField(allow_blank=True)
    rule_version = serializers.CharField()
    payload_hash = serializers.CharField()
    lines = LineOut(many=True)


def _entries(rows: Sequence[LedgerEntry]) -> list[Mapping[str, Any]]:
    lines: dict[int, list[dict[str, str]]] = {row.pk: [] for row in rows}
    for line in LedgerLine.objects.filter(entry__in=rows).select_related("account").order_by("effective_date", "id"):
        lines[line.entry_id].append(
            {"account": line.account.code, "amount_micro": str(line.amount), "currency": line.currency_id}
        )
    return [
        shapes.thing(row, "ledger_entry") | {
            "kind": row.kind, "effective_date": row.effective_date, "occurred_at": shapes.moment(row.occurred_at),
            "posted_at": shapes.moment(row.posted_at), "subject": row.source, "memo": row.memo,
            "rule_version": row.rule_version, "payload_hash": row.payload_hash, "lines": lines[row.pk],
        }
        for row in rows
    ]  # fmt: skip


class LedgerEntries(Door):
    """GET: the entries of the books."""

    paged = True
    query = frozenset({"subject"})

    @extend_schema(
        responses=shapes.listing(EntryOut), operation_id="ledger_entries", parameters=[OpenApiParameter("subject", str)]
    )
    def get(self, request: Request) -> Response:
        """Newest first; `subject=` is what an entry is about (pay_..., grt_..., alr_...)."""
        with unit(self.actor):
            permissions.check(self.actor, "ledger.read", Scope())
            rows = LedgerEntry.objects.filter(livemode=self.actor.livemode)
            if request.query_params.get("subject"):
                rows = rows.filter(source=request.query_params["subject"])
            return self.together(rows, _entries)


class VerificationOut(serializers.Serializer[Any]):
    """The verdict over the whole ledger: every imbalance is 0 and nothing is bad."""

    object = serializers.CharField()
    ok = serializers.BooleanField()
    imbalance = serializers.DictField(child=serializers.CharField())
    entries = serializers.IntegerField()
    lines = serializers.IntegerField()
    first_bad = serializers.DictField(child=serializers.CharField(), allow_null=True)


class Verification(Door):
    """GET: check every entry, line and guard now."""

    @extend_schema(responses=VerificationOut, operation_id="ledger_verification")
    def get(self, request: Request) -> Response:
        """Reads the whole ledger once."""
        with unit(self.actor):
            permissions.check(self.actor, "ledger.read", Scope())
            proof = verify.verify()
        bad = proof.first_bad and {"what": proof.first_bad.what, "why": proof.first_bad.why}
        return Response(
            {
                "object": "ledger_verification", "ok": proof.ok, "entries": proof.entries, "lines": proof.lines,
                "imbalance": {currency: str(total) for currency, total in proof.imbalance.items()}, "first_bad": bad,
            }
        )  # fmt: skip


class FeeOut(serializers.Serializer[Any]):
    """The operator's fee for one currency: ppm of the works' price plus a fixed part, within bounds."""

    currency = serializers.CharField()
    ppm = serializers.IntegerField()
    fixed_minor = serializers.IntegerField()
    min_minor = serializers.IntegerField()
    max_minor = serializers.IntegerField(allow_null=True)
    starts = serializers.DateField()


class FeesOut(serializers.Serializer[Any]):
    """The fee schedule in force, per currency."""

    object = serializers.CharField()
    livemode = serializers.BooleanField()
    fees = FeeOut(many=True)


class Fees(Door):
    """GET: what we take; without a key."""

    public = True

    @extend_schema(responses=FeesOut, operation_id="fees_list")
    def get(self, request: Request) -> Response:
        """In the mode of the caller's key; live for everybody else."""
        livemode = self.actor.livemode
        names = ("currency", "ppm", "fixed_minor", "min_minor", "max_minor", "starts")
        with unit(system(livemode=livemode)):
            today = units.now().date()
            rows = FeeSchedule.objects.filter(livemode=livemode, starts__lte=today)
            last = rows.values_list("currency").annotate(newest=Max("starts"))
            newest = {(currency, starts) for currency, starts in last}
            fees = [{name: getattr(row, name) for name in names} for row in rows.order_by("currency", "starts")
                    if (row.currency, row.starts) in newest]  # fmt: skip
        return Response({"object": "fee_schedule", "livemode": livemode, "fees": fees})
