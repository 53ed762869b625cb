"""Imports with what was wrong in them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from licensing.intake.models import Import, ImportIssue, ImportRecord
from marketplace.admin.columns import code, counts, display, link
from marketplace.admin.reading import SHOWN, Named, Reading, StatusFilter, table
from marketplace.admin.site import site
from marketplace.web.units import actor_of
from marketplace.web.words import word


@admin.register(Import, site=site)
class Imports(Named):
    """Files on their way into a catalogue."""

    list_display = ("public_number", "filename", "organisation", "format", "records", "found", "status", "created_at")
    list_select_related = linked = ("upload", "catalogue", "organisation")
    list_filter = (StatusFilter,)
    hidden = frozenset({"outcomes", "issues_by_code"})
    extra = ("found", "issues", "lines")

    @display(_("file"))
    def filename(self, row: Import) -> str:
        """Name of the uploaded file."""
        return row.upload.filename

    @display(_("outcomes"))
    def found(self, row: Import) -> SafeString | str:
        """Counts per outcome."""
        return counts(row.outcomes)

    @display(_("issues"))
    def issues(self, row: Import) -> SafeString:
        """The first of them."""
        found = ImportIssue.objects.filter(record_import=row).order_by("id")[: SHOWN + 1]
        cells = (
            (_code(each.code), word(each.severity), each.line, code(each.path), each.seen, each.expected)
            for each in found
        )
        return table((_("code"), _("severity"), _("line"), _("path"), _("seen"), _("expected")), cells)

    @display(_("records"))
    def lines(self, row: Import) -> SafeString:
        """The first of them."""
        found = ImportRecord.objects.filter(record_import=row).select_related("work").order_by("number")
        cells = (
            (each.line, code(each.ref), word(each.outcome), link(each.work, each.work and each.work.title))
            for each in found[: SHOWN + 1]
        )
        return table((_("line"), _("reference"), _("outcome"), _("work")), cells)


@admin.register(ImportIssue, site=site)
class Issues(Reading):
    """All issues, by code."""

    headline = "code"
    list_display = ("id", "record_import", "problem", "severity", "line", "column", "path", "seen")
    list_display_links = ("id",)
    list_select_related = linked = ("record_import",)
    hidden = frozenset({"code"})
    extra = ("problem",)
    search_fields = ("=code",)
    search_help_text = _("a whole code")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Issues of imports of the chosen mode."""
        found = ImportIssue.objects.select_related(*self.linked)
        return found.filter(record_import__livemode=actor_of(request).livemode)

    @display(_("code"), "code")
    def problem(self, row: ImportIssue) -> SafeString:
        """The code, leading to its explanation."""
        return _code(row.code)


def _code(name: str) -> SafeString:
    return format_html('<a class="go" href="{}">{}</a>', reverse("web:error", args=[name]), code(name))
