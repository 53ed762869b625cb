"""Who may write what: a status only by `advance`, entries only by `ledger.services.post`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture import source
from tests.architecture.source import Source

#: Set-based writers of a status, read and agreed: file:function or constant. Each has the step in its WHERE.
REVIEWED: dict[str, str] = {
    "accounts/states.py:advance": "advance itself",
    "licensing/catalogue/services.py:register": "every draft work of a catalogue at once; one audit row says how many",
    "licensing/jobs/worker.py:_CLAIM": "compare-and-set by the fencing token; a job's history is its row",
    "licensing/jobs/worker.py:_END": "as above",
    "licensing/jobs/relay.py:_RELEASE": "expired leases go back in one statement, under SKIP LOCKED",
}
#: Doors hold no table; these folders speak of HTTP statuses and of Stripe's own objects.
OTHER_STATUSES = ("marketplace/sandbox", "marketplace/demo", "marketplace/embedded")
WRITERS = {"update", "bulk_update", "update_or_create"}
SQL_WRITE = re.compile(
    r"\b(?:UPDATE\s+\w+(?:\s+\w+)?|DO\s+UPDATE)\s+SET\b(?:(?!\bWHERE\b).)*?\bstatus\s*=", re.IGNORECASE | re.DOTALL
)


def status_writes(tree: ast.AST) -> Iterator[ast.AST]:
    """Assignments to `.status`, update(status=...), bulk_update(..., ["status"]), SQL that sets it."""
    for node in source.walk(tree):
        match node:
            case ast.Assign(targets=targets) if any(_is_status(target) for target in targets):
                yield node
            case ast.AugAssign(target=target) | ast.AnnAssign(target=target) if _is_status(target):
                yield node
            case ast.Call(func=ast.Attribute(attr=name)) if name in WRITERS and _mentions(node):
                yield node
            case ast.Call(func=ast.Name(id="setattr"), args=[_, ast.Constant(value="status"), *_]):
                yield node
            case ast.Constant(value=str() as text) if SQL_WRITE.search(text):
                yield node


def _is_status(target: ast.AST) -> bool:
    return isinstance(target, ast.Attribute) and target.attr == "status"


def _mentions(call: ast.Call) -> bool:
    words = [node.value for one in call.args for node in ast.walk(one) if isinstance(node, ast.Constant)]
    return any(keyword.arg == "status" for keyword in call.keywords) or "status" in words


@pytest.mark.parametrize(
    "text",
    [
        'work.status = "registered"',
        'Work.objects.filter(pk=1).update(status="registered")',
        'Work.objects.bulk_update(works, ["status"])',
        'setattr(work, "status", "registered")',
        "SQL = \"UPDATE licensing_work w SET status = 'registered' WHERE id = 1\"",
        "SQL = \"UPDATE licensing_work SET at = 1, status = 'x' WHERE id = 1\"",
    ],
)
def test_the_search_for_status_writes_finds(text: str) -> None:
    assert list(status_writes(ast.parse(text)))


def test_the_search_for_status_writes_spares_reads() -> None:
    reads = 'x = work.status; q.filter(status="a"); SQL = "UPDATE t SET at = 1 WHERE status = 2"; m(status="draft")'
    assert not list(status_writes(ast.parse(reads)))


def _ours() -> list[Source]:
    return [one for one in source.read(*source.PACKAGES) if not one.within(*OTHER_STATUSES)]


def _writers() -> list[str]:
    """file:name of every top-level statement that writes a status."""
    return [
        f"{one.name}:{_named(top)}" for one in _ours() for top in one.tree.body if any(True for _ in status_writes(top))
    ]


def _named(top: ast.stmt) -> str:
    if isinstance(top, ast.Assign):
        return source.dotted(top.targets[0])
    return str(getattr(top, "name", top.lineno))


def test_only_advance_writes_a_status() -> None:
    found = [name for name in _writers() if name not in REVIEWED]
    assert found == [], "move states by accounts.states.advance"


def test_reviewed_writers_still_write() -> None:
    assert REVIEWED.keys() - {"accounts/states.py:advance"} <= set(_writers()), "an exception nobody needs any more"


ENTRY_SQL = re.compile(
    r"\b(?:INSERT\s+INTO|COPY|UPDATE|DELETE\s+FROM)\s+licensing_ledger(?:entry|line)\b", re.IGNORECASE
)
ENTRY_MODELS = {"LedgerEntry", "LedgerLine"}


def entry_writes(tree: ast.AST) -> Iterator[ast.AST]:
    """SQL that writes entries or lines, their constructors, and manager writes on them."""
    for node in source.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and ENTRY_SQL.search(node.value):
            yield node
        if isinstance(node, ast.Call):
            parts = source.dotted(node.func).split(".")
            written = {"create", "bulk_create", "update", "delete", "get_or_create"} & set(parts)
            if ENTRY_MODELS & set(parts) and (parts[-1] in ENTRY_MODELS or written):
                yield node


def test_the_search_for_entries_finds() -> None:
    for text in ("LedgerEntry.objects.create()", "LedgerLine(entry=1)", 'x = "INSERT INTO licensing_ledgerline"'):
        assert list(entry_writes(ast.parse(text)))
    assert not list(entry_writes(ast.parse("LedgerEntry.objects.get(pk=1)")))


def test_only_the_ledger_posts_entries() -> None:
    found = {one.name for one in source.read(*source.PACKAGES) for _ in entry_writes(one.tree)}
    assert found == {"licensing/ledger/services.py"}
