"""Explain this cent, and the two commands that prove the divisions."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.errors import Refused
from accounts.unit import unit
from licensing.royalties import explain, services
from licensing.royalties.models import Allocation, AllocationRun
from tests.licensing.royalties.sales import ACTOR, AT, WHOLE, Owned, Sale, Sold, contest, sell
from tests.support.guarded.base import unguarded

pytestmark = pytest.mark.django_db

KEYS = {
    "run", "work", "payee", "q", "r", "floor", "remainder", "rank", "cut_rank", "tie", "amount_micro",
    "recomputed_micro", "equal", "input_hash", "output_hash",
}  # fmt: skip


def divided() -> tuple[Sale, AllocationRun]:
    mixed = (Owned(333_331, ((0, WHOLE),)), Owned(666_669, ((1, 500_001), (None, 499_999))))
    sale = sell([Sold(10_000_000), Sold(7_000_001, mixed), Sold(3)], tax_minor=2, fee_minor=3)
    contest(sale.works[0], [(sale.claims[0][0], 123_457)])
    return sale, services.allocate(payment_id=sale.payments[0].name_id, actor=ACTOR, at=AT)


def said(command: str, *arguments: str) -> dict[str, object]:
    out = StringIO()
    call_command(command, "--json", *arguments, stdout=out)
    found: dict[str, object] = json.loads(out.getvalue())
    return found


def test_every_row_explains_itself() -> None:
    with unit(ACTOR):
        _, run = divided()
        rows = Allocation.objects.filter(run=run).select_related("work", "account")
        for row in rows:
            found = explain.cent(run=run.name_id, work=row.work.name_id, payee=row.account.owner)
            assert found.keys() >= KEYS
            assert found["equal"]
            assert found["amount_micro"] == row.amount
            assert found["floor"] + (found["rank"] <= found["cut_rank"]) == row.amount
            share, of = found["share"], found["share_of"]
            assert found["q"] * share + found["r"] * share // of == found["floor"]
            level = found["work_level"]
            assert (
                level["q"] * level["weight"] + level["r"] * level["weight"] // level["weight_total"] == level["floor"]
            )
        assert len(rows) == run.rows == 6


def test_it_names_charge_claim_split_and_document() -> None:
    with unit(ACTOR):
        sale, run = divided()
        found = explain.cent(run=run.name_id, work=sale.works[2].name_id, payee=sale.payees[0].name_id)
        assert found["charge"]["payment"] == sale.payments[0].name_id
        assert found["charge"]["pool_micro"] == run.pool_micro
        assert (found["claim"], found["document"]) == (sale.claims[2][0].name_id, "deal memo")
        assert found["rule_version"] == "split-1"


def test_each_of_several_parts_of_one_payee_is_explained() -> None:
    both = (Owned(400_000, ((0, 250_000), (0, 750_000))), Owned(600_000, ((0, WHOLE),)))
    with unit(ACTOR):
        sale = sell([Sold(10_000_001, both)])
        run = services.allocate(payment_id=sale.payments[0].name_id, actor=ACTOR, at=AT)
        asked = {"run": run.name_id, "work": sale.works[0].name_id, "payee": sale.payees[0].name_id}
        found = [explain.cent(part=part, **asked) for part in ("1", "2", "3")]
        assert [(one["part_no"], one["equal"]) for one in found] == [(1, True), (2, True), (3, True)]
        assert sum(one["amount_micro"] for one in found) == run.pool_micro
        assert explain.cent(**asked) == found[0]
        for wrong in ("0", "4", "x", "-1", "9" * 30, "9" * 5000):
            with pytest.raises(Refused, match="got nothing"):
                explain.cent(part=wrong, **asked)


def test_what_is_not_there_is_refused() -> None:
    with unit(ACTOR):
        with pytest.raises(Refused, match="Nothing has been divided"):
            explain.cent()
        sale, run = divided()
        for wrong in (
            {"run": "alr_nonsense"},
            {"run": sale.works[0].name_id.replace("wrk", "alr")},
            {"run": run.name_id, "work": run.name_id.replace("alr", "wrk")},
            {"work": sale.works[2].name_id, "payee": sale.payees[1].name_id},
        ):
            with pytest.raises(Refused) as caught:
                explain.cent(**wrong)
            assert caught.value.code == "not_found"


def test_the_commands_answer_with_their_stable_keys() -> None:
    with unguarded(), pytest.raises(CommandError, match="Nothing has been divided"):
        call_command("explain_cent", stdout=StringIO())
    with unit(ACTOR):
        _, run = divided()
    with unguarded():
        assert said("audit_splits") == {"runs": 1, "differences": []}
        assert said("audit_splits", "--since", "2026-03-15")["runs"] == 0
        found = said("explain_cent", "--run", run.name_id)
        assert found.keys() >= KEYS
        assert found["equal"] is True
