from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.errors import Refused
from licensing.intake.readers import reading
from licensing.intake.record import Outcome, Record

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def read(folder: Path, data: str | bytes, kind: str = "auto") -> list[Outcome]:
    path = folder / "upload"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return list(reading.read(path, format_name=kind))


def only(outcomes: list[Outcome]) -> tuple[Record, set[str]]:
    (outcome,) = outcomes
    assert outcome.record is not None
    return outcome.record, {issue.code for issue in outcome.issues}


def row(**values: object) -> str:
    return json.dumps({"own_id": "x", "title": "T", **values}, ensure_ascii=False) + "\n"


def test_template_columns(tmp_path: Path) -> None:
    record, found = only(
        read(
            tmp_path,
            "own_id,isbn,title,language,form,contributors,publication_date,origin,source_kind,licence,publisher\n"
            'p1,9780439023481,"Tide, rising",zh-hant,poem,author:佚名; translator:Ann Lee [isni:0000000121479135],'
            "1912-05,human,open_licence,CC-BY-4.0,\n",
        )
    )
    assert found == set()
    assert (record.ref, record.title, record.language, record.form) == ("p1", "Tide, rising", "zh-Hant", "poem")
    assert [(one.role, one.name, one.unnamed) for one in record.contributors] == [
        ("author", "佚名", "anonymous"),
        ("translator", "Ann Lee", ""),
    ]
    assert record.contributors[1].identifiers[0].valid
    assert record.publication_date is not None
    assert str(record.publication_date.not_after) == "1912-05-31"
    assert (record.origin, record.source_kind, record.licences[0].expression) == ("human", "open_licence", "CC-BY-4.0")


def test_an_empty_cell_erases_and_a_missing_column_is_left_alone(tmp_path: Path) -> None:
    record, _ = only(read(tmp_path, "own_id,title,publisher\na,T,\n"))
    assert record.erased == {"publisher"}
    assert "imprint" not in record.sent


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(tmp_path: Path, delimiter: str) -> None:
    record, _ = only(read(tmp_path, f"own_id{delimiter}title\r\na{delimiter}T\r\n"))
    assert (record.ref, record.title) == ("a", "T")


@pytest.mark.parametrize(
    ("isbn", "code", "matching"),
    [
        ("439023483", "isbn_zeros_restored", ["9780439023481"]),
        ("439023484", "identifier_invalid", []),
        ("9.78043902348e+12", "number_damaged", []),
        ("9780439023481.0", "number_decimal", ["9780439023481"]),
        ("9780439023482", "identifier_invalid", []),
    ],
)
def test_spreadsheet_damage_is_said(tmp_path: Path, isbn: str, code: str, matching: list[str]) -> None:
    record, found = only(read(tmp_path, f"own_id,isbn,title\na,{isbn},T\n"))
    assert found == {code}
    assert record.identifiers[0].identifier.sent == isbn
    assert [one.value for one in record.matching] == matching


def test_a_negative_year_is_kept_and_not_used(tmp_path: Path) -> None:
    record, found = only(read(tmp_path, "own_id,title,original_publication_year\na,T,-720.0\n"))
    assert found == {"date_before_common_era"}
    assert record.extra == {"original_publication_year": "-720.0"}
    record, _ = only(read(tmp_path, "own_id,title,first_publication_date\na,T,-720.0\n"))
    assert record.first_publication_date is not None
    assert (record.first_publication_date.sent, record.first_publication_date.not_after) == ("-720.0", None)


def test_the_year_of_an_original_is_not_that_of_this_text(tmp_path: Path) -> None:
    """A list of books gives the same year for every translation of a classic."""
    record, found = only(read(tmp_path, "own_id,title,original_publication_year\na,T,1869.0\n"))
    assert (record.first_publication_date, record.publication_date) == (None, None)
    assert found == {"number_decimal"}
    assert record.erased == frozenset()


def test_a_nul_costs_its_row_wherever_it_is(tmp_path: Path) -> None:
    outcomes = read(tmp_path, "own_id,title\na,b\x00c\nd,ok\n")
    assert [(one.line, one.loadable) for one in outcomes] == [(2, False), (3, True)]
    assert [(issue.code, issue.line, issue.path) for issue in outcomes[0].issues] == [("nul_character", 2, "title")]
    with pytest.raises(Refused) as refused:
        read(tmp_path, "own_id,\x00title\na,b\n")
    assert refused.value.reasons[0].code == "format_unknown"


