"""Issuing: one grant per secured order, a certificate that verifies, money on its way to fee and pool."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from accounts.errors import Refused
from accounts.models import AuditRow
from accounts.unit import SYSTEM, unit
from licensing.catalogue.models import Work
from licensing.grants import certificate, keys, sold, tree
from licensing.grants import services as grants
from licensing.grants.models import Certificate, Grant, GrantWork
from licensing.kernel import canonical, digests, ids
from licensing.orders import rules
from licensing.orders import services as orders
from licensing.orders.models import Order
from licensing.outside import signing
from tests import scenario
from tests.licensing.payments.books import balances

pytestmark = pytest.mark.django_db


def test_a_secured_order_becomes_one_grant() -> None:
    orders.set_fee(
        livemode=False, currency="usd", fee=rules.Fee(100_000), actor=SYSTEM, at=scenario.now()
    )
    grant = scenario.granted(scenario.publisher(works=3))
    with unit(SYSTEM):
        order = Order.objects.get()
    again = grants.issue(order_id=order.name_id, actor=SYSTEM, at=scenario.now())
    assert again == grant
    with unit(SYSTEM):
        assert order.status == "granted"
        assert GrantWork.objects.filter(grant=grant).count() == grant.works_count == 3
        left = balances()
        assert left["platform_fee_income"] == -3_704 * 1_000_000
        assert left[f"royalty_pool:{order.name_id}"] == -(37_037 - 3_704) * 1_000_000
        assert f"order_clearing:{order.name_id}" not in left


def test_the_certificate_verifies_and_states_the_works() -> None:
    grant = scenario.granted(scenario.publisher(works=3))
    with unit(SYSTEM):
        stored = bytes(Certificate.objects.get(grant=grant).document)
        document = canonical.parse(stored)
        trusted = canonical.parse(keys.trust())
        holders = [ids.encode("org", sentinel.organisation.public_id) for sentinel in grant.sentinels.all()]
        works = tree.works_root(tree.ordered(sold.licensed_works(grant), holders), bytes(grant.secret))
    assert signing.method(signing.verify(document)) in {key["id"] for key in trusted["keys"]}
    assert document["type"] == ["VerifiableCredential", "LicetTestCertificate"]
    subject = document["credentialSubject"]
    assert subject["works"] == {"root": works.root, "count": 3, "leaves": 5}
    assert subject["works"]["root"] == grant.works_root
    assert subject["licensee"]["name"] == "Brindle"


def test_an_unpaid_order_is_not_granted() -> None:
    scenario.issuer_keys()
    order = scenario.order(scenario.publisher())
    with pytest.raises(Refused) as refused:
        grants.issue(order_id=order.name_id, actor=SYSTEM, at=scenario.now())
    assert refused.value.code == "order_not_secured"
    with unit(SYSTEM):
        assert not Grant.objects.exists()


def test_works_that_fell_away_stop_the_grant() -> None:
    shelf = scenario.publisher()
    payment = scenario.captured(shelf)
    with unit(SYSTEM):
        Work.objects.filter(pk=shelf.works[0].pk).update(court_order=True)
        before = balances()
    with pytest.raises(Refused) as refused:
        grants.issue(order_id=payment.order.name_id, actor=SYSTEM, at=scenario.now())
    assert refused.value.code == "works_dropped_out"
    with unit(SYSTEM):
        assert not Grant.objects.exists()
        assert balances() == before


def certified(grant: Grant) -> dict[str, Any]:
    with unit(SYSTEM):
        subject: dict[str, Any] = canonical.parse(bytes(Certificate.objects.get(grant=grant).document))[
            "credentialSubject"
        ]
    return subject


def test_four_licensors_of_one_work_are_all_named() -> None:
    shelf = scenario.publisher(works=1, control_ppm=400_000)
    others = [scenario.co_holder(shelf, slug, 200_000) for slug in ("dock", "ebb", "flow")]
    grant = scenario.granted(shelf)
    with unit(SYSTEM):
        sold_ = GrantWork.objects.get(grant=grant)
    houses = sorted(each.organisation.name_id for each in (shelf, *others))
    (line,) = certified(grant)["terms"]["inline"]
    assert sold_.terms_id == line["id"] == "+".join(part["id"] for part in line["parts"])
    assert sold_.terms_sha256 == line["hash"] == digests.of_json([part["hash"] for part in line["parts"]])
    assert sold_.licence == " AND ".join(f"LicenseRef-{part['id'].replace('_', '-')}" for part in line["parts"])
    assert sorted(part["licensor"] for part in line["parts"]) == houses
    assert (line["version"], line["text_hash"], line["licensor"]) == (0, None, "+".join(houses))


def test_a_licence_expression_is_spdx() -> None:
    grant = scenario.granted(scenario.publisher(works=1))
    with unit(SYSTEM):
        licence = GrantWork.objects.get(grant=grant).licence
    assert re.fullmatch(r"LicenseRef-[A-Za-z0-9.-]+", licence), licence


def test_the_agreement_permits_what_was_sold_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The terms are offered to the world until the end of the year; sold were two countries for a year from now."""
    at = scenario.now()
    offered = {"from": "2020-01-01", "until": (at.date() + timedelta(days=30)).isoformat()}
    conditions = [{"kind": "attribution"}, {"kind": "no_verbatim_output", "words": 50}]
    monkeypatch.setattr(scenario, "TERMS", {**scenario.TERMS, "offer": offered, "conditions": conditions})
    grant = scenario.granted(scenario.publisher(works=1), attribution=True)
    (permission,) = certified(grant)["agreement"]["permission"]
    assert [(each["leftOperand"].rpartition("/")[2], each["operator"].rpartition("/")[2], each["rightOperand"])
            for each in permission["constraint"]] == [
        ("dateTime", "gteq", at.date().isoformat()),
        ("dateTime", "lt", (at.date() + timedelta(days=365)).isoformat()),
        ("spatial", "isAnyOf", ["CN", "DE"]),
    ]  # fmt: skip
    assert permission["duty"] == [
        {"action": f"{certificate.TERM}attribution"},
        {"action": f"{certificate.TERM}no_verbatim_output", "parameters": {"words": 50}},
    ]


@pytest.mark.parametrize(("days", "after"), [(0, 0), (10, 10), (None, None), (36_500, 36_500)])
def test_copies_end_when_the_use_says(days: int | None, after: int | None) -> None:
    grant = scenario.granted(scenario.publisher(works=1), copy_retention_days=days)
    expected = None if after is None else (scenario.now().date() + timedelta(days=after)).isoformat()
    assert certified(grant)["periods"]["copies_until"] == expected


def test_a_long_warranty_does_not_stop_the_grant() -> None:
    shelf = scenario.publisher(works=1)
    with unit(SYSTEM), connection.cursor() as cursor:
        cursor.execute("UPDATE licensing_claim SET warranty = %s", [json.dumps({"text": "w" * 200_000})])
    (warranty,) = certified(scenario.granted(shelf))["warranties"]
    assert len(warranty) < 450
    assert warranty.startswith("Harbour: www")
    assert "SHA-256" in warranty


def test_certificates_enter_the_audit_chain() -> None:
    grant = scenario.granted(scenario.publisher(works=1))
    with unit(SYSTEM):
        row = AuditRow.objects.get(act="grant.issued")
        assert row.after["certificate_sha256"] == Certificate.objects.get(grant=grant).sha256
