"""The pages in a real browser over a real server: readable for everybody, small screens too, scripts switched off."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from accounts import services as accounts
from accounts.models import Organisation
from accounts.unit import SYSTEM, unit
from licensing.grants.models import Certificate
from tests import scenario
from tests.support.databases import LivedIn
from tests.support.processes import stack

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
pytestmark = pytest.mark.skipif(
    not Path(CHROMIUM).is_file(), reason="no Chromium: install Debian's chromium, or name one in $CHROMIUM"
)
LANGUAGES = ("en", "zh-hans")
#: Style sheets are read again only for a rule that is off.
AXE = "axe.run({resultTypes: ['violations'], preload: {assets: ['media']}}).then(done => done.violations)"
OPEN = ("/", "/certificates", "/reasons", "/errors/key_unknown", "/accounts/login/", "/nothing")
TABLES = ("work", "clearance", "order", "ledgerentry", "ledgeraccount", "allocationrun", "job")
PASSWORD = "a lighthouse in the fog"


@dataclass(frozen=True)
class Site:
    """A running server with one operator and one grant."""

    url: str
    grant: str
    certificate: Path
    email: str


@pytest.fixture(scope="module")
def site(lived_in: LivedIn) -> Iterator[Site]:
    # Nothing of Playwright may be open yet: its event loop and Django's connections of this thread do not mix.
    path = lived_in.own.folder / "certificate.json"
    grant, email = lived_in.made(lambda: _furnish(path))
    with stack(lived_in.own, parts=("web",)) as running:
        yield Site(running.web_url, grant, path, email)


def _furnish(certificate: Path) -> tuple[str, str]:
    """A grant, whose certificate goes to a file, and an operator."""
    granted = scenario.granted(scenario.publisher("harbourside"))
    with unit(SYSTEM):
        certificate.write_bytes(bytes(Certificate.objects.get(grant=granted).document))
    house = scenario.organisation("house", "operator", at=scenario.now())
    return granted.name_id, _operator(house)


def _operator(house: Organisation) -> str:
    at = scenario.now()
    user = accounts.register_user(email="olive@house.example", password=PASSWORD, actor=SYSTEM, at=at)
    accounts.invite(organisation=house, user=user, role="operator", actor=SYSTEM, at=at)
    return user.email


@pytest.fixture(scope="module")
def browser(site: Site) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


def _window(browser: Browser, site: Site, language: str, *, width: int = 1280, scripts: bool = True) -> BrowserContext:
    window = browser.new_context(
        viewport={"width": width, "height": 800}, java_script_enabled=scripts, base_url=site.url
    )
    window.add_cookies([{"name": "django_language", "value": language, "url": site.url}])
    return window


def _sign_in(page: Page, site: Site) -> None:
    page.goto("/accounts/login/?next=/acting")
    page.fill("#id_login", site.email)
    page.fill("#id_password", PASSWORD)
    page.click("form.form button")
    page.wait_for_url("**/acting")


def _faults(page: Page) -> list[str]:
    """What axe finds, each as rule and element. Its script runs outside of the page's policy; a page keeps it."""
    axe = pytest.importorskip("axe_playwright_python.base", reason="axe is not installed")
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(axe.AXE_SCRIPT)
    found = page.evaluate(AXE)
    return [f"{page.url} {fault['id']}: {node['html'][:120]}" for fault in found for node in fault["nodes"]]


def _look(page: Page, *, narrow: bool = True) -> list[str]:
    """Faults of the open page, on a desk and on a telephone; `narrow`: what axe finds there too."""
    faults = _faults(page)
    page.set_viewport_size({"width": 390, "height": 800})
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        faults.append(f"{page.url} is wider than a telephone")
    faults += _faults(page) if narrow else []
    page.set_viewport_size({"width": 1280, "height": 800})
    return faults


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_are_accessible_and_fit(site: Site, browser: Browser, language: str) -> None:
    page, faults = _window(browser, site, language).new_page(), []
    for address in (*OPEN, f"/certificates/{site.grant}"):
        page.goto(address)
        faults += _look(page)
    page.goto("/certificates")
    page.set_input_files("input[type=file]", site.certificate)
    with page.expect_navigation():
        page.click("form[enctype] button")
    faults += _look(page)
    _sign_in(page, site)
    faults += _look(page)
    page.goto("/accounts/2fa/totp/activate/")
    faults += _look(page)
    assert faults == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_administration_is_accessible_and_fits(site: Site, browser: Browser, language: str) -> None:
    page, faults = _window(browser, site, language).new_page(), []
    _sign_in(page, site)
    for address in ("/admin/", *(reverse(f"admin:licensing_{table}_changelist") for table in TABLES)):
        page.goto(address)
        first = page.locator(".rows tbody a").first
        if page.locator(".rows tbody a").count():
            page.goto(first.get_attribute("href") or address)
        faults += _look(page, narrow=False)
    assert faults == []


def test_an_operator_goes_from_an_order_to_its_grant_without_scripts(site: Site, browser: Browser) -> None:
    page = _window(browser, site, "en", width=390, scripts=False).new_page()
    _sign_in(page, site)
    page.goto("/admin/")
    page.click("summary")
    page.click("details nav >> text=Orders")
    page.click(".rows tbody a >> nth=0")
    page.click("section a[href*='/grant/'] >> nth=0")
    assert page.inner_text("h1") == site.grant
    page.click("button[value='zh-hans']")
    assert [page.inner_text(".crumbs"), page.inner_text("h1")] == ["授权", site.grant]


def test_everything_works_without_scripts(site: Site, browser: Browser) -> None:
    page = _window(browser, site, "en", scripts=False).new_page()
    page.goto("/")
    page.click("button[value='zh-hans']")
    expect(page.locator("h1")).to_have_text("人工智能训练数据的许可")
    page.click("button[value='en']")
    page.click("main >> text=Check a certificate >> nth=0")
    page.fill("#id", site.grant)
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".test")).to_contain_text("TEST")
    page.fill("#id_text", site.certificate.read_text())
    page.get_by_role("button", name="Check it").click()
    expect(page.locator(".note .state")).to_have_text("Test, valid")
    _sign_in(page, site)
    page.get_by_role("button", name="Sign out").click()
    assert "Sign in" in page.inner_text(".who")


def test_no_page_breaks_its_own_policy(site: Site, browser: Browser) -> None:
    page = _window(browser, site, "en").new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{page.url}: {message.text}") if message.type == "error" else None)
    for address in (*OPEN[:-1], f"/certificates/{site.grant}"):
        page.goto(address)
    _sign_in(page, site)
    for address in (
        "/admin/",
        reverse("admin:licensing_work_changelist"),
        reverse("admin:licensing_ledgeraccount_changelist"),
        "/acting",
    ):
        page.goto(address)
    page.goto(reverse("admin:licensing_work_changelist"))
    page.click("a[href*='/change/'] >> nth=0")
    expect(page.locator("body")).to_contain_text("clm_")
    assert said == []


def test_the_api_documentation_asks_no_other_host(site: Site, browser: Browser) -> None:
    page, own = _window(browser, site, "en").new_page(), (site.url, "data:", "blob:")
    foreign: list[Request] = []
    page.on("request", lambda each: None if each.url.startswith(own) else foreign.append(each))
    page.goto("/v1/docs")
    expect(page.locator("redoc h1").first).to_contain_text("Licet", timeout=60_000)
    page.wait_for_load_state("networkidle")
    assert [each.url for each in foreign if each.failure != "csp"] == []  # Redoc tries its logo: the policy stops it
    assert page.locator("redoc img:visible").count() == 0


def test_the_keyboard_reaches_the_content_first(site: Site, browser: Browser) -> None:
    page = _window(browser, site, "en").new_page()
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    page.keyboard.press("Enter")
    page.wait_for_url("**/#content")
    assert page.url == f"{site.url}/#content"
