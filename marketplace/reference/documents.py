"""The documents themselves. Same code, same bytes: nothing here depends on the machine, the day or a database."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from django.apps import apps
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Model
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer

from licensing.clearing.reasons import CODES
from licensing.events.names import NAMES
from licensing.flow import FLOW
from licensing.kernel.states import States
from marketplace.api import errors
from marketplace.reference import refusals
from marketplace.reference.answers import ANSWERS

NOTE = "<!-- Written by `make reference`; edit the code, not this page. -->\n"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(heads), *(list(row) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def openapi() -> str:
    """OpenAPI 3.1 of everything under /v1, as YAML."""
    # The generator and the renderer come without types.
    generator: Any = SchemaGenerator
    renderer: Any = OpenApiYamlRenderer
    written: bytes = renderer().render(generator().get_schema(request=None, public=True), renderer_context={})
    return written.decode()


def _machines() -> Iterator[tuple[type[Model], States]]:
    for model in apps.get_models():
        table: States | None = vars(model).get("STATES")
        if table is not None:
            yield model, table


def states() -> str:
    """Every status there is: one diagram per aggregate."""
    parts = [f"# States\n\n{NOTE}\nOnly `accounts.states.advance` moves a status; every move leaves an audit row.\n"]
    for model, table in sorted(_machines(), key=lambda pair: (pair[0].__module__, pair[0].__name__)):
        about = (model.__doc__ or "").strip().splitlines()[0]
        where = f"`{model.__module__}.{model.__name__}`"
        parts.append(f"## {table.name}\n\n{where}: {about}\n\n```mermaid\n{table.diagram()}```\n")
    return "\n".join(parts)


def events() -> str:
    """Every event, what it says, and the jobs that follow it."""
    following = {name: ", ".join(f"`{step.kind}`" for step in FLOW.get(name, ())) for name in NAMES}
    rows = ((f"`{name}`", says, following[name]) for name, says in NAMES.items())
    head = "Rows of `licensing_domainevent`, written in the transaction of the act; webhooks carry the same names.\n"
    return f"# Events\n\n{NOTE}\n{head}\n" + _table(("event", "says", "jobs that follow"), rows)


def refusal_codes() -> str:
    """Every code a problem document can carry, with its HTTP status."""
    said: dict[str, list[refusals.Said]] = {code: [] for code in errors.STATUS}
    for one in refusals.found():
        said.setdefault(one.code, []).append(one)
    rows = (
        (f"`{code}`", _status(code, places), _first(places), _modules(places)) for code, places in sorted(said.items())
    )
    head = (
        "A refusal changes nothing. `code` is stable, the sentence is not. Problems are RFC 9457; a code without a "
        "status stands in `errors` only, beside the problem's own.\n"
    )
    return f"# Refusals\n\n{NOTE}\n{head}\n" + _table(("code", "HTTP", "says", "from"), rows)


def _status(code: str, places: list[refusals.Said]) -> str:
    alone = code in errors.STATUS or any(one.kind == "refusal" for one in places)
    return str(errors.status_of(code)) if alone else ""


def _first(places: list[refusals.Said]) -> str:
    return next((one.message for one in places if one.kind == "refusal" and one.message), "") or next(
        (one.message for one in places if one.message), ""
    )


def _modules(places: list[refusals.Said]) -> str:
    return ", ".join(sorted({f"`{one.module}`" for one in places})) or "`marketplace.api`"


def clearing_reasons() -> str:
    """Every reason a clearance can give for a work."""
    head = (
        "A clearance answers 200 also when it refuses: each work carries its reasons. A gate refuses at once; a route "
        "blocks one way to clear; an approval asks a person; a note only tells. How they are found is in "
        "[algorithms/clearing.md](../algorithms/clearing.md).\n"
    )
    heads = ("code", "effect", "route", "meaning", "lifted by", "would change it", "example")
    rows = (
        (f"`{one.code}`", one.effect, one.route or "", one.en, one.lifted_by, one.would_change, one.example)
        for one in CODES.values()
    )
    chinese = (
        (f"`{one.code}`", one.zh, one.lifted_by_zh, one.would_change_zh, one.example_zh) for one in CODES.values()
    )
    page = f"# Reasons of a clearance\n\n{NOTE}\n{head}\n" + _table(heads, rows)
    return page + "\n## 中文\n\n" + _table(("代码", "含义", "谁可解除", "如何改变", "示例"), chinese)


def _commands() -> Iterator[tuple[str, BaseCommand]]:
    for name, app in get_commands().items():
        if app == "marketplace":
            yield name, load_command_class(app, name)


def commands_page() -> str:
    """Every command with its options and the keys of its answer to --json."""
    parts = [f"# Commands\n\n{NOTE}\n`manage.py COMMAND --help` says the same. Keys of --json keep name and meaning.\n"]
    for name, command in sorted(_commands(), key=lambda pair: pair[0]):
        parser = CommandParser(prog=name, add_help=False)
        command.add_arguments(parser)
        rows = [row for action in parser._actions for row in _option(action)]  # noqa: SLF001 -- argparse has no other way
        page = f"## {name}\n\n{command.help}\n\n" + (_table(("option", "means"), rows) if rows else "")
        if name in ANSWERS:
            page += f"\nAnswer to --json: `{ANSWERS[name]}`\n"
        parts.append(page)
    return "\n".join(parts)


def _option(action: argparse.Action) -> Iterator[tuple[str, str]]:
    names = ", ".join(action.option_strings) or str(action.metavar or action.dest)
    takes = "" if action.nargs == 0 or not action.option_strings else f" {action.metavar or action.dest.upper()}"
    yield f"`{names}{takes}`", (action.help or "") + (" (required)" if action.required else "")


ALL: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "openapi.yaml": openapi,
        "states.md": states,
        "events.md": events,
        "errors.md": refusal_codes,
        "reasons.md": clearing_reasons,
        "commands.md": commands_page,
    }
)


def first_difference(made: str, written: str) -> tuple[int, str, str] | None:
    """Line number from 1, the line the code makes and the line on disk; None when both are the same."""
    if made == written:
        return None
    now, then = made.splitlines(), written.splitlines()
    for number in range(max(len(now), len(then))):
        one = now[number] if number < len(now) else ""
        other = then[number] if number < len(then) else ""
        if one != other:
            return number + 1, one, other
    return len(now), "", "(line endings differ)"
