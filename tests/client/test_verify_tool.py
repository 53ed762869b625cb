"""The one-file program: its exit codes and JSON, built the same twice, and its own copies of the formats."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.verify import hashing, jcs, parquet
from client.verify.build import build
from client.verify.signatures import public_key
from licensing.delivery import rights, shards
from licensing.delivery.format import COLUMNS
from licensing.grants import tree
from licensing.kernel import canonical, digests
from tests.client.checking import LATER
from tests.licensing.delivery import sample

VECTORS = Path(__file__).parents[3] / "shared/data/standards/jcs"
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("program") / "licet-verify.pyz")


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    (tmp_path / "trust.json").write_bytes(sample.trust_file())
    return tmp_path / "trust.json"


def _run(program: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    at = LATER.strftime("%Y-%m-%dT%H:%M:%SZ")
    command = [sys.executable, "-I", str(program), *map(str, arguments), "--at", at]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_exit_codes_and_json(program: Path, pristine: Path, trust: Path, tmp_path: Path) -> None:
    good = _run(program, pristine, "--trust", trust, "--test", "--json")
    assert good.returncode == 0
    answer = json.loads(good.stdout)
    keys = ["ok", "trust", "status", "status_as_of", "checked", "withdrawn_rows", "first_wrong"]
    assert list(answer) == keys
    assert list(answer["checked"]) == ["files", "rows", "bytes"]
    assert _run(program, pristine, "--trust", trust).returncode == 1
    assert _run(program, tmp_path / "nowhere", "--trust", trust, "--json").returncode == 2
    alone = _run(program, pristine, "--test")
    assert (alone.returncode, alone.stdout.startswith("consistent, issuer not authenticated")) == (3, True)


def test_unusable_arguments_are_a_sentence(program: Path, pristine: Path, tmp_path: Path) -> None:
    (tmp_path / "no").write_text("{}")
    for trust in (tmp_path / "no", tmp_path / "nowhere"):
        answer = _run(program, pristine, "--test", "--trust", trust)
        assert (answer.returncode, answer.stderr) == (2, "")
        assert "trust file" in answer.stdout


def test_the_program_is_one_file_and_built_the_same_twice(program: Path, tmp_path: Path) -> None:
    assert build(tmp_path / "again.pyz").read_bytes() == program.read_bytes()
    assert program.stat().st_size < 64 * 1024


def test_it_shares_no_code_with_the_writer_and_cannot_reach_a_network() -> None:
    """Only Python itself, pyarrow for Parquet and cryptography for signatures."""
    found: set[str] = set()
    for path in Path(jcs.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).partition(".")[0])
    found -= {"client"}  # build.py, which is not part of the program
    assert found - set(sys.stdlib_module_names) == {"cryptography"}
    assert found.isdisjoint({"socket", "ssl", "http", "urllib", "ftplib", "asyncio", "subprocess"})
    assert "import_module(" not in "".join(
        path.read_text() for path in Path(jcs.__file__).parent.glob("*.py") if path.name != "parquet.py"
    )


def test_own_columns_are_those_of_the_writer() -> None:
    names = [name for name, _ in parquet.ROW_TYPES]
    assert names == [column.name for column in COLUMNS]
    written = [str(field.type).replace("item: ", "element: ") for field in shards.ARROW_SCHEMA]
    assert [kind for _, kind in parquet.ROW_TYPES] == written
    assert [(field.name, str(field.type)) for field in rights.WORKS_SCHEMA] == list(parquet.WORK_TYPES)


@settings(deadline=None)
@given(VALUES)
def test_own_canonical_json_is_the_kernels(value: object) -> None:
    assert jcs.jcs(value) == canonical.jcs(value)
    assert jcs.parse(jcs.jcs(value)) == value


@pytest.mark.parametrize(
    "data", [b'{"a":1,"a":1}', b'{"b":1,"a":2}', b"1.0", b"[1, 2]", b"9007199254740992", b"[" * 99999]
)
def test_own_canonical_json_refuses_the_rest(data: bytes) -> None:
    with pytest.raises(ValueError):
        jcs.parse(data)


def test_official_jcs_vectors_without_floats() -> None:
    if not VECTORS.is_dir():
        pytest.skip("the official RFC 8785 vectors are not on this machine")
    for name in ("french", "unicode", "weird"):
        value = json.loads((VECTORS / f"input/{name}.json").read_text())
        assert jcs.jcs(value) == (VECTORS / f"output/{name}.json").read_bytes()


@settings(deadline=None)
@given(st.lists(st.binary(max_size=8), max_size=40))
def test_own_merkle_root_is_the_kernels(leaves: list[bytes]) -> None:
    assert hashing.merkle(leaves) == digests.merkle_root(leaves).hex()


def test_own_leaf_order_is_the_writers() -> None:
    for work in sample.works():
        assert hashing.leaf_key(work.organisation_id, work.work_id) == tree.leaf_key(*reversed(work[:2]))


@pytest.mark.parametrize("method", ["did:key:z6Mk#z6Mk", "https://a.example/k", "did:key:zzz#zzz", "did:key:#"])
def test_only_ed25519_did_keys_are_methods(method: str) -> None:
    with pytest.raises(ValueError):
        public_key(method)
