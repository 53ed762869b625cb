"""Catalogues and what is stated about rights beside the single work."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from licensing.catalogue.models import Catalogue
from licensing.rights.models import (
    Claim,
    ClaimWork,
    Conflict,
    ConflictParty,
    Reservation,
    SplitPart,
    SplitVersion,
    Terms,
    TermsAssignment,
    TermsVersion,
)  # fmt: skip
from marketplace.admin.columns import code, display, link, number, pointer, pretty, span
from marketplace.admin.reading import SHOWN, Named, StatusFilter, places, table, vocabulary_names
from marketplace.admin.site import site
from marketplace.web.units import actor_of
from marketplace.web.words import word


@admin.register(Catalogue, site=site)
class Catalogues(Named):
    """Sets of works with what is declared for all of them."""

    list_display = ("public_number", "name", "slug", "organisation", "origin", "source_kind", "created_at")
    list_select_related = linked = ("organisation",)
    search_fields = ("=slug", "name__startswith")
    search_help_text = _("a public id, a whole short name, or how the name begins")
    headline = "name"


@admin.register(Claim, site=site)
class Claims(Named):
    """Who says to hold what."""

    list_display = ("public_number", "holder_name", "organisation", "kind", "level", "share", "status", "created_at")
    list_select_related = linked = ("holder", "organisation")
    list_filter = (StatusFilter,)
    search_fields = ("=holder__own_key", "=holder__name")
    search_help_text = _("a public id, or a holder's whole name or own key")
    extra = ("listed", "splits")

    @display(_("holder"), "holder__name")
    def holder_name(self, row: Claim) -> str:
        """Name of the party."""
        return row.holder.name

    @display(_("share in ppm"), "control_ppm")
    def share(self, row: Claim) -> SafeString:
        """Parts per million of control, or of the parent's share."""
        return number(f"{row.control_ppm:,}")

    @display(_("works listed"))
    def listed(self, row: Claim) -> SafeString:
        """Works of a claim of level list."""
        found = ClaimWork.objects.filter(claim=row).select_related("work").order_by("id")[: SHOWN + 1]
        return table((_("work"),), ((link(each.work, each.work.title),) for each in found))

    @display(_("splits"))
    def splits(self, row: Claim) -> SafeString:
        """Versions of who is paid."""
        found = SplitVersion.objects.filter(claim=row).order_by("-number")[: SHOWN + 1]
        cells = (
            (link(each), each.number, span(each.valid), pointer(each.approved_by), each.frozen_at) for each in found
        )
        return table((_("split"), _("version"), _("period"), _("approved by"), _("frozen at")), cells)


@admin.register(Conflict, site=site)
class Conflicts(Named):
    """Claims that together hold more than the whole."""

    list_display = ("public_number", "work_title", "control_ppm", "status", "due_at", "decided_at")
    list_select_related = linked = ("work",)
    list_filter = (StatusFilter,)
    extra = ("parties",)

    @display(_("work"))
    def work_title(self, row: Conflict) -> str:
        """Title of the work."""
        return row.work.title

    @display(_("parties"))
    def parties(self, row: Conflict) -> SafeString:
        """The claims that take part."""
        found = ConflictParty.objects.filter(conflict=row).select_related("claim__holder").order_by("id")[: SHOWN + 1]
        cells = (
            (link(each.claim), each.claim.holder.name, each.guaranteed_ppm, each.consents) for each in found
        )
        return table((_("claim"), _("holder"), _("guaranteed ppm"), _("consents")), cells)


@admin.register(SplitVersion, site=site)
class Splits(Named):
    """Who is paid for a claim's money."""

    list_display = ("public_number", "claim", "holder", "version", "valid", "approved_by", "frozen_at")
    list_select_related = linked = ("claim__holder",)
    hidden = frozenset({"territory_set", "action_set"})
    extra = ("parts",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Splits of claims of the chosen mode."""
        found = SplitVersion.objects.select_related(*self.linked)
        return found.filter(claim__livemode=actor_of(request).livemode)

    @display(_("holder"))
    def holder(self, row: SplitVersion) -> str:
        """Name of the claim's holder."""
        return row.claim.holder.name

    @display(_("version"), "number")
    def version(self, row: SplitVersion) -> int:
        """Number of the version."""
        return row.number

    @display(_("parts"))
    def parts(self, row: SplitVersion) -> SafeString:
        """Payees with their ppm; they sum to exactly 1,000,000."""
        found = list(SplitPart.objects.filter(version=row).select_related("party").order_by("part_no")[: SHOWN + 1])
        cells = ((each.part_no, link(each.party, each.party and each.party.name), word(each.role), each.ppm)
                 for each in found)  # fmt: skip
        sums = (" ", " ", _("total"), sum(each.ppm for each in found)) if len(found) <= SHOWN else ()
        return table((_("part"), _("payee"), _("role"), _("ppm")), cells, sums=sums)


@admin.register(Terms, site=site)
class TermsOffers(Named):
    """Offers with their versions and where they hold."""

    list_display = ("public_number", "own_key", "organisation", "status", "created_at")
    list_select_related = linked = ("organisation",)
    list_filter = (StatusFilter,)
    search_fields = ("=own_key",)
    search_help_text = _("a public id, or a whole own key")
    extra = ("versions", "assignments", "newest")

    @display(_("versions"))
    def versions(self, row: Terms) -> SafeString:
        """Every wording, newest first."""
        found = TermsVersion.objects.filter(terms=row).order_by("-number")[: SHOWN + 1]
        cells = (
            (
                each.number, each.title, vocabulary_names(each.actions), places(each.territories),
                word(each.approval), code(each.sha256),
            )
            for each in found
        )  # fmt: skip
        return table((_("version"), _("title"), _("uses"), _("territories"), _("approval"), "SHA-256"), cells)

    @display(_("assigned to"))
    def assignments(self, row: Terms) -> SafeString:
        """Catalogues, imprints and works that offer these terms."""
        found = TermsAssignment.objects.filter(terms=row).select_related("catalogue", "imprint", "work")
        cells = (
            (word(each.level), link(each.catalogue or each.imprint or each.work), each.created_at, each.ended_at)
            for each in found.order_by("id")[: SHOWN + 1]
        )
        return table((_("level"), _("stated for"), _("since"), _("until")), cells)

    @display(_("newest wording"))
    def newest(self, row: Terms) -> SafeString:
        """The whole body of the newest version."""
        found = TermsVersion.objects.filter(terms=row).order_by("-number").first()
        return pretty(found.body) if found else table((), ())


@admin.register(Reservation, site=site)
class Reservations(Named):
    """Opt-outs of both kinds."""

    list_display = ("public_number", "kind", "level", "organisation", "signal", "status", "created_at")
    list_select_related = linked = ("organisation",)
    list_filter = (StatusFilter,)
