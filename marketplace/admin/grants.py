"""Grants with certificate and works, releases with shards and files."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from licensing.delivery.models import Release, ReleaseFile, Shard
from licensing.grants.models import Certificate, Grant, GrantWork
from marketplace.admin.reading import SHOWN, Named, StatusFilter, display, link, table
from marketplace.admin.site import site


@admin.register(Grant, site=site)
class Grants(Named):
    """Licences."""

    list_display = ("number", "organisation", "works_count", "starts", "ends", "status", "issued_at")
    list_select_related = linked = ("organisation", "order")
    list_filter = (StatusFilter,)
    hidden = frozenset({"secret"})
    extra = ("page", "certificates", "works", "releases")

    @display(_("public page"))
    def page(self, row: Grant) -> SafeString:
        """What anybody may see."""
        address = reverse("web:certificate", args=[row.name_id])
        return format_html('<a class="text-primary-600 underline" href="{0}">{0}</a>', address)

    @display(_("certificates"))
    def certificates(self, row: Grant) -> SafeString:
        """Signed versions."""
        found = Certificate.objects.filter(grant=row).defer("document").order_by("-version")[: SHOWN + 1]
        return table((_("version"), "SHA-256", _("issued at")), ((c.version, c.sha256, c.issued_at) for c in found))

    @display(_("works"))
    def works(self, row: Grant) -> SafeString:
        """What is licensed, by whom, under which terms."""
        found = GrantWork.objects.filter(grant=row).select_related("work", "organisation").order_by("id")
        cells = (
            (link(each.work, each.work.title), each.organisation.name, each.terms_id, each.licence)
            for each in found[: SHOWN + 1]
        )
        return table((_("work"), _("licensor"), _("terms"), _("licence")), cells)

    @display(_("releases"))
    def releases(self, row: Grant) -> SafeString:
        """Versions of the delivered data."""
        found = Release.objects.filter(grant=row).order_by("-number")[: SHOWN + 1]
        cells = ((link(each), each.number, each.kind, each.status, each.rows, each.ready_at) for each in found)
        return table((_("release"), _("number"), _("kind"), _("status"), _("rows"), _("ready at")), cells)


@admin.register(Release, site=site)
class Releases(Named):
    """Versions of delivered data."""

    list_display = ("number", "grant", "version", "kind", "status", "rows", "bytes", "ready_at")
    list_select_related = linked = ("grant", "organisation")
    list_filter = (StatusFilter,)
    extra = ("shards", "files")

    @display(_("version"), "number")
    def version(self, row: Release) -> int:
        """1, 2, ..."""
        return row.number

    @display(_("shards"))
    def shards(self, row: Release) -> SafeString:
        """Parts of the data."""
        found = Shard.objects.filter(release=row).order_by("number")[: SHOWN + 1]
        cells = ((each.number, each.status, each.rows, each.bytes, each.sha256) for each in found)
        return table((_("number"), _("status"), _("rows"), _("bytes"), "SHA-256"), cells)

    @display(_("files"))
    def files(self, row: Release) -> SafeString:
        """As the manifest lists them."""
        found = ReleaseFile.objects.filter(release=row).order_by("path")[: SHOWN + 1]
        return table((_("path"), _("bytes"), "SHA-256"), ((each.path, each.bytes, each.sha256) for each in found))
