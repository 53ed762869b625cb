"""Double entry in micro units; the database itself refuses what must not be (money.md 1)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import CompositePrimaryKey

from accounts.base import Named
from licensing.kernel.states import States

KINDS = ("asset", "liability", "income", "expense", "equity", "clearing")


class Currency(models.Model):
    """ISO 4217 code in lower case and its number of minor digits (0, 2 or 3)."""

    code = models.CharField(max_length=3, primary_key=True)
    exponent = models.PositiveSmallIntegerField()


class FxRate(models.Model):
    """An integer ratio `numerator / denominator` of quote to base minor units, with its source and time."""

    base = models.ForeignKey(Currency, models.PROTECT, related_name="+")
    quote = models.ForeignKey(Currency, models.PROTECT, related_name="+")
    numerator = models.BigIntegerField()
    denominator = models.BigIntegerField()
    source = models.CharField(max_length=200)
    at = models.DateTimeField()


class LedgerAccount(models.Model):
    """One account per mode, code and currency, e.g. ``payee_accrued:pty_...``; immutable but `closed_at`."""

    livemode = models.BooleanField()
    code = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=[(kind, kind) for kind in KINDS])
    currency = models.ForeignKey(Currency, models.PROTECT, related_name="+")
    owner = models.CharField(max_length=60, blank=True)
    whole_minor_only = models.BooleanField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["livemode", "code", "currency"], name="ledger_account_once"),
            models.CheckConstraint(condition=models.Q(kind__in=KINDS), name="ledger_account_kind"),
        ]


class LedgerPeriod(Named):
    """An accounting period [starts, ends); no overlap per mode (EXCLUDE, in SQL); a closed one never reopens."""

    PREFIX = "per"
    STATES = States("ledger_period", "open", {"open": ("soft", "closed"), "soft": ("closed",)})

    livemode = models.BooleanField()
    starts = models.DateField()
    ends = models.DateField()
    status = models.CharField(max_length=8, default="open")
    trial_balance_hash = models.CharField(max_length=64, blank=True)


class LedgerEntry(Named):
    """One transaction of the books. `xid` and `cluster` are stamped by the database, `idem_key` is unique for ever."""

    PREFIX = "lde"

    livemode = models.BooleanField()
    idem_key = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=40)
    effective_date = models.DateField()
    occurred_at = models.DateTimeField()
    posted_at = models.DateTimeField()
    source = models.CharField(max_length=80, db_index=True)
    reverses = models.OneToOneField("self", models.PROTECT, null=True, related_name="reversed_by")
    actor = models.CharField(max_length=60)
    memo = models.CharField(max_length=200, blank=True)
    rule_version = models.CharField(max_length=40)
    payload_hash = models.CharField(max_length=64)
    xid = models.BigIntegerField(default=0)
    cluster = models.BigIntegerField(default=0)


class LedgerLine(models.Model):
    """A leg of an entry in micro units: + debit, - credit. Partitioned by date; nothing points to it."""

    pk = CompositePrimaryKey("effective_date", "id")
    effective_date = models.DateField()
    id = models.BigIntegerField()
    entry = models.ForeignKey(LedgerEntry, models.DO_NOTHING, related_name="lines")
    account = models.ForeignKey(LedgerAccount, models.DO_NOTHING, related_name="lines")
    amount = models.BigIntegerField()
    currency = models.ForeignKey(Currency, models.DO_NOTHING, related_name="+")
    xid = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "licensing_ledgerline"


class LedgerSeal(models.Model):
    """A sealed half-open range of transactions: Merkle root over entries and lines, chained."""

    cluster = models.BigIntegerField()
    xid_from = models.BigIntegerField()
    xid_to = models.BigIntegerField()
    entries = models.BigIntegerField()
    previous_hash = models.CharField(max_length=64)
    merkle_root = models.CharField(max_length=64)
    anchor = models.TextField(blank=True)
    sealed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["cluster", "xid_from"], name="ledger_seal_once")]


class BalanceSnapshot(models.Model):
    """The sum of an account's lines with xid below `upto_xid`; the tail is added at reading."""

    account = models.ForeignKey(LedgerAccount, models.PROTECT, related_name="+")
    period = models.ForeignKey(LedgerPeriod, models.PROTECT, related_name="+")
    upto_xid = models.BigIntegerField()
    balance = models.DecimalField(max_digits=38, decimal_places=0)
    count = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["account", "period"], name="balance_snapshot_once")]


class BalanceLock(models.Model):
    """One row per account, locked in id order by rules that compare with a balance."""

    account = models.OneToOneField(LedgerAccount, models.PROTECT, related_name="+")
