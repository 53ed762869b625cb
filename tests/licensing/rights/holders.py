"""What holders state in the tests of rights, by short words."""

from __future__ import annotations

from datetime import date
from typing import Any

from accounts.models import Organisation
from accounts.unit import SYSTEM, unit
from licensing.clearing.models import Clearance
from licensing.kernel import territories
from licensing.kernel.periods import Period
from licensing.rights import licences, vocabulary
from licensing.rights import services as rights
from licensing.rights.models import Claim, OpenLicence, Reservation
from licensing.rights.scopes import Target
from tests import scenario

ALWAYS = Period(None, None)
CC0 = licences.normalise("CC0-1.0").columns()


def claim(of: scenario.Publisher, target: Target, **more: Any) -> Claim:
    said: dict[str, Any] = {
        "basis": "assignment", "control_ppm": 1_000_000, "actions": vocabulary.ALL_LEAVES,
        "territories": territories.WORLD, "period": Period(date(2020, 1, 1), None), "author_consent": "contract_clause",
        "warranty": {"text": "ours"}, "signer": "The director", "document": "Assignment of 2020",
    } | more  # fmt: skip
    return rights.declare_claim(
        organisation=of.organisation, holder=of.parties[0], target=target, actor=of.actor, at=scenario.now(), **said
    )


def free(of: scenario.Publisher, target: Target, first_hand: bool | None) -> OpenLicence:
    return rights.assert_licence(
        organisation=of.organisation, target=target, sent="CC0-1.0", licence=CC0, first_hand=first_hand, layer="whole",
        starts=None, source="a tag", actor=of.actor, at=scenario.now(),
    )  # fmt: skip


def reserve(of: scenario.Publisher, target: Target, kind: str = "withhold", **more: Any) -> Reservation:
    return rights.reserve(
        organisation=of.organisation, kind=kind, target=target, actions=vocabulary.ALL_LEAVES,
        territories=territories.WORLD, period=ALWAYS, signal="", evidence={}, actor=of.actor, at=scenario.now(), **more,
    )  # fmt: skip


def decided(of: scenario.Publisher, **use: Any) -> Clearance:
    with unit(SYSTEM):
        house = Organisation.objects.filter(slug="brindle").first()
    buyer = scenario.member(house, "developer", "developer_admin") if house else None
    return scenario.clearance(of, buyer=buyer, **use)


def outcome(of: scenario.Publisher, **use: Any) -> dict[str, int]:
    counts: dict[str, int] = decided(of, **use).counts
    return counts
