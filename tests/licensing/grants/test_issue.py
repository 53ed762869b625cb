"""Issuing: one grant per secured order, a certificate that verifies, money on its way to fee and pool."""

from __future__ import annotations

import pytest

from accounts.errors import Refused
from accounts.unit import SYSTEM, unit
from licensing.catalogue.models import Work
from licensing.grants import keys, sold, tree
from licensing.grants import services as grants
from licensing.grants.models import Certificate, Grant, GrantWork
from licensing.kernel import canonical, ids
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
