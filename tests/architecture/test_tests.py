"""Habits of the tests themselves."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

from tests.architecture import source
from tests.architecture.source import ROOT

#: Flushing needs TRUNCATE, which the ledger refuses; the fixture `committed` is for what commits.
BANNED_FIXTURES = {"live_server", "transactional_db", "django_db_reset_sequences", "django_db_serialized_rollback"}
#: Tests that play the intruder: a superuser forges rows so that a check has something to find, or tries to.
INTRUDERS: dict[str, str] = {
    "tests/accounts/test_chain.py": "rows of another cluster and changed rows, which the chain must name",
    "tests/licensing/events/test_flow.py": "events about rows that are not there",
    "tests/licensing/ledger/test_guards.py": "what each role may not switch off; rows as a restore loads them",
    "tests/licensing/ledger/test_verify.py": "forged lines and missing guards, which verify_ledger must name",
    "tests/licensing/royalties/test_tampering.py": "forged rows and missing guards, which audit_splits must name",
}
#: Tests whose assertions stand in what they call.
ELSEWHERE: dict[str, str] = {"test_documented_behaviour": "each row of its table is a function that asserts"}
BANNED_CLASSES = {"TransactionTestCase", "LiveServerTestCase", "StaticLiveServerTestCase", "TestCase"}


def test_nothing_flushes_the_database() -> None:
    found = []
    for one in source.read("tests"):
        for name, call in source.calls(one.tree):
            if name.endswith("django_db") and any(word.arg == "transaction" for word in call.keywords):
                found.append(one.at(call))
            if name.endswith("call_command") and call.args and ast.unparse(call.args[0]) == "'flush'":
                found.append(one.at(call))
        found += [
            one.at(node)
            for node in source.functions(one.tree)
            if {argument.arg for argument in node.args.args} & BANNED_FIXTURES
        ]
        found += [
            one.at(node)
            for node in source.walk(one.tree)
            if isinstance(node, ast.ClassDef)
            if {source.dotted(base).split(".")[-1] for base in node.bases} & BANNED_CLASSES
        ]
    assert found == []


def test_guards_are_never_switched_off() -> None:
    off = re.compile(r"session_replication_role|DISABLE\s+TRIGGER|NO\s+FORCE", re.IGNORECASE)
    found = [
        one.at(node)
        for one in source.read(*source.PACKAGES, "tests")
        for node in source.walk(one.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and off.search(node.value)
        if not one.within("tests/architecture", *INTRUDERS)
    ]
    assert found == []


def test_every_test_can_fail() -> None:
    tests = source.read("tests")
    calling: dict[str, set[str]] = defaultdict(set)
    asserting: set[str] = set()
    for one in tests:
        for node in source.functions(one.tree):
            calling[node.name] |= {name.split(".")[-1] for name, _ in source.calls(node)}
            if any(isinstance(inner, ast.Assert) for inner in ast.walk(node)):
                asserting.add(node.name)
    asserting |= {"raises", "fail"}
    while grown := {name for name, called in calling.items() if called & asserting} - asserting:
        asserting |= grown
    idle = [
        f"{one.at(node)} {node.name}"
        for one in tests
        for node in one.tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        if node.name not in asserting and node.name not in ELSEWHERE
    ]
    assert idle == []


def test_folders_of_tests_mirror_the_tree() -> None:
    kinds = {"journeys", "properties", "architecture", "support", "faults", "client", "__pycache__"}
    for folder in (ROOT / "tests").iterdir():
        if folder.is_dir() and folder.name not in kinds:
            assert (ROOT / folder.name / "__init__.py").exists(), f"tests/{folder.name} mirrors nothing"
    for folder in (ROOT / "tests/licensing").iterdir():
        if folder.is_dir() and folder.name != "__pycache__":
            assert (ROOT / "licensing" / folder.name).is_dir(), f"tests/licensing/{folder.name} mirrors nothing"
