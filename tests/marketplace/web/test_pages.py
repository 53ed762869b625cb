"""The public pages: complete, small, in two languages, under a strict policy."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from marketplace.web import picture, showcase
from marketplace.web.picture import Step
from tests.cast import hire
from tests.marketplace.web.visitors import signed_in, visitor

pytestmark = pytest.mark.django_db
PUBLIC = ("/", "/certificates", "/reasons", "/reasons/withdrawn", "/errors/key_unknown", "/accounts/login/")


@pytest.mark.parametrize("address", PUBLIC)
@pytest.mark.parametrize(("language", "mark"), [("en", 'lang="en"'), ("zh-hans", 'lang="zh-Hans"')])
def test_every_page_is_there_in_both_languages(address: str, language: str, mark: str) -> None:
    answer = visitor(language).get(address)
    assert answer.status_code == 200
    assert f"<html {mark}>" in answer.content.decode()
    assert len(gzip.compress(answer.content)) <= 60 * 1024


@pytest.mark.parametrize("address", PUBLIC)
def test_no_page_needs_scripts_or_inline_styles(address: str) -> None:
    answer = visitor().get(address)
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    text = answer.content.decode()
    assert "<script" not in text
    assert "style=" not in text
    assert "onclick" not in text


def test_the_start_page_leads_everywhere() -> None:
    text = visitor().get("/").content.decode()
    for address in ("/v1/docs", "/v1/schema", "/admin/", "/certificates", "/reasons", "/accounts/login/"):
        assert f'href="{address}"' in text


def test_the_language_is_switched_by_a_plain_form() -> None:
    client = visitor()
    answer = client.post("/language", {"language": "zh-hans", "next": "/certificates"})
    assert [answer.status_code, answer.headers["Location"]] == [302, "/certificates"]
    assert "核验证书" in client.get("/certificates").content.decode()


def test_the_language_form_leads_nowhere_else() -> None:
    answer = visitor().post("/language", {"language": "en", "next": "https://elsewhere.example/"})
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("address", ["/nothing", "/reasons/nothing", "/errors/nothing", "/certificates/x/y"])
def test_what_is_not_there_says_what_to_do(address: str) -> None:
    answer = visitor("zh-hans").get(address)
    assert answer.status_code == 404
    assert "返回首页" in answer.content.decode()


def test_a_broken_page_says_so_in_our_look(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[dict[str, str]]:
        raise ZeroDivisionError

    monkeypatch.setattr(showcase, "logins", broken)
    answer = visitor("zh-hans").get("/")
    assert answer.status_code == 500
    text = answer.content.decode()
    assert "您提交的内容未保存" in text
    assert answer.headers["X-Request-Id"] in text


# Logins of the demo


def _logins(settings: Settings, folder: Path, text: str) -> None:
    settings.VAR = folder
    (folder / "demo").mkdir()
    (folder / "demo" / "logins.json").write_text(text)


def test_logins_of_the_running_demo_are_shown(settings: Settings, tmp_path: Path) -> None:
    _logins(settings, tmp_path, json.dumps([{"email": "ada@example.org", "password": "lighthouse"}]))
    text = visitor().get("/").content.decode()
    assert "ada@example.org" in text
    assert "lighthouse" in text


def test_production_never_shows_logins(settings: Settings, tmp_path: Path) -> None:
    _logins(settings, tmp_path, json.dumps([{"email": "ada@example.org", "password": "lighthouse"}]))
    settings.PRODUCTION = True
    assert "ada@example.org" not in visitor().get("/").content.decode()


@pytest.mark.parametrize("text", ["", "{", '{"email": 1}', '[1, null, {"email": 2}]', "\\xff"])
def test_a_damaged_file_of_logins_is_ignored(settings: Settings, tmp_path: Path, text: str) -> None:
    _logins(settings, tmp_path, text)
    assert showcase.logins() == []


# Numbers of the demo

SUMMARY = {
    "works": 41, "decisions": {"cleared": 31, "needs_approval": 1, "refused": 9}, "quote_total_minor": 24322,
    "reasons": {"withheld": 1, "claim_contested": 2, "<b>": 1}, "release_rows": 31, "seconds": 6.25,
    "allocation_difference_micro": 0, "ledger_imbalance": 0, "statement_difference": 0, "grant_verified": True,
    "release_verified": True,
}  # fmt: skip


def _summary(settings: Settings, folder: Path, text: str) -> str:
    settings.VAR = folder
    (folder / "demo").mkdir()
    (folder / "demo" / "summary.json").write_text(text)
    answer = visitor().get("/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_numbers_of_the_demo_are_a_picture_and_a_table(settings: Settings, tmp_path: Path) -> None:
    text = _summary(settings, tmp_path, json.dumps(SUMMARY))
    assert "243.22 USD" in text
    assert text.index("claim_contested") < text.index("withheld")
    assert '<desc id="outcomes-d">31 cleared, 1 needs approval, 9 refused</desc>' in text
    assert text.count(">zero<") == 5
    assert "<b>" not in text


def test_what_is_not_zero_is_said_so(settings: Settings, tmp_path: Path) -> None:
    text = _summary(settings, tmp_path, json.dumps(SUMMARY | {"ledger_imbalance": 7, "release_verified": False}))
    assert [text.count(">zero<"), text.count(">not zero<")] == [3, 2]


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps(SUMMARY | {"decisions": 1, "reasons": []})])
def test_a_damaged_summary_is_ignored(settings: Settings, tmp_path: Path, text: str) -> None:
    assert "must be zero" not in _summary(settings, tmp_path, text)


def test_production_never_shows_numbers_of_a_demo(settings: Settings, tmp_path: Path) -> None:
    settings.PRODUCTION = True
    assert "must be zero" not in _summary(settings, tmp_path, json.dumps(SUMMARY))


# The picture


def test_the_picture_escapes_and_says_what_it_shows() -> None:
    drawn = picture.flow([Step("<b>", "a & b", "house")] * 5, columns=2, name="x", title="T", description="D")
    assert "<b>" not in drawn
    assert '<title id="x-t">T</title><desc id="x-d">D</desc>' in drawn
    assert drawn.count("<rect") == 5
    assert drawn.count('class="arrow"') == 4


def test_a_page_of_a_person_names_the_person_and_the_organisation() -> None:
    person = hire("developer").developer
    text = signed_in(person.user).get("/").content.decode()
    assert "acts for Kite" in text
    assert "test mode" in text
    assert 'href="/admin/"><' not in text.split("<main")[0]


def test_pages_of_errors_name_the_request(settings: Settings) -> None:
    answer = visitor().get("/nothing")
    assert answer.headers["X-Request-Id"] in answer.content.decode()
    client = Client(enforce_csrf_checks=True)
    refused = client.post("/certificates", {"text": "{}"})
    assert refused.status_code == 403
    assert "The form is too old" in refused.content.decode()
    assert refused.headers["X-Request-Id"] in refused.content.decode()


def test_the_documentation_says_in_the_readers_language_where_one_is() -> None:
    text = visitor("zh-hans").get("/v1/docs").content.decode()
    assert '<html lang="zh-Hans">' in text
    assert "返回首页" in text
    assert "<noscript>" in text
