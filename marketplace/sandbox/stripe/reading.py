"""What a client sees of an object: expansion, computed fields, pages. Source: Stripe, Expanding; Pagination."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from marketplace.sandbox.stripe import objects
from marketplace.sandbox.stripe.errors import Json, invalid, missing
from marketplace.sandbox.stripe.params import Either, integer, text
from marketplace.sandbox.stripe.store import Unit

MAX_DEPTH = 4
MAX_LIMIT = 100
DEFAULT_LIMIT = 10
EXPAND: dict[str, Any] = {"expand": [text]}
CREATED = Either(integer, {"gt": integer, "gte": integer, "lt": integer, "lte": integer})
CURSOR: dict[str, Any] = {**EXPAND, "limit": integer, "starting_after": text, "ending_before": text}


def show(unit: Unit, item: Json, paths: Sequence[str] = ()) -> Json:
    """A copy of the object with computed fields and the asked-for expansions; ApiError for what cannot be expanded."""
    shown = _view(unit, item)
    for path in paths:
        parts = path.split(".")
        if len(parts) > MAX_DEPTH:
            raise invalid(f"You cannot expand more than {MAX_DEPTH} levels of a property.", param="expand")
        _expand(unit, shown, parts, path)
    return shown


def _view(unit: Unit, item: Json) -> Json:
    shown = copy.deepcopy(item)
    if shown["object"] == "balance_transaction" and shown["available_on"] <= unit.at:
        shown["status"] = "available"
    return shown


def _expand(unit: Unit, node: Json, parts: Sequence[str], path: str) -> None:
    name, rest = parts[0], parts[1:]
    if node.get("object") == "list" and name == "data":
        for row in node["data"]:
            _expand(unit, row, rest, path)
        return
    if name not in node:
        node[name] = _includable(unit, node, name, path)
    if isinstance(node[name], str):
        found = unit.any(node[name])
        if found is None:
            raise _cannot(path)
        node[name] = _view(unit, found)
    if rest and isinstance(node[name], dict):
        _expand(unit, node[name], rest, path)


def _includable(unit: Unit, node: Json, name: str, path: str) -> Json:
    """Lists that are there only when asked for."""
    if node.get("object") == "checkout.session" and name == "line_items":
        items = unit.private(node["id"])["line_items"]
        return objects.page(f"/v1/checkout/sessions/{node['id']}/line_items", items, has_more=False)
    if node.get("object") == "charge" and name == "refunds":
        rows = [copy.deepcopy(row) for row in unit.all("refund") if row["charge"] == node["id"]]
        return objects.page(f"/v1/charges/{node['id']}/refunds", rows, has_more=False)
    raise _cannot(path)


def _cannot(path: str) -> Exception:
    return invalid(
        f"This property cannot be expanded ({path}). You may want to try expanding 'data.{path}' instead.",
        param="expand",
    )


def rows(unit: Unit, url: str, found: Iterable[Json], values: Json) -> Json:
    """One page of a list, newest first, by limit, starting_after and ending_before, with expansions."""
    limit = values.get("limit", DEFAULT_LIMIT)
    if not 1 <= limit <= MAX_LIMIT:
        raise invalid(f"Invalid integer: must be from 1 to {MAX_LIMIT}", param="limit")
    everything = found
    if "starting_after" in values:
        everything = _after(found, values["starting_after"])
    elif "ending_before" in values:
        before = _before(found, values["ending_before"])
        return _page(unit, url, before[-limit:], values, has_more=len(before) > limit)
    chosen = list(itertools.islice(everything, limit + 1))
    return _page(unit, url, chosen[:limit], values, has_more=len(chosen) > limit)


def _after(found: Iterable[Json], cursor: str) -> Iterable[Json]:
    rest = itertools.dropwhile(lambda row: row["id"] != cursor, found)
    if next(iter(rest), None) is None:
        raise missing("object", cursor, "starting_after", in_path=False)
    return rest


def _before(found: Iterable[Json], cursor: str) -> list[Json]:
    everything = list(found)
    for place, row in enumerate(everything):
        if row["id"] == cursor:
            return everything[:place]
    raise missing("object", cursor, "ending_before", in_path=False)


def _page(unit: Unit, url: str, chosen: Sequence[Json], values: Json, *, has_more: bool) -> Json:
    shown = objects.page(url, (_view(unit, row) for row in chosen), has_more=has_more)
    for path in values.get("expand", []):
        _expand(unit, shown, path.split("."), path)
    return shown


def created(row: Json, wanted: Any) -> bool:
    """Whether a row falls into a `created` filter: one second, or a mapping of gt, gte, lt, lte."""
    if wanted is None:
        return True
    if not isinstance(wanted, Mapping):
        return bool(row["created"] == wanted)
    at = row["created"]
    return bool(
        at > wanted.get("gt", at - 1)
        and at >= wanted.get("gte", at)
        and at < wanted.get("lt", at + 1)
        and at <= wanted.get("lte", at)
    )
