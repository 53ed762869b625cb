"""How payments were divided over works and payees, and what payees earned (money.md 2 and 3)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import CompositePrimaryKey

from accounts.base import Named, Tenant
from licensing.kernel.states import States


class AllocationRun(Named):
    """One division of one pool: once per (source, kind); inputs and outputs hashed."""

    PREFIX = "alr"

    livemode = models.BooleanField()
    source = models.CharField(max_length=80)  # public id of the payment
    order = models.ForeignKey("licensing.Order", models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20)
    run_date = models.DateField()
    currency = models.CharField(max_length=3)
    gross_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    pool_micro = models.BigIntegerField()
    weight_total = models.BigIntegerField(default=0)  # of the works as used: their number where all weights are 0
    works_cut = models.BigIntegerField(default=0)  # how many works got one micro more
    first_row = models.BigIntegerField(default=0)  # ids of its work rows lie from here
    last_row = models.BigIntegerField(default=0)  # to here
    works = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    rule_version = models.CharField(max_length=40)
    input_hash = models.CharField(max_length=64, blank=True)
    output_hash = models.CharField(max_length=64, blank=True)
    entry = models.ForeignKey("licensing.LedgerEntry", models.PROTECT, null=True, related_name="+")
    xid = models.BigIntegerField(default=0)  # stamped by the database: rows join a run only in its own transaction

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["source", "kind"], name="allocation_run_once")]


class HeldShare(models.Model):
    """Of a contested work in a run: what of a claim's quoted share was payable; the rest of the work is in escrow."""

    run = models.ForeignKey(AllocationRun, models.PROTECT, related_name="held_shares")
    work = models.ForeignKey("licensing.Work", models.PROTECT, related_name="+")
    conflict = models.ForeignKey("licensing.Conflict", models.PROTECT, related_name="+")
    claim = models.ForeignKey("licensing.Claim", models.PROTECT, related_name="+")
    share_ppm = models.IntegerField()
    payable_ppm = models.IntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "work", "claim"], name="held_share_once"),
            models.CheckConstraint(
                condition=models.Q(payable_ppm__gte=0, payable_ppm__lte=models.F("share_ppm")), name="held_share_range"
            ),
        ]


class Allocation(models.Model):
    """One payee's part of one work in one run, micro units, with every number that led to it. Partitioned by date.

    `id` is the id of the work's row times 65,536 plus the part number: the parts of a work are one range of the key.
    """

    pk = CompositePrimaryKey("run_date", "id")
    run_date = models.DateField()
    id = models.BigIntegerField()
    run = models.ForeignKey(AllocationRun, models.DO_NOTHING, related_name="allocations")
    work = models.ForeignKey("licensing.Work", models.DO_NOTHING, related_name="+")
    claim = models.ForeignKey("licensing.Claim", models.DO_NOTHING, null=True, related_name="+")  # null: held
    account = models.ForeignKey("licensing.LedgerAccount", models.DO_NOTHING, related_name="+")
    split_part = models.ForeignKey("licensing.SplitPart", models.DO_NOTHING, null=True, related_name="+")
    part_no = models.IntegerField()
    weight = models.BigIntegerField()
    floor = models.BigIntegerField()
    remainder = models.BigIntegerField()
    rank = models.BigIntegerField()
    bumped = models.BooleanField()
    amount = models.BigIntegerField()
    held = models.BooleanField()

    class Meta:
        managed = False
        db_table = "licensing_allocation"


class WorkAllocation(models.Model):
    """The works level of a run: what each work received of the pool. Partitioned by date like its parts."""

    pk = CompositePrimaryKey("run_date", "id")
    run_date = models.DateField()
    id = models.BigIntegerField()
    run = models.ForeignKey(AllocationRun, models.DO_NOTHING, related_name="work_allocations")
    work = models.ForeignKey("licensing.Work", models.DO_NOTHING, related_name="+")
    weight = models.BigIntegerField()
    floor = models.BigIntegerField()
    remainder = models.BigIntegerField()
    rank = models.BigIntegerField()
    bumped = models.BooleanField()
    amount = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "licensing_workallocation"


COLUMNS = (
    "opening", "earned", "refunded", "adjustments", "deductions", "recouped", "reserved", "reserve_released",
    "escrow_released", "withheld", "paid", "fx", "closing",
)  # fmt: skip


class Statement(Named, Tenant):
    """What a payee earned in a period, micro units; `organisation` is whose desk shows it. Drafts may be remade."""

    PREFIX = "stm"
    STATES = States("statement", "draft", {"draft": ("issued", "discarded")})

    payee = models.ForeignKey("licensing.Party", models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    starts = models.DateField()
    ends = models.DateField()
    version = models.PositiveIntegerField()
    opening = models.BigIntegerField(default=0)
    earned = models.BigIntegerField(default=0)
    refunded = models.BigIntegerField(default=0)
    adjustments = models.BigIntegerField(default=0)
    deductions = models.BigIntegerField(default=0)
    recouped = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)
    reserve_released = models.BigIntegerField(default=0)
    escrow_released = models.BigIntegerField(default=0)
    withheld = models.BigIntegerField(default=0)
    paid = models.BigIntegerField(default=0)
    fx = models.BigIntegerField(default=0)
    closing = models.BigIntegerField(default=0)
    lines_count = models.BigIntegerField(default=0)
    file_sha256 = models.CharField(max_length=64)
    control = models.JSONField()
    status = models.CharField(max_length=10, default="draft")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["payee", "currency", "starts", "ends", "version"], name="statement_version_once"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    closing=models.F("opening") + models.F("earned") - models.F("refunded")
                    + models.F("adjustments") - models.F("deductions") - models.F("recouped")
                    - models.F("reserved") + models.F("reserve_released") + models.F("escrow_released")
                    - models.F("withheld") - models.F("paid") + models.F("fx")
                ),
                name="statement_sums",
            ),
        ]  # fmt: skip
