"""Clearances with the reason for every work, quotes, orders, payments and what the payment service said."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from licensing.clearing.models import Clearance, Decision, UseProfile
from licensing.orders.models import Order, Quote, QuoteLine, QuoteShare
from licensing.payments.models import Dispute, Payment, Refund, StripeCall, WebhookEvent
from licensing.rights.models import Claim, TermsVersion
from marketplace.admin import trace
from marketplace.admin.columns import (
    code,
    counts,
    display,
    link,
    micro,
    minor,
    number,
    pretty,
    reasons,
    state,
)  # fmt: skip
from marketplace.admin.reading import SHOWN, Named, Reading, StatusFilter, table
from marketplace.admin.site import site
from marketplace.web.units import actor_of
from marketplace.web.words import word


@admin.register(UseProfile, site=site)
class Uses(Named):
    """What licensees intend."""

    list_display = ("public_number", "title", "organisation", "created_at")
    list_select_related = linked = ("organisation",)
    search_fields = ("=title",)
    search_help_text = _("a public id, or a whole title")
    headline = "title"
    extra = ("clearances",)

    @display(_("clearances"))
    def clearances(self, row: UseProfile) -> SafeString:
        """Asked for with this use."""
        found = Clearance.objects.filter(use=row).order_by("-id")[: SHOWN + 1]
        cells = ((link(each), each.at, counts(each.counts), state(each.status)) for each in found)
        return table((_("clearance"), _("at"), _("outcomes"), _("status")), cells)


@admin.register(Clearance, site=site)
class Clearances(Named):
    """Stored answers over a bundle."""

    list_display = ("public_number", "organisation", "at", "outcomes", "why", "total", "status")
    list_select_related = linked = ("organisation", "use", "bundle")
    list_filter = (StatusFilter,)
    hidden = frozenset({"counts", "reasons", "total_micro"})
    extra = ("outcomes", "why", "total", "decisions", "all_decisions", "followed")

    @display(_("outcomes"))
    def outcomes(self, row: Clearance) -> SafeString | str:
        """Works per outcome."""
        return counts(row.counts)

    @display(_("reasons"))
    def why(self, row: Clearance) -> SafeString | str:
        """Works per reason, each leading to its explanation."""
        return reasons(row.reasons)

    @display(_("total"), "total_micro")
    def total(self, row: Clearance) -> SafeString:
        """Sum of the prices, every digit."""
        return number(micro(row.total_micro, row.currency))

    @display(_("decisions"))
    def decisions(self, row: Clearance) -> SafeString:
        """One line per work: refused first."""
        ordered = Decision.objects.filter(clearance=row).order_by("-outcome", "id")
        # Keys first: with the works joined in, the database would sort every decision instead of keeping the first.
        first = list(ordered.values_list("pk", flat=True)[: SHOWN + 1])
        found = ordered.filter(pk__in=first).select_related("work")
        cells = (
            (
                link(each.work, each.work.title), state(each.outcome), word(each.kind), reasons(each.reasons),
                reasons(each.notes), number(micro(each.price_micro, row.currency)),
            )
            for each in found
        )  # fmt: skip
        heads = (_("work"), _("outcome"), _("kind"), _("reasons"), _("notes"), _("price"))
        return table(heads, cells)

    @display(_("all decisions"))
    def all_decisions(self, row: Clearance) -> SafeString:
        """The list of decisions narrowed to this clearance, by outcome."""
        return format_html_join(" · ", '<a class="go" href="{}">{}</a>', trace.decisions(row))

    @display(_("what followed"))
    def followed(self, row: Clearance) -> SafeString:
        """Quotes, orders and what became of them."""
        return trace.of_clearance(row)


@admin.register(Decision, site=site)
class Decisions(Reading):
    """Every decision; those of one clearance are reached from its page."""

    list_display = ("id", "clearance", "work_title", "decided", "kind", "why", "price", "assurance")
    list_display_links = ("id",)
    list_select_related = linked = ("clearance", "work")
    narrowed_by = frozenset({"clearance", "outcome"})
    hidden = frozenset({"reasons", "considered", "notes", "claims", "shares", "versions", "price_micro", "outcome"})
    extra = ("decided", "price", "why", "other_reasons", "remarks", "offers")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Decisions of clearances of the chosen mode."""
        return Decision.objects.select_related(*self.linked).filter(
            clearance__livemode=actor_of(request).livemode
        )

    @display(_("outcome"))
    def decided(self, row: Decision) -> SafeString:
        """A word on its tint."""
        return state(row.outcome)

    @display(_("price"))
    def price(self, row: Decision) -> SafeString:
        """Every digit."""
        return number(micro(row.price_micro, row.clearance.currency))

    @display(_("reasons of other routes"))
    def other_reasons(self, row: Decision) -> SafeString | str:
        """What stood against the routes that were not taken."""
        return reasons(row.considered)

    @display(_("notes"))
    def remarks(self, row: Decision) -> SafeString | str:
        """Said beside the answer."""
        return reasons(row.notes)

    @display(_("licensed by"))
    def offers(self, row: Decision) -> SafeString:
        """The claims whose shares are licensed, and under which terms."""
        claims = Claim.objects.select_related("holder").in_bulk(row.claims)
        versions = TermsVersion.objects.select_related("terms").in_bulk(row.versions)
        cells = [
            (link(claims[claim]), claims[claim].holder.name, share, link(version.terms), version.number)
            for claim, share, version in zip(row.claims, row.shares, map(versions.get, row.versions), strict=True)
            if version
        ]
        return table((_("claim"), _("holder"), _("ppm"), _("terms"), _("version")), cells)

    @display(_("work"))
    def work_title(self, row: Decision) -> str:
        """Title of the work."""
        return row.work.title

    @display(_("reasons"))
    def why(self, row: Decision) -> SafeString | str:
        """Codes, each leading to its explanation."""
        return reasons(row.reasons)


