"""What is wrong with a body, for the person who reads it: where, what was sent, what is expected, the nearest name."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rest_framework import serializers

from accounts.errors import Reason, Refused

SHOWN = 80
"""Characters of a sent value that an error repeats."""


def unreadable(reader: serializers.BaseSerializer[Any]) -> Refused:
    """The refusal of a body its reader found faults with; field_unknown when a name is unknown, else field_invalid."""
    reasons = list(_reasons(reader.errors, "", reader, reader.initial_data))
    code = "field_unknown" if any(reason.code == "field_unknown" for reason in reasons) else "field_invalid"
    return Refused(code, "The request cannot be read as sent.", reasons)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name most like this one; where none is alike, all of them."""
    names = sorted(known)
    found = difflib.get_close_matches(name[:SHOWN], names, n=1, cutoff=0.5)
    return found[0] if found else ", ".join(names)


def escaped(name: object) -> str:
    """A name as a part of a JSON pointer (RFC 6901, 3)."""
    return str(name).replace("~", "~0").replace("/", "~1")


def writable(reader: serializers.Serializer[Any]) -> list[str]:
    """Names of the fields a body may have."""
    return [name for name, field in reader.fields.items() if not field.read_only]


def _reasons(detail: Any, pointer: str, field: Any, sent: Any) -> Iterator[Reason]:
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            if name == "non_field_errors":
                yield from _reasons(inner, pointer, field, sent)
            elif getattr(inner, "code", "") == "field_unknown":
                near = nearest(str(name), writable(field))
                shown = _shown(_item(sent, name))
                yield Reason("field_unknown", str(inner), f"{pointer}/{escaped(name)}", shown, near)
            else:
                yield from _reasons(inner, f"{pointer}/{escaped(name)}", _child(field, name), _item(sent, name))
    elif isinstance(detail, Sequence) and not isinstance(detail, str):
        for place, inner in enumerate(detail):
            if isinstance(inner, (Mapping, list)):
                yield from _reasons(inner, f"{pointer}/{place}", _child(field, place), _item(sent, place))
            else:
                yield from _reasons(inner, pointer, field, sent)
    else:
        yield Reason("field_invalid", str(detail), pointer, _shown(sent), expected(field))


def _child(field: Any, name: Any) -> Any:
    if isinstance(field, serializers.Serializer):
        return field.fields.get(str(name))
    return getattr(field, "child", None)


_MISSING = object()


def _item(sent: Any, name: Any) -> Any:
    if isinstance(sent, Mapping):
        return sent.get(name, _MISSING)
    if isinstance(sent, list) and isinstance(name, int) and name < len(sent):
        return sent[name]
    return _MISSING


def _shown(sent: Any) -> str:
    if sent is _MISSING:
        return "nothing"
    text = sent if isinstance(sent, str) else json.dumps(sent, ensure_ascii=False, default=str)
    return text[:SHOWN]


KINDS: Sequence[tuple[type[Any], str]] = (
    (serializers.BooleanField, "true or false"),
    (serializers.DateField, "a date such as 2026-03-31"),
    (serializers.EmailField, "an email address"),
    (serializers.URLField, "an address such as https://example.org/done"),
    (serializers.IPAddressField, "an IP address"),
    (serializers.IntegerField, "a whole number"),
    (serializers.CharField, "a text"),
    (serializers.ListField, "a list"),
    (serializers.ListSerializer, "a list of objects"),
    (serializers.DictField, "an object"),
    (serializers.Serializer, "an object"),
)


def expected(field: Any) -> str:
    """What a field takes, in a few words."""
    if isinstance(field, serializers.ChoiceField):
        return ", ".join(str(choice) for choice in field.choices)
    if isinstance(field, serializers.RegexField):
        return f"a text like {getattr(field.validators[-1], 'regex').pattern}"  # noqa: B009 -- types know no regex there
    said = next((text for kind, text in KINDS if isinstance(field, kind)), "")
    limits = {"at least": _bound(field, "min"), "at most": _bound(field, "max")}
    bounds = [f"{word} {limit}" for word, limit in limits.items() if limit is not None]
    return ", ".join([said, *bounds]).strip(", ")


def _bound(field: Any, end: str) -> Any:
    """The least or most a field takes: a number's value, a text's or a list's length."""
    for name in (f"{end}_value", f"{end}_length"):
        found = getattr(field, name, None)
        if found is not None:
            return found
    return None
