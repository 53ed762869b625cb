"""The premises of an explanation say of every route what the decision said, and name the row."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings

from licensing.clearing import facts as f
from licensing.clearing import premises, rules
from tests.properties import test_clearing as drawn

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def rows(rights: f.Rights) -> dict[str, tuple[str, ...]]:
    sizes = {
        "claim": len(rights.claims), "withhold": len(rights.withholds), "licence": len(rights.licences),
        "offer": len(rights.offers),
    }  # fmt: skip
    return {kind: tuple(f"{kind}-{number}" for number in range(size)) for kind, size in sizes.items()}


@settings(max_examples=200, deadline=None, derandomize=True)
@given(drawn.all_rights, drawn.uses)
def test_some_route_clears_in_every_region_of_what_clears(rights: f.Rights, use: f.Use) -> None:
    facts = f.WorkFacts("wrk", 0, rights, {})
    found = premises.of(facts, use, AT, rows(rights))
    decided = rules.decide(facts, use, AT)
    regions = {one.region for one in found if one.premise == "route"}
    clear = {one.region for one in found if one.premise == "route" and one.satisfied}
    assert (clear == regions) == (decided.outcome != "refused")
    blockers = {code for one in found if one.premise == "route" for code in one.against}
    assert {*decided.reasons} - {"approval_required", "past_use", "price_above_maximum"} <= blockers
    assert all(one.row for one in found if one.premise in ("claim", "offer", "licence"))


def test_a_gate_that_is_shut_is_not_satisfied() -> None:
    use = _use()
    found = premises.of(f.WorkFacts("wrk", f.WITHDRAWN | f.UNDERLYING, f.Rights(), {}), use, AT, rows(f.Rights()))
    shut = {one.premise for one in found if one.route == "gate" and not one.satisfied}
    assert shut == {"withdrawn", "underlying_not_cleared"}


def _use() -> f.Use:
    return f.Use(
        box=drawn.EVERYTHING._replace(start=drawn.TODAY, end=drawn.TODAY + 9), currency="usd", licensee="",
        licensee_id=9, window_days=9, retention_days=9, survival="perpetual", model_kind=1, outputs=2,
    )  # fmt: skip
