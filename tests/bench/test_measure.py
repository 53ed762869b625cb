"""The harness: turns, ratios, the gate, the table and the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import __main__ as command
from bench import harness, report
from bench.harness import Sample


def _row(**changes: Any) -> dict[str, Any]:
    return {**harness.row("rows", "5 MB/s", "peer: 4 MB/s", 5, 1.25, ">= 1", holds=True), **changes}


def test_sides_take_turns_and_every_second_turn_goes_backwards() -> None:
    order: list[str] = []

    def side(name: str, value: float) -> float:
        order.append(name)
        return value

    found = harness.interleave({"a": lambda: side("a", 6), "b": lambda: side("b", 3)}, repeats=3)
    assert "".join(order) == "abbaab"
    assert harness.ratio(found["a"], found["b"]) == 2


def test_a_ratio_compares_neighbours() -> None:
    """A machine twice as slow in the second repeat changes no ratio."""
    assert harness.ratio(Sample((2.0, 1.0, 2.0)), Sample((4.0, 2.0, 4.0))) == 0.5


def test_a_row_without_a_key_is_refused() -> None:
    row = _row()
    del row["target"]
    with pytest.raises(harness.Broken, match="target"):
        harness.stamped([row])
    assert set(harness.stamped([_row()])[0]) == set(harness.KEYS)


def test_a_broken_gate_scores_nothing_and_fails(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_module: object, _n: int | None) -> list[dict[str, Any]]:
        harness.gate(False, "the roots differ")
        return [_row()]

    monkeypatch.setattr(command, "_call", broken)
    assert command.main(["shards", "1"]) == 1
    (row,) = json.loads((place / "shards.json").read_text())
    assert [row["value"], row["holds"], row["ours"]] == [0, False, "the roots differ"]
    assert "NO" in capsys.readouterr().out


def test_an_unknown_name_is_refused_with_the_names_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(["nothing"])
    assert stopped.value.code == 2
    assert "shards" in capsys.readouterr().err
    assert "harness" not in command.names()


def test_the_page_keeps_its_prose_and_gets_the_results(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report._BEGIN}\nyesterday\n{report._END}\nafter\n")
    rows = [*harness.stamped([_row(measure="a | b")]), *harness.stamped([_row(ratio=None, holds=None)])]
    report.save(tmp_path / "results", "shards", rows)
    for _ in range(2):  # written again, it is the same page
        report.write(tmp_path / "results", page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "yesterday" not in text
    assert "| a \\| b | 5 MB/s | peer: 4 MB/s | 1.25 | >= 1 | yes |" in text
    assert text.count("█") == 40


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing to fill")
    with pytest.raises(ValueError, match="marks"):
        report.write(tmp_path, page)
    assert page.read_text() == "nothing to fill"
