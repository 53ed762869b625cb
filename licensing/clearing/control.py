"""Who may license a region: the graph of claims (docs/algorithms/clearing.md 3, terms). Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from licensing.clearing.boxes import Box, common, covers
from licensing.clearing.facts import (
    CONSENTED,
    CONTESTED,
    EXCLUSIVE,
    FOREIGN,
    HOLDER_UNKNOWN,
    INCLUDES,
    ONE_STOP,
    ROOT,
    VERIFIED,
    WHOLE,
    Claim,
    Conflict,
    Use,
)  # fmt: skip

Chain = tuple[int, ...]
"""Places of claims from a licensor's up to its root."""
Claims = tuple[Claim, ...]
Conflicts = tuple[Conflict, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """A licensor of a root share: its organisation, its claim's and the root's place, what stands against it."""

    licensor: int
    claim: int
    root: int
    blockers: tuple[str, ...]
    verified: bool


@dataclass(frozen=True, slots=True)
class Control:
    """Control over a region: paths per root share, one-stop paths, contestants with their consents.

    `complete`: the root shares make the whole and each has a licensor. `overclaimed`: they make more than the whole.
    `owned`: the organisation that entered the work claims a share itself. `included`: a root claim states that it
    includes the works this one is made from.
    """

    paths: dict[int, list[Path]]
    one_stop: list[Path]
    contestants: dict[int, bool]
    blockers: tuple[str, ...]
    complete: bool = False
    overclaimed: bool = False
    owned: bool = False
    included: bool = False


Over = Callable[[Box, Claims, Conflicts, Use], Control]
"""`over`, or the same with a memory, for those who ask about many sets of rights."""


def chains(claims: Claims) -> list[Chain | None]:
    """Per claim its line of ancestors, or None when one of them is not live (or they run in a circle)."""
    found: list[Chain | None] = []
    for place in range(len(claims)):
        line = [place]
        while (parent := claims[line[-1]].parent) is not None and parent >= 0 and parent not in line:
            line.append(parent)
        found.append(tuple(line) if parent is None else None)
    return found


def over(region: Box, claims: Claims, conflicts: Conflicts, use: Use) -> Control:
    """Assess one region, in which every claim is either everywhere or nowhere.

    All that is asked of a set of rights here are its claims and conflicts, which many sets share: see `Over`.
    """
    lines = chains(claims)
    acting = {
        line[0]: line
        for line in lines
        if line is not None and all(covers(claims[place].box, region) for place in line)
    }
    roots = [place for place in acting if claims[place].flags & ROOT]
    if not roots:
        return Control({}, [], {}, (_absent(region, claims, lines),))
    contestants = _contestants(region, claims, conflicts, acting, roots)
    exclusive = _exclusive_children(claims, acting)
    owned = any(not claims[root].flags & FOREIGN for root in roots)
    paths: dict[int, list[Path]] = {root: [] for root in roots}
    one_stop = []
    for line in acting.values():
        if _suspended(line, exclusive):
            continue
        mine = path(claims, line, use, owned=owned)
        if claims[line[0]].flags & ONE_STOP and _trusted(claims[line[0]].flags):
            one_stop.append(mine)
        if all(claims[place].ppm >= claims[mine.root].ppm for place in line):
            paths[mine.root].append(mine)
    totals = _totals(claims, roots)
    complete = min(totals) >= WHOLE and all(paths.values())
    blockers = () if complete or one_stop else ("control_incomplete",)
    included = any(_includes(claims[root].flags) for root in roots)
    return Control(paths, one_stop, contestants, blockers, complete, max(totals) > WHOLE, owned, included)


def _absent(region: Box, claims: Claims, lines: list[Chain | None]) -> str:
    """Name what is missing: the period or the territory of a root claim that is there, or any claim at all."""
    live = [claims[line[0]].box for line in lines if line is not None and claims[line[0]].flags & ROOT]
    for_action = [
        box for box in live if covers(box._replace(territories=-1, start=region.start, end=region.end), region)
    ]
    if any(region.territories & ~box.territories == 0 for box in for_action):
        return "claim_period"
    return "claim_territory" if for_action else "no_claim"


def _totals(claims: Claims, roots: list[int]) -> list[int]:
    """Sums of shares: of the whole, and of each part that is claimed alone beside the whole."""
    whole = sum(claims[place].ppm for place in roots if claims[place].part == "whole")
    parts: dict[str, int] = {}
    for place in roots:
        if claims[place].part != "whole":
            parts[claims[place].part] = parts.get(claims[place].part, whole) + claims[place].ppm
    return [whole, *parts.values()]


def _contestants(
    region: Box, claims: Claims, conflicts: Conflicts, acting: dict[int, Chain], roots: list[int]
) -> dict[int, bool]:
    """Places of the claims that dispute the region, with whether they consented in the case;
    -1 is one no longer live.
    """
    found: dict[int, bool] = {}
    open_here = [conflict for conflict in conflicts if common(conflict.box, region)]
    exclusives = [line for line in acting.values() if claims[line[0]].flags & EXCLUSIVE]
    rivals = [line[0] for line in exclusives if any(line != other and line[1:] == other[1:] for other in exclusives)]
    named = [place for conflict in open_here for place in conflict.members if place < 0 or place in acting]
    marked = [place for place in acting if claims[place].flags & CONTESTED]
    if rivals or open_here or marked or any(total > WHOLE for total in _totals(claims, roots)):
        consenting = {place for conflict in open_here for place in conflict.consenting if place >= 0}
        found = {place: place in consenting for place in (*roots, *rivals, *named, *marked)}
    return found


def _exclusive_children(claims: Claims, acting: dict[int, Chain]) -> dict[int, set[int]]:
    """Parent place -> places of the exclusive derivations of it that act here."""
    found: dict[int, set[int]] = {}
    for place, line in acting.items():
        if claims[place].flags & EXCLUSIVE and len(line) > 1:
            found.setdefault(line[1], set()).add(place)
    return found


def _suspended(line: Chain, exclusive: dict[int, set[int]]) -> bool:
    """An exclusive derivation suspends its parent, and every line through the parent that is not its own."""
    if line[0] in exclusive:
        return True
    return any(parent in exclusive and child not in exclusive[parent] for child, parent in pairwise(line))


def _trusted(flags: int) -> bool:
    """Whether a claim may speak beyond its own share: made by whom the work is from, or verified."""
    return not flags & FOREIGN or bool(flags & VERIFIED)


def _includes(flags: int) -> bool:
    return bool(flags & INCLUDES and flags & CONSENTED) and _trusted(flags)


def path(claims: Claims, line: Chain, use: Use, *, owned: bool) -> Path:
    """What a line of claims is worth for a use: verified, and what blocks it.

    Where the organisation that entered the work claims nothing itself (not `owned`), the word of others is not enough.
    """
    flags = [claims[place].flags for place in line]
    verified = all(flag & VERIFIED for flag in flags)
    blockers = []
    strange = not owned and not all(_trusted(flag) for flag in flags)
    if strange or (use.needs_verified and not verified):
        blockers.append("assurance_too_low")
    if not all(flag & CONSENTED for flag in flags):
        blockers.append("claim_unproven")
    if any(flag & HOLDER_UNKNOWN for flag in flags):
        blockers.append("unknown_holder")
    return Path(claims[line[0]].licensor, line[0], line[-1], tuple(blockers), verified)
