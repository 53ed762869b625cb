"""The body of a use profile: checked field by field, completed with its defaults, and read as a `Use`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from accounts.errors import Reason, Refused
from licensing.clearing import facts as f
from licensing.clearing.boxes import Box
from licensing.kernel import canonical, territories
from licensing.kernel.money import MICRO, parse_minor
from licensing.rights import vocabulary

SURVIVALS = ("perpetual", "until_end", "retrain")
EXCLUSIONS = {
    "synthetic": f.SYNTHETIC,
    "unknown_origin": f.ORIGIN_UNKNOWN,
    "generator_terms": f.GENERATOR,
    "retracted": f.RETRACTED,
    "unknown_personal_data": f.PERSONAL_UNKNOWN,
}
LARGEST = 16 * 1024
"""Most bytes of a profile: every certificate repeats it, and has 64 KiB."""
LONGEST = 36_500
"""Most days copies may be kept; without limit is said by null."""
Reader = Callable[[Mapping[str, Any]], Any]


def complete(body: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Return the whole profile with defaults. Raises Refused("use_invalid") naming every wrong field."""
    unknown = sorted(set(body) - set(READERS))
    problems = [_problem(name, "Unknown field.", expected=", ".join(READERS)) for name in unknown]
    found: dict[str, Any] = {}
    for name, read in READERS.items():
        try:
            found[name] = read(body)
        except (ValueError, TypeError, KeyError, AttributeError) as wrong:
            problems.append(_problem(name, str(wrong) or "wrong value", seen=str(body.get(name, ""))))
    if not problems and date.fromisoformat(found["training_window"]["from"]) < at.date() and not found["past_use"]:
        problems.append(_problem("training_window", "The window begins in the past.", expected="past_use: true"))
    if not problems and len(canonical.jcs(found)) > LARGEST:
        problems.append(Reason("use_invalid", "The use is too long for a certificate.", "", "", f"{LARGEST} bytes"))
    if problems:
        raise Refused("use_invalid", "The use cannot be recorded as sent.", problems)
    return found


def read(body: Mapping[str, Any], *, currency: str, licensee: str, licensee_id: int) -> f.Use:
    """A complete profile as clearing reads it, for one licensee and currency."""
    start, end = (date.fromisoformat(body["training_window"][key]).toordinal() for key in ("from", "until"))
    where = territories.mask(body["territories"]) | territories.mask(body["model_territories"])
    limit = body["max_price_minor"]
    return f.Use(
        box=Box(vocabulary.mask(body["actions"]), where, start, end),
        currency=currency,
        licensee=licensee,
        licensee_id=licensee_id,
        window_days=end - start,
        retention_days=body["copy_retention_days"],
        survival=body["model_survival"],
        model_kind=vocabulary.model_kinds([body["model_kind"]]),
        outputs=vocabulary.outputs(body["outputs"]),
        distribution=frozenset(body["distribution"]),
        commercial=body["commercial"],
        research=body["research"],
        non_profit=body["non_profit"],
        exclusive=body["exclusive"],
        needs_verified=body["min_assurance"] == "verified",
        attribution=body["attribution"],
        accepts_share_alike=body["accepts_share_alike"],
        accepts_contested=body["accepts_contested"],
        declines=frozenset(body["declines"]),
        gates=_gates(body),
        max_price_micro=f.CEILING if limit is None else min(f.CEILING, limit * MICRO),
        size_band=body["size_band"],
    )


def _gates(body: Mapping[str, Any]) -> int:
    gates = f.ALWAYS_GATES | sum(bit for name, bit in EXCLUSIONS.items() if body["exclusions"][name])
    for form in body["exclusions"]["forms"]:
        gates |= 1 << f.FORM_SHIFT + f.FORMS.index(form)
    return gates | (f.NO_CONTENT if body["delivery"] == "required" else 0)


def _problem(name: str, message: str, *, seen: str = "", expected: str = "") -> Reason:
    return Reason("use_invalid", message, f"/{name}", seen, expected)


def _actions(body: Mapping[str, Any]) -> list[str]:
    found = vocabulary.names(vocabulary.mask(body["actions"]))
    if not found:
        raise ValueError("at least one action is needed")
    return found


