"""The books, and how payments were divided."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest
from django.urls import path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from licensing.ledger.models import LedgerAccount, LedgerEntry, LedgerLine
from licensing.royalties.models import COLUMNS, Allocation, AllocationRun, Statement, WorkAllocation
from marketplace.admin import explaining, trace
from marketplace.admin.columns import code, display, link, micro, number
from marketplace.admin.reading import SHOWN, Named, Reading, StatusFilter, table
from marketplace.admin.site import site
from marketplace.web.words import word

SUMMED: Final = 100_000
"""Lines of one account that a page adds up."""
_BALANCES: Final = """
SELECT a.id, coalesce(sum(l.amount), 0), count(l.amount) FROM unnest(%(accounts)s::bigint[]) AS a (id)
LEFT JOIN LATERAL (
    SELECT amount FROM licensing_ledgerline WHERE account_id = a.id ORDER BY xid LIMIT %(most)s + 1
) l ON true GROUP BY a.id
"""


@admin.register(LedgerEntry, site=site)
class Entries(Named):
    """Transactions of the books."""

    list_display = ("public_number", "kind", "effective_date", "source", "memo", "actor", "posted_at")
    search_fields = ("=source", "=idem_key", "=kind")
    search_help_text = _("a whole id, key or kind")
    linked = ("reverses",)
    hidden = frozenset({"xid", "cluster"})
    extra = ("sums", "lines")

    @display(_("lines"))
    def lines(self, row: LedgerEntry) -> SafeString:
        """Debit and credit; their sum is zero."""
        found = LedgerLine.objects.filter(entry=row, effective_date=row.effective_date).select_related("account")
        cells = (
            (link(each.account, code(each.account.code)),
             number(micro(each.amount, each.currency_id) if each.amount > 0 else ""),
             number(micro(-each.amount, each.currency_id) if each.amount < 0 else ""))
            for each in found.order_by("id")[: SHOWN + 1]
        )  # fmt: skip
        return table((_("account"), _("debit"), _("credit")), cells)

    @display(_("sums of the lines"))
    def sums(self, row: LedgerEntry) -> SafeString:
        """Debit and credit of all lines per currency, and their difference."""
        found = LedgerLine.objects.filter(entry=row, effective_date=row.effective_date).order_by("currency_id")
        sums = found.values_list("currency_id").annotate(
            debit=Sum("amount", filter=Q(amount__gt=0), default=0),
            credit=Sum("amount", filter=Q(amount__lt=0), default=0), lines=Count("*"),
        )  # fmt: skip
        cells = (
            (lines, number(micro(int(debit), currency)), number(micro(-int(credit), currency)),
             difference(int(debit + credit), currency))
            for currency, debit, credit, lines in sums
        )  # fmt: skip
        return table((_("lines"), _("debit"), _("credit"), _("difference")), cells)


class WithBalances(ChangeList):
    """Adds the balances of the accounts on this page in one query."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page, then the sums of its accounts."""
        super().get_results(request)
        rows: Any = list(self.result_list)
        found = balances([row.pk for row in rows])
        for row in rows:
            row.balance_micro = found[row.pk]
        self.result_list = rows


@admin.register(LedgerAccount, site=site)
class Accounts(Reading):
    """Accounts with their balance."""

    headline = "code"
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
    def currency_code(self, row: LedgerAccount) -> SafeString:
        """Upper case, as money is written."""
        return code(row.currency_id.upper())

    @display(_("balance"))
    def balance(self, row: LedgerAccount) -> SafeString:
        """Debit less credit, every digit; of an account with more lines than a page adds up, where to ask."""
        found = row.balance_micro if hasattr(row, "balance_micro") else balances([row.pk])[row.pk]
        if found is None:
            return format_html("{} {}", _("too many lines to add up here:"), code("/v1/ledger/trial_balance"))
        return number(micro(found, row.currency_id))

    @display(_("newest lines"))
    def newest(self, row: LedgerAccount) -> SafeString:
        """The last ones that were posted, newest first: in the order of the index, however many there are."""
        found = LedgerLine.objects.filter(account=row).select_related("entry").order_by("-xid", "-id")
        cells = (
            (each.effective_date, link(each.entry), word(each.entry.kind),
             number(micro(each.amount, each.currency_id)))
            for each in found[: SHOWN + 1]
        )  # fmt: skip
        return table((_("date"), _("entry"), _("kind"), _("amount")), cells)


