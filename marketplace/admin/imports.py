"""Imports with what was wrong in them."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from licensing.intake.models import Import, ImportIssue, ImportRecord
from marketplace.admin.reading import SHOWN, Named, Reading, StatusFilter, counts, display, link, table
from marketplace.admin.site import site


@admin.register(Import, site=site)
class Imports(Named):
    """Files on their way into a catalogue."""

    list_display = ("number", "filename", "organisation", "format", "records", "found", "status", "created_at")
    list_select_related = linked = ("upload", "catalogue", "organisation")
    list_filter = (StatusFilter,)
    extra = ("issues", "lines")

    @display(_("file"))
    def filename(self, row: Import) -> str:
        """Name of the uploaded file."""
        return row.upload.filename

    @display(_("outcomes"))
    def found(self, row: Import) -> str:
        """Counts per outcome."""
        return counts(row.outcomes)

    @display(_("issues"))
    def issues(self, row: Import) -> SafeString:
        """The first of them."""
        found = ImportIssue.objects.filter(record_import=row).order_by("id")[: SHOWN + 1]
        cells = ((each.code, each.severity, each.line, each.path, each.seen, each.expected) for each in found)
        return table((_("code"), _("severity"), _("line"), _("path"), _("seen"), _("expected")), cells)

    @display(_("records"))
    def lines(self, row: Import) -> SafeString:
        """The first of them."""
        found = ImportRecord.objects.filter(record_import=row).select_related("work").order_by("number")
        cells = ((each.line, each.ref, each.outcome, link(each.work)) for each in found[: SHOWN + 1])
        return table((_("line"), _("reference"), _("outcome"), _("work")), cells)


@admin.register(ImportIssue, site=site)
class Issues(Reading):
    """All issues, by code."""

    one_mode = False
    list_display = ("id", "record_import", "code", "severity", "line", "column", "path", "seen")
    list_select_related = linked = ("record_import",)
    search_fields = ("=code",)
    search_help_text = _("a whole code")
