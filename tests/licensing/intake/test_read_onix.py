from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.errors import Refused
from licensing.intake import flat
from licensing.intake.readers import reading
from licensing.intake.record import Outcome

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
REFERENCE = """<?xml version="1.0" encoding="{encoding}"?>
<ONIXMessage release="3.0" xmlns="http://ns.editeur.org/onix/3.0/reference">
<Header><Sender><SenderName>S</SenderName></Sender><DefaultLanguageOfText>chi</DefaultLanguageOfText></Header>
{products}
</ONIXMessage>
"""
PRODUCT = """<Product><RecordReference>{ref}</RecordReference><NotificationType>{kind}</NotificationType>
<ProductIdentifier><ProductIDType>15</ProductIDType><IDValue>{isbn}</IDValue></ProductIdentifier>
<DescriptiveDetail><ProductComposition>00</ProductComposition><ProductForm>EA</ProductForm>{extra}
<TitleDetail><TitleType>01</TitleType><TitleElement><TitleElementLevel>01</TitleElementLevel>
<TitleText>{title}</TitleText></TitleElement></TitleDetail></DescriptiveDetail></Product>"""


def product(
    ref: str = "r1", *, kind: str = "03", isbn: str = "9780439023481", title: str = "T", extra: str = ""
) -> str:
    return PRODUCT.format(ref=ref, kind=kind, isbn=isbn, title=title, extra=extra)


def message(*products: str, encoding: str = "UTF-8") -> str:
    return REFERENCE.format(encoding=encoding, products="\n".join(products))


def read(folder: Path, data: str | bytes) -> list[Outcome]:
    path = folder / "upload"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return list(reading.read(path))


def refusal(folder: Path, data: str | bytes) -> str:
    with pytest.raises(Refused) as caught:
        read(folder, data)
    assert caught.value.code == "file_refused"
    return caught.value.reasons[0].code


def codes(outcome: Outcome) -> set[str]:
    return {issue.code for issue in outcome.issues}


def test_a_refusal_points_at_what_is_known_of_the_place(tmp_path: Path) -> None:
    pointers = []
    for text in (message(product()).rstrip()[:-1], message(product("a &; b")), message(product()) + "<more/>"):
        with pytest.raises(Refused) as refused:
            read(tmp_path, text)
        pointers.append(refused.value.reasons[0].pointer)
    assert [pointer.count(":") for pointer in pointers] == [0, 1, 0]
    last = message(product()).rstrip().count("\n") + 1
    assert [int(pointer.partition(":")[0]) for pointer in pointers[:2]] == [last, 4]


def test_each_record_knows_its_bytes(tmp_path: Path) -> None:
    text = message(product("a"), "<!-- <Product> -->", product("b", title="一")).encode()
    first, second = read(tmp_path, text)
    for outcome in (first, second):
        assert outcome.record is not None
        place = outcome.record.position
        raw = text[place.offset : place.offset + place.length]
        assert raw.startswith(b"<Product>")
        assert raw.endswith(b"</Product>")
        assert hashlib.sha256(raw).hexdigest() == place.sha256
        assert text[: place.offset].count(b"\n") + 1 == place.line
    assert (first.ref, second.ref) == ("a", "b")
    assert second.record is not None
    assert second.record.language == "zh"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file_empty"),
        (message().encode(), "no_records"),
        (message(product()).encode()[:-40], "xml_truncated"),
        (message(product("a"), product("b")).encode()[:-200], "xml_truncated"),
        (message(product(title="a & b")).encode(), "xml_malformed"),
        (message(f"<x>{product()}</x>").encode(), "xml_malformed"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><ONIXMessage release="3.0"/>', "xml_entities"),
        (b'<ONIXMessage release="4.0"><Product/></ONIXMessage>', "onix_version"),
        (b"<Catalogue><Product/></Catalogue>", "onix_root"),
    ],
)
def test_refuses_whole_files(tmp_path: Path, data: bytes, code: str) -> None:
    assert refusal(tmp_path, data) == code


def test_latin_1_declared_as_utf_8_is_said_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(message(product("a"), product("b", title="Café")).encode("latin-1"))
    opened = reading.read(path)
    first, second = list(opened)
    wrong = opened.issues[0]
    assert (wrong.code, wrong.seen, wrong.expected) == ("encoding_wrong", "cp1252", "UTF-8")
    assert wrong.line > 0
    assert wrong.column > 0
    assert codes(first) == set()
    assert codes(second) == {"encoding_assumed"}
    assert second.record is not None
    assert second.record.title == "Café"


def test_one_damaged_byte_costs_one_record(tmp_path: Path) -> None:
    data = message(product("a", title="Café"), product("b", title="x@y"), product("c")).encode().replace(b"@", b"\xff")
    first, second, third = read(tmp_path, data)
    assert first.loadable
    assert third.loadable
    assert not second.loadable
    issue = second.issues[0]
    assert (issue.code, issue.seen, issue.record) == ("encoding_damaged", "0xFF", "b")
    assert data.splitlines()[issue.line - 1].decode("utf-8", "replace")[issue.column - 1] == "\ufffd"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "gb18030"])