def test_a_broken_row_costs_itself(tmp_path: Path) -> None:
    outcomes = read(tmp_path, 'own_id,title\na,T\nb,"open\nc,T\nd,T,too many\ne,T\n')
    assert [(one.line, one.ref, one.loadable) for one in outcomes] == [
        (2, "a", True), (3, "", False), (4, "c", True), (5, "", False), (6, "e", True),
    ]  # fmt: skip
    assert [one.issues[0].code for one in outcomes if one.issues] == ["csv_row", "csv_cells"]


def test_latin_1_and_gbk_lists_are_read_and_said(tmp_path: Path) -> None:
    for text, encoding in [("own_id,title\na,Café\n", "cp1252"), ("own_id,title\na,唐诗三百首\n", "gb18030")]:
        path = tmp_path / encoding
        path.write_bytes(text.encode(encoding))
        opened = reading.read(path)
        record, found = only(list(opened))
        assert record.title == text.split(",")[2].strip()
        assert found == {"encoding_assumed"}
        assert (opened.issues[0].code, opened.issues[0].line, opened.info.encoding_read) == (
            "encoding_wrong",
            2,
            encoding,
        )


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("own_id,title\n", "no_records"),
        ("a,b\n1,2\n", "header_unknown"),
        ("title,title\na,b\n", "header_duplicate"),
        ('[{"title": "T"}]', "json_not_lines"),
        (b"PK\x03\x04....", "format_unsupported"),
        (b"\x00\x01\x02\x03", "format_unknown"),
    ],
)
def test_refuses_whole_files(tmp_path: Path, data: str | bytes, code: str) -> None:
    with pytest.raises(Refused) as caught:
        read(tmp_path, data)
    assert caught.value.reasons[0].code == code


def test_json_lines(tmp_path: Path) -> None:
    record, found = only(
        read(
            tmp_path,
            row(
                contributors=[{"role": "author", "name": "Li Bai", "died": "0762"}],
                identifiers=[{"type": "isbn", "value": "0-439-02348-3"}],
                subjects=["thema:DCF", {"scheme": "own", "code": "1", "heading": "h"}],
                licence={"expression": "CC0-1.0", "layer": "whole"},
                publisher=None,
            ),
        )
    )
    assert found == set()
    assert record.contributors[0].role == "author"
    assert [one.value for one in record.matching] == ["9780439023481"]
    assert record.erased == {"publisher"}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"own_id": "a", "title": "a\\u0000"}', "nul_character"),
        (b'{"own_id": "a", "title": "a\\ud800"}', "lone_surrogate"),
        (b'{"own_id": "a", "title": "a\xff"}', "encoding_damaged"),
        (b'{"own_id": "a", "own_id": "b"}', "json_duplicate_key"),
        (b'{"own_id": "a", "title": NaN}', "json_invalid"),
        (b'{"own_id": "a"', "json_invalid"),
        (b"[1]", "json_not_object"),
        (b'{"own_id": 7, "title": "T"}', "value_type"),
        (b'{"own_id": "a", "title": "T", "origin": "robot"}', "value_not_allowed"),
    ],
)
def test_a_bad_line_is_rejected_with_its_place(tmp_path: Path, line: bytes, code: str) -> None:
    good, bad = read(tmp_path, row().encode() + line + b"\n", "jsonl")
    assert good.loadable
    assert not bad.loadable
    issue = next(one for one in bad.issues if one.code == code)
    assert issue.line == 2
    assert issue.column >= 1


@pytest.mark.skipif(not DATA.is_dir(), reason="the folder of real data is not here")
def test_a_real_spreadsheet() -> None:
    outcomes = list(reading.read(DATA / "goodbooks10k_first1000.csv"))
    assert len(outcomes) == 1000
    assert all(one.loadable for one in outcomes)
    assert {one.ref for one in outcomes} == {str(number) for number in range(1, 1001)}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(["csv", "jsonl"]), st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path: Path, kind: str, noise: bytes) -> None:
    head = b"own_id,title,isbn\n" if kind == "csv" else row().encode()
    try:
        outcomes = read(tmp_path, head + noise, kind)
    except Refused:
        return
    assert outcomes
