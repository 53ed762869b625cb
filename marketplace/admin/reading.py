"""What every page of the administration has in common: it reads, in a constant number of queries, and counts little."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from licensing.kernel import money, territories
from licensing.rights import vocabulary
from marketplace.web.context import HOUSE
from marketplace.web.units import actor_of

COUNTED: Final = 10_000
"""Rows a list counts and pages through; beyond that one searches or filters."""
SHOWN: Final = 100
"""Rows of a table inside a page."""

if TYPE_CHECKING:  # the stubs know a type parameter of Paginator and a type of lazy words; Django has neither
    from django.utils.functional import _StrPromise

    AnyPaginator = Paginator[Any]
    Words = str | _StrPromise
    Cell = Words | int | SafeString | datetime | None
else:
    AnyPaginator, Words, Cell = Paginator, str, object

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

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """Rows of the mode the person chose."""
        rows: models.QuerySet[Any] = super().get_queryset(request).select_related(*self.linked)
        return rows.filter(livemode=actor_of(request).livemode) if self.one_mode else rows

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """The public id, all columns that are not hidden, then the extras."""
        columns = [
            MASKS.get(field.name, field.name)
            for field in self.model._meta.concrete_fields
            if field.name not in self.hidden and field.name not in {"id", "public_id"}
        ]
        named = ["number"] if hasattr(self.model, "name_id") else ["id"]
        return [*named, *columns, *self.extra]

    @admin.display(description=_("uses"))
    def uses(self, row: Any) -> str:
        """A mask of leaf actions by name."""
        return ", ".join(vocabulary.names(row.actions))

    @admin.display(description=_("territories"))
    def places(self, row: Any) -> str:
        """A mask of territories by code."""
        return ", ".join(territories.codes(row.territories))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """All of them."""
        return self.get_fields(request, obj)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Titled by our own name of the table."""
        return super().changelist_view(request, {"title": self.admin_site.name_of(self.model), **(extra_context or {})})

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

    list_display_links: Sequence[str] | None = ("number",)

    @admin.display(description=_("number"), ordering="public_id")
    def number(self, row: Any) -> str:
        """The public id."""
        return str(row.name_id)


_HEAD: Final = '<th scope="col" class="px-3 py-2 text-left font-semibold">{}</th>'


def table(heads: Sequence[Words], rows: Iterable[Sequence[Cell]]) -> SafeString:
    """An HTML table of at most SHOWN rows; slice the query to SHOWN + 1 so that it can say there are more."""
    found = list(rows)
    if not found:
        return format_html("<p>{}</p>", _("none"))
    head = format_html_join(
        "", '<th scope="col" class="px-3 py-2 text-left font-semibold">{}</th>', ((h,) for h in heads)
    )
    body = format_html_join(
        "",
        '<tr class="border-t border-base-200 dark:border-base-800">{}</tr>',
        (
            (format_html_join("", '<td class="px-3 py-2 align-top">{}</td>', ((_shown(c),) for c in row)),)
            for row in found[:SHOWN]
        ),
    )
    more = format_html("<p>{}</p>", _("There are more rows.")) if len(found) > SHOWN else ""
    return format_html(
        '<div class="overflow-x-auto"><table class="w-full text-sm"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>'
        "{}</div>",
        head, body, more,
    )  # fmt: skip


def link(row: models.Model | None, text: str = "") -> SafeString | str:
    """A link to the page of a row."""
    if row is None:
        return "—"
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    return format_html('<a class="text-primary-600 underline" href="{}">{}</a>', address, text or str(row))


def counts(found: Any) -> str:
    """A JSON object of counts in one line, largest first."""
    if not isinstance(found, dict):
        return "—"
    ordered = sorted(found.items(), key=lambda each: (-each[1] if isinstance(each[1], int) else 0, each[0]))
    return ", ".join(f"{name} {number}" for name, number in ordered) or "—"


def pretty(found: Any) -> SafeString:
    """JSON for reading."""
    text = json.dumps(found, ensure_ascii=False, indent=1, default=str)
    return format_html('<pre class="whitespace-pre-wrap break-all text-xs">{}</pre>', text)


def minor(amount: int | None, currency: str) -> str:
    """Minor units as 12.34 USD."""
    return "—" if amount is None else _decimal(amount, money.exponent(currency), currency)


def micro(amount: int | None, currency: str) -> str:
    """Micro units of the minor unit as 12.345678 USD, every digit."""
    return "—" if amount is None else _decimal(amount, money.exponent(currency) + 6, currency)


def _decimal(amount: int, digits: int, currency: str) -> str:
    sign, text = "-" if amount < 0 else "", str(abs(int(amount))).zfill(digits + 1)
    whole, rest = (text[:-digits], "." + text[-digits:]) if digits else (text, "")
    return f"{sign}{int(whole):,}{rest} {currency.upper()}"


def display(
    name: Words, order: str | None = None, *, boolean: bool | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """django.contrib.admin.display with the name first."""
    return admin.display(description=name, ordering=order, boolean=boolean)


def _shown(cell: Cell) -> Any:
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    return "—" if cell is None or cell == "" else cell


class StatusFilter(admin.SimpleListFilter):
    """By status, offering the states of the model: asking the table for its distinct values would read all of it."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every state there can be."""
        return [(state, state) for state in sorted(model_admin.model.STATES.all)]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """Rows in the chosen state."""
        return queryset.filter(status=self.value()) if self.value() else queryset
