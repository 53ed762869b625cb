"""The reference: one work, one use, one moment -> one decision (docs/algorithms/clearing.md). Pure.

`fit` is everything that depends on rights alone, so the engine may run it once per distinct set; `decide` adds what is
the work's own: gates, measures, price.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from licensing.clearing import control, routes
from licensing.clearing.boxes import Box, regions
from licensing.clearing.facts import FORM_SHIFT, FORMS, GATES, NOTES, UNDERLYING, Offer, Rights, Use, WorkFacts
from licensing.clearing.price import Choice, Need, choose

RULE_VERSION = "2026-11-27"

Cells = Mapping[str, tuple[Box, ...]]


@dataclass(frozen=True, slots=True)
class Fit:
    """What the rights of a work allow for a use: blockers, or needs to be met by offers; codes with their cells.

    `includes`: claims over every cell state that they include the works this one is made from.
    """

    refused: bool
    kind: str
    reasons: Cells
    considered: Cells
    notes: tuple[str, ...]
    needs: tuple[Need, ...] = ()
    verified: bool | None = None
    past: bool = False
    includes: bool = False


@dataclass(frozen=True, slots=True)
class Licensed:
    """Share `ppm` of the root claim at place `claim`, licensed under the offer with key `offer`."""

    claim: int
    ppm: int
    offer: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer for one work. `cells` say where each reason holds (gates hold everywhere and are not listed)."""

    outcome: str
    kind: str
    reasons: tuple[str, ...]
    considered: tuple[str, ...]
    notes: tuple[str, ...]
    price_micro: int | None
    assurance: str
    licensed: tuple[Licensed, ...] = ()
    cells: Cells = field(default_factory=dict)


def decide(facts: WorkFacts, use: Use, at: datetime) -> Decision:
    """Decide one work. `at` is the moment of the decision: what has ended by then no longer holds."""
    found = fit(facts.rights, use, at)
    gates = list(gate_codes(facts.flags, use))
    if not _stands(facts, found, use, at):
        gates.append("underlying_not_cleared")
    notes = (*sorted(code for bit, code in NOTES.items() if facts.flags & bit), *found.notes)
    choice = Choice(0, ())
    if not found.refused and found.needs:
        choice = choose(found.needs, facts.rights.offers, facts.measures, use)
    if not found.refused and choice.price > use.max_price_micro:
        gates.append("price_above_maximum")
    if gates or found.refused:
        reasons = (*sorted(gates), *sorted(found.reasons))
        return Decision(
            "refused", "", reasons, tuple(sorted(found.considered)), notes, None, "", cells=found.reasons
        )
    return _allowed(facts, found, choice, notes)


def gate_codes(flags: int, use: Use) -> list[str]:
    """Codes of the gates that a work's flags close for a use, in alphabetical order; underlying works are not here."""
    shut = flags & use.gates
    codes = [code for bit, code in GATES.items() if shut & bit]
    if shut >> FORM_SHIFT & ((1 << len(FORMS)) - 1):
        codes.append("content_form_excluded")
    return sorted(codes)


def fit(rights: Rights, use: Use, at: datetime, control_over: control.Over = control.over) -> Fit:
    """Try the three routes in every region of the use's box."""
    today = at.date().toordinal()
    terms = routes.Terms(rights, use, today)
    reasons: dict[str, list[Box]] = {}
    considered: dict[str, list[Box]] = {}
    kinds: set[str] = set()
    notes: set[str] = set()
    options: list[tuple[int, routes.Option]] = []
    includes = True
    for number, region in enumerate(regions(use.box, routes.knives(rights, use, at))):
        over = control_over(region, rights.claims, rights.conflicts, use)
        includes = includes and over.included
        tried = routes.tried(rights, region, use, at, terms, over)
        winner = next((name for name in routes.ORDER if tried[name].clears), None)
        if winner is None:
            _note_refusal(region, rights, tried, reasons, considered)
            continue
        kinds.add(winner)
        notes |= tried[winner].notes
        options.extend((number, option) for option in tried[winner].options)
        _add(considered, region, (code for name in routes.ORDER if name != winner for code in tried[name].blockers))
    if reasons:
        # Cells that would clear do not matter for a refused work; their losing routes are still worth knowing.
        return Fit(True, "", _frozen(reasons), _frozen(_without(considered, reasons)), (), includes=includes)
    kind = kinds.pop() if len(kinds) == 1 else "mixed"
    needs = _needs(options)
    verified = all(option.verified for _, option in options) if options else None
    past = bool(options) and use.box.start < today
    return Fit(False, kind, {}, _frozen(considered), tuple(sorted(notes)), needs, verified, past, includes)


