"""How a column is told to people: its name and its value in the reader's language, whatever table it stands in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.contrib.postgres.fields import ArrayField, DateRangeField
from django.db import models
from django.urls import reverse
from django.utils import translation
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from accounts.models import ApiKey
from licensing.kernel import money
from marketplace.admin.site import site
from marketplace.web.words import word

if TYPE_CHECKING:  # the stubs know a type of lazy words, Django has none
    from django.utils.functional import _StrPromise

    Words = str | _StrPromise
    Cell = Words | int | SafeString | date | None
    AnyField = models.Field[Any, Any]
else:
    Words, Cell, AnyField = str, object, models.Field

NOTHING: Final = "—"

VOCABULARY: Final = frozenset(
    {
        "approval", "assurance", "audience", "author_consent", "basis", "derivation", "form", "kind", "layer", "level",
        "method", "mode", "origin", "outcome", "part", "personal_data", "role", "role_of_sender", "severity",
        "source_kind", "status", "survival", "third_party", "unnamed",
    }
)  # fmt: skip
"""Columns whose values are words of a vocabulary, said in the reader's language."""
PROSE: Final = frozenset(
    {"full_name", "memo", "name", "signer", "title", "subtitle", "label", "last_error", "document", "publisher"}
)
"""Texts that people wrote; every other text is a code and set as one."""
TONES: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("active", "answered", "approved", "built", "captured", "cleared", "committed", "decided", "done", "granted",
         "handled", "issued", "published", "ready", "registered", "secured", "settled", "verified", "won"), "ok"),
    **dict.fromkeys(
        ("at_risk", "contested", "evidence_requested", "expired", "needs_approval", "parked", "suspended", "suspense",
         "unknown", "waiting", "warning"), "warn"),
    **dict.fromkeys(
        ("blocked", "dead", "declined", "error", "failed", "lost", "refused", "rejected", "revoked", "withdrawn"),
        "bad"),
}  # fmt: skip
"""Tone of a state; all others are neutral. The word is always there too."""


def named(field: AnyField) -> str:
    """The English name of a column, without the unit its value is shown with: what its translation is found by."""
    name = field.name.removesuffix("_minor").removesuffix("_micro").replace("_", " ")
    return name.replace("sha256", "SHA-256")


def capital(text: object) -> str:
    """A heading with a capital, as the lists have it."""
    return str(capfirst(str(text)))


def state(value: object) -> SafeString:
    """A state as a word on its tint."""
    tone = TONES.get(str(value), "")
    return format_html('<span class="state {}">{}</span>', tone, word(value))


def number(text: object) -> SafeString:
    """Digits in a column of digits: to the right, each as wide as the other."""
    return format_html('<span class="num">{}</span>', text)


def code(text: object) -> SafeString:
    """An id, a hash or a name that programs use."""
    return format_html('<code translate="no">{}</code>', text)


def pointer(name: str) -> SafeString:
    """A public id that leads to what it names; anything else as a code."""
    if site.named(name) is None:
        return code(name)
    return format_html(
        '<a class="go" href="{}"><code translate="no">{}</code></a>', reverse("admin:find", args=[name]), name
    )


def link(row: Any, text: object = "") -> SafeString:
    """A link to the page of a row; a public id is its text when there is no other. Rows without a page are named."""
    if row is None:
        return format_html("{}", NOTHING)
    if not site.is_registered(type(row)):
        return format_html("{}", text or called(row))
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    return format_html('<a class="go" href="{}">{}</a>', address, text or called(row))


def called(row: Any) -> object:
    """What a row is called by people, or its id."""
    return getattr(row, "name", "") or getattr(row, "title", "") or code(getattr(row, "code", "") or row)


def counts(found: Any) -> SafeString | str:
    """A JSON object of counts, largest first, each word in the reader's language."""
    if not isinstance(found, dict) or not found:
        return NOTHING
    ordered = sorted(found.items(), key=lambda each: (-each[1] if isinstance(each[1], int) else 0, each[0]))
    return format_html_join(", ", "{} {}", ((word(name), count) for name, count in ordered))


