"""The same journey on real input: novels, Tang poems, ONIX single records, a book list. Read in place, never copied."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from accounts.unit import SYSTEM, unit
from licensing.catalogue.models import Asset, Work
from marketplace.demo.journey import good
from tests.journeys.conftest import Started, journey
from tests.support.databases import Committed

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
NOVELS, POEMS, BOOKS = 20, 1_000, 1_000

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(not DATA.is_dir(), reason="real input is not here: put it into ../shared/data"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder: two lists in JSONL with their texts, ONIX files and a CSV as they are."""
    place = tmp_path / "mine"
    place.mkdir()
    _write(place / "novels.jsonl", [_novel(row, place) for row in json.loads((DATA / "se_catalogue.json").read_text())])
    poems = json.loads((DATA / "zh" / "quantangshi_poet.tang.0.json").read_text())
    _write(place / "poems.jsonl", [_poem(row, place) for row in poems])
    for name in ("onix3-single.xml", "Onix3.1-single-ref.xml", "Onix3.1-single-short.xml"):
        shutil.copy(DATA / "onix" / name, place / name)
    shutil.copy(DATA / "goodbooks10k_first1000.csv", place / "books.csv")
    return place


def _novel(row: dict[str, Any], place: Path) -> dict[str, Any]:
    text = DATA / "texts_se" / f"{row['slug']}.txt"
    if text.is_file():
        shutil.copy(text, place / text.name)
    people = [{"role": "author", "name": name} for name in row["creators"]]
    return {"own_id": row["slug"], "title": row["title"], "language": row["language"], "form": "book",
            "contributors": people, "publisher": row["publisher"]}  # fmt: skip


def _poem(row: dict[str, Any], place: Path) -> dict[str, Any]:
    (place / f"{row['id']}.txt").write_text("\n".join(row["paragraphs"]) + "\n", encoding="utf-8")
    return {"own_id": row["id"], "title": row["title"], "language": "zh-Hant", "form": "poem",
            "contributors": [{"role": "author", "name": row["author"]}]}  # fmt: skip


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def test_the_journey_on_real_input(started: Started, committed: Committed, folder: Path) -> None:
    with started() as stack:
        run = journey(stack, committed, folder)
        summary = run.run()
    assert good(summary), summary
    with unit(SYSTEM):
        works, texts = Work.objects.count(), Asset.objects.count()
    assert works >= NOVELS + POEMS + BOOKS - 20
    assert texts >= 17 + 990
    assert summary["works"] == works
    assert summary["decisions"]["cleared"] == texts
    assert summary["reasons"]["content_missing"] == works - texts
    assert summary["release_rows"] == texts
