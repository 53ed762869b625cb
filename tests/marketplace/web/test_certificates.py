"""The certificate check tells everybody the status, and the holder of the file everything."""

from __future__ import annotations

import copy
import html
import json
import re
from typing import Any

import pytest
import segno
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse

from accounts.unit import SYSTEM, unit
from licensing.grants.models import Certificate, Grant
from licensing.outside import signing
from tests import scenario
from tests.marketplace.web.visitors import visitor
from tests.support.databases import LivedIn

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def sold(lived_in: LivedIn) -> Grant:
    return lived_in.made(lambda: scenario.granted(scenario.publisher("harbourside")))


@pytest.fixture
def grant(db: None, sold: Grant) -> Grant:
    return copy.deepcopy(sold)


def _document(grant: Grant) -> bytes:
    with unit(SYSTEM):
        return bytes(Certificate.objects.get(grant=grant).document)


def _present(data: bytes, address: str = "/certificates", language: str = "en") -> HttpResponse:
    file = SimpleUploadedFile("certificate.json", data, "application/json")
    answer: HttpResponse = visitor(language).post(address, {"certificate": file})
    return answer


def _status(grant: Grant, status: str) -> None:
    with unit(SYSTEM):
        Grant.objects.filter(pk=grant.pk).update(status=status)


def _secrets(grant: Grant) -> list[str]:
    """What only the holder of the file may read."""
    subject = json.loads(_document(grant))["credentialSubject"]
    names = [subject["licensee"]["name"], *(each["name"] for each in subject["licensor"])]
    return [*names, subject["works"]["root"], subject["order"], subject["priceCommitment"]]


def test_the_public_page_says_status_issuer_dates_and_kind(grant: Grant) -> None:
    answer = visitor().get(f"/certificates/{grant.name_id}")
    text = answer.content.decode()
    document = json.loads(_document(grant))
    key = signing.fingerprint(signing.public_key_of(document["proof"]["verificationMethod"]))
    assert answer.status_code == 200
    assert "Test, valid" in text
    assert "TEST: this certificate" in text
    assert key in text.replace(" ", "")
    assert document["issuer"]["name"] in text
    assert document["validFrom"][:10] in text


@pytest.mark.parametrize(("language", "title"), [("en", "QR code of this"), ("zh-hans", "本页地址的二维码")])
def test_the_public_page_has_its_address_as_a_code(grant: Grant, language: str, title: str) -> None:
    text = visitor(language).get(f"/certificates/{grant.name_id}").content.decode()
    address = f"{settings.PUBLIC_URL}/certificates/{grant.name_id}"
    code = segno.make_qr(address, error="m")
    assert re.findall(r' d="[^"]+"', code.svg_inline(border=4))[-1] in text
    width = code.symbol_size(border=4)[0]
    assert f'viewBox="0 0 {width} {width}"' in text  # without it a smaller picture shows a corner of the code
    assert title in html.unescape(text)
    assert f'href="{address}"' in text


def test_the_public_page_says_nothing_of_the_parties(grant: Grant) -> None:
    text = visitor().get(f"/certificates/{grant.name_id}").content.decode()
    assert [secret for secret in _secrets(grant) if secret in text] == []


@pytest.mark.parametrize(
    ("status", "word"),
    [("revoked", "Revoked"), ("suspended", "Suspended"), ("ended", "Expired"), ("at_risk", "Test, valid")],
)
def test_the_status_is_that_of_now(grant: Grant, status: str, word: str) -> None:
    _status(grant, status)
    assert f">{word}<" in visitor().get(f"/certificates/{grant.name_id}").content.decode()
    assert f">{word}<" in _present(_document(grant)).content.decode()


@pytest.mark.parametrize("name", ["grt_00000000000000000000000001", "grt_x", "wrk_00000000000000000000000001", "<b>"])
@pytest.mark.parametrize(("language", "word"), [("en", "No such certificate"), ("zh-hans", "没有该证书")])
def test_an_unknown_number_says_what_to_do(name: str, language: str, word: str) -> None:
    answer = visitor(language).get(f"/certificates/{name}")
    assert answer.status_code == 404
    assert word in answer.content.decode()
    assert "<b>" not in answer.content.decode()


