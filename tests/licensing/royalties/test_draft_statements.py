"""Statements: the same rows in every form, and nothing issued that the ledger does not say."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import UTC, date, datetime

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.errors import Refused
from accounts.unit import unit
from licensing.events.models import DomainEvent
from licensing.ledger import services as ledger
from licensing.royalties import services, statements
from licensing.royalties.models import Statement
from tests.licensing.royalties.sales import ACTOR, AT, WHOLE, Owned, Sale, Sold, pay, sell

pytestmark = pytest.mark.django_db

MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)


def draft(sale: Sale, payee: int = 0) -> Statement:
    return statements.draft(payee=sale.payees[payee], currency="usd", starts=MARCH, ends=APRIL, actor=ACTOR, at=AT)


def divided() -> Sale:
    mixed = (Owned(333_331, ((0, WHOLE),)), Owned(666_669, ((1, 500_001), (0, 499_999))))
    sale = sell([Sold(10_000_000), Sold(7_000_000, mixed)])
    services.allocate(payment_id=sale.payments[0].name_id, actor=ACTOR, at=AT)
    return sale


def test_a_draft_sums_what_was_earned_and_agrees_with_the_ledger() -> None:
    with unit(ACTOR):
        sale = divided()
        first, second = draft(sale), draft(sale, 1)
        assert first.earned + second.earned == 17_000_000
        assert (first.opening, first.closing, first.lines_count) == (0, first.earned, 3)
        assert first.control["accounts"]["payee_accrued"] == {
            "lines": str(first.earned), "ledger": str(first.earned), "difference": "0",
        }  # fmt: skip
        assert draft(sale, 2).closing == 0


def test_json_and_csv_say_the_same_lines() -> None:
    with unit(ACTOR):
        made = draft(divided())
        text = "".join(statements.as_json(made))
        assert hashlib.sha256(text.encode()).hexdigest() == made.file_sha256
        lines = json.loads(text)["lines"]
        sheet = list(csv.DictReader(io.StringIO("".join(statements.as_csv(made)))))
        assert [row["line"] for row in sheet] == [line["line"] for line in lines]
        assert sum(int(row["amount_micro"]) for row in sheet) == made.earned
        for line in lines:
            exact = int(line["basis_micro"]) * line["share"]
            assert 0 <= int(line["amount_micro"]) - exact // line["share_of"] <= 1


def test_a_title_cannot_become_a_formula() -> None:
    with unit(ACTOR):
        made = draft(divided())
        sheet = list(csv.DictReader(io.StringIO("".join(statements.as_csv(made)))))
        assert {row["title"] for row in sheet} == {"'=Work 0", "'=Work 1"}
        lines = json.loads("".join(statements.as_json(made)))["lines"]
        assert {line["title"] for line in lines} == {"=Work 0", "=Work 1"}


def test_a_new_draft_replaces_the_one_before() -> None:
    with unit(ACTOR):
        sale = sell([Sold(10_000_000)], payments=[4])
        services.allocate(payment_id=sale.payments[0].name_id, actor=ACTOR, at=AT)
        early = draft(sale)
        services.allocate(payment_id=pay(sale.order, 6).name_id, actor=ACTOR, at=AT)
        late = draft(sale)
        assert (late.pk, early.earned, late.earned, late.version) == (early.pk, 4_000_000, 10_000_000, 1)
        assert Statement.objects.count() == 1


def test_the_file_of_a_draft_says_what_its_lines_say() -> None:
    with unit(ACTOR):
        sale = sell([Sold(10_000_000)], payments=[4])
        services.allocate(payment_id=sale.payments[0].name_id, actor=ACTOR, at=AT)
        made = draft(sale)
        services.allocate(payment_id=pay(sale.order, 6).name_id, actor=ACTOR, at=AT)
        found = json.loads("".join(statements.as_json(statements.current(Statement.objects.get(pk=made.pk)))))
        assert found["earned_micro"] == str(sum(int(line["amount_micro"]) for line in found["lines"])) == "10000000"
        assert Statement.objects.get(pk=made.pk).earned == 4_000_000


def test_an_unknown_currency_has_no_statement() -> None:
    with unit(ACTOR):
        sale = sell([Sold(1_000_000)])
        with pytest.raises(Refused) as caught:
            statements.draft(payee=sale.payees[0], currency="xyz", starts=MARCH, ends=APRIL, actor=ACTOR, at=AT)
        assert caught.value.code == "currency_unknown"
        assert not Statement.objects.exists()


def test_an_issued_statement_cannot_change_whoever_asks() -> None:
    with unit(ACTOR):
        made = statements.issue(statement=draft(divided()), actor=ACTOR, at=datetime(2026, 4, 1, tzinfo=UTC))
        for change in ("UPDATE licensing_statement SET lines_count = 0", "DELETE FROM licensing_statement"):
            with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(change)
        made.refresh_from_db()
        assert made.lines_count == 3


def test_a_number_in_a_csv_stays_a_number() -> None:
    with unit(ACTOR):
        made = draft(divided())
        sheet = list(csv.DictReader(io.StringIO("".join(statements.as_csv(made)))))
        assert all(row["amount_micro"].isdigit() and row["line"][:4] == "2026" for row in sheet)


def test_the_next_month_opens_with_what_this_one_closed_with() -> None:
    with unit(ACTOR):
        sale = divided()
        made = draft(sale)
        following = statements.draft(
            payee=sale.payees[0], currency="usd", starts=APRIL, ends=date(2026, 5, 1), actor=ACTOR, at=AT
        )
        assert (following.opening, following.earned, following.closing) == (made.closing, 0, made.closing)


def test_nothing_is_issued_while_the_month_runs() -> None:
    with unit(ACTOR):
        made = draft(divided())
        with pytest.raises(Refused) as caught:
            statements.issue(statement=made, actor=ACTOR, at=AT)
        assert caught.value.code == "period_running"
        made.refresh_from_db()
        assert made.status == "draft"
        assert not DomainEvent.objects.filter(kind="statement.published").exists()


def test_an_issued_statement_is_final() -> None:
    with unit(ACTOR):
        sale = divided()
        made = statements.issue(statement=draft(sale), actor=ACTOR, at=datetime(2026, 4, 1, tzinfo=UTC))
        assert made.status == "issued"
        with pytest.raises(Refused, match="is issued"):
            draft(sale)
        with pytest.raises(Refused):
            statements.issue(statement=made, actor=ACTOR, at=datetime(2026, 4, 2, tzinfo=UTC))


def test_money_that_no_line_explains_refuses_the_statement() -> None:
    with unit(ACTOR):
        sale = divided()
        code = f"payee_accrued:{sale.payees[0].name_id}"
        ledger.post(
            idem_key="stray", kind="adjustment", lines=[ledger.Line(code, 5), ledger.Line("rounding_writeoff", -5)],
            currency="usd", livemode=False, effective_date=AT.date(), occurred_at=AT, source="x", actor=ACTOR, at=AT,
            rule_version="test",
        )  # fmt: skip
        with pytest.raises(Refused) as caught:
            draft(sale)
        assert caught.value.code == "statement_difference"
        assert not Statement.objects.exists()


def test_a_period_must_end_after_it_starts() -> None:
    with unit(ACTOR):
        sale = sell([Sold(1_000_000)])
        with pytest.raises(Refused, match="ends after"):
            statements.draft(payee=sale.payees[0], currency="usd", starts=APRIL, ends=APRIL, actor=ACTOR, at=AT)
