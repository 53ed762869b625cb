"""The administration reads everything and writes nothing, for operators and auditors alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import ApiKey, User
from accounts.unit import SYSTEM, unit
from licensing.catalogue.models import Work
from licensing.grants.models import Grant
from licensing.ledger.models import LedgerAccount
from marketplace.admin import money
from marketplace.admin.clearing import without_secrets
from marketplace.admin.columns import micro, minor
from marketplace.admin.reading import Reading, table
from marketplace.admin.site import GROUPS, site
from tests import scenario
from tests.cast import hire
from tests.marketplace.web.visitors import signed_in, visitor

pytestmark = pytest.mark.django_db
LISTS = [(model._meta.app_label, str(model._meta.model_name)) for model in site._registry]


@pytest.fixture
def grant(db: None) -> Grant:
    return scenario.granted(scenario.publisher("harbourside"))


def _first(model: Any) -> Any:
    with unit(SYSTEM):
        return model.objects.order_by("-pk").first()


def _list(model: str) -> str:
    return reverse(f"admin:licensing_{model}_changelist")


def _page(row: Any) -> str:
    return reverse(f"admin:licensing_{row._meta.model_name}_change", args=[row.pk])


@pytest.mark.parametrize("role", ["operator", "auditor"])
def test_the_house_enters(role: str) -> None:
    assert signed_in(getattr(hire(role), role).user).get("/admin/").status_code == 200


@pytest.mark.parametrize("role", ["developer", "admin", "publisher", "colleague"])
def test_nobody_else_does(role: str) -> None:
    client = signed_in(getattr(hire(role), role).user)
    for address in ("/admin/", _list("work"), reverse("admin:licensing_work_change", args=[1]), "/admin/jsi18n/"):
        assert client.get(address).status_code == 302
    assert client.get("/admin/login/").headers["Location"] == "/acting"


def test_strangers_are_asked_to_sign_in() -> None:
    answer = visitor().get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0] == "/accounts/login/?next=/admin/"


def test_a_superuser_without_the_role_stays_outside() -> None:
    user = hire("developer").developer.user
    assert user
    with unit(SYSTEM):
        user.is_staff = user.is_superuser = True
        user.save()
    assert signed_in(user).get(_list("work")).status_code == 302


def test_every_list_and_every_page_opens(grant: Grant) -> None:
    client = signed_in(hire("operator").operator.user)
    opened = 0
    for model in site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert client.get(reverse(f"{name}_changelist")).status_code == 200, name
        row = _first(model)
        if row is not None and getattr(row, "livemode", False) is False:
            answer = client.get(reverse(f"{name}_change", args=[row.pk]))
            text = answer.content.decode()
            assert answer.status_code == 200, name
            assert not re.search(r"\w object \(", text), name  # a row that Django has no name for
            assert "<dd>-</dd>" not in text, name  # a value that could not be read
            opened += 1
    assert opened >= 15


@pytest.mark.parametrize(("app", "model"), LISTS)
def test_nothing_can_be_written(app: str, model: str) -> None:
    client = signed_in(hire("operator").operator.user)
    row = _first(next(each for each in site._registry if each._meta.model_name == model))
    key = row.pk if row is not None else 1
    assert client.get(reverse(f"admin:{app}_{model}_add")).status_code == 403
    assert client.post(reverse(f"admin:{app}_{model}_add"), {"name": "x"}).status_code == 403
    for act in ("change", "delete"):
        address = reverse(f"admin:{app}_{model}_{act}", args=[key])
        assert client.post(address, {"name": "x", "post": "yes"}).status_code in (
            {403} if row is not None else {302, 403}
        )
    gone = client.post(
        reverse(f"admin:{app}_{model}_changelist"), {"action": "delete_selected", "_selected_action": key}
    )
    assert gone.status_code in {200, 302, 403}
    assert row is None or _first(type(row)).pk == row.pk


def test_no_model_admin_grants_a_write() -> None:
    for admin in site._registry.values():
        assert isinstance(admin, Reading)
        assert not admin.has_add_permission(None)
        assert not admin.has_change_permission(None)
        assert not admin.has_delete_permission(None)  # type: ignore[arg-type]


def test_every_table_stands_in_the_index() -> None:
    listed = {name for _title, members in GROUPS.values() for name in members}
    assert listed == {str(model._meta.model_name) for model in site._registry}


def _queries(address: str) -> int:
    client = signed_in(hire("operator").operator.user)
    client.get(address)
    with CaptureQueriesContext(connection) as found:
        assert client.get(address).status_code == 200
    return len(found)


@pytest.mark.parametrize(
    "address", ["licensing_work", "licensing_claim", "licensing_ledgeraccount", "accounts_auditrow"]
)
def test_a_list_asks_the_same_number_of_questions_for_any_number_of_rows(address: str) -> None:
    scenario.granted(scenario.publisher("harbourside", works=1))
    few = _queries(reverse(f"admin:{address}_changelist"))
    scenario.publisher("elsewhere", works=12)
    assert _queries(reverse(f"admin:{address}_changelist")) == few


def test_a_work_shows_its_claims_splits_and_terms(grant: Grant) -> None:
    work = _first(Work)
    text = signed_in(hire("operator").operator.user).get(_page(work)).content.decode()
    assert work.title in text
    for prefix in ("clm_", "spl_", "trm_"):
        assert prefix in text


def test_accounts_show_balances_that_cancel_out(grant: Grant) -> None:
    text = signed_in(hire("auditor").auditor.user).get(_list("ledgeraccount")).content.decode()
    account = _first(LedgerAccount)
    assert account.code in text
    assert "USD" in text


def test_an_account_with_more_lines_than_a_page_adds_up_says_so(grant: Grant, monkeypatch: pytest.MonkeyPatch) -> None:
    client, account = signed_in(hire("auditor").auditor.user), _first(LedgerAccount)
    with unit(SYSTEM):
        lines = account.lines.count()
    assert "too many lines" not in client.get(_list("ledgeraccount")).content.decode()
    monkeypatch.setattr(money, "SUMMED", lines - 1)
    for address in (_list("ledgeraccount"), _page(account)):
        text = client.get(address).content.decode()
        assert "too many lines" in text, address
        assert "/v1/ledger/trial_balance" in text, address


def test_secrets_are_not_shown(grant: Grant) -> None:
    client = signed_in(hire("operator").operator.user)
    row = _first(Grant)
    text = client.get(_page(row)).content.decode()
    assert grant.name_id in text
    assert bytes(row.secret).hex() not in text
    assert "argon2" not in client.get(reverse("admin:accounts_user_change", args=[_first(User).pk])).content.decode()
    assert without_secrets({"a": [{"client_secret": "s", "b": 1}]}) == {"a": [{"client_secret": "•••", "b": 1}]}


def test_the_administration_has_the_same_strict_policy() -> None:
    client = signed_in(hire("operator").operator.user)
    for address in ("/admin/", _list("work"), "/", "/certificates", "/acting", "/accounts/2fa/"):
        answer = client.get(address)
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert "<script" not in answer.content.decode()


def test_a_public_id_finds_its_row(grant: Grant) -> None:
    client, work = signed_in(hire("operator").operator.user), _first(Work)
    found = client.get(_list("work"), {"q": work.name_id}).content.decode()
    assert found.count(_page(work)) >= 1
    assert "/change/" not in client.get(_list("work"), {"q": "wrk_nothing"}).content.decode().split("<main")[-1]


def test_a_list_is_narrowed_by_status(grant: Grant) -> None:
    client = signed_in(hire("operator").operator.user)
    for status, shown in (("registered", True), ("withdrawn", False)):
        answer = client.get(_list("work"), {"status": status})
        assert answer.status_code == 200
        assert (_page(_first(Work)) in answer.content.decode()) is shown
    assert client.get(_list("job"), {"status": "nonsense"}).status_code == 200


def test_the_other_mode_is_not_shown(grant: Grant) -> None:
    client = signed_in(hire("operator").operator.user)
    client.post("/acting", {"mode": "live"})
    assert _first(Work).name_id not in client.get(_list("work")).content.decode()


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [(1_234_567, "usd", "12,345.67 USD"), (-5, "usd", "-0.05 USD"), (7, "jpy", "7 JPY"), (1_500, "kwd", "1.500 KWD")],
)
def test_money_is_written_with_its_own_digits(amount: int, currency: str, shown: str) -> None:
    assert minor(amount, currency) == shown


def test_micro_amounts_keep_every_digit() -> None:
    assert micro(-44_200_597, "usd") == "-0.44200597 USD"
    assert micro(None, "usd") == "—"


def test_a_key_shows_its_cap_in_its_currency() -> None:
    client, key = signed_in(hire("operator").operator.user), hire("developer").developer.key
    assert key
    address = reverse("admin:accounts_apikey_change", args=[key.pk])
    assert "<dt>Spent</dt>" not in client.get(address).content.decode()
    with unit(SYSTEM):
        ApiKey.objects.filter(pk=key.pk).update(spend_cap_minor=50_000, spent_minor=1_234, spend_currency="usd")
    text = client.get(address).content.decode()
    assert "500.00 USD" in text
    assert "12.34 USD" in text


def test_tables_escape_and_stop() -> None:
    found = table(["<i>"], [["<b>"]] * 101)
    assert "<b>" not in found
    assert found.count("<tr") == 101
    assert "There are more rows." in found
