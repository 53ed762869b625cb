"""Every refusal code in the code, found in its syntax tree: a code nobody wrote down cannot hide."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("accounts", "licensing", "marketplace")
#: Stripe's errors are Stripe's; the demo is a client.
LEFT_OUT = ("marketplace/sandbox", "marketplace/demo", "migrations")
MAKERS: Mapping[str, str] = MappingProxyType({"Refused": "refusal", "Reason": "reason"})


@dataclass(frozen=True, slots=True)
class Said:
    """A code as it is written in one place: `kind` is refusal (the problem itself) or reason (inside `errors`)."""

    code: str
    kind: str
    message: str
    module: str


def found() -> list[Said]:
    """Every code with the place that says it, in order of code, kind and module."""
    said = {one for path in _files() for one in in_module(path.read_text(encoding="utf-8"), _name(path))}
    return sorted(said, key=lambda one: (one.code, one.kind, one.module, one.message))


def in_module(text: str, module: str) -> Iterator[Said]:
    """The codes of one module: constants, either branch of a conditional, and names that are given constants here."""
    tree = ast.parse(text)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        kind = MAKERS.get(_last(call.func))
        first = _argument(call, 0, "code")
        if kind and first is not None:
            message = _text(_argument(call, 1, "message"))
            for code in _constants(first, tree):
                yield Said(code, kind, message, module)


def _files() -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not any(part in name for part in LEFT_OUT):
                yield path


def _name(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _argument(call: ast.Call, place: int, name: str) -> ast.expr | None:
    if len(call.args) > place:
        return call.args[place]
    return next((word.value for word in call.keywords if word.arg == name), None)


def _constants(node: ast.expr, tree: ast.Module) -> Iterator[str]:
    match node:
        case ast.Constant(value=str() as code):
            yield code
        case ast.IfExp(body=one, orelse=other):
            yield from _constants(one, tree)
            yield from _constants(other, tree)
        case ast.Name(id=name):
            yield from _given(name, tree)


def _given(name: str, tree: ast.Module) -> Iterator[str]:
    """Constants a name is given in this module: by assignment, or as an argument of a function of this module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(_last(target) == name for target in node.targets):
            yield from _only_constants(node.value)
        if isinstance(node, ast.FunctionDef):
            names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
            places = [names.index(name)] if name in names else []
            keyword = name in {argument.arg for argument in node.args.kwonlyargs}
            if places or keyword:
                yield from _passed(node.name, places[0] if places else 10_000, name, tree)


def _only_constants(node: ast.expr) -> Iterator[str]:
    parts = [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]
    for part in parts:
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def _passed(function: str, place: int, name: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _last(node.func) == function:
            value = _argument(node, place, name)
            if value is not None:
                yield from _only_constants(value)


def _text(node: ast.expr | None) -> str:
    """A message as a reader sees it: what is filled in stands as three dots."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return ""