def _allowed(facts: WorkFacts, found: Fit, choice: Choice, notes: tuple[str, ...]) -> Decision:
    offers = facts.rights.offers
    approvals = []
    if any(offers[pick].manual for pick in choice.picks):
        approvals.append("approval_required")
    if found.past and any(offers[pick].released is None for pick in choice.picks):
        approvals.append("past_use")
    pairs = {
        (need.root, need.share, offers[pick].key) for need, pick in zip(found.needs, choice.picks, strict=True)
    }
    return Decision(
        "needs_approval" if approvals else "cleared",
        found.kind,
        tuple(approvals),
        tuple(sorted(found.considered)),
        notes,
        choice.price,
        "" if found.verified is None else "verified" if found.verified else "asserted",
        tuple(Licensed(*pair) for pair in sorted(pairs)),
    )


def stands(facts: WorkFacts, use: Use, at: datetime) -> bool:
    """Whether a work may stand on those it is made from: they clear too, or a claim includes them."""
    return _stands(facts, fit(facts.rights, use, at), use, at)


def _stands(facts: WorkFacts, found: Fit, use: Use, at: datetime) -> bool:
    return found.includes or _underlying_clear(facts, use, at)


def _underlying_clear(facts: WorkFacts, use: Use, at: datetime) -> bool:
    """Whether every work this one is made from clears for the same use, whatever it would cost."""
    if not facts.flags & UNDERLYING:
        return True
    return bool(facts.underlying) and all(
        below is not None and _clear_below(below, use, at) for below in facts.underlying
    )


def _clear_below(below: WorkFacts, use: Use, at: datetime) -> bool:
    found = fit(below.rights, use, at)
    if gate_codes(below.flags, use) or not surely(found, below.rights.offers):
        return False
    return _stands(below, found, use, at)


def surely(found: Fit, offers: Sequence[Offer]) -> bool:
    """Whether a fit clears whichever of its offers is chosen: no approval may be asked for."""
    manual = any(offers[place].manual for need in found.needs for place in need.candidates)
    return not (found.refused or found.past or manual)


def _note_refusal(
    region: Box,
    rights: Rights,
    tried: Mapping[str, routes.Route],
    reasons: dict[str, list[Box]],
    considered: dict[str, list[Box]],
) -> None:
    """Reasons are the blockers of the routes somebody prepared; the others were merely considered."""
    prepared = {
        "terms": bool(rights.claims or rights.offers),
        "open_licence": tried["open_licence"].attempted,
        "public_domain": rights.status is not None and rights.status.declared,
    }
    if not any(prepared.values()):
        prepared["terms"] = True
    for name in routes.ORDER:
        _add(reasons if prepared[name] else considered, region, tried[name].blockers)


def _needs(options: Iterable[tuple[int, routes.Option]]) -> tuple[Need, ...]:
    """Join the regions of each root share where one offer can do for all of them."""
    grouped: dict[tuple[int, int, bool], list[tuple[int, routes.Option]]] = {}
    for number, option in options:
        grouped.setdefault((option.root, option.share, option.contested), []).append((number, option))
    needs: list[Need] = []
    for (root, share, contested), found in sorted(grouped.items(), key=lambda item: item[0]):
        shared = set(found[0][1].candidates).intersection(*(option.candidates for _, option in found))
        numbers = tuple(number for number, _ in found)
        if shared:
            needs.append(Need(root, share, numbers, tuple(sorted(shared)), contested))
        else:
            needs.extend(
                Need(root, share, (number,), tuple(sorted(option.candidates)), contested) for number, option in found
            )
    return tuple(needs)


def _add(cells: dict[str, list[Box]], region: Box, codes: Iterable[str]) -> None:
    for code in codes:
        cells.setdefault(code, []).append(region)


def _without(cells: dict[str, list[Box]], other: Mapping[str, object]) -> dict[str, list[Box]]:
    return {code: boxes for code, boxes in cells.items() if code not in other}


def _frozen(cells: Mapping[str, list[Box]]) -> Cells:
    return {code: tuple(sorted(boxes)) for code, boxes in sorted(cells.items())}