@admin.register(Quote, site=site)
class Quotes(Named):
    """Frozen offers."""

    list_display = (
        "public_number", "organisation", "clearance", "works_count", "works_minor", "fee_minor", "tax_minor",
        "total_minor", "status", "expires_at",
    )  # fmt: skip
    list_select_related = linked = ("organisation", "clearance")
    list_filter = (StatusFilter,)
    hidden = frozenset({"body"})
    extra = ("lines", "shares", "followed", "frozen")

    @display(_("what followed"))
    def followed(self, row: Quote) -> SafeString:
        """The order and what became of it."""
        return trace.of_quote(row)

    @display(_("as frozen"))
    def frozen(self, row: Quote) -> SafeString:
        """The whole offer, whose hash is kept."""
        return pretty(row.body)

    @display(_("lines"))
    def lines(self, row: Quote) -> SafeString:
        """Works with their frozen price."""
        found = QuoteLine.objects.filter(quote=row).select_related("work").order_by("id")[: SHOWN + 1]
        cells = (
            (link(each.work, each.work.title), number(micro(each.price_micro, row.currency))) for each in found
        )
        return table((_("work"), _("price")), cells)

    @display(_("shares"))
    def shares(self, row: Quote) -> SafeString:
        """Licensors of the lines with the frozen versions."""
        found = QuoteShare.objects.filter(line__quote=row).select_related(
            "line__work", "organisation", "claim", "split_version", "terms_version__terms"
        )
        cells = (
            (
                link(each.line.work, each.line.work.title), each.organisation.name, link(each.claim), each.share_ppm,
                link(each.terms_version.terms), each.terms_version.number, link(each.split_version),
            )
            for each in found.order_by("id")[: SHOWN + 1]
        )  # fmt: skip
        return table((_("work"), _("licensor"), _("claim"), _("ppm"), _("terms"), _("version"), _("split")), cells)


@admin.register(Order, site=site)
class Orders(Named):
    """Accepted quotes."""

    list_display = ("public_number", "organisation", "total_minor", "status", "created_at", "secured_at")
    list_select_related = linked = ("organisation", "quote__clearance")
    list_filter = (StatusFilter,)
    extra = ("chain", "entries", "jobs")

    @display(_("from the clearance to the delivery"))
    def chain(self, row: Order) -> SafeString:
        """Everything of this order, in order."""
        return trace.chain(row)

    @display(_("entries in the books"))
    def entries(self, row: Order) -> SafeString:
        """What was booked for it."""
        return trace.entries(trace.names(row))

    @display(_("jobs"))
    def jobs(self, row: Order) -> SafeString:
        """What worked on it."""
        return trace.jobs(trace.names(row))


@admin.register(Payment, site=site)
class Payments(Named):
    """Attempts to fund an order."""

    list_display = (
        "public_number", "organisation", "order", "method", "amount_minor", "captured_minor", "status", "captured_at",
    )  # fmt: skip
    list_select_related = linked = ("organisation", "order")
    list_filter = (StatusFilter,)
    search_fields = ("=stripe_id", "=session_id")
    search_help_text = _("a public id, or a whole id of the payment service")
    hidden = frozenset({"client_secret", "facts"})
    extra = ("calls", "refunds", "entries", "jobs")

    @display(_("entries in the books"))
    def entries(self, row: Payment) -> SafeString:
        """What was booked for it."""
        return trace.entries([row.name_id])

    @display(_("jobs"))
    def jobs(self, row: Payment) -> SafeString:
        """What worked on it."""
        return trace.jobs([row.name_id])

    @display(_("calls"))
    def calls(self, row: Payment) -> SafeString:
        """What was asked of the payment service; its answers may hold secrets and are not shown."""
        found = StripeCall.objects.filter(subject__startswith=row.name_id).order_by("id")[: SHOWN + 1]
        cells = ((code(each.method), code(each.key), state(each.status), each.first_sent_at) for each in found)
        return table((_("call"), _("key"), _("status"), _("sent at")), cells)

    @display(_("refunds and disputes"))
    def refunds(self, row: Payment) -> SafeString:
        """Money that went back."""
        refunds = Refund.objects.filter(payment=row).order_by("id")[:SHOWN]
        back: list[Refund | Dispute] = [*refunds, *Dispute.objects.filter(payment=row).order_by("id")[:SHOWN]]
        cells = (
            (code(each.name_id), number(minor(each.amount_minor, each.currency)), state(each.status)) for each in back
        )
        return table((_("number"), _("amount"), _("status")), cells)


@admin.register(WebhookEvent, site=site)
class WebhookEvents(Reading):
    """The inbox of what the payment service says."""

    headline = "event_id"
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
