"""What must not occur in certain places: floats near money, clocks and pages below the doors."""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterator
from io import StringIO

import pytest

from tests.architecture import source
from tests.architecture.source import Source

#: Where amounts of money are computed.
MONEY = (
    "licensing/kernel/money.py",
    "licensing/kernel/apportion.py",
    "licensing/kernel/split.py",
    "licensing/ledger",
    "licensing/royalties",
    "licensing/orders",
    "licensing/payments",
    "licensing/clearing/price.py",
)
CLOCKS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns", "time.localtime",
    "time.gmtime", "timezone.now", "timezone.localdate", "timezone.localtime", "django.utils.timezone.now",
}  # fmt: skip
DOORS_ONLY = ("django.http", "django.shortcuts", "django.urls", "django.views", "rest_framework", "drf_spectacular")


def floats(tree: ast.AST) -> Iterator[ast.AST]:
    """Everything in a tree that makes a binary fraction: a literal, float(), true division, a float in a type."""
    for node in source.walk(tree):
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float | complex)
        named = isinstance(node, ast.Name) and node.id == "float"
        divided = isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)
        if literal or named or divided:
            yield node


@pytest.mark.parametrize("text", ["x = 1.5", "float(x)", "x / 2", "x /= 2", "def f(x: float): ...", "1e6"])
def test_the_search_for_floats_finds(text: str) -> None:
    assert list(floats(ast.parse(text)))


def test_the_search_for_floats_spares_integers() -> None:
    assert not list(floats(ast.parse("x = 1_000_000 // 3 % 7; y = '1.5'; z //= 2")))


def test_no_floats_where_money_is_computed() -> None:
    money = [one for one in source.read("licensing") if one.within(*MONEY)]
    assert {folder for folder in MONEY if not any(one.within(folder) for one in money)} == set()
    assert [one.at(node) for one in money for node in floats(one.tree)] == []


def _below() -> Iterator[Source]:
    return iter(source.read("accounts", "licensing"))


def test_nobody_below_the_doors_looks_at_the_clock() -> None:
    found = [
        f"{one.at(node)} {name}"
        for one in _below()
        for name, node in source.calls(one.tree)
        if ".".join(name.split(".")[-2:]) in CLOCKS
    ]
    assert found == [], "time is passed in as `at`; doors and jobs take it from the database"


def test_nobody_below_the_doors_speaks_http() -> None:
    found = [
        one.at(node)
        for one in _below()
        for node in source.walk(one.tree)
        if (isinstance(node, ast.ImportFrom) and (node.module or "").startswith(DOORS_ONLY))
        or (isinstance(node, ast.Import) and any(alias.name.startswith(DOORS_ONLY) for alias in node.names))
    ]
    assert found == []


def test_no_path_of_one_machine_is_written_down() -> None:
    homes = ("/" + "home/", "/" + "Users/", "/" + "work/", "/" + "root/")
    found = [
        f"{one.name}:{token.start[0]}"
        for one in source.read(*source.EVERYWHERE)
        if any(home in one.text for home in homes)
        for token in tokenize.generate_tokens(StringIO(one.text).readline)
        if token.type in {tokenize.STRING, tokenize.COMMENT} and any(home in token.string for home in homes)
    ]
    assert found == []