def reasons(codes: Any) -> SafeString | str:
    """Reason codes, each leading to the page that explains it; a mapping gives their counts."""
    found = codes if isinstance(codes, Mapping) else dict.fromkeys(codes, "")
    if not found:
        return NOTHING
    ordered = sorted(found.items(), key=lambda each: -each[1] if isinstance(each[1], int) else 0)
    return format_html_join(
        ", ", '<a class="go" href="{}"><code translate="no">{}</code></a>{}{}',
        ((reverse("web:reason", args=[name]), name, " " if many else "", many) for name, many in ordered),
    )  # fmt: skip


def pretty(found: Any) -> SafeString:
    """JSON for reading."""
    text = json.dumps(found, ensure_ascii=False, indent=1, default=str)
    return format_html('<pre class="json" translate="no" tabindex="0">{}</pre>', text)


def minor(amount: int | None, currency: str) -> str:
    """Minor units as 12.34 USD."""
    return NOTHING if amount is None else _decimal(amount, money.exponent(currency), currency)


def micro(amount: int | None, currency: str) -> str:
    """Micro units of the minor unit as 12.34567800 USD, every digit."""
    return NOTHING if amount is None else _decimal(amount, money.exponent(currency) + 6, currency)


def _decimal(amount: int, digits: int, currency: str) -> str:
    sign, text = "-" if amount < 0 else "", str(abs(int(amount))).zfill(digits + 1)
    whole, rest = (text[:-digits], "." + text[-digits:]) if digits else (text, "")
    return f"{sign}{int(whole):,}{rest} {currency.upper()}"


def shown(cell: Cell) -> Any:
    """Any cell of a table: moments to the second in UTC, nothing as a dash, numbers to the right."""
    if cell is None or cell == "":
        return NOTHING
    if isinstance(cell, datetime):
        return format_html('<time datetime="{}">{}</time>', cell.isoformat(), f"{cell:%Y-%m-%d %H:%M:%S} UTC")
    if isinstance(cell, date):
        return format_html('<time datetime="{0}">{0}</time>', cell.isoformat())
    if isinstance(cell, bool):
        return _("yes") if cell else _("no")
    return number(f"{cell:,}") if isinstance(cell, int) else cell


class Column:
    """A column of a table as the administration shows it: a method of no class, one per field.

    `micro_units` are columns in micro units that do not say so in their name, `coded` columns of codes among those
    named like a vocabulary.
    """

    def __init__(self, field: AnyField, micro_units: frozenset[str], coded: frozenset[str]) -> None:
        self.field, self.micro_units, self.coded = field, micro_units, coded
        self.short_description = translation.gettext_lazy(named(field))
        plain = not isinstance(field, models.ForeignKey | models.JSONField | ArrayField)
        self.admin_order_field = field.name if plain else None

    def __call__(self, row: Any) -> Any:
        """What a row says in this column."""
        field = self.field
        held = getattr(row, field.name)
        if held is None or held in ("", []):
            return NOTHING
        if field.name.endswith("_minor"):
            return _money(minor, held, row)
        if field.name.endswith("_micro") or field.name in self.micro_units:
            return _money(micro, held, row)
        return self._by_type(held)

    def _by_type(self, held: Any) -> Any:
        if isinstance(self.field, models.ForeignKey):
            return link(held)
        if isinstance(self.field, models.JSONField):
            return pretty(held)
        if isinstance(self.field, ArrayField):
            return format_html_join(", ", "{}", ((code(each),) for each in held))
        if isinstance(self.field, DateRangeField):
            return span(held)
        return self._text(held) if isinstance(held, str) else shown(held)

    def _text(self, held: str) -> Any:
        if self.field.name == "status":
            return state(held)
        if self.field.name in VOCABULARY - self.coded:
            return word(held)
        return held if self.field.name in PROSE else pointer(held)


def span(held: Any) -> str:
    """A half-open range of dates: from, and until (not included) or without end."""
    start, end = (each.isoformat() if each else "" for each in (held.lower, held.upper))
    return f"{start or '…'} – {end or _('without end')}"


def _money(unit: Callable[[int, str], str], held: int, row: Any) -> SafeString | str:
    """An amount in the row's currency; nothing of a key without a cap, which counts in none."""
    currency = row.spend_currency if isinstance(row, ApiKey) else row.currency
    return number(unit(held, str(getattr(currency, "code", currency)))) if currency else NOTHING


def display(
    name: Words, order: str | None = None, *, boolean: bool | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """django.contrib.admin.display with the name first."""
    return admin.display(description=name, ordering=order, boolean=boolean)
