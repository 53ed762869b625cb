"""The whole journey on the project's own material, over HTTP with real workers; then once more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from accounts.unit import SYSTEM, unit
from licensing.catalogue.models import Work
from licensing.clearing.models import Clearance, Decision
from licensing.ledger import queries as ledger
from licensing.orders.models import Order
from marketplace.demo.journey import good
from marketplace.demo.material import OWN
from tests.journeys.conftest import Started, journey
from tests.support.databases import Committed

EXPECTED = json.loads((OWN / "expected.json").read_text())


@pytest.mark.timeout(300)
def test_the_whole_journey_twice(started: Started, committed: Committed) -> None:
    with started() as stack:
        first = journey(stack, committed).run()
        assert good(first), first
        assert first["works"] == EXPECTED["works"]
        assert first["decisions"] == EXPECTED["decisions"]
        _each_work_as_expected()
        again = journey(stack, committed).run()
    assert good(again), again
    assert {key: again[key] for key in ("works", "decisions", "reasons", "quote_total_minor", "release_rows")} == {
        key: first[key] for key in ("works", "decisions", "reasons", "quote_total_minor", "release_rows")
    }
    with unit(SYSTEM):
        assert Work.objects.count() == EXPECTED["works"]
        assert Order.objects.filter(status="granted").count() == 2
        hashes = set(Clearance.objects.values_list("decisions_hash", flat=True))
        assert len(hashes) == 1
        assert not any(ledger.imbalance().values())


def _each_work_as_expected() -> None:
    with unit(SYSTEM):
        rows = {row.work.own_id: row for row in Decision.objects.select_related("work")}
    wrong: dict[str, Any] = {}
    for own_id, expected in EXPECTED["by_work"].items():
        row = rows[own_id]
        same = (row.outcome, row.kind or None) == (expected["outcome"], expected["kind"])
        if not same or not set(expected["reasons"]) <= set(row.reasons):
            wrong[own_id] = (row.outcome, row.kind, row.reasons, expected)
    assert not wrong
