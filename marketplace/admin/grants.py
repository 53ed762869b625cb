"""Grants with certificate and works, releases with shards and files."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from licensing.delivery.models import Release, ReleaseFile, Shard
from licensing.grants.models import Certificate, Grant, GrantWork
from marketplace.admin import trace
from marketplace.admin.columns import code, display, link, pointer, state
from marketplace.admin.reading import SHOWN, Named, StatusFilter, table
from marketplace.admin.site import site
from marketplace.web.words import word


@admin.register(Grant, site=site)
class Grants(Named):
    """Licences."""

    list_display = ("public_number", "organisation", "works_count", "starts", "ends", "status", "issued_at")
    list_select_related = linked = ("organisation", "order__quote__clearance")
    list_filter = (StatusFilter,)
    hidden = frozenset({"secret"})
    extra = ("page", "chain", "certificates", "works", "releases", "entries", "jobs")

    @display(_("public page"))
    def page(self, row: Grant) -> SafeString:
        """What anybody may see."""
        address = reverse("web:certificate", args=[row.name_id])
        return format_html('<a class="go" href="{0}"><code translate="no">{0}</code></a>', address)

    @display(_("from the clearance to the delivery"))
    def chain(self, row: Grant) -> SafeString:
        """Everything of its order, in order."""
        return trace.chain(row.order)

    @display(_("entries in the books"))
    def entries(self, row: Grant) -> SafeString:
        """What was booked for its order."""
        return trace.entries(trace.names(row.order))

    @display(_("jobs"))
    def jobs(self, row: Grant) -> SafeString:
        """What worked on its order."""
        return trace.jobs(trace.names(row.order))

    @display(_("certificates"))
    def certificates(self, row: Grant) -> SafeString:
        """Signed versions."""
        found = Certificate.objects.filter(grant=row).defer("document").order_by("-version")[: SHOWN + 1]
        cells = ((each.version, code(each.sha256), each.issued_at) for each in found)
        return table((_("version"), "SHA-256", _("issued at")), cells)

    @display(_("works"))
    def works(self, row: Grant) -> SafeString:
        """What is licensed, by whom, under which terms."""
        found = GrantWork.objects.filter(grant=row).select_related("work", "organisation").order_by("id")
        cells = (
            (link(each.work, each.work.title), each.organisation.name, _terms(each.terms_id), each.licence)
            for each in found[: SHOWN + 1]
        )
        return table((_("work"), _("licensor"), _("terms"), _("licence")), cells)

    @display(_("releases"))
    def releases(self, row: Grant) -> SafeString:
        """Versions of the delivered data."""
        found = Release.objects.filter(grant=row).order_by("-number")[: SHOWN + 1]
        cells = (
            (link(each), each.number, word(each.kind), state(each.status), each.rows, each.ready_at) for each in found
        )
        return table((_("release"), _("version"), _("kind"), _("status"), _("rows"), _("ready at")), cells)


@admin.register(Release, site=site)
class Releases(Named):
    """Versions of delivered data."""

    list_display = ("public_number", "grant", "version", "kind", "status", "rows", "bytes", "ready_at")
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
        cells = ((each.number, state(each.status), each.rows, each.bytes, code(each.sha256)) for each in found)
        return table((_("part"), _("status"), _("rows"), _("bytes"), "SHA-256"), cells)

    @display(_("files"))
    def files(self, row: Release) -> SafeString:
        """As the manifest lists them."""
        found = ReleaseFile.objects.filter(release=row).order_by("path")[: SHOWN + 1]
        cells = ((code(each.path), each.bytes, code(each.sha256)) for each in found)
        return table((_("path"), _("bytes"), "SHA-256"), cells)


def _terms(name: str) -> SafeString:
    """Terms as a grant names them: their public id and version, or the name of an open licence."""
    public, slash, version = name.partition("/")
    return format_html("{}{}{}", pointer(public), slash, version)
