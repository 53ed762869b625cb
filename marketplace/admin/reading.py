"""What every page of the administration has in common: it reads, in a constant number of queries, and counts little."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from licensing.kernel import territories
from licensing.rights import vocabulary
from marketplace.admin import columns
from marketplace.admin.columns import Cell, Column, Words, display
from marketplace.web import words
from marketplace.web.context import HOUSE
from marketplace.web.units import actor_of

COUNTED: Final = 10_000
"""Rows a list counts and pages through; beyond that one searches or filters."""
SHOWN: Final = 100
"""Rows of a table inside a page."""

if TYPE_CHECKING:  # the stubs know a type parameter of Paginator; Django has none
    AnyPaginator = Paginator[Any]
else:
    AnyPaginator = Paginator

MASKS: Final = {"actions": "uses", "territories": "places"}
"""Columns that are bit masks, and the methods that say them in words."""


class Pages(AnyPaginator):
    """Counts at most COUNTED rows: count(*) over a whole table of millions would take seconds on every page."""

    @cached_property
    def count(self) -> int:
        """Rows, at most COUNTED."""
        rows: Any = self.object_list
        return int(rows[:COUNTED].count())


class Reading(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Every list and every page; fields default to all columns, all of them to read."""

    actions = None
    paginator = Pages
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_display_links: Sequence[str] | None = None
    ordering: ClassVar[Sequence[str]] = ("-id",)
    hidden: ClassVar[frozenset[str]] = frozenset()
    """Columns that are secrets or say nothing to people."""
    extra: ClassVar[tuple[str, ...]] = ()
    """Methods shown after the columns: mostly tables of related rows."""
    one_mode: ClassVar[bool] = True
    """Whether the table has `livemode`; then only rows of the chosen mode are shown."""
    linked: ClassVar[tuple[str, ...]] = ()
    """Foreign keys fetched with the row itself."""
    micro_units: ClassVar[frozenset[str]] = frozenset()
    """Columns in micro units that do not say so in their name."""
    coded: ClassVar[frozenset[str]] = frozenset()
    """Columns that hold codes of programs although their name is that of a vocabulary."""
    headline: ClassVar[str] = ""
    """The column that names a row to people."""
    counted = COUNTED
    narrowed_by: ClassVar[frozenset[str]] = frozenset()
    """Columns by which an address may narrow the list; no other: a hidden column must not be guessed at by asking."""

    def __init__(self, model: type[models.Model], admin_site: Any) -> None:
        super().__init__(model, admin_site)
        for field in model._meta.concrete_fields:
            setattr(self, f"column_{field.name}", Column(field, self.micro_units, self.coded))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Operators and auditors."""
        return bool(actor_of(request).roles & HOUSE)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """The same people."""
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: services write."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: services write."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: nothing is deleted."""
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what is declared: Django would let an address ask for the beginning of any column, hidden ones too."""
        return lookup in self.narrowed_by or (lookup == "status" and StatusFilter in self.list_filter)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """Rows of the mode the person chose."""
        rows: models.QuerySet[Any] = super().get_queryset(request).select_related(*self.linked)
        return rows.filter(livemode=actor_of(request).livemode) if self.one_mode else rows

    def get_list_display(self, request: HttpRequest) -> list[str]:
        """Columns of the table as `Column` says them."""
        return [self._listed(name) for name in super().get_list_display(request)]

    def get_list_display_links(self, request: HttpRequest, list_display: Sequence[str]) -> list[str]:
        """The same names as in the list."""
        return [self._listed(name) for name in super().get_list_display_links(request, list_display) or ()]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """All columns that are not hidden, then the extras; the public id stands over them."""
        shown = [
            MASKS.get(field.name, f"column_{field.name}")
            for field in self.model._meta.concrete_fields
            if field.name not in self.hidden and field.name not in {"id", "public_id"}
        ]
        return [*shown, *self.extra]

    def _listed(self, name: str) -> str:
        ours = hasattr(type(self), name) and not hasattr(ModelAdmin, name)
        return name if ours else f"column_{name}"

    @display(_("uses"))
    def uses(self, row: Any) -> str:
        """A mask of leaf actions by name."""
        return vocabulary_names(row.actions)

    @display(_("territories"))
    def places(self, row: Any) -> str:
        """A mask of territories by code."""
        return places(row.territories)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """All of them."""
        return self.get_fields(request, obj)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Titled by our own name of the table."""
        told = {
            "title": self.admin_site.name_of(self.model),
            "empty": _("There is none yet. Rows come with what organisations do over the API."),
        }
        return super().changelist_view(request, told | (extra_context or {}))

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:  # fmt: skip
        """Titled by our own name of the table, with the row's name, or else its number, under it."""
        row = self.get_object(request, object_id) if object_id and self.headline else None
        told = {"title": self.admin_site.name_of(self.model), "headline": getattr(row, self.headline or "pk", "")}
        return super().changeform_view(request, object_id, form_url, told | (extra_context or {}))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What was done to a row is in the audit log."""
        row = self.get_object(request, object_id)
        log = reverse("admin:accounts_auditrow_changelist")
        return HttpResponseRedirect(f"{log}?q={getattr(row, 'name_id', '')}")

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """A public id finds its row by the index; anything else is searched in `search_fields`."""
        decode = getattr(self.model, "decode", None)
        if decode is not None and search_term.strip().startswith(self.model.PREFIX + "_"):
            try:
                return queryset.filter(public_id=decode(search_term.strip())), False
            except ValueError:
                return queryset.none(), False
        found: tuple[models.QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term)
        return found


class Named(Reading):
    """A table with a public id."""

    list_display_links: Sequence[str] | None = ("public_number",)

    @display(_("number"), "public_id")
    def public_number(self, row: Any) -> SafeString:
        """The public id."""
        return columns.code(row.name_id)

    number = public_number  # what Django's check of `list_display` looks for; `_listed` names the other one


def vocabulary_names(mask: int) -> str:
    """A mask of leaf actions in the reader's language."""
    return ", ".join(vocabulary.LABELS[name][words.language()] for name in vocabulary.names(mask)) or columns.NOTHING


