"""Codes in plain language, English and Chinese, out of the data files of those who give them."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from licensing import clearing
from licensing.intake import issues
from marketplace.api import errors

_SLOT = re.compile(r"\{\w+\}")


@dataclass(frozen=True, slots=True)
class Explanation:
    """A code told to a person: `sentence` says what it means, `facts` are (name, text, language of the text)."""

    code: str
    kind: str
    sentence: str
    facts: tuple[tuple[str, str, str], ...]


def listed(kind: str, language: str | None) -> list[Explanation]:
    """All codes of a kind (reasons, errors, issues) in alphabetical order."""
    found = [explain(kind, code, language) for code in sorted(_codes(kind))]
    return [each for each in found if each is not None]


def explain(kind: str, code: str, language: str | None) -> Explanation | None:
    """One code of a kind, or None when there is no such code."""
    short = "zh" if (language or "").startswith("zh") else "en"
    if code not in _codes(kind):
        return None
    return {"reasons": _reason, "errors": _error, "issues": _issue}[kind](code, short)


def _codes(kind: str) -> Mapping[str, Any]:
    return {"reasons": reason_file, "errors": error_file, "issues": issues.catalogue}[kind]()


@functools.cache
def reason_file() -> Mapping[str, Any]:
    """licensing/clearing/data/reasons.json by code: effect, sentences, who can lift it, what would change it."""
    rows: Any = _read(Path(clearing.__path__[0]) / "data" / "reasons.json")
    return {row["code"]: row for row in rows}


@functools.cache
def error_file() -> Mapping[str, Any]:
    """data/errors.json: problem code -> {en, zh}."""
    found: Mapping[str, Any] = _read(Path(__file__).with_name("data") / "errors.json")
    return found


def _read(path: Path) -> Any:
    return json.loads(path.read_bytes())


def _reason(code: str, language: str) -> Explanation:
    row = reason_file()[code]
    effects = {
        "gate": _("It stands against the work whatever the route."),
        "route": _("It closes one route; another route may still clear the work."),
        "approval": _("The holder is asked; the work waits for the answer."),
        "note": _("It is said beside the answer and changes nothing."),
    }
    facts = [(_("Effect"), effects.get(row["effect"], row["effect"]), language)]
    names = {"would_change": _("What would change it"), "lifted_by": _("Who can lift it"), "example": _("Example")}
    ending = "_zh" if language == "zh" else ""
    facts += [(name, row[key + ending], language) for key, name in names.items()]
    return Explanation(code, _("Reason of a decision"), row[language], tuple(facts))


def _error(code: str, language: str) -> Explanation:
    facts = ((_("HTTP status"), str(errors.status_of(code)), language),)
    return Explanation(code, _("Problem of a request"), error_file()[code][language], facts)


def _issue(code: str, language: str) -> Explanation:
    row = issues.catalogue()[code]
    severities = {"error": _("error: the record or file is left out"), "warning": _("warning"), "note": _("note")}
    facts = (
        (_("How to fix it"), _SLOT.sub("…", row.how_to_fix[language]), language),
        (_("Severity"), severities[row.severity], language),
    )
    return Explanation(code, _("Issue of an uploaded file"), _SLOT.sub("…", row.message[language]), facts)
