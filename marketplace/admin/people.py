"""Organisations, people, keys and the audit log."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, AuditRow, Membership, Organisation, User
from licensing.catalogue.models import Party, PartyIdentifier
from licensing.events.models import DomainEvent
from licensing.jobs.models import Job
from licensing.ledger.models import LedgerAccount
from licensing.royalties.models import Statement
from licensing.royalties.statements import ACCOUNTS
from marketplace.admin.columns import code, display, link, micro, number, state
from marketplace.admin.reading import SHOWN, Named, Reading, StatusFilter, table
from marketplace.admin.site import site
from marketplace.web.words import word


@admin.register(Organisation, site=site)
class Organisations(Named):
    """Who there is, with members."""

    one_mode = False
    list_display = (
        "public_number", "name", "slug", "country", "is_rights_holder", "is_licensee", "is_operator", "created_at",
    )  # fmt: skip
    search_fields = ("=slug", "name__startswith")
    search_help_text = _("a public id, a whole short name, or how the name begins")
    headline = "name"
    extra = ("members",)

    @display(_("members"))
    def members(self, row: Organisation) -> SafeString:
        """Everybody who is or was a member."""
        found = Membership.objects.filter(organisation=row).select_related("user").order_by("id")[: SHOWN + 1]
        cells = ((link(each.user), word(each.role), each.created_at, each.ended_at) for each in found)
        return table((_("person"), _("role"), _("since"), _("until")), cells)


@admin.register(User, site=site)
class People(Named):
    """Who signs in."""

    one_mode = False
    list_display = ("public_number", "email", "full_name", "language", "is_active", "last_login")
    search_fields = ("email__iexact", "full_name__startswith")
    search_help_text = _("a public id, a whole email address, or how the name begins")
    headline = "full_name"
    hidden = frozenset({"password", "is_superuser", "is_staff"})
    extra = ("roles",)

    @display(_("roles"))
    def roles(self, row: User) -> SafeString:
        """In which organisations, as what."""
        found = Membership.objects.filter(user=row).select_related("organisation").order_by("id")[: SHOWN + 1]
        cells = ((link(each.organisation), word(each.role), each.created_at, each.ended_at) for each in found)
        return table((_("organisation"), _("role"), _("since"), _("until")), cells)


@admin.register(Party, site=site)
class Parties(Named):
    """Who may own rights or be paid."""

    list_display = ("public_number", "name", "kind", "own_key", "organisation", "verified_at", "created_at")
    list_select_related = linked = ("organisation", "represented_by")
    search_fields = ("=own_key", "=name")
    search_help_text = _("a public id, or a whole name or own key")
    headline = "name"
    extra = ("identifiers", "accounts", "statements")

    @display(_("identifiers"))
    def identifiers(self, row: Party) -> SafeString:
        """ISNI, IPI, ORCID and the like."""
        found = PartyIdentifier.objects.filter(party=row).order_by("id")[: SHOWN + 1]
        cells = ((code(each.scheme), code(each.value), each.valid) for each in found)
        return table((_("scheme"), _("value"), _("valid")), cells)

    @display(_("accounts in the books"))
    def accounts(self, row: Party) -> SafeString:
        """Where the party's money is booked."""
        codes = [f"{account}:{row.name_id}" for account in ACCOUNTS]
        found = LedgerAccount.objects.filter(livemode=row.livemode, code__in=codes).order_by("id")
        return table((_("account"),), ((link(each, code(each.code)),) for each in found))

    @display(_("statements"))
    def statements(self, row: Party) -> SafeString:
        """What it earned, by period."""
        found = Statement.objects.filter(payee=row).order_by("-id")[: SHOWN + 1]
        cells = (
            (link(each), each.starts, each.ends, number(micro(each.earned, each.currency)), state(each.status))
            for each in found
        )
        return table((_("statement"), _("starts"), _("ends"), _("earned"), _("status")), cells)


@admin.register(ApiKey, site=site)
class Keys(Named):
    """Keys without anything that could be used as one."""

    list_display = ("public_number", "prefix", "label", "organisation", "user", "expires_at", "revoked_at")
    list_select_related = linked = ("organisation", "user")
    search_fields = ("=prefix", "=label")
    search_help_text = _("a public id, a whole prefix or label")
    hidden = frozenset({"secret_sha256"})


@admin.register(AuditRow, site=site)
class Audit(Reading):
    """Who did what to what, when."""

    headline = "act"
    list_display = ("id", "at", "act", "subject", "actor", "organisation", "request_id")
    list_select_related = linked = ("organisation",)
    search_fields = ("=subject", "=actor", "=act", "=request_id")
    search_help_text = _("a whole id, act or request id")


@admin.register(Job, site=site)
class Jobs(Named):
    """Work that was done, is being done, or gave up."""

    list_display = ("public_number", "kind", "subject", "status", "attempts", "trouble", "due_at", "finished_at")
    list_filter = (StatusFilter,)
    search_fields = ("=subject", "=kind", "=dedupe_key")
    search_help_text = _("a whole id, kind or key")
    hidden = frozenset({"token"})
    coded = frozenset({"kind"})
    linked = ("organisation",)

    @display(_("error"))
    def trouble(self, row: Job) -> str:
        """The last line of the last error."""
        return row.last_error.strip().rpartition("\n")[2][:160] or "—"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """All modes: the relay's own jobs belong to none."""
        return Job.objects.select_related(*self.linked)


@admin.register(DomainEvent, site=site)
class Events(Named):
    """What happened, in the past tense."""

    list_display = ("public_number", "created_at", "kind", "subject", "actor", "organisation")
    list_select_related = linked = ("organisation",)
    search_fields = ("=subject", "=kind")
    search_help_text = _("a whole id, kind or key")
    coded = frozenset({"kind"})
