"""Why a work is decided as it is, premise by premise: what must hold, whether it does, and the row that says so. Pure.

Every premise is asked of the functions that decide; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from licensing.clearing import control, routes, rules
from licensing.clearing.boxes import Box, common, regions
from licensing.clearing.facts import GATES, UNDERLYING, Rights, Use, WorkFacts

Rows = Mapping[str, Sequence[str]]
"""Kind (claim, withhold, licence, offer) -> public ids, in the order of the facts."""


@dataclass(frozen=True, slots=True)
class Premise:
    """`premise` is the reason code it would give, or the kind of row it speaks of; `against`: what the row lacks.

    Gates hold for every cell and have no region.
    """

    route: str
    premise: str
    satisfied: bool
    row: str = ""
    against: tuple[str, ...] = ()
    region: Box | None = None


def of(facts: WorkFacts, use: Use, at: datetime, rows: Rows) -> list[Premise]:
    """Every premise of every route in every region of the use."""
    found = [*_gates(facts, use, at)]
    terms = routes.Terms(facts.rights, use, at.date().toordinal())
    for region in regions(use.box, routes.knives(facts.rights, use, at)):
        over = control.over(region, facts.rights.claims, facts.rights.conflicts, use)
        tried = routes.tried(facts.rights, region, use, at, terms, over)
        found += [Premise(name, "route", tried[name].clears, "", tried[name].blockers, region) for name in routes.ORDER]
        found += _licences(facts.rights, region, use, over, rows)
        found += _forbidden(facts.rights, region, use, at, rows["withhold"])
        found += _claims(facts.rights, region, terms, use, over, rows)
        found += _offers(region, terms, rows["offer"])
    return found


def _gates(facts: WorkFacts, use: Use, at: datetime) -> Iterator[Premise]:
    shut = rules.gate_codes(facts.flags, use)
    for bit, code in GATES.items():
        if use.gates & bit:
            yield Premise("gate", code, code not in shut)
    if "content_form_excluded" in shut:
        yield Premise("gate", "content_form_excluded", False)
    if facts.flags & UNDERLYING:
        yield Premise("gate", "underlying_not_cleared", rules.stands(facts, use, at))


def _licences(
    rights: Rights, region: Box, use: Use, over: control.Control, rows: Rows
) -> Iterator[Premise]:
    speaks = routes.speakers(rights, over)
    for place, licence in enumerate(rights.licences):
        against = routes.against(licence, region, use, speaks)
        if common(licence.box, region) is None:
            against = ("licence_unproven",)
        yield Premise("open_licence", "licence", not against, rows["licence"][place], against, region)


def _forbidden(rights: Rights, region: Box, use: Use, at: datetime, rows: Sequence[str]) -> Iterator[Premise]:
    """Which licence of whom is in the way stays with the holder: encumbrances have no row here."""
    for withhold, row in zip(rights.withholds, rows, strict=True):
        yield Premise("terms", withhold.code, common(withhold.box, region) is None, row, (), region)
    for one in rights.encumbrances:
        free = common(one.box, region) is None or not routes.binds(one, use, at)
        yield Premise("terms", "exclusive_elsewhere", free, "", (), region)


def _claims(
    rights: Rights, region: Box, terms: routes.Terms, use: Use, over: control.Control, rows: Rows
) -> Iterator[Premise]:
    for code in ("no_claim", "claim_territory", "claim_period", "control_incomplete"):
        yield Premise("terms", code, code not in over.blockers, "", (), region)
    settled = not over.contestants or use.accepts_contested
    yield Premise("terms", "claim_contested", settled, "", tuple(_names(rows, over.contestants)), region)
    for place, line in enumerate(terms.lines):
        if line is None:
            yield Premise("terms", "claim", False, rows["claim"][place], ("no_claim",), region)
        elif all(common(rights.claims[one].box, region) for one in line):
            path = control.path(rights.claims, line, use, owned=over.owned)
            yield Premise("terms", "claim", not path.blockers, rows["claim"][place], path.blockers, region)


def _names(rows: Rows, places: Mapping[int, bool]) -> Iterator[str]:
    return (rows["claim"][place] for place in places if place >= 0)


def _offers(region: Box, terms: routes.Terms, rows: Sequence[str]) -> Iterator[Premise]:
    for place, row in enumerate(rows):
        against = terms.against(place, region)
        yield Premise("terms", "offer", not against, row, against, region)