def test_reads_other_encodings(tmp_path: Path, encoding: str) -> None:
    declared = encoding.removesuffix("-sig").upper()
    (outcome,) = read(tmp_path, message(product(title="論語"), encoding=declared).encode(encoding))
    assert outcome.record is not None
    assert outcome.record.title == "論語"
    assert outcome.issues == ()


def test_notifications_and_bad_identifiers(tmp_path: Path) -> None:
    kinds = [product(kind, kind=kind) for kind in ("03", "04", "05", "88", "77")]
    outcomes = read(tmp_path, message(*kinds, product("z", isbn="9780439023482")))
    assert [one.record.notification for one in outcomes if one.record] == [
        "new", "update", "delete", "ignored", "ignored", "new",
    ]  # fmt: skip
    assert codes(outcomes[4]) == {"notification_unknown"}
    assert codes(outcomes[5]) == {"identifier_invalid"}
    assert outcomes[5].loadable
    assert outcomes[5].record is not None
    assert outcomes[5].record.matching == ()


@pytest.mark.parametrize(
    ("usage", "status", "effect"),
    [("11", "03", "reserve"), ("11", "01", "evidence"), ("13", "03", "evidence"), ("14", "03", "evidence")],
)
def test_only_prohibited_mining_reserves(tmp_path: Path, usage: str, status: str, effect: str) -> None:
    extra = (
        f"<EpubUsageConstraint><EpubUsageType>{usage}</EpubUsageType>"
        f"<EpubUsageStatus>{status}</EpubUsageStatus></EpubUsageConstraint>"
    )
    (outcome,) = read(tmp_path, message(product(extra=extra)))
    assert outcome.record is not None
    (signal,) = outcome.record.signals
    assert (signal.effect, signal.signal, signal.value) == (effect, f"onix:145:{usage}", status)


def test_an_unnamed_ai_author_is_an_origin(tmp_path: Path) -> None:
    machine = "<Contributor><ContributorRole>{}</ContributorRole><UnnamedPersons>09</UnnamedPersons></Contributor>"
    human = "<Contributor><ContributorRole>A01</ContributorRole><PersonName>Ada</PersonName></Contributor>"
    outcomes = read(
        tmp_path,
        message(product("a", extra=machine.format("A01")), product("b", extra=human + machine.format("B06"))),
    )
    assert [one.record.origin for one in outcomes if one.record] == ["synthetic", "ai_assisted"]


@pytest.mark.skipif(not DATA.is_dir(), reason="the folder of real data is not here")
def test_every_real_file_is_read_or_explained() -> None:
    refused = {}
    for path in sorted((DATA / "onix").rglob("*.xml")):
        try:
            outcomes = list(reading.read(path))
        except Refused as error:
            refused[path.name] = error.reasons[0].code
            continue
        assert all(one.record is not None and one.ref for one in outcomes), path.name
    assert refused == {"test_collection.xml": "onix_root", "invalid_onix_root.xml": "onix_root"}


@pytest.mark.skipif(not DATA.is_dir(), reason="the folder of real data is not here")
def test_short_and_reference_tags_give_the_same_record() -> None:
    for short, long in [
        ("Onix3.1-single-short.xml", "Onix3.1-single-ref.xml"),
        ("single-book-onix3-short.xml", "single-book-onix3.xml"),
    ]:
        (one,), (other,) = (list(reading.read(DATA / "onix" / name)) for name in (short, long))
        assert one.record is not None
        assert other.record is not None
        for name in ("ref", "title", "contributors", "identifiers", "subjects", "language", "form", "relations"):
            assert getattr(one.record, name) == getattr(other.record, name), name


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=400), st.integers(0, 900), st.booleans())
def test_any_bytes_are_read_or_refused(tmp_path: Path, noise: bytes, place: int, whole: bool) -> None:
    base = b"" if whole else message(product("a"), product("b", title="一")).encode()
    try:
        outcomes = read(tmp_path, base[:place] + noise + base[place:])
    except Refused:
        return
    assert outcomes


def publishing(dates: str) -> str:
    detail = f"<PublishingDetail>{dates}</PublishingDetail></Product>"
    return message(product().replace("</Product>", detail))


def test_the_year_of_an_original_is_not_that_of_its_translation(tmp_path: Path) -> None:
    def date(role: str, year: str) -> str:
        return f"<PublishingDate><PublishingDateRole>{role}</PublishingDateRole><Date>{year}</Date></PublishingDate>"

    (outcome,) = read(tmp_path, publishing(date("20", "1869") + date("01", "2010")))
    assert outcome.record is not None
    assert outcome.record.first_publication_date is None
    (outcome,) = read(tmp_path, publishing(date("20", "1869") + date("11", "1922")))
    assert outcome.record is not None
    assert outcome.record.first_publication_date is not None
    assert outcome.record.first_publication_date.sent == "1922"


