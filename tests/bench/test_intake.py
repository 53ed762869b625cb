"""The benchmark of imports: the same feed every time, every record counted, a broken run scores nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import feeds, harness, intake
from licensing.intake.readers import reading
from licensing.intake.validate import validate


@pytest.mark.parametrize("kind", ["csv", "onix"])
def test_a_feed_is_the_same_every_time_and_good_but_for_its_planted_isbns(kind: str, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for path in (one, other):
        intake.KINDS[kind](path, 1001)
    assert one.read_bytes() == other.read_bytes()
    found = list(validate(reading.read(one)))
    assert {checked.verdict for checked in found} == {"loadable"}
    told = [(number, issue.code) for number, checked in enumerate(found) for issue in checked.issues]
    assert told == [(0, "identifier_invalid"), (feeds.WRONG_EVERY, "identifier_invalid")]


@pytest.mark.django_db
def test_a_small_run_gives_the_rows_of_the_table() -> None:
    rows = intake.run(20)
    assert [row["measure"] for row in rows] == [
        "intake, csv, 20 records", "memory of the reader, csv", "intake, onix, 20 records",
        "memory of the reader, onix", "intake, csv",
    ]  # fmt: skip
    assert rows[-1]["against"].startswith("django-oscar 4.2: absent")
    assert all(row["value"] > 0 for row in rows[:-1])


@pytest.mark.django_db
def test_a_run_that_loses_a_record_scores_nothing(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    feeds.table(path, 5)
    with pytest.raises(harness.Broken, match="of 6 records"):
        intake._imported("csv", path, 6)
