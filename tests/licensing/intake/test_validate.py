from __future__ import annotations

from pathlib import Path

from licensing.intake import issues, validate
from licensing.intake.readers import reading


def verdicts(folder: Path, text: str) -> tuple[list[str], validate.Tally]:
    path = folder / "upload.csv"
    path.write_text(text, "utf-8")
    tally = validate.Tally()
    return [one.verdict for one in validate.validate(reading.read(path), tally)], tally


def test_no_title_is_rejected_and_the_rest_goes_in(tmp_path: Path) -> None:
    found, tally = verdicts(tmp_path, "own_id,title\na,T\nb,\nc, ... \n")
    assert found == ["loadable", "rejected", "rejected"]
    assert tally.issues_by_code["title_missing"] == 2


def test_without_a_title_column_a_file_updates(tmp_path: Path) -> None:
    assert verdicts(tmp_path, "own_id,publisher\na,P\n")[0] == ["loadable"]


def test_a_repeated_record_goes_in_once(tmp_path: Path) -> None:
    text = "own_id,isbn,title\na,9780439023481,T\na,,T\nb,0439023483,T\nc,9780439023481,Other\n"
    found, tally = verdicts(tmp_path, text)
    assert found == ["loadable", "duplicate", "duplicate", "loadable"]
    assert tally.issues_by_code["duplicate_record"] == 2


def test_invalid_identifiers_never_make_a_duplicate(tmp_path: Path) -> None:
    assert verdicts(tmp_path, "own_id,isbn,title\na,9780439023482,T\nb,9780439023482,T\n")[0] == ["loadable"] * 2


def test_a_rejected_record_does_not_hide_a_good_one(tmp_path: Path) -> None:
    assert verdicts(tmp_path, "own_id,title\na,\na,T\n")[0] == ["rejected", "loadable"]


def test_every_issue_speaks_english_and_chinese() -> None:
    for code in issues.catalogue():
        issue = issues.make(code, line=1, column=2, path="p", seen="s", expected="e")
        for language in ("en", "zh"):
            assert issue.message(language)
            assert issue.how_to_fix(language)
        assert issue.message("en") != issue.message("zh")
