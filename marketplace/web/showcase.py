"""What the demo leaves for visitors of the start page: logins, and the numbers of its journey. Never in production."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from marketplace.web import codes, picture
from marketplace.web.picture import Bar

LOGINS_SHOWN: Final = 20
TONES: Final[Mapping[str, str]] = {"cleared": "ok", "needs_approval": "warn", "refused": "bad"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many works got one answer."""

    word: str
    tone: str
    works: int


@dataclass(frozen=True, slots=True)
class Zero:
    """A number that must be zero: zero is good, anything else is not."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The numbers of the demo's journey, with their pictures."""

    outcomes: list[Outcome]
    outcome_bar: SafeString
    reasons: list[tuple[str, str, int]]
    """Code, its sentence, works."""
    reason_bars: list[SafeString]
    strip: list[tuple[str, str]]
    zeros: list[Zero]


def logins() -> list[dict[str, str]]:
    """Logins the running demo has left: [{email, password, name, organisation, roles}]."""
    found = _left("logins.json")
    rows = found if isinstance(found, list) else []
    good = [row for row in rows if isinstance(row, dict) and isinstance(row.get("email"), str)]
    return [
        {
            "roles": "; ".join(role(each) for each in _texts(row.get("roles"))),
            **{name: str(row.get(name, "")) for name in ("email", "password", "name", "organisation")},
        }
        for row in good[:LOGINS_SHOWN]
    ]


def role(name: str) -> str:
    """A role in the reader's language."""
    return {
        "operator": pgettext("role", "operator"),
        "auditor": pgettext("role", "auditor"),
        "publisher_editor": pgettext("role", "publisher, editor"),
        "publisher_finance": pgettext("role", "publisher, finance"),
        "developer": pgettext("role", "developer"),
        "developer_admin": pgettext("role", "developer, may buy"),
    }.get(name, name)


def figures(language: str | None) -> Figures | None:
    """The numbers of the last journey, or None when there was none or its summary is damaged."""
    found = _left("summary.json")
    try:
        return _figures(found, language) if isinstance(found, dict) else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _figures(found: Mapping[str, Any], language: str | None) -> Figures:
    words = {"cleared": _("cleared"), "needs_approval": _("needs approval"), "refused": _("refused")}
    outcomes = [Outcome(words[name], TONES[name], int(found["decisions"].get(name, 0))) for name in words]
    counted = [(str(code), int(number)) for code, number in found["reasons"].items() if code in codes.reason_file()]
    reasons = sorted(counted, key=lambda each: (-each[1], each[0]))
    explained = [(code, _sentence(code, language), number) for code, number in reasons]
    return Figures(
        outcomes, _outcome_bar(outcomes), explained, _reason_bars(reasons),
        [
            (_("works"), f"{int(found['works']):,}"),
            (_("price of the licence"), f"{int(found['quote_total_minor']) / 100:,.2f} USD"),
            (_("rows delivered"), f"{int(found['release_rows']):,}"),
            (_("seconds for the whole journey"), f"{float(found['seconds']):.1f}"),
        ],
        [
            Zero(_("pool less what payees got, in micro units"), int(found["allocation_difference_micro"])),
            Zero(_("debit less credit of the books"), int(found["ledger_imbalance"])),
            Zero(_("statements less the books"), int(found["statement_difference"])),
            Zero(_("certificates that do not verify"), int(not found["grant_verified"])),
            Zero(_("deliveries that do not verify offline"), int(not found["release_verified"])),
        ],
    )  # fmt: skip


def _outcome_bar(outcomes: list[Outcome]) -> SafeString:
    return picture.stacked(
        [Bar(each.word, each.works, each.tone) for each in outcomes], name="outcomes", title=_("Answers for the works"),
        description=", ".join(f"{each.works} {each.word}" for each in outcomes),
    )  # fmt: skip


def _reason_bars(reasons: list[tuple[str, int]]) -> list[SafeString]:
    told = {"title": _("Works per reason"), "description": ", ".join(f"{code} {number}" for code, number in reasons)}
    rows = [Bar(code, number, "info") for code, number in reasons]
    sizes = {"reasons-wide": 720, "reasons-tall": 340}
    return [picture.bars(rows, width=width, name=name, **told) for name, width in sizes.items()]


def _sentence(code: str, language: str | None) -> str:
    found = codes.explain("reasons", code, language)
    return found.sentence if found else ""


def _texts(found: object) -> list[str]:
    return [str(each) for each in found] if isinstance(found, list) else []


def _left(name: str) -> Any:
    if settings.PRODUCTION:
        return None
    try:
        return json.loads((settings.VAR / "demo" / name).read_text("utf-8"))
    except (OSError, ValueError):
        return None
