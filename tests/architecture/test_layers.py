"""The order of imports is written once, in pyproject.toml; this keeps it whole."""

from __future__ import annotations

import ast
import tomllib
from typing import Any

from tests.architecture import source
from tests.architecture.source import ROOT

#: The layout's line, top first. What is in parentheses in pyproject.toml may be missing on disk, not here.
ORDER = [
    "models", "tasks", "flow", "reports", "delivery", "royalties", "grants", "payments", "orders", "clearing", "search",
    "intake", "rights", "catalogue", "ledger", "events", "jobs", "outside", "kernel",
]  # fmt: skip


def _contracts() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    return found


def _names(layers: list[str]) -> list[str]:
    return [name.strip() for line in layers for name in line.replace(":", "|").split("|")]


def test_both_contracts_state_the_same_order() -> None:
    whole, inside = [one for one in _contracts() if one["type"] == "layers"]
    names = [name.replace("licensing.", "") for name in _names(whole["layers"])]
    assert names[0] == "marketplace"
    assert names[-2] == "accounts"
    assert [*names[1:-2], names[-1]] == _names(inside["layers"])
    assert inside["exhaustive"] is True
    assert inside["exhaustive_ignores"] == ["migrations", "apps", "locale", "data"]


def test_every_layer_still_to_come_is_one_of_the_layout() -> None:
    inside = _contracts()[1]
    names = _names(inside["layers"])
    assert [name.strip("()") for name in names] == ORDER
    waiting = {name.strip("()") for name in names if name.startswith("(")}
    missing = {name for name in ORDER if not list((ROOT / "licensing").glob(f"{name}.py"))
               and not (ROOT / "licensing" / name / "__init__.py").exists()}  # fmt: skip
    assert waiting == missing, "parentheses are for what is not built yet, and only for that"


def test_cycles_frameworks_and_purity_have_contracts() -> None:
    kinds = {one["name"]: one for one in _contracts()}
    acyclic = kinds["No cycles between siblings"]
    assert acyclic["type"] == "acyclic_siblings"
    assert acyclic["ancestors"] == ["marketplace", "licensing", "accounts"]
    assert set(kinds["HTTP frameworks stay at the doors"]["source_modules"]) == {"licensing", "accounts"}
    for name in ("The kernel is pure Python", "Rules are pure: facts in, decision out"):
        assert {"django", "celery", "stripe"} <= set(kinds[name]["forbidden_modules"])


def test_capabilities_are_never_empty() -> None:
    folders = [path for path in (ROOT / "licensing").iterdir() if (path / "__init__.py").exists()]
    for folder in folders:
        modules = [path for path in folder.rglob("*.py") if path.name != "__init__.py"]
        assert modules, f"{folder.name} holds nothing yet"


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        one.name
        for one in source.read(*source.PACKAGES, "client", "bench")
        if one.tree.body and not ast.get_docstring(one.tree)
    ]
    assert silent == []


def test_public_functions_are_typed_and_documented() -> None:
    lacking = [
        f"{one.at(node)} {node.name}"
        for one in source.read("accounts", "licensing")
        for node in one.tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        if not ast.get_docstring(node) or node.returns is None
    ]
    assert lacking == []


def test_services_take_their_actor_by_keyword() -> None:
    loose = [
        f"{one.at(node)} {node.name}"
        for one in source.read("accounts", "licensing")
        if one.name.endswith("/services.py")
        for node in one.tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        if any(argument.arg == "actor" for argument in node.args.args)
    ]
    assert loose == []