def test_the_form_leads_to_the_page_of_a_number() -> None:
    answer = visitor().get("/certificates", {"id": " https://x.example/certificates/grt_1 "})
    assert answer.headers["Location"] == "/certificates/grt_1"


@pytest.mark.parametrize("address", ["/certificates", "/certificates/{}"])
def test_whoever_presents_the_file_sees_everything(grant: Grant, address: str) -> None:
    answer = _present(_document(grant), address.format(grant.name_id))
    text = answer.content.decode()
    assert answer.status_code == 200
    assert [secret for secret in _secrets(grant) if secret not in text] == []
    assert text.count(">yes<") == 5
    assert "Test, valid" in text


def _changed(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "validUntil": "2099-01-01T00:00:00Z"}


def _resigned(document: dict[str, Any]) -> dict[str, Any]:
    bare = {name: value for name, value in document.items() if name != "proof"}
    return signing.secure(bare, signing.KeySigner(b"\x07" * 32), scenario.now())


@pytest.mark.parametrize(
    ("change", "word", "yes"),
    [
        (_changed, "Wrong", 0),
        (_resigned, "Not from here", 1),
        (lambda _document: {"proof": 1}, "Wrong", 0),
        (lambda _document: {}, "Wrong", 0),
        (lambda document: {**document, "x": 1.5}, "Wrong", 0),
    ],
)
def test_a_false_certificate_is_named_and_shows_nothing(grant: Grant, change: Any, word: str, yes: int) -> None:
    document = change(json.loads(_document(grant)))
    text = _present(json.dumps(document).encode()).content.decode()
    assert f">{word}<" in text
    assert text.count(">yes<") == yes
    assert [secret for secret in _secrets(grant) if secret in text] == []


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"[]", b"[" * 100_000, b'"x"', b" " * (256 * 1024 + 1)])
def test_what_is_no_certificate_at_all_is_said_at_the_field(data: bytes) -> None:
    answer = _present(data)
    assert answer.status_code == 422
    assert 'class="wrong"' in answer.content.decode()


def test_the_pasted_text_is_as_good_as_the_file(grant: Grant) -> None:
    answer = visitor().post("/certificates", {"text": _document(grant).decode()})
    assert answer.status_code == 200
    assert "Test, valid" in answer.content.decode()


@pytest.mark.parametrize("text", ["{", "[]", "no certificate"])
def test_a_pasted_text_that_is_none_stays_in_its_field(text: str) -> None:
    answer = visitor().post("/certificates", {"text": text})
    assert answer.status_code == 422
    assert f"{text}</textarea>" in answer.content.decode()
    assert 'id="id_text_error"' in answer.content.decode()


def test_the_answer_begins_with_who_what_and_until_when(grant: Grant) -> None:
    subject = json.loads(_document(grant))["credentialSubject"]
    head = _present(_document(grant), language="zh-hans").content.decode().partition("<h2>")[0]
    until = subject["periods"]["training_until"]
    for wanted in (subject["licensee"]["name"], subject["licensor"][0]["name"], "训练生成式模型", "训练截止", until):
        assert wanted in head


def test_no_file_is_said_at_the_field() -> None:
    answer = visitor("zh-hans").post("/certificates", {})
    assert answer.status_code == 422
    assert "请选择文件，或粘贴证书文本。" in answer.content.decode()


@pytest.mark.parametrize("typed", ["{}", " {} ", "https://licet.example/certificates/{}", "/certificates/{}/"])
def test_a_number_or_an_address_that_ends_in_one_leads_to_the_page(grant: Grant, typed: str) -> None:
    answer = visitor().get("/certificates", {"id": typed.format(grant.name_id)})
    assert answer.headers["Location"] == f"/certificates/{grant.name_id}"


@pytest.mark.parametrize("typed", ["", " ", "/", "//"])
def test_no_number_shows_the_form_again(typed: str) -> None:
    assert visitor().get("/certificates", {"id": typed}).status_code == 200
