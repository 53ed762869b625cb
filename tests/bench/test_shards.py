"""The shards benchmark, small: it runs, and its gate finds what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench import harness, peers, shards, shards_work, texts
from bench.shards import Load
from bench.shards_work import Done


def _written(place: Path) -> Load:
    found = shards.load("4 KB", texts.MIB // 2, place)
    shards_work._tasks = found.tasks
    for _ in range(2):
        found.runs.append([shards_work.write(number)._replace(peak_kb=1) for number in range(len(found.tasks))])
    return found


def test_it_runs_on_one_mebibyte(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "REPEATS", 1)
    monkeypatch.setattr(peers, "python", lambda *_: None)
    rows = harness.stamped(shards.run(1))
    kinds = [row["measure"].split(":")[0] for row in rows if "zstd" in row["against"]]
    assert kinds == ["mix", "mix", "novels", "4 KB", "1 KB"]
    assert [row["holds"] for row in rows if row["target"] in {"identical", "<= 300 MB"}] == [True, True]
    assert "absent" in next(row["against"] for row in rows if "DuckDB" in row["against"])
    assert list((place / "shards").glob("*.parquet")) == []


def test_the_same_seed_gives_the_same_documents(place: Path) -> None:
    assert texts.pieces("mix", texts.MIB) == texts.pieces("mix", texts.MIB)
    first = texts.base(place / "a").read_bytes()
    assert first == texts.base(place / "b").read_bytes()
    assert len(first) == texts.BASE
    assert first.isascii()


def _other_root(done: Done) -> Done:
    return done._replace(facts=replace(done.facts, rows_root="0" * 64))


def _fewer_rows(done: Done) -> Done:
    return done._replace(facts=replace(done.facts, rows=done.facts.rows - 1))


def _too_much_memory(done: Done) -> Done:
    return done._replace(peak_kb=shards.MEMORY_KB + 1)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [(_other_root, "other roots"), (_fewer_rows, "rows written"), (_too_much_memory, "MB")],
)
def test_the_gate_fails_for_a_run_that_differs(place: Path, change: Callable[[Done], Done], sentence: str) -> None:
    found = _written(place)
    shards.check(found)
    found.runs[1][0] = change(found.runs[1][0])
    with pytest.raises(harness.Broken, match=sentence):
        shards.check(found)


def test_the_gate_fails_when_a_file_holds_other_rows(place: Path) -> None:
    found = _written(place)
    found.tasks[0].path.write_bytes(found.tasks[1].path.read_bytes())
    with pytest.raises(harness.Broken, match="does not hold"):
        shards.check(found)
