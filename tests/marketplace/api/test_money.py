"""From the captured payment to the payee, as auditors and payees read it."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from typing import Any

import pytest

from accounts.unit import SYSTEM, unit
from licensing.payments.models import Payment
from licensing.royalties import services as royalties
from licensing.royalties.models import Statement
from tests import cast as casting
from tests import scenario
from tests.cast import Cast, Person


@dataclass
class Paid:
    of: scenario.Publisher
    run: str
    order: str
    holder: Person


@pytest.fixture
def paid(cast: Cast) -> Paid:
    of = scenario.publisher(works=3)
    grant = scenario.granted(of)
    with unit(SYSTEM):
        payment = Payment.objects.select_related("order").get(order_id=grant.order_id)
    run = royalties.allocate(payment_id=payment.name_id, actor=SYSTEM, at=scenario.now())
    holder = casting.person("publisher_finance", of.organisation)
    return Paid(of, run.name_id, payment.order.name_id, holder)


def test_the_house_sees_the_whole_division(cast: Cast, paid: Paid) -> None:
    run = cast.auditor.get(f"allocation_runs?order={paid.order}").json["data"][0]
    assert (run["id"], run["allocated_micro"]) == (paid.run, run["pool_micro"])
    rows: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = cast.auditor.get(f"allocations?run={paid.run}&limit=4{cursor}").json
        rows += page["data"]
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(rows) == run["rows"] == 6
    assert len({(row["work"], row["payee"]) for row in rows}) == 6
    assert sum(int(row["amount_micro"]) for row in rows) == int(run["pool_micro"])


def test_a_holder_sees_the_parts_of_its_payees_but_no_sums_of_others(cast: Cast, paid: Paid) -> None:
    run = paid.holder.get("allocation_runs").json["data"][0]
    assert (run["id"], run["pool_micro"], run["order"]) == (paid.run, None, None)
    payees = {row["payee"] for row in paid.holder.get("allocations").json["data"]}
    assert payees == {party.name_id for party in paid.of.parties}
    assert cast.rival.get("allocation_runs").json["data"] == []
    assert cast.rival.get("allocations").json["data"] == []
    assert cast.rival.get(f"allocations?run={paid.run}").status == 404
    assert cast.auditor.get("allocations?cursor=zzz").code == "parameter_invalid"


def test_any_cent_is_explained_and_recomputes(cast: Cast, paid: Paid) -> None:
    for row in cast.auditor.get("allocations").json["data"]:
        told = cast.auditor.get(f"allocations/explain?run={paid.run}&work={row['work']}&payee={row['payee']}").json
        assert told["equal"] is True
        assert str(told["amount_micro"]) == row["amount_micro"]
        same = f"allocations/explain?run={paid.run}&work={row['work']}&payee={row['payee']}&part="
        assert cast.auditor.get(f"{same}{row['part_no']}").json == told
        assert cast.auditor.get(f"{same}99").status == 404
    asked = f"allocations/explain?run={paid.run}&work={paid.of.works[0].name_id}&payee={paid.of.parties[0].name_id}"
    assert paid.holder.get(asked).json["equal"] is True
    assert cast.rival.get(asked).status == 404
    assert paid.holder.get(asked.replace("&payee=", "&payee=x")).status == 404
    assert cast.auditor.get(f"allocations/explain?run={paid.run}").code == "parameter_invalid"


def test_a_draft_statement_has_one_truth_in_two_forms(cast: Cast, paid: Paid) -> None:
    body = {"payee": paid.of.parties[0].name_id, "currency": "usd"}
    made = paid.holder.post("statements", body)
    assert (made.status, made.json["status"], made.json["control"]["difference"]) == (201, "draft", "0")
    here = f"statements/{made.json['id']}"
    assert paid.holder.get(here).json == made.json
    whole = paid.holder.get(f"{here}.json")
    assert hashlib.sha256(whole.content).hexdigest() == made.json["file_sha256"]
    table = paid.holder.get(f"{here}.csv")
    assert table.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(table.content.decode())))
    assert [row["amount_micro"] for row in rows] == [row["amount_micro"] for row in whole.json["lines"]]
    assert sum(int(row["amount_micro"]) for row in rows) == int(made.json["amounts_micro"]["earned"])
    assert paid.holder.post("statements", body).json["lines_count"] == made.json["lines_count"] == 3
    for person in (cast.rival, cast.developer, cast.publisher):
        assert person.get(here).status == 404
        assert person.get(f"{here}.csv").status == 404
    assert cast.auditor.get(f"{here}.json").content == whole.content


def test_a_statement_of_a_foreign_payee_or_a_bad_period_is_refused(cast: Cast, paid: Paid) -> None:
    body = {"payee": paid.of.parties[0].name_id, "currency": "usd"}
    assert cast.rival.post("statements", body).code == "party_unknown"
    backwards = {**body, "starts": "2026-02-01", "ends": "2026-01-01"}
    assert paid.holder.post("statements", backwards).code == "statement_period"
    assert paid.holder.post("statements", {**body, "currency": "USD"}).pointers == {"/currency": "field_invalid"}
    with unit(SYSTEM):
        assert not Statement.objects.exists()
