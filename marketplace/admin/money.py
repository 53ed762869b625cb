"""The books, and how payments were divided."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Sum
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from licensing.ledger.models import LedgerAccount, LedgerEntry, LedgerLine
from licensing.royalties.models import Allocation, AllocationRun, Statement, WorkAllocation
from marketplace.admin.reading import SHOWN, Named, Reading, StatusFilter, display, link, micro, minor, table
from marketplace.admin.site import site


@admin.register(LedgerEntry, site=site)
class Entries(Named):
    """Transactions of the books."""

    list_display = ("number", "kind", "effective_date", "source", "memo", "actor", "posted_at")
    search_fields = ("=source", "=idem_key", "=kind")
    search_help_text = _("a whole id, key or kind")
    linked = ("reverses",)
    extra = ("lines",)

    @display(_("lines"))
    def lines(self, row: LedgerEntry) -> SafeString:
        """Debit and credit; their sum is zero."""
        found = LedgerLine.objects.filter(entry=row, effective_date=row.effective_date).select_related("account")
        cells = (
            (each.account.code, micro(each.amount, each.currency_id) if each.amount > 0 else "",
             micro(-each.amount, each.currency_id) if each.amount < 0 else "")
            for each in found.order_by("id")[: SHOWN + 1]
        )  # fmt: skip
        return table((_("account"), _("debit"), _("credit")), cells)


class WithBalances(ChangeList):
    """Adds the balances of the accounts on this page in one query, instead of one per row or over the whole book."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page, then the sums of its accounts."""
        super().get_results(request)
        rows: Any = list(self.result_list)
        found = LedgerLine.objects.filter(account__in=[row.pk for row in rows]).order_by()
        sums = dict(found.values_list("account_id").annotate(Sum("amount")))
        for row in rows:
            row.balance_micro = sums.get(row.pk, 0)
        self.result_list = rows


@admin.register(LedgerAccount, site=site)
class Accounts(Reading):
    """Accounts with their balance."""

    list_display = ("code", "kind", "currency_code", "balance", "owner", "closed_at")
    list_display_links = ("code",)
    search_fields = ("code__startswith", "=owner")
    search_help_text = _("how the code begins, or a whole id")
    hidden = frozenset({"currency"})
    extra = ("currency_code", "balance", "newest")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Unfold's list is Django's; ours adds the balances."""
        return WithBalances

    @display(_("currency"), "currency_id")
    def currency_code(self, row: LedgerAccount) -> str:
        """Upper case, as money is written."""
        return row.currency_id.upper()

    @display(_("balance"))
    def balance(self, row: LedgerAccount) -> str:
        """Debit less credit, every digit."""
        found: int | Decimal | None = getattr(row, "balance_micro", None)
        if found is None:
            found = LedgerLine.objects.filter(account=row).aggregate(sum=Sum("amount"))["sum"] or 0
        return micro(int(found), row.currency_id)

    @display(_("newest lines"))
    def newest(self, row: LedgerAccount) -> SafeString:
        """The last ones, newest first."""
        found = LedgerLine.objects.filter(account=row).select_related("entry").order_by("-effective_date", "-id")
        cells = (
            (str(each.effective_date), link(each.entry), each.entry.kind, micro(each.amount, each.currency_id))
            for each in found[: SHOWN + 1]
        )
        return table((_("date"), _("entry"), _("kind"), _("amount")), cells)


@admin.register(AllocationRun, site=site)
class Runs(Named):
    """Divisions of payments."""

    list_display = ("number", "source", "kind", "run_date", "gross", "pool", "works", "rows", "rule_version")
    search_fields = ("=source",)
    linked = ("order", "entry")
    extra = ("by_work", "allocations")

    @display(_("gross"), "gross_minor")
    def gross(self, row: AllocationRun) -> str:
        """Paid."""
        return minor(row.gross_minor, row.currency)

    @display(_("pool"), "pool_micro")
    def pool(self, row: AllocationRun) -> str:
        """Divided: gross less tax and fee."""
        return micro(row.pool_micro, row.currency)

    @display(_("works"))
    def by_work(self, row: AllocationRun) -> SafeString:
        """What each work received."""
        found = WorkAllocation.objects.filter(run=row, run_date=row.run_date).select_related("work")
        cells = (
            (link(each.work, each.work.title), micro(each.amount, row.currency), f"{each.weight:,}", each.floor,
             each.remainder, each.rank)
            for each in found.order_by("-amount", "id")[: SHOWN + 1]
        )  # fmt: skip
        heads = (_("work"), _("amount"), _("weight"), _("floor"), _("remainder"), _("rank"))
        return table(heads, cells)

    @display(_("payees"))
    def allocations(self, row: AllocationRun) -> SafeString:
        """What each payee received of each work, with every number that led to it."""
        found = Allocation.objects.filter(run=row, run_date=row.run_date).select_related("work", "account")
        cells = (
            (each.work.title, each.part_no, link(each.account, each.account.code), micro(each.amount, row.currency),
             _("yes") if each.held else "", f"{each.weight:,}", each.floor, each.remainder, each.rank)
            for each in found.order_by("work_id", "part_no")[: SHOWN + 1]
        )  # fmt: skip
        heads = (
            _("work"), _("part"), _("account"), _("amount"), _("held"), _("weight"),
            _("floor"), _("remainder"), _("rank"),
        )  # fmt: skip
        return table(heads, cells)


@admin.register(Statement, site=site)
class Statements(Named):
    """What payees earned in a period."""

    list_display = ("number", "payee_name", "organisation", "starts", "ends", "version", "earned_shown", "status")
    list_select_related = linked = ("payee", "organisation")
    list_filter = (StatusFilter,)

    @display(_("payee"))
    def payee_name(self, row: Statement) -> str:
        """Name of the party."""
        return row.payee.name

    @display(_("earned"), "earned")
    def earned_shown(self, row: Statement) -> str:
        """In the period, every digit."""
        return micro(row.earned, row.currency)