def _places(name: str, otherwise: str | None = None) -> Reader:
    def read_places(body: Mapping[str, Any]) -> list[str]:
        if name not in body and otherwise is not None:
            return ["WORLD"] if "open_weights" in body.get("outputs", ()) else _places(otherwise)(body)
        mask = territories.mask(_texts(body[name]))
        if not mask:
            raise ValueError("at least one territory is needed")
        if name == "model_territories" and "open_weights" in body.get("outputs", ()) and mask != territories.WORLD:
            raise ValueError("open weights go everywhere: the model territories are WORLD")
        return territories.codes(mask)

    return read_places


def _window(body: Mapping[str, Any]) -> dict[str, str]:
    window = body["training_window"]
    start, end = date.fromisoformat(window["from"]), date.fromisoformat(window["until"])
    if start >= end:
        raise ValueError("the window must end after it begins")
    return {"from": start.isoformat(), "until": end.isoformat()}


def _retention(body: Mapping[str, Any]) -> int | None:
    if "copy_retention_days" not in body:
        window = _window(body)
        return (date.fromisoformat(window["until"]) - date.fromisoformat(window["from"])).days
    days = body["copy_retention_days"]
    if days is not None and (type(days) is not int or not 0 <= days <= LONGEST):
        raise ValueError(f"a whole number of days up to {LONGEST}, or null for no limit")
    found: int | None = days
    return found


def _band(body: Mapping[str, Any]) -> str:
    band = body.get("size_band", "")
    if not isinstance(band, str) or len(band) > 40:
        raise TypeError("expected a text of at most 40 characters")
    return band


def _outputs(body: Mapping[str, Any]) -> list[str]:
    mask = vocabulary.outputs(_texts(body["outputs"]))
    if not mask:
        raise ValueError("at least one output is needed")
    return [name for name, bit in vocabulary.OUTPUTS.items() if mask & bit]


def _assurance(body: Mapping[str, Any]) -> str:
    strict = body.get("exclusive", False) or "open_weights" in body.get("outputs", ())
    return _choice("min_assurance", ("asserted", "verified"), "verified" if strict else "asserted")(body)


def _exclusions(body: Mapping[str, Any]) -> dict[str, Any]:
    sent = dict(body.get("exclusions", {}))
    forms = _texts(sent.pop("forms", []))
    if set(forms) - set(f.FORMS) or set(sent) - set(EXCLUSIONS):
        raise ValueError(f"expected {', '.join(EXCLUSIONS)} and forms of {', '.join(f.FORMS)}")
    return {name: _yes(sent.get(name, False)) for name in EXCLUSIONS} | {"forms": sorted(forms)}


def _choice(name: str, allowed: tuple[str, ...], otherwise: str) -> Callable[[Mapping[str, Any]], str]:
    def read_choice(body: Mapping[str, Any]) -> str:
        value = body.get(name, otherwise)
        if value not in allowed:
            raise ValueError(f"expected one of {', '.join(allowed)}")
        return str(value)

    return read_choice


def _flag(name: str, otherwise: bool) -> Reader:
    return lambda body: _yes(body.get(name, otherwise))


def _yes(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("expected true or false")
    return value


def _list(name: str) -> Reader:
    return lambda body: sorted(set(_texts(body.get(name, []))))


def _texts(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError("expected a list of texts")
    return value


READERS: Mapping[str, Reader] = {
    "actions": _actions,
    "territories": _places("territories"),
    "model_territories": _places("model_territories", "territories"),
    "training_window": _window,
    "copy_retention_days": _retention,
    "model_survival": _choice("model_survival", SURVIVALS, "perpetual"),
    "model_kind": _choice("model_kind", tuple(vocabulary.MODEL_KINDS), "foundation"),
    "size_band": _band,
    "outputs": _outputs,
    "distribution": _list("distribution"),
    "commercial": _flag("commercial", True),
    "research": _flag("research", False),
    "non_profit": _flag("non_profit", False),
    "exclusive": _flag("exclusive", False),
    "min_assurance": _assurance,
    "attribution": _flag("attribution", True),
    "accepts_share_alike": _flag("accepts_share_alike", False),
    "accepts_contested": _flag("accepts_contested", False),
    "declines": _list("declines"),
    "delivery": _choice("delivery", ("required", "licence_only"), "required"),
    "exclusions": _exclusions,
    "max_price_minor": lambda body: (
        None if body.get("max_price_minor") is None else parse_minor(body["max_price_minor"])
    ),
    "past_use": _flag("past_use", False),
}
