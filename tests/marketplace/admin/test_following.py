"""From any row to what it came from and what followed, by links; and no further than the administration may look."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from django.core import checks
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import identity
from accounts.unit import SYSTEM, unit
from licensing.catalogue.models import Imprint, Work
from licensing.clearing.models import Clearance
from licensing.grants.models import Grant
from licensing.orders.models import Order
from licensing.payments import calls
from licensing.payments.models import Payment
from licensing.rights import terms
from licensing.rights.scopes import Target
from licensing.royalties import services as royalties
from licensing.royalties.models import AllocationRun
from marketplace.admin.site import site
from marketplace.admin.works import Works
from tests import scenario
from tests.cast import hire
from tests.marketplace.web.visitors import signed_in
from tests.support.databases import LivedIn

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def sold(lived_in: LivedIn) -> Grant:
    return lived_in.made(_sell)


@pytest.fixture
def grant(db: None, sold: Grant) -> Grant:
    return copy.deepcopy(sold)


def _sell() -> Grant:
    made = scenario.granted(scenario.publisher("harbourside"))
    with unit(SYSTEM):
        payment = Payment.objects.get(order=made.order)
    royalties.allocate(payment_id=payment.name_id, actor=SYSTEM, at=scenario.now())
    return made


@pytest.fixture
def house(db: None) -> Client:
    return signed_in(hire("auditor").auditor.user)


def _page(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def _text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def test_an_order_leads_to_all_that_belongs_to_it(grant: Grant, house: Client) -> None:
    text = _text(house, _page(grant.order))
    for kind in ("clearance", "quote", "payment", "grant", "allocationrun", "ledgerentry"):
        found = re.findall(rf'href="(/admin/licensing/{kind}/\d+/change/)"', text)
        assert found, kind
        _text(house, found[0])


def test_a_payment_shows_every_call_about_it(grant: Grant, house: Client) -> None:
    with unit(SYSTEM):
        payment = Payment.objects.get(order=grant.order)
        for key, subject in (("k:1", payment.name_id), ("k:close", f"{payment.name_id}:close"), ("k:2", "pay_other")):
            calls.write_down(key=key, subject=subject, method="m", params={}, at=scenario.now())
    text = _text(house, _page(payment))
    assert [key in text for key in ("k:1", "k:close", "k:2")] == [True, True, False]


def test_the_pages_of_an_order_cost_the_same_for_any_number_of_works(grant: Grant, house: Client) -> None:
    def asked(row: Order | Clearance) -> int:
        house.get(_page(row))
        with CaptureQueriesContext(connection) as found:
            _text(house, _page(row))
        return len(found)

    with unit(SYSTEM):
        buyer = scenario.buyer_of(grant.order.quote.clearance)
    small = scenario.order(scenario.publisher("one", works=1), idem="small", buyer=buyer)
    large = scenario.order(scenario.publisher("many", works=9), idem="large", buyer=buyer)
    assert asked(large) == asked(small)
    assert asked(large.quote.clearance) == asked(small.quote.clearance)


def test_an_amount_leads_to_its_explanation(grant: Grant, house: Client) -> None:
    with unit(SYSTEM):
        run = AllocationRun.objects.get(order=grant.order)
    links = re.findall(rf'href="(/admin/licensing/allocationrun/{run.pk}/explain\?[^"]+)"', _text(house, _page(run)))
    assert len(links) == run.rows
    text = _text(house, links[0].replace("&amp;", "&"))
    assert ">equal<" in text
    assert re.search(r"Work \d → Payee \d: \d", text)
    assert run.input_hash in text
    assert re.search(r"Shares of all payees of the work</td><td><span class=\"num\">1,000,000<", text, re.IGNORECASE)


def test_terms_of_an_imprint_name_it(house: Client) -> None:
    of, at = scenario.publisher("oaks"), scenario.now()
    assert of.terms
    with unit(of.actor):
        imprint = Imprint.objects.create(
            public_id=identity.fresh(at), created_at=at, organisation=of.organisation, livemode=False, name="Oak & Ash",
        )  # fmt: skip
        Work.objects.filter(pk=of.works[0].pk).update(imprint=imprint)
        terms.assign_terms(terms=of.terms, target=Target("imprint", imprint=imprint), actor=of.actor, at=at)
    assert "<td>Oak &amp; Ash</td>" in _text(house, _page(of.terms))
    assert "<dd>Oak &amp; Ash</dd>" in _text(house, _page(of.works[0]))


@pytest.mark.parametrize("asked", ["", "?work=wrk_x", "?payee=pty_none", "?work=<b>&payee=1", "?part=99", "?part=x"])
def test_an_explanation_of_nothing_is_not_found(grant: Grant, house: Client, asked: str) -> None:
    with unit(SYSTEM):
        run = AllocationRun.objects.get(order=grant.order)
    address = reverse("admin:licensing_allocationrun_explain", args=[run.pk])
    assert house.get(address + asked).status_code == (404 if asked else 200)
    assert house.get(reverse("admin:licensing_allocationrun_explain", args=[run.pk + 1])).status_code == 404


def test_an_explanation_is_for_the_house_alone(grant: Grant) -> None:
    with unit(SYSTEM):
        run = AllocationRun.objects.get(order=grant.order)
    stranger = signed_in(hire("developer").developer.user)
    assert stranger.get(reverse("admin:licensing_allocationrun_explain", args=[run.pk])).status_code == 302
    assert stranger.get(reverse("admin:find", args=[grant.name_id])).status_code == 302


def test_an_id_leads_to_its_page(grant: Grant, house: Client) -> None:
    assert house.get("/admin/find/", {"id": f" {grant.name_id} "}).headers["Location"] == _page(grant)
    for wrong in ("grt_00000000000000000000000001", "grt_x", "nonsense", "", "aud_00000000000000000000000001"):
        assert house.get("/admin/find/", {"id": wrong}).status_code == 404
    house.post("/acting", {"mode": "live"})
    assert house.get("/admin/find/", {"id": grant.name_id}).status_code == 404


@pytest.mark.parametrize(
    ("table", "lookup"),
    [
        ("accounts_apikey", "secret_sha256__startswith=a"),
        ("accounts_user", "password__startswith=argon2"),
        ("licensing_payment", "client_secret__startswith=s"),
        ("licensing_job", "token__isnull=0"),
        ("licensing_work", "organisation__memberships__user__password__startswith=a"),
    ],
)
def test_hidden_columns_cannot_be_guessed_by_asking(grant: Grant, house: Client, table: str, lookup: str) -> None:
    assert house.get(f"{reverse(f'admin:{table}_changelist')}?{lookup}").status_code == 400


def test_the_decisions_of_one_clearance_are_a_list(grant: Grant, house: Client) -> None:
    with unit(SYSTEM):
        clearance = grant.order.quote.clearance
    address = f"{reverse('admin:licensing_decision_changelist')}?clearance={clearance.pk}"
    assert _text(house, address).count("/admin/licensing/decision/") >= 3
    assert "/change/" not in _text(house, f"{address}&outcome=refused").split('class="rows"')[-1].split("</main>")[0]


def test_the_administration_passes_the_checks_of_django() -> None:
    assert checks.run_checks() == []


def test_side_doors_of_the_administration_are_closed(house: Client) -> None:
    for address in ("/admin/autocomplete/?app_label=licensing&model_name=work&field_name=catalogue", "/admin/search/",
                    "/admin/r/1/1/"):  # fmt: skip
        assert house.get(address).status_code == 404
    assert house.get("/admin/password_change/").headers["Location"] == reverse("account_change_password")
    assert house.post("/admin/password_change/", {"old_password": "x"}).status_code == 302


def test_what_happened_to_a_row_is_the_audit_log(grant: Grant, house: Client) -> None:
    answer = house.get(reverse("admin:licensing_grant_history", args=[grant.pk]))
    assert answer.headers["Location"] == f"/admin/accounts/auditrow/?q={grant.name_id}"


def test_words_of_a_title_find_a_work(house: Client) -> None:
    made = scenario.publisher("titles", works=4)
    with unit(SYSTEM):
        Work.objects.filter(pk=made.works[0].pk).update(title="Counting ships")
    list_ = reverse("admin:licensing_work_changelist")
    assert "Rows: 1<" in _text(house, f"{list_}?q=W-4")
    assert "/change/" not in _text(house, f"{list_}?q=zeppelin").split("<main")[-1]


def test_a_question_that_takes_too_long_is_stopped(house: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Works.get_queryset

    def slow(admin: Works, request: HttpRequest) -> QuerySet[Any]:
        return whole(admin, request).extra(where=["pg_sleep(5) IS NOT NULL"])

    monkeypatch.setattr(site, "seconds", 0.1)
    monkeypatch.setattr(Works, "get_queryset", slow)
    answer = house.get(reverse("admin:licensing_work_changelist"))
    assert answer.status_code == 503
    assert "too long" in answer.content.decode()
    monkeypatch.undo()
    assert house.get(reverse("admin:licensing_work_changelist")).status_code == 200
