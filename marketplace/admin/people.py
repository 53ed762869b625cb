"""Organisations, people, keys and the audit log."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, AuditRow, Membership, Organisation, User
from licensing.events.models import DomainEvent
from licensing.jobs.models import Job
from marketplace.admin.reading import SHOWN, Named, Reading, StatusFilter, display, link, table
from marketplace.admin.site import site


@admin.register(Organisation, site=site)
class Organisations(Named):
    """Who there is, with members."""

    one_mode = False
    list_display = ("number", "name", "slug", "country", "is_rights_holder", "is_licensee", "is_operator", "created_at")
    search_fields = ("name", "slug")
    extra = ("members",)

    @display(_("members"))
    def members(self, row: Organisation) -> SafeString:
        """Everybody who is or was a member."""
        found = Membership.objects.filter(organisation=row).select_related("user").order_by("id")[: SHOWN + 1]
        cells = ((link(each.user), each.role, each.created_at, each.ended_at) for each in found)
        return table((_("person"), _("role"), _("since"), _("until")), cells)


@admin.register(User, site=site)
class People(Named):
    """Who signs in."""

    one_mode = False
    list_display = ("number", "email", "full_name", "language", "is_active", "last_login")
    search_fields = ("email", "full_name")
    hidden = frozenset({"password", "is_superuser", "is_staff"})
    extra = ("roles",)

    @display(_("roles"))
    def roles(self, row: User) -> SafeString:
        """In which organisations, as what."""
        found = Membership.objects.filter(user=row).select_related("organisation").order_by("id")[: SHOWN + 1]
        cells = ((link(each.organisation), each.role, each.created_at, each.ended_at) for each in found)
        return table((_("organisation"), _("role"), _("since"), _("until")), cells)


@admin.register(ApiKey, site=site)
class Keys(Named):
    """Keys without anything that could be used as one."""

    list_display = ("number", "prefix", "label", "organisation", "user", "expires_at", "revoked_at")
    list_select_related = linked = ("organisation", "user")
    search_fields = ("prefix", "label")
    hidden = frozenset({"secret_sha256"})


@admin.register(AuditRow, site=site)
class Audit(Reading):
    """Who did what to what, when."""

    list_display = ("id", "at", "act", "subject", "actor", "organisation", "request_id")
    list_select_related = linked = ("organisation",)
    search_fields = ("=subject", "=actor", "=act", "=request_id")
    search_help_text = _("a whole id, act or request id")


@admin.register(Job, site=site)
class Jobs(Named):
    """Work that was done, is being done, or gave up."""

    list_display = ("number", "kind", "subject", "queue", "status", "attempts", "due_at", "finished_at")
    list_filter = (StatusFilter,)
    search_fields = ("=subject", "=kind", "=dedupe_key")
    search_help_text = _("a whole id, kind or key")
    hidden = frozenset({"token"})
    linked = ("organisation",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """All modes: the relay's own jobs belong to none."""
        return Job.objects.select_related(*self.linked)


@admin.register(DomainEvent, site=site)
class Events(Named):
    """What happened, in the past tense."""

    list_display = ("number", "created_at", "kind", "subject", "actor", "organisation")
    list_select_related = linked = ("organisation",)
    search_fields = ("=subject", "=kind")
