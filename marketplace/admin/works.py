"""Works, with everything that hangs on one."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from licensing.catalogue.models import Asset, Contributor, Duplicate, Identifier, Work
from licensing.rights.models import Claim, Reservation, SplitVersion, TermsAssignment
from licensing.search import queries as search
from marketplace.admin.columns import code, display, link, span, state
from marketplace.admin.reading import SHOWN, Named, StatusFilter, table
from marketplace.admin.site import site
from marketplace.web.units import actor_of
from marketplace.web.words import word


def _stated_for(row: Work) -> Q:
    """Whatever is stated for the work itself, its imprint or its catalogue."""
    found = Q(level="work", work=row) | Q(level="catalogue", catalogue_id=row.catalogue_id)
    return found | Q(level="imprint", imprint_id=row.imprint_id) if row.imprint_id else found


@admin.register(Work, site=site)
class Works(Named):
    """The thing licensed."""

    list_display = ("public_number", "title", "form", "language", "organisation", "catalogue_name", "status")
    list_select_related = linked = ("organisation", "catalogue", "imprint")
    list_filter = (StatusFilter,)
    search_fields = ("own_id",)
    search_help_text = _("a public id, an own id, or words of title, names, subjects or imprint")
    headline = "title"
    hidden = frozenset({"words_index", "title_key"})
    extra = ("contributors", "identifiers", "assets", "claims", "splits", "terms", "reservations", "duplicates")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A public or own id by its index, otherwise words by the index of words, as the API finds them."""
        term = search_term.strip()
        if not term or term.startswith(f"{Work.PREFIX}_"):
            return super().get_search_results(request, queryset, term)
        own = queryset.filter(own_id=term)
        if own.exists():
            return own, False
        asked = search.Question(text=term, statuses=())
        return queryset.filter(pk__in=search.matching(asked, actor=actor_of(request)).values("pk")), False

    @display(_("catalogue"))
    def catalogue_name(self, row: Work) -> str:
        """Name of the catalogue."""
        return row.catalogue.name

    @display(_("contributors"))
    def contributors(self, row: Work) -> SafeString:
        """In order, as sent."""
        found = Contributor.objects.filter(work=row).order_by("sequence")[: SHOWN + 1]
        cells = ((str(each.sequence), word(each.role), each.name or word(each.unnamed)) for each in found)
        return table((_("place"), _("role"), _("name")), cells)

    @display(_("identifiers"))
    def identifiers(self, row: Work) -> SafeString:
        """Of all editions."""
        found = Identifier.objects.filter(edition__work=row).select_related("edition").order_by("id")[: SHOWN + 1]
        cells = ((code(each.edition.record_ref), code(each.scheme), code(each.value), each.valid) for each in found)
        return table((_("edition"), _("scheme"), _("value"), _("valid")), cells)

    @display(_("content files"))
    def assets(self, row: Work) -> SafeString:
        """Current and replaced."""
        found = Asset.objects.filter(work=row).order_by("-id")[: SHOWN + 1]
        cells = (
            (code(each.filename), word(each.layer), each.bytes, code(each.sha256), each.replaced_at) for each in found
        )
        return table((_("file"), _("layer"), _("bytes"), "SHA-256", _("replaced at")), cells)

    @display(_("claims"))
    def claims(self, row: Work) -> SafeString:
        """Claims that cover the work, however they are stated."""
        found = self._claims(row).select_related("holder", "organisation").order_by("id")[: SHOWN + 1]
        cells = (
            (link(each), each.holder.name, each.organisation.name, word(each.kind), each.control_ppm,
             state(each.status))
            for each in found
        )
        return table((_("claim"), _("holder"), _("organisation"), _("kind"), _("ppm"), _("status")), cells)

    @display(_("splits"))
    def splits(self, row: Work) -> SafeString:
        """Who is paid for those claims."""
        found = SplitVersion.objects.filter(claim__in=self._claims(row)).order_by("claim_id", "-number")
        cells = ((link(each), each.number, span(each.valid), each.frozen_at) for each in found[: SHOWN + 1])
        return table((_("split"), _("version"), _("period"), _("frozen at")), cells)

    @display(_("terms"))
    def terms(self, row: Work) -> SafeString:
        """Offers at every level; the most specific one holds."""
        found = TermsAssignment.objects.filter(_stated_for(row)).select_related("terms").order_by("id")
        cells = (
            (link(each.terms), word(each.level), state(each.terms.status), each.ended_at)
            for each in found[: SHOWN + 1]
        )
        return table((_("terms"), _("level"), _("status"), _("ended at")), cells)

    @display(_("reservations"))
    def reservations(self, row: Work) -> SafeString:
        """Opt-outs at every level."""
        found = Reservation.objects.filter(_stated_for(row)).order_by("id")[: SHOWN + 1]
        return table(
            (_("reservation"), _("kind"), _("level"), _("status")),
            ((link(each), word(each.kind), word(each.level), state(each.status)) for each in found),
        )

    @display(_("duplicates"))
    def duplicates(self, row: Work) -> SafeString:
        """Matches with other works, for information."""
        found = Duplicate.objects.filter(work=row).select_related("other").order_by("id")[: SHOWN + 1]
        return table((_("work"), _("kind")), ((link(d.other, d.other.title), word(d.kind)) for d in found))

    def _claims(self, row: Work) -> QuerySet[Claim]:
        return Claim.objects.filter(_stated_for(row) | Q(level="list", listed__work=row))
