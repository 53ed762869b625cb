"""From one order to everything that led to it and followed from it, by links; a fixed number of queries each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from django.db.models import Model, Q, QuerySet
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from licensing.clearing.models import Clearance
from licensing.delivery.models import Release
from licensing.grants.models import Grant
from licensing.jobs.models import Job
from licensing.ledger.models import LedgerEntry
from licensing.orders.models import Order, Quote
from licensing.payments.models import Payment
from licensing.royalties.models import AllocationRun
from marketplace.admin import columns
from marketplace.admin.columns import Cell, Words, link, state
from marketplace.admin.reading import SHOWN, table
from marketplace.web import words

KINDS: Final = (
    "approvals.expire", "delivery.build", "delivery.seal", "delivery.shard", "grants.issue",
    "payments.give_up", "payments.settle", "quotes.expire", "royalties.allocate",
)  # fmt: skip
"""Jobs about what an order consists of: asked for by kind and subject, as the index has it."""
HEADS: Final = (_("what"), _("number"), _("status"), _("at"))


def chain(order: Order) -> SafeString:
    """Clearance, quote, order, payments, grant, divisions and releases, one line each."""
    return table(HEADS, (_line(*step) for step in _steps(order)))


def names(order: Order) -> list[str]:
    """Public ids of everything an order consists of: what entries and jobs are about."""
    return [str(row) for _what, row, _at in _steps(order)]


def of_quote(quote: Quote) -> SafeString:
    """The order of a quote with all that followed."""
    order = Order.objects.select_related("quote__clearance").filter(quote=quote).first()
    return chain(order) if order else table((), ())


def of_clearance(clearance: Clearance) -> SafeString:
    """Quotes of a clearance and their orders."""
    quotes = list(Quote.objects.filter(clearance=clearance).order_by("id")[: SHOWN + 1])
    orders = {order.quote_id: order for order in Order.objects.filter(quote__in=quotes)}
    cells: list[Sequence[Cell]] = []
    for quote in quotes:
        cells.append(_line(_("quote"), quote, quote.created_at))
        if quote.pk in orders:
            cells.append(_line(_("order"), orders[quote.pk], orders[quote.pk].created_at))
    return table(HEADS, cells)


def decisions(clearance: Clearance) -> Iterator[tuple[str, str]]:
    """Addresses and names of the list of decisions, narrowed to each outcome of a clearance."""
    address = f"{reverse('admin:licensing_decision_changelist')}?clearance={clearance.pk}"
    yield address, str(_("all"))
    for outcome, count in clearance.counts.items():
        yield f"{address}&outcome={outcome}", f"{words.word(outcome)} {count:,}"


def entries(about: Sequence[str]) -> SafeString:
    """Entries of the books whose source is one of these."""
    found = LedgerEntry.objects.filter(source__in=about).order_by("id")[: SHOWN + 1]
    cells = (
        (link(each), words.word(each.kind), columns.pointer(each.source), each.effective_date, each.posted_at)
        for each in found
    )
    return table((_("entry"), _("kind"), _("source"), _("date"), _("at")), cells)


def jobs(about: Sequence[str]) -> SafeString:
    """Jobs that are about one of these, with the error of those that failed."""
    found = Job.objects.filter(kind__in=KINDS, subject__in=about).order_by("id")[: SHOWN + 1]
    cells = (
        (link(each), columns.code(each.kind), columns.pointer(each.subject), state(each.status), each.attempts,
         each.finished_at, each.last_error[:300])
        for each in found
    )  # fmt: skip
    heads = (_("job"), _("kind"), _("subject"), _("status"), _("attempts"), _("finished at"), _("error"))
    return table(heads, cells)


def _steps(order: Order) -> Iterator[tuple[Words, Model, object]]:
    quote = order.quote
    yield _("clearance"), quote.clearance, quote.clearance.at
    yield _("quote"), quote, quote.created_at
    yield _("order"), order, order.created_at
    payments = list(Payment.objects.filter(order=order).order_by("id"))
    yield from ((_("payment"), each, each.captured_at) for each in payments)
    grants = list(Grant.objects.filter(order=order))
    yield from ((_("grant"), each, each.issued_at) for each in grants)
    yield from _outcome(order, grants)


def _outcome(order: Order, grants: Iterable[Grant]) -> Iterator[tuple[Words, Model, object]]:
    runs: QuerySet[AllocationRun] = AllocationRun.objects.filter(order=order).order_by("id")
    yield from ((_("division"), each, each.created_at) for each in runs)
    releases = Release.objects.filter(Q(grant__in=list(grants))).order_by("number")
    yield from ((_("release"), each, each.ready_at) for each in releases)


def _line(what: Words, row: Model, at: object) -> Sequence[Cell]:
    status = getattr(row, "status", "")
    return what, link(row), state(status) if status else columns.NOTHING, at  # type: ignore[return-value]  # a moment