def test_a_full_record_without_a_statement_takes_it_back(tmp_path: Path) -> None:
    """Nobody stays anonymous, without contributors or translated because an earlier record said so."""
    (outcome,) = read(tmp_path, message(product()))
    assert outcome.record is not None
    erased = flat.flatten(outcome.record)["erase"]
    assert {"no_contributors", "original_language", "origin", "content_file"} <= set(erased)
    (outcome,) = read(tmp_path, message(product(kind="04")))
    assert outcome.record is not None
    assert "no_contributors" in outcome.record.erased
    assert not outcome.record.sent & {"origin", "content_file", "publisher"}


def licence(kind: str = "02", date: str = "") -> str:
    return (
        "<EpubLicense><EpubLicenseName>CC BY 4.0</EpubLicenseName><EpubLicenseExpression><EpubLicenseExpressionType>"
        f"{kind}</EpubLicenseExpressionType><EpubLicenseExpressionLink>https://creativecommons.org/licenses/by/4.0/"
        f"</EpubLicenseExpressionLink></EpubLicenseExpression>{date}</EpubLicense>"
    )


def test_only_a_licence_given_for_good_is_taken_over(tmp_path: Path) -> None:
    until = "<EpubLicenseDate><EpubLicenseDateRole>15</EpubLicenseDateRole><Date>20300101</Date></EpubLicenseDate>"
    given, separate, ending = read(
        tmp_path,
        message(
            product("a", extra=licence()), product("b", extra=licence("21"), isbn="9780306406157"),
            product("c", extra=licence(date=until), isbn="9781861972712"),
        ),
    )  # fmt: skip
    links = [[one.url for one in outcome.record.licences] for outcome in (given, separate, ending) if outcome.record]
    assert links == [["https://creativecommons.org/licenses/by/4.0/"], [""], []]
    assert "licence_limited" in codes(ending)


@pytest.mark.parametrize(
    ("form", "content", "ours"),
    [
        ("EA", "10", "book"), ("EA", "01", "audio"), ("EA", "06", "video"), ("EA", "09", "dataset"),
        ("EA", "08", "code"), ("EA", "34", "book"), ("EA", "05", "book"), ("PI", "", "score"), ("PK", "", "image"),
        ("ZE", "", "other"),
        ("AJ", "01", "audio"), ("BB", "", "book"), ("VI", "", "video"), ("PF", "", "other"),
    ],
)  # fmt: skip
def test_forms_by_content_and_carrier(tmp_path: Path, form: str, content: str, ours: str) -> None:
    main = f"<PrimaryContentType>{content}</PrimaryContentType>" if content else ""
    sent = product(extra=main).replace(">EA<", f">{form}<")
    (outcome,) = read(tmp_path, message(sent))
    assert outcome.record is not None
    assert outcome.record.form == ours


def test_a_supply_update_is_ignored_and_a_pack_names_its_contents(tmp_path: Path) -> None:
    (outcome,) = read(tmp_path, message(product(kind="12")))
    assert (outcome.loadable, codes(outcome)) == (False, {"notification_supply"})
    pack = product().replace("<ProductComposition>00<", "<ProductComposition>31<")
    (outcome,) = read(tmp_path, message(pack))
    assert outcome.record is not None
    assert (outcome.record.composition, outcome.record.matching) == ("set", ())


def test_people_bring_the_ids_of_rights_societies_and_institutions(tmp_path: Path) -> None:
    ids = "".join(
        f"<NameIdentifier><NameIDType>{kind}</NameIDType><IDValue>{value}</IDValue></NameIdentifier>"
        for kind, value in (("39", "00014107338"), ("40", "05dxps055"))
    )
    sent = f"<Contributor><ContributorRole>A01</ContributorRole>{ids}<PersonName>Ada</PersonName></Contributor>"
    (outcome,) = read(tmp_path, message(product(extra=sent)))
    assert outcome.record is not None
    found = [(one.scheme, one.value, one.valid) for one in outcome.record.contributors[0].identifiers]
    assert found == [("ipi", "00014107338", True), ("ror", "05dxps055", True)]


def test_a_cover_made_by_a_machine_says_nothing_about_the_text(tmp_path: Path) -> None:
    def people(role: str) -> str:
        author = "<Contributor><ContributorRole>A01</ContributorRole><PersonName>Ada</PersonName></Contributor>"
        machine = f"<ContributorRole>{role}</ContributorRole><UnnamedPersons>09</UnnamedPersons>"
        return message(product(extra=f"{author}<Contributor>{machine}</Contributor>"))

    assert [one.record.origin for one in read(tmp_path, people("A36")) if one.record] == ["unknown"]
    assert [one.record.origin for one in read(tmp_path, people("B06")) if one.record] == ["ai_assisted"]
