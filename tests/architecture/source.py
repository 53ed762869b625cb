"""The tree as data: every Python file parsed once."""

from __future__ import annotations

import ast
import functools
import io
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("accounts", "licensing", "marketplace")
EVERYWHERE = (*PACKAGES, "client", "tests", "bench")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file: `name` is its path from the root of the checkout."""

    name: str
    text: str
    tree: ast.Module

    def at(self, node: ast.AST) -> str:
        """Where a node is, as `path:line`."""
        return f"{self.name}:{getattr(node, 'lineno', 0)}"

    def within(self, *folders: str) -> bool:
        """Whether the file lies in one of these folders, or is one of these files."""
        return any(self.name == folder or self.name.startswith(f"{folder}/") for folder in folders)


def read(*folders: str) -> tuple[Source, ...]:
    """Every Python file under these folders, migrations exempt, in order of their paths."""
    return tuple(one for folder in folders for one in _folder(folder))


@functools.cache
def _folder(folder: str) -> tuple[Source, ...]:
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if "migrations" not in path.parts and "__pycache__" not in path.parts:
            text = path.read_text(encoding="utf-8")
            found.append(Source(name, text, ast.parse(text, name)))
    return tuple(found)


def walk(tree: ast.AST) -> Iterable[ast.AST]:
    """As `ast.walk`; a whole file is walked once, however many tests look at it."""
    return _nodes(tree) if isinstance(tree, ast.Module) else ast.walk(tree)


@functools.cache
def _nodes(tree: ast.Module) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree))


@functools.cache
def comments(one: Source) -> tuple[tuple[int, str], ...]:
    """Line and text of every comment of a file."""
    tokens = tokenize.generate_tokens(io.StringIO(one.text).readline)
    return tuple((token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT)


def functions(tree: ast.AST) -> Iterator[Function]:
    """Every function and method, inner ones too."""
    for node in walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a name or an attribute chain; "" for anything else (`?` stands for what is not a name)."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value) or '?'}.{node.attr}"
    return ""


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the dotted name it is written under."""
    for node in walk(tree):
        if isinstance(node, ast.Call):
            yield dotted(node.func), node


def imported(node: ast.AST) -> list[str]:
    """What an import statement brings in, in full; nothing for any other node."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []
