"""No page that a Chinese reader opens is half in English: what is left in Latin letters is data, or a code."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

import pytest
from django.urls import reverse

from accounts.unit import SYSTEM, unit
from licensing.grants.models import Grant
from licensing.payments.models import Payment
from licensing.royalties import services as royalties
from marketplace.admin.site import site
from tests import scenario
from tests.cast import hire
from tests.marketplace.web.visitors import signed_in

pytestmark = pytest.mark.django_db
VOID: Final = frozenset({"br", "hr", "img", "input", "link", "meta", "path", "rect"})
CODES: Final = frozenset({"code", "pre", "script", "style", "svg", "title"})
LATIN: Final = re.compile(r"[A-Za-z]{3,}")
DATA: Final = re.compile(
    r"Work \d|Payee \d|Author \d|Shelf|Training|Model|Brindle|Harbourside|The director|contract 1|Assignment of \d"
    r"|ours|House|Licet\b|English|UTC|USD|SHA-256|LicenseRef-\S+|W-\d|\S+@example\.org|licet-verify|API|test\b|[a-z]{3}_…",
)
PAGES: Final = (
    "/", "/acting", "/admin/", "/certificates", "/reasons", "/reasons/claim_contested", "/errors/quote_expired",
    "/nothing", "/accounts/2fa/", "/accounts/email/", "/accounts/password/change/", "/accounts/password/reset/",
    "/accounts/logout/",
)  # fmt: skip


class Texts(HTMLParser):
    """Words a reader sees or hears that are marked neither as code nor as another language."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [str(given[name]) for name in ("title", "aria-label", "placeholder", "alt") if given.get(name)]
        foreign = given.get("lang") == "en" or given.get("translate") == "no" or "mono" in str(given.get("class"))
        if tag not in VOID:
            self.open.append((tag, tag in CODES or foreign))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not any(hidden for _tag, hidden in self.open):
            self.found.append(data.strip())


def _english(html: str) -> set[str]:
    texts = Texts()
    texts.feed(html)
    bare = {text for text in texts.found if not re.search(r"[\u4e00-\u9fff]", text)}
    return {text for text in bare if LATIN.search(DATA.sub("", text))}


@pytest.fixture
def grant(db: None) -> Grant:
    made = scenario.granted(scenario.publisher("harbourside"))
    with unit(SYSTEM):
        payment = Payment.objects.get(order=made.order)
    royalties.allocate(payment_id=payment.name_id, actor=SYSTEM, at=scenario.now())
    return made


def test_the_reader_of_texts_finds_english() -> None:
    found = _english('<p title="Half a page">中文<code>code</code><b class="mono">x_code</b> <br> Left over</p>')
    assert found == {"Half a page", "Left over"}


def test_no_page_is_half_in_english(grant: Grant) -> None:
    client = signed_in(hire("operator").operator.user, "zh-hans")
    addresses = [*PAGES, f"/certificates/{grant.name_id}"]
    for model in site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        with unit(SYSTEM):
            row = model._default_manager.order_by("-pk").first()
        addresses.append(reverse(f"{name}_changelist"))
        addresses += [reverse(f"{name}_change", args=[row.pk])] if row else []
    left = {address: _english(client.get(address).content.decode()) for address in addresses}
    assert len(addresses) > 50
    assert {address: sorted(found) for address, found in left.items() if found} == {}
