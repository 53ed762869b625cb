"""Clearances with the reason for every work, quotes, orders, payments and what the payment service said."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from licensing.clearing.models import Clearance, Decision
from licensing.orders.models import Order, Quote, QuoteLine, QuoteShare
from licensing.payments.models import Dispute, Payment, Refund, StripeCall, WebhookEvent
from marketplace.admin.reading import (
    SHOWN,
    Named,
    Reading,
    StatusFilter,
    counts,
    display,
    link,
    micro,
    minor,
    pretty,
    table,
)  # fmt: skip
from marketplace.admin.site import site


@admin.register(Clearance, site=site)
class Clearances(Named):
    """Stored answers over a bundle."""

    list_display = ("number", "organisation", "at", "outcomes", "why", "total", "status")
    list_select_related = linked = ("organisation", "use", "bundle")
    list_filter = (StatusFilter,)
    extra = ("decisions",)

    @display(_("outcomes"))
    def outcomes(self, row: Clearance) -> str:
        """Works per outcome."""
        return counts(row.counts)

    @display(_("reasons"))
    def why(self, row: Clearance) -> str:
        """Works per reason."""
        return counts(row.reasons)

    @display(_("total"), "total_micro")
    def total(self, row: Clearance) -> str:
        """Sum of the prices, every digit."""
        return micro(row.total_micro, row.currency)

    @display(_("decisions"))
    def decisions(self, row: Clearance) -> SafeString:
        """One line per work: refused first."""
        found = Decision.objects.filter(clearance=row).select_related("work").order_by("-outcome", "id")[: SHOWN + 1]
        cells = (
            (
                link(each.work, each.work.title), each.outcome, each.kind, ", ".join(each.reasons),
                ", ".join(each.notes), micro(each.price_micro, row.currency),
            )
            for each in found
        )  # fmt: skip
        heads = (_("work"), _("outcome"), _("kind"), _("reasons"), _("notes"), _("price"))
        return table(heads, cells)


@admin.register(Decision, site=site)
class Decisions(Reading):
    """Every decision; search by the public id of a clearance is on its own page."""

    one_mode = False
    list_display = ("id", "clearance", "work_title", "outcome", "kind", "why", "assurance")
    list_select_related = linked = ("clearance", "work")

    @display(_("work"))
    def work_title(self, row: Decision) -> str:
        """Title of the work."""
        return row.work.title

    @display(_("reasons"))
    def why(self, row: Decision) -> str:
        """Codes, in order."""
        return ", ".join(row.reasons)


@admin.register(Quote, site=site)
class Quotes(Named):
    """Frozen offers."""

    list_display = ("number", "organisation", "works_count", "works", "tax", "total", "fee", "status", "expires_at")
    list_select_related = linked = ("organisation", "clearance")
    list_filter = (StatusFilter,)
    extra = ("lines", "shares")

    @display(_("works' price"))
    def works(self, row: Quote) -> str:
        """Before tax."""
        return minor(row.works_minor, row.currency)

    @display(_("tax"))
    def tax(self, row: Quote) -> str:
        """On top."""
        return minor(row.tax_minor, row.currency)

    @display(_("fee contained"))
    def fee(self, row: Quote) -> str:
        """The platform's, within the works' price."""
        return minor(row.fee_minor, row.currency)

    @display(_("total"), "total_minor")
    def total(self, row: Quote) -> str:
        """To pay."""
        return minor(row.total_minor, row.currency)

    @display(_("lines"))
    def lines(self, row: Quote) -> SafeString:
        """Works with their frozen price."""
        found = QuoteLine.objects.filter(quote=row).select_related("work").order_by("id")[: SHOWN + 1]
        cells = ((link(each.work, each.work.title), micro(each.price_micro, row.currency)) for each in found)
        return table((_("work"), _("price")), cells)

    @display(_("shares"))
    def shares(self, row: Quote) -> SafeString:
        """Licensors of the lines with the frozen versions."""
        found = QuoteShare.objects.filter(line__quote=row).select_related(
            "line__work", "organisation", "claim", "split_version", "terms_version__terms"
        )
        cells = (
            (
                each.line.work.title, each.organisation.name, link(each.claim), f"{each.share_ppm:,}",
                f"{each.terms_version.terms} v{each.terms_version.number}", link(each.split_version),
            )
            for each in found.order_by("id")[: SHOWN + 1]
        )  # fmt: skip
        return table((_("work"), _("licensor"), _("claim"), _("ppm"), _("terms"), _("split")), cells)


@admin.register(Order, site=site)
class Orders(Named):
    """Accepted quotes."""

    list_display = ("number", "organisation", "total", "status", "created_at", "secured_at")
    list_select_related = linked = ("organisation", "quote")
    list_filter = (StatusFilter,)
    extra = ("payments",)

    @display(_("total"), "total_minor")
    def total(self, row: Order) -> str:
        """To pay."""
        return minor(row.total_minor, row.currency)

    @display(_("payments"))
    def payments(self, row: Order) -> SafeString:
        """Attempts to fund the order."""
        found = Payment.objects.filter(order=row).order_by("id")[: SHOWN + 1]
        cells = ((link(p), p.method, p.status, minor(p.captured_minor, p.currency), p.captured_at) for p in found)
        return table((_("payment"), _("method"), _("status"), _("captured"), _("at")), cells)


@admin.register(Payment, site=site)
class Payments(Named):
    """Attempts to fund an order."""

    list_display = ("number", "organisation", "order", "method", "amount", "captured", "status", "captured_at")
    list_select_related = linked = ("organisation", "order")
    list_filter = (StatusFilter,)
    search_fields = ("=stripe_id", "=session_id")
    search_help_text = _("a public id, or a whole id of the payment service")
    hidden = frozenset({"client_secret"})
    extra = ("calls", "refunds")

    @display(_("amount"), "amount_minor")
    def amount(self, row: Payment) -> str:
        """Asked for."""
        return minor(row.amount_minor, row.currency)

    @display(_("captured"))
    def captured(self, row: Payment) -> str:
        """Arrived."""
        return minor(row.captured_minor, row.currency)

    @display(_("calls"))
    def calls(self, row: Payment) -> SafeString:
        """What was asked of the payment service; its answers may hold secrets and are not shown."""
        found = StripeCall.objects.filter(subject=row.name_id).order_by("id")[: SHOWN + 1]
        cells = ((each.method, each.key, each.status, each.first_sent_at) for each in found)
        return table((_("call"), _("key"), _("status"), _("sent at")), cells)

    @display(_("refunds and disputes"))
    def refunds(self, row: Payment) -> SafeString:
        """Money that went back."""
        refunds = Refund.objects.filter(payment=row).order_by("id")[:SHOWN]
        back: list[Refund | Dispute] = [*refunds, *Dispute.objects.filter(payment=row).order_by("id")[:SHOWN]]
        cells = ((each.name_id, minor(each.amount_minor, each.currency), each.status) for each in back)
        return table((_("number"), _("amount"), _("status")), cells)


@admin.register(WebhookEvent, site=site)
class WebhookEvents(Reading):
    """The inbox of what the payment service says."""

    list_display = ("id", "received_at", "type", "object_id", "event_id", "status", "attempts", "handled_at")
    list_filter = (StatusFilter,)
    search_fields = ("=event_id", "=object_id", "=type")
    search_help_text = _("a whole id or type")
    hidden = frozenset({"raw"})
    extra = ("told",)

    @display(_("what it said"))
    def told(self, row: WebhookEvent) -> SafeString:
        """The event without secrets of the payer's session."""
        return pretty(without_secrets(row.raw))


def without_secrets(found: object) -> object:
    """The same JSON with client secrets struck out."""
    if isinstance(found, dict):
        return {k: "•••" if k == "client_secret" and v else without_secrets(v) for k, v in found.items()}
    return [without_secrets(each) for each in found] if isinstance(found, list) else found
