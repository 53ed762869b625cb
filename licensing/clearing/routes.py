"""The three routes of a region: public domain, open licence, terms (docs/algorithms/clearing.md 3). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from licensing.clearing import control, offers
from licensing.clearing.boxes import END, Box, common
from licensing.clearing.facts import (
    ACADEMIC,
    ATTRIBUTION,
    COVERS,
    FIRST_HAND,
    NO_DERIVATIVES,
    NON_COMMERCIAL,
    SHARE_ALIKE,
    UNPARSED,
    WHOLE,
    Encumbrance,
    Licence,
    Rights,
    Use,
)  # fmt: skip
from licensing.rights import vocabulary

ORDER = ("public_domain", "open_licence", "terms")
EVERY_ACTION = 2**31 - 1
DERIVING = vocabulary.mask(["train_generative", "fine_tune", "synthesise"])


@dataclass(frozen=True, slots=True)
class Option:
    """Offers (by place) any of which licenses `share` of root claim `root` in a region."""

    root: int
    share: int
    candidates: tuple[int, ...]
    verified: bool
    contested: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """A route in one region: it clears when it exists and has no blockers. `attempted`: somebody prepared it."""

    blockers: tuple[str, ...]
    options: tuple[Option, ...] = ()
    notes: frozenset[str] = frozenset()
    attempted: bool = True

    @property
    def clears(self) -> bool:
        """Whether the region may be used by this route."""
        return self.attempted and not self.blockers


def knives(rights: Rights, use: Use, at: datetime) -> Iterator[Box]:
    """Every box along whose edges the answer may change."""
    yield from (claim.box for claim in rights.claims)
    yield from (withhold.box for withhold in rights.withholds)
    yield from (encumbrance.box for encumbrance in rights.encumbrances if binds(encumbrance, use, at))
    yield from (conflict.box for conflict in rights.conflicts)
    yield from (licence.box for licence in rights.licences)
    if rights.status is not None:
        for mask in (rights.status.free, rights.status.unknown):
            yield Box(EVERY_ACTION, mask, rights.status.since, END)
    for offer in rights.offers:
        yield Box(offer.actions, offer.territories, 0, END)


def tried(
    rights: Rights, region: Box, use: Use, at: datetime, terms: Terms, over: control.Control
) -> dict[str, Route]:
    """All three routes of one region, over which `over` says who has control."""
    return {
        "public_domain": _public_domain(rights, region),
        "open_licence": _open_licence(rights, region, use, over),
        "terms": terms.of(region, over, at),
    }


def _public_domain(rights: Rights, region: Box) -> Route:
    status = rights.status
    if status is None or status.since > region.start or region.territories & status.unknown:
        return Route(("status_unknown",))
    if region.territories & ~status.free:
        return Route(("protected_in_territory",))
    return Route(())


def _open_licence(rights: Rights, region: Box, use: Use, over: control.Control) -> Route:
    if not rights.licences:
        return Route((), attempted=False)
    here = [licence for licence in rights.licences if common(licence.box, region)]
    speaks = speakers(rights, over)
    found = [against(licence, region, use, speaks) for licence in here]
    # Before the first day of every assertion nothing is proven.
    return Route(offers.nearest(found) if found else ("licence_unproven",))


def speakers(rights: Rights, over: control.Control) -> set[int]:
    """The organisations that hold a region together, by claims nothing stands against; none where that is not known.

    Above the whole nobody is known to speak for all of it: a claim that lifts the sum must not prove a licence.
    """
    proven = all(any(path.claim == root and not path.blockers for path in paths) for root, paths in over.paths.items())
    if not over.complete or over.overclaimed or not proven:
        return set()
    return {rights.claims[root].licensor for root in over.paths}


def against(licence: Licence, region: Box, use: Use, speaks: set[int]) -> tuple[str, ...]:
    """What stands against an assertion in a region that it reaches."""
    flags = licence.flags
    wrong = [
        ("academic_only", flags & ACADEMIC and (use.commercial or not use.research)),
        ("attribution_not_possible", flags & ATTRIBUTION and not use.attribution),
        ("layer_not_covered", not flags & COVERS),
        ("licence_unparsed", flags & UNPARSED),
        ("licence_unproven", not flags & FIRST_HAND and speaks != {licence.licensor}),
        ("no_derivatives", flags & NO_DERIVATIVES and region.actions & DERIVING),
        ("non_commercial_only", flags & NON_COMMERCIAL and use.commercial),
        ("share_alike_not_accepted", flags & SHARE_ALIKE and not use.accepts_share_alike),
    ]
    return tuple(code for code, bad in wrong if bad)


def binds(encumbrance: Encumbrance, use: Use, at: datetime) -> bool:
    """Whether a licence given to somebody else is in force and stands in the way of this use."""
    if encumbrance.until is not None and encumbrance.until <= at:
        return False
    mine = bool(encumbrance.licensee) and encumbrance.licensee == use.licensee
    return not mine and (encumbrance.exclusive or use.exclusive)


class Terms:
    """The route of terms for one set of rights; what does not depend on the region is computed once."""

    def __init__(self, rights: Rights, use: Use, today: int) -> None:
        self.rights = rights
        self.use = use
        self.lines = control.chains(rights.claims)
        self.general = [offers.against_use(offer, use, today, rights.known) for offer in rights.offers]

    def of(self, region: Box, over: control.Control, at: datetime) -> Route:
        """Blockers of the region, or the options to license every share of it."""
        blockers = self._forbidden(region, at)
        if over.contestants:
            blockers += () if self.use.accepts_contested else ("claim_contested",)
        blockers += over.blockers
        if blockers:
            return Route(blockers)
        found = self._contest(region, over) if over.contestants else self._shares(region, over)
        if found.blockers:
            return found
        notes = set(found.notes)
        if any(common(box, region) for box in self.rights.reserves):
            notes.add("reserved")
        return Route((), found.options, frozenset(notes))

    def _forbidden(self, region: Box, at: datetime) -> tuple[str, ...]:
        found = {withhold.code for withhold in self.rights.withholds if common(withhold.box, region)}
        if any(binds(one, self.use, at) and common(one.box, region) for one in self.rights.encumbrances):
            found.add("exclusive_elsewhere")
        return tuple(sorted(found))

    def _shares(self, region: Box, over: control.Control) -> Route:
        """A one-stop licensor alone, else a licensor for every root share."""
        claims = self.rights.claims
        blockers: set[str] = set()
        if over.one_stop:
            lone = self._option(region, over.one_stop, WHOLE, min(path.claim for path in over.one_stop))
            if isinstance(lone, Option):
                return Route((), (lone,))
            if not over.complete:
                return Route(lone)
            blockers.update(lone)
        found = [self._option(region, paths, claims[root].ppm, root) for root, paths in over.paths.items()]
        options = tuple(option for option in found if isinstance(option, Option))
        if len(options) == len(found):
            return Route((), options)
        for option in found:
            blockers.update(() if isinstance(option, Option) else option)
        return Route(tuple(sorted(blockers)))

    def _contest(self, region: Box, over: control.Control) -> Route:
        """Every contestant offers or has consented, and at least one offers."""
        options: list[Option] = []
        blockers = set(() if over.overclaimed else self._shares(region, over).blockers)
        for place, consents in over.contestants.items():
            paths = self._own_paths(place, over.owned) if place >= 0 else []
            option = self._option(region, paths, WHOLE, place) if paths else ("claim_contested",)
            if isinstance(option, Option):
                options.append(Option(place, WHOLE, option.candidates, option.verified, contested=True))
            elif not consents or any(path.blockers for path in paths):
                blockers.update(option)
        if not options:
            blockers.add("no_terms")
        if blockers:
            return Route(("claim_contested", *sorted(blockers - {"claim_contested"})))
        return Route((), tuple(options), frozenset({"contested_in_escrow"}))

    def _own_paths(self, place: int, owned: bool) -> list[control.Path]:
        line = self.lines[place]
        return [] if line is None else [control.path(self.rights.claims, line, self.use, owned=owned)]

    def _option(
        self, region: Box, paths: Iterable[control.Path], share: int, root: int
    ) -> Option | tuple[str, ...]:
        """The offers of the good paths that fit, or the blockers nearest to a yes."""
        blocked: list[tuple[str, ...]] = []
        fitting: set[int] = set()
        verified = False
        for path in paths:
            if path.blockers:
                blocked.append(path.blockers)
                continue
            tried = self._offers_of(path.licensor, region)
            fits = [place for place, codes in tried if not codes]
            fitting.update(fits)
            verified = verified or (bool(fits) and path.verified)
            blocked.append(offers.nearest(codes for _, codes in tried))
        return Option(root, share, tuple(sorted(fitting)), verified) if fitting else offers.nearest(blocked)

    def _offers_of(self, licensor: int, region: Box) -> list[tuple[int, tuple[str, ...]]]:
        return [
            (place, self.against(place, region))
            for place, offer in enumerate(self.rights.offers)
            if offer.licensor == licensor
        ]

    def against(self, place: int, region: Box) -> tuple[str, ...]:
        """What stands against the offer at a place in a region."""
        return tuple(sorted({*self.general[place], *offers.against_cells(self.rights.offers[place], region)}))