@admin.register(AllocationRun, site=site)
class Runs(Named):
    """Divisions of payments."""

    list_display = (
        "public_number", "source", "kind", "run_date", "gross_minor", "pool_micro", "works", "rows", "rule_version",
    )  # fmt: skip
    search_fields = ("=source",)
    search_help_text = _("a public id, or the whole id of a payment")
    linked = ("order__quote__clearance", "entry")
    hidden = frozenset({"xid", "first_row", "last_row"})
    extra = ("balance", "by_work", "allocations", "chain")

    def get_urls(self) -> list[Any]:
        """One more page: how an amount came about."""
        view = self.admin_site.admin_view(partial(explaining.page, self))
        return [path("<int:key>/explain", view, name="licensing_allocationrun_explain"), *super().get_urls()]

    @display(_("pool and what was divided"))
    def balance(self, row: AllocationRun) -> SafeString:
        """Both sums and their difference."""
        divided = _rows(row).aggregate(sum=Sum("amount", default=0))
        left = row.pool_micro - int(divided["sum"])
        cells = [
            (number(micro(row.pool_micro, row.currency)), number(micro(int(divided["sum"]), row.currency)),
             difference(left, row.currency))
        ]  # fmt: skip
        return table((_("pool"), _("divided"), _("difference")), cells)

    @display(_("from the clearance to the delivery"))
    def chain(self, row: AllocationRun) -> SafeString:
        """Everything of its order, in order."""
        return trace.chain(row.order)

    @display(_("amounts per work"))
    def by_work(self, row: AllocationRun) -> SafeString:
        """What each work received."""
        found = WorkAllocation.objects.filter(run=row, run_date=row.run_date).select_related("work")
        cells = (
            (link(each.work, each.work.title), number(micro(each.amount, row.currency)), each.weight, each.floor,
             each.remainder, each.rank)
            for each in found.order_by("-amount", "id")[: SHOWN + 1]
        )  # fmt: skip
        heads = (_("work"), _("amount"), _("weight"), _("floor"), _("remainder"), _("rank"))
        return table(heads, cells)

    @display(_("amounts per work and payee"))
    def allocations(self, row: AllocationRun) -> SafeString:
        """What each payee received of each work, with every number that led to it."""
        found = _rows(row).select_related("work", "account")
        cells = (
            (link(each.work, each.work.title), each.part_no, link(each.account, code(each.account.code)),
             number(micro(each.amount, row.currency)), each.held, explaining.link(row, each))
            for each in found.order_by("id")[: SHOWN + 1]
        )  # fmt: skip
        heads = (_("work"), _("part"), _("account"), _("amount"), _("held"), _("how it came about"))
        return table(heads, cells)


@admin.register(Statement, site=site)
class Statements(Named):
    """What payees earned in a period."""

    list_display = (
        "public_number", "payee_name", "organisation", "starts", "ends", "version", "earned", "closing", "status",
    )  # fmt: skip
    micro_units = frozenset(COLUMNS)
    list_select_related = linked = ("payee", "organisation")
    list_filter = (StatusFilter,)

    @display(_("payee"))
    def payee_name(self, row: Statement) -> str:
        """Name of the party."""
        return row.payee.name


def _rows(run: AllocationRun) -> QuerySet[Allocation]:
    """What a run divided, by the range of the key: the table has no index by run."""
    first, last = run.first_row << 16, (run.last_row + 1) << 16
    return Allocation.objects.filter(run=run, run_date=run.run_date, id__gt=first, id__lt=last)


def balances(accounts: Sequence[int]) -> dict[int, int | None]:
    """Sums of accounts in micro units; None where more than SUMMED lines would have to be added."""
    with connection.cursor() as cursor:
        cursor.execute(_BALANCES, {"accounts": list(accounts), "most": SUMMED})
        return {account: int(total) if lines <= SUMMED else None for account, total, lines in cursor.fetchall()}


def difference(amount: int, currency: str) -> SafeString:
    """Micro units that must be zero: said with a word and on a tint."""
    tone, word = ("ok", _("zero")) if amount == 0 else ("bad", _("not zero"))
    text = micro(amount, currency)
    return format_html('<span class="num">{} <span class="state {}">{}</span></span>', text, tone, word)