def places(mask: int) -> str:
    """A mask of territories by code; the whole world, with or without some, in words."""
    first, *rest = territories.codes(mask) or [columns.NOTHING]
    if first != "WORLD":
        return ", ".join([first, *rest])
    if not rest:
        return str(_("the whole world"))
    return _("the whole world but %(places)s") % {"places": ", ".join(each.removeprefix("-") for each in rest)}


def table(heads: Sequence[Words], rows: Iterable[Sequence[Cell]], *, sums: Sequence[Cell] = ()) -> SafeString:
    """An HTML table of at most SHOWN rows; slice the query to SHOWN + 1 so that it can say there are more.

    `sums` is a last line under them all.
    """
    found = list(rows)
    if not found:
        return format_html("<p>{}</p>", _("none"))
    head = format_html_join("", '<th scope="col">{}</th>', ((columns.capital(each),) for each in heads))
    body = format_html_join("", "<tr>{}</tr>", ((_cells("td", row),) for row in found[:SHOWN]))
    foot = format_html("<tfoot><tr>{}</tr></tfoot>", _cells("th", sums)) if sums else ""
    more = format_html("<p>{}</p>", _("There are more rows.")) if len(found) > SHOWN else ""
    return format_html(
        '<div class="scroll" tabindex="0"><table class="inner"><thead><tr>{}</tr></thead><tbody>{}</tbody>{}</table>'
        "</div>{}",
        head, body, foot, more,
    )  # fmt: skip


def _cells(tag: str, row: Sequence[Cell]) -> SafeString:
    return format_html_join("", f"<{tag}>{{}}</{tag}>", ((columns.shown(cell),) for cell in row))


class StatusFilter(admin.SimpleListFilter):
    """By status, offering the states of the model: asking the table for its distinct values would read all of it."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every state there can be."""
        return [(state, words.word(state)) for state in sorted(model_admin.model.STATES.all)]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """Rows in the chosen state."""
        return queryset.filter(status=self.value()) if self.value() else queryset
