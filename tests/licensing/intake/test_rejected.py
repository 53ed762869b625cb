"""The rejected records come back as they were sent, each with what is wrong; mended, they go in, and nothing else."""

from __future__ import annotations

import csv
import io
import json

import pytest
from lxml import etree

from accounts.errors import Refused
from accounts.unit import unit
from licensing.catalogue.models import Catalogue, Work
from licensing.intake import rejected
from licensing.intake.models import Import
from tests.licensing.intake import senders
from tests.licensing.intake.senders import ACTOR

pytestmark = pytest.mark.django_db


def written(found: Import) -> bytes:
    out = io.BytesIO()
    with unit(ACTOR):
        rejected.write(found, out)
    return out.getvalue()


def works(catalogue: Catalogue) -> dict[str, str]:
    with unit(ACTOR):
        return dict(Work.objects.filter(catalogue=catalogue).order_by("own_id").values_list("own_id", "title"))


CSV = (
    '\n"own_id";"title";"note"\nA;Good;x\nB;;"=HYPERLINK(1)\nand more"\nC;Torn;"open\nD;Two;y;z;@w\nE;Late;-1\nF;;{}\n'
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
def test_a_table_comes_back_with_a_column_more(encoding: str) -> None:
    catalogue = senders.house()
    found = senders.committed_feed(catalogue, CSV.format("渡口").encode(encoding))
    assert found.outcomes["rejected"] == 4
    text = written(found).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == ["own_id", "title", "note", "licet_comment"]
    assert [row[:3] for row in rows[1:]] == [
        ["B", "", "'=HYPERLINK(1)\nand more"], ['C;Torn;"open', "", ""], ["D", "Two", "y"], ["F", "", "渡口"],
    ]  # fmt: skip
    assert rows[3][4:] == ["z", "'@w"]
    assert [row[3].split(":")[0] for row in rows[1:]] == ["title_missing", "csv_row", "csv_cells", "title_missing"]
    assert "line 4" in rows[1][3]


def test_a_mended_table_goes_in_as_if_it_had_been_good() -> None:
    catalogue = senders.house()
    rows = [senders.row(1), senders.row(2, title="", subtitle="=1+1"), senders.row(3, title="", subtitle="'=1+1")]
    found = senders.committed_feed(catalogue, senders.table(rows))
    back = list(csv.DictReader(io.StringIO(written(found).decode("utf-8-sig"), newline="")))
    assert [row["subtitle"] for row in back] == ["'=1+1", "'=1+1"]
    for row in back:
        row["title"] = "Mended"
    again = senders.committed_feed(catalogue, senders.table(back))
    assert (again.records, again.outcomes["new"], again.outcomes["rejected"]) == (2, 2, 0)
    assert again.issues_by_code == {}
    assert works(catalogue) == {"W1": "The Lamp of Harbour 1", "W2": "Mended", "W3": "Mended"}
    with unit(ACTOR):
        assert Work.objects.get(own_id="W2").subtitle == "=1+1"


def test_lines_come_back_with_a_key_more() -> None:
    lines = [
        '{"own_id": "a", "title": "Good"}', '{"own_id": "b"}', "{broken", '{"own_id": "d", "title": "\\ud800"}',
        '{"own_id": "e", "title": "one \\\\u0000 backslash"}', '{"own_id": "f", "title": "渡口", "title": "x"}', "[]",
    ]  # fmt: skip
    catalogue = senders.house()
    found = senders.committed_feed(catalogue, "\n".join(lines))
    assert works(catalogue) == {"a": "Good", "e": "one \\u0000 backslash"}
    told = [json.loads(line) for line in written(found).decode().splitlines()]
    codes = ["title_missing", "json_invalid", "lone_surrogate", "json_duplicate_key", "json_not_object"]
    assert [one.pop("licet_comment").split(":")[0] for one in told] == codes
    assert told == [
        {"own_id": "b"}, {"licet_line": "{broken"}, {"own_id": "d", "title": "\ud800"}, {"licet_line": lines[5]},
        {"licet_line": "[]"},
    ]  # fmt: skip
    mended = {**told[0], "licet_comment": "what was wrong", "title": "Mended"}
    again = senders.committed_feed(catalogue, json.dumps(mended))
    assert (again.outcomes["new"], again.issues_by_code) == (1, {})


def test_products_come_back_in_a_message_with_comments() -> None:
    catalogue = senders.house()
    bad = senders.product(2).replace("TitleText>", "Subtitle>")
    found = senders.committed_feed(catalogue, senders.onix(senders.product(1), bad, senders.product(3)))
    message = written(found)
    root = etree.fromstring(message)
    assert etree.QName(root).localname == "ONIXMessage"
    assert [etree.QName(child).localname for child in root.iterchildren("*")] == ["Header", "Product"]
    assert b"<!-- title_missing: " in message
    mended = message.replace(b"Subtitle>", b"TitleText>")
    again = senders.committed_feed(catalogue, mended)
    assert (again.records, again.outcomes["new"]) == (1, 1)
    assert set(works(catalogue)) == {"R1", "R2", "R3"}


def test_a_file_refused_whole_has_no_records_to_give_back() -> None:
    found = senders.validated(senders.house(), "<ONIXMessage><Product>")
    with pytest.raises(Refused) as refused:
        written(found)
    assert refused.value.code == "state_conflict"
