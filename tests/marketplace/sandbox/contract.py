"""Comparing JSON with the installed `stripe` library: answers with its resources, requests with its params."""

from __future__ import annotations

import importlib
import types
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, ClassVar, ForwardRef, Literal, NotRequired, Required, Union, get_args, get_origin, is_typeddict

import stripe
import stripe.params
import stripe.params.checkout
from stripe._object_classes import OBJECT_CLASSES
from stripe._request_options import RequestOptions
from stripe._stripe_object import UntypedStripeObject

UNIONS = (Union, types.UnionType)
OPTIONS = frozenset(RequestOptions.__annotations__)


def resource(name: str) -> type[stripe.StripeObject] | None:
    """The library's class for an `object` name."""
    found = OBJECT_CLASSES.get(name)
    return None if found is None else getattr(importlib.import_module(found[0]), found[1])


def answer_problems(value: Mapping[str, Any]) -> list[str]:
    """Where an answer differs from its resource's annotations; empty when it is as the library expects."""
    cls = resource(value["object"])
    return [f"no resource {value['object']}"] if cls is None else list(_object(value, cls, value["object"]))


def _object(value: Any, cls: type, path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{path}: {value!r} is no {cls.__name__}"
        return
    annotations: dict[str, Any] = cls.__annotations__
    wanted = {name: hint for name, hint in annotations.items() if get_origin(hint) is not ClassVar}
    for name in sorted(set(value) - set(wanted) - {"object"}):
        yield f"{path}.{name}: unknown to {cls.__name__}"
    for name, hint in wanted.items():
        if name in value:
            yield from _value(value[name], hint, f"{path}.{name}")
        elif type(None) not in get_args(hint):
            yield f"{path}.{name}: missing"


def _value(value: Any, hint: Any, path: str) -> Iterator[str]:
    origin = get_origin(hint)
    if origin in UNIONS:
        yield from _union(value, get_args(hint), path)
    elif origin is Literal:
        if value not in get_args(hint):
            yield f"{path}: {value!r} is none of {get_args(hint)}"
    elif origin is list:
        yield from _items(value, get_args(hint)[0], path)
    elif origin is not None and issubclass(origin, UntypedStripeObject):
        yield from _mapping(value, get_args(hint)[0], path)
    elif origin is not None and issubclass(origin, stripe.ListObject):
        yield from _items(value["data"], get_args(hint)[0], f"{path}.data")
    else:
        yield from _plain(value, hint, path)


def _mapping(value: Any, inner: Any, path: str) -> Iterator[str]:
    fits = isinstance(value, Mapping) and (inner is Any or all(isinstance(item, inner) for item in value.values()))
    if not fits:
        yield f"{path}: {value!r} is no plain mapping"


def _items(value: Any, hint: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: {value!r} is no list"
        return
    for number, item in enumerate(value):
        yield from _value(item, hint, f"{path}[{number}]")


def _plain(value: Any, hint: Any, path: str) -> Iterator[str]:
    if isinstance(hint, ForwardRef | str) or (isinstance(hint, type) and hasattr(hint, "OBJECT_NAME")):
        problems = (
            answer_problems(value) if isinstance(value, Mapping) and "object" in value else [f"{path}: {value!r}"]
        )
        yield from problems
    elif isinstance(hint, type) and issubclass(hint, stripe.StripeObject):
        yield from _object(value, hint, path)
    elif hint is Decimal:
        if not isinstance(value, str):
            yield f"{path}: a decimal travels as text"
    elif isinstance(hint, type) and type(value) is not hint:
        yield f"{path}: {value!r} is no {hint.__name__}"


def _union(value: Any, arms: tuple[Any, ...], path: str) -> Iterator[str]:
    """One arm has to fit. Beside a Literal, `str` only stands for future words: ours must be present ones."""
    named = any(get_origin(arm) is Literal for arm in arms)
    tried: list[str] = []
    for arm in arms:
        if named and arm is str:
            continue
        problems = list(_value(value, arm, path))
        if not problems:
            return
        tried += problems
    yield from sorted(set(tried))


def params(name: str) -> Any:
    """A TypedDict of request parameters by name, for example `PaymentIntentCreateParams`."""
    for module in (stripe.params, stripe.params.checkout):
        if hasattr(module, name):
            return getattr(module, name)
    raise LookupError(name)


def request_problems(sent: Mapping[str, Any], typed: Any, path: str = "") -> list[str]:
    """Names in a request that the library's TypedDict does not know, and required ones that are missing."""
    hints = typed.__annotations__
    problems = [f"{path}{name}: unknown to {typed.__name__}" for name in set(sent) - (set(hints) - OPTIONS)]
    for name, hint in hints.items():
        if name in sent:
            problems += _nested(sent[name], hint, f"{path}{name}.")
        elif get_origin(hint) is not NotRequired and name not in OPTIONS:
            problems.append(f"{path}{name}: missing")
    return problems


def _nested(sent: Any, hint: Any, path: str) -> list[str]:
    if isinstance(sent, list):
        return [problem for item in sent for problem in _nested(item, hint, path)]
    if not isinstance(sent, Mapping):
        return []
    typed = typeddict_of(hint)
    return [] if typed is None else request_problems(sent, typed, path)


def typeddict_of(hint: Any) -> Any:
    """The TypedDict inside an annotation (through NotRequired, lists, unions and names), or None for plain values."""
    if is_typeddict(hint):
        return hint
    if isinstance(hint, ForwardRef | str):
        text = hint.__forward_arg__ if isinstance(hint, ForwardRef) else hint
        for word in text.replace("]", "|").replace("[", "|").split("|"):
            if word.strip().endswith("Params") or "Params" in word:
                return params(word.strip())
        return None
    if get_origin(hint) in {NotRequired, Required, list, *UNIONS}:
        found = [typeddict_of(arm) for arm in get_args(hint)]
        return next((item for item in found if item is not None), None)
    return None
