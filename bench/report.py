"""Results as files, as one table for the terminal, and as docs/benchmarks.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- results: written by `python -m bench report` -->", "<!-- end of results -->"
_HEAD = ("measure", "ours", "against", "ratio", "target", "holds")
_BAR = 40

Rows = Sequence[Mapping[str, Any]]


def save(folder: Path, name: str, rows: Rows) -> Path:
    """Write NAME.json: the list of rows."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(list(rows), indent=2, ensure_ascii=False) + "\n")
    return path


def load(folder: Path) -> dict[str, Rows]:
    """What ran so far, by benchmark."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def table(results: Mapping[str, Rows]) -> str:
    """All rows as one table of aligned columns."""
    lines = [_HEAD, *(_cells(row) for rows in results.values() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (lines[0], rule, *lines[1:])
    )


def write(folder: Path, page: Path = PAGE) -> Path:
    """Put the results of `folder` between the two marks of the page; ValueError when they are not there."""
    text = page.read_text()
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{page.name} lacks the marks {_BEGIN} and {_END}")
    page.write_text(f"{before}{begin}\n\n{markdown(load(folder))}\n{end}{after}")
    return page


def markdown(results: Mapping[str, Rows]) -> str:
    """One section per benchmark: machine, time, table, picture of the ratios."""
    return "\n".join(_section(name, rows) for name, rows in results.items() if rows)


def _section(name: str, rows: Rows) -> str:
    lines = [f"### {name}", "", f"{rows[0]['at'][:10]}, {rows[0]['machine']}.", ""]
    lines += ["| " + " | ".join(_HEAD) + " |", "|" + "---|" * len(_HEAD)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in _cells(row)) + " |" for row in rows]
    picture = _picture(rows)
    return "\n".join([*lines, "", *(["```text", *picture, "```", ""] if picture else [])])


def _picture(rows: Rows) -> list[str]:
    """One bar per ratio, scaled to the largest."""
    found = [(str(row["measure"]), float(row["ratio"])) for row in rows if row["ratio"]]
    if not found:
        return []
    width, most = max(len(name) for name, _ in found), max(value for _, value in found)
    return [f"{name:<{width}}  {'█' * max(1, round(value / most * _BAR))} {value:.2f}" for name, value in found]


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
    holds = {True: "yes", False: "NO", None: ""}[row["holds"]]
    measure, ours, against, target = (str(row[key] or "") for key in ("measure", "ours", "against", "target"))
    return (measure, ours, against, ratio, target, holds)
