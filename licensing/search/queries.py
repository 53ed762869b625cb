"""Finding works: words, filters, how many there are of what, and how large they are together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db.models import BooleanField, Count, F, Func, Q, QuerySet, Sum
from django.db.models.expressions import RawSQL

from accounts.unit import Actor, unit
from licensing.catalogue import queries as catalogue
from licensing.catalogue import words
from licensing.catalogue.models import Work

FACETS: Final = ("language", "form", "catalogue", "imprint", "organisation")
COUNTED: Final = 10_000
"""Above so many works a count is "more than" (`Found.capped`); facets and sizes then speak of the first so many."""
LISTED: Final = 50
"""Values of a facet."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for; empty fields do not filter. Filters take several values: any of them fits.

    `languages` are BCP 47: `zh` finds `zh-Hans` too. `catalogues` and `organisations` are slugs, `imprints` names.
    """

    text: str = ""
    languages: Sequence[str] = ()
    forms: Sequence[str] = ()
    catalogues: Sequence[str] = ()
    organisations: Sequence[str] = ()
    imprints: Sequence[str] = ()
    with_content: bool = False
    statuses: Sequence[str] = ("registered",)


@dataclass(frozen=True, slots=True)
class Found:
    """A page of works in the order of their ids, and what is known of all that fit."""

    works: list[Work]
    total: int
    capped: bool
    after: UUID | None
    """Public id to go on after, None when this was the last page."""
    facets: Mapping[str, list[tuple[str, int]]] = field(default_factory=dict)
    size: Mapping[str, int] = field(default_factory=dict)
    """Characters, words and tokens of the works that have content."""


def find(
    question: Question, *, actor: Actor, limit: int = 50, after: UUID | None = None, facets: bool = True
) -> Found:
    """A page of the works that fit; the number of queries does not depend on how many do.

    Words are all wanted, in any order, in title, names, subjects, publisher or imprint; Chinese needs no spaces. Only
    works the actor may know of. `after` is the public id the page before ended with.
    """
    with unit(actor):
        rows = matching(question, actor=actor)
        page = rows
        if after is not None:
            page = rows.filter(pk__gt=Work.objects.filter(public_id=after).values("pk")[:1])
        works = list(catalogue.listed(page.order_by("pk"))[: limit + 1])
        more = len(works) > limit
        capped_rows = rows.order_by("pk").values("pk")[: COUNTED + 1]
        total = capped_rows.count()
        counted = Work.objects.filter(pk__in=capped_rows.values("pk")[:COUNTED])
        return Found(
            works=works[:limit], total=min(total, COUNTED), capped=total > COUNTED,
            after=works[limit - 1].public_id if more else None,
            facets=_facets(counted) if facets else {}, size=_size(counted) if facets else {},
        )  # fmt: skip


def matching(question: Question, *, actor: Actor) -> QuerySet[Work]:
    """All works that fit, unordered, for bundles and counts. Needs an open unit when it is read."""
    rows = catalogue.visible(actor)
    asked = words.question(question.text)
    if asked:
        rows = rows.filter(_says(asked))
    elif question.text.strip():
        return rows.none()
    if question.languages:
        fits = Q()
        for language in question.languages:
            fits |= Q(language=language) | Q(language__startswith=f"{language}-")
        rows = rows.filter(fits)
    filters: dict[str, Sequence[Any]] = {
        "form__in": question.forms, "catalogue__slug__in": question.catalogues,
        "organisation__slug__in": question.organisations, "imprint__name__in": question.imprints,
        "status__in": question.statuses,
    }  # fmt: skip
    rows = rows.filter(**{name: values for name, values in filters.items() if values})
    return rows.filter(tokens__isnull=False) if question.with_content else rows


def _says(asked: str) -> Any:
    return _Matches(F("words_index"), RawSQL("%s::tsquery", [asked]), output_field=BooleanField())


class _Matches(Func):
    """`tsvector @@ tsquery`, with the question already made of lexemes (`words.question`)."""

    template = "%(expressions)s"
    arg_joiner = " @@ "
    conditional = True


def _facets(rows: QuerySet[Work]) -> dict[str, list[tuple[str, int]]]:
    columns = {
        "language": "language", "form": "form", "catalogue": "catalogue__slug", "imprint": "imprint__name",
        "organisation": "organisation__slug",
    }  # fmt: skip
    found: dict[str, list[tuple[str, int]]] = {}
    for name in FACETS:
        counted = rows.order_by().values_list(columns[name]).annotate(times=Count("pk"))
        ordered = counted.exclude(**{columns[name]: None}).order_by("-times", columns[name])[:LISTED]
        found[name] = [(str(value), times) for value, times in ordered]
    return found


def _size(rows: QuerySet[Work]) -> dict[str, int]:
    with_content = rows.filter(tokens__isnull=False)
    sums = with_content.aggregate(
        works=Count("pk"), characters=Sum("characters"), words=Sum("words"), tokens=Sum("tokens")
    )
    return {name: int(sums[name] or 0) for name in ("works", "characters", "words", "tokens")}
