"""Reduced sets of rights and the rules: read from rows, fitted once each, and answered in columns for SQL.

A reduced set is what is left of sets of rights for one use (docs/algorithms/clearing.md 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, cached_property
from typing import Any

from licensing.clearing import control, price, rules, sets_sql
from licensing.clearing import facts as f
from licensing.clearing.boxes import BEGINNING, Box
from licensing.clearing.sets_sql import BY_RULES, CLEARED, NEEDS_APPROVAL, NOTHING, PAIR, REFUSED, SEVERAL
from licensing.kernel import territories

LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Class:
    """Offers that a use cannot tell apart, but for their prices: one of them, and what SQL needs of all.

    `like`: the number of what the rules look at, but for whose offer it is.
    """

    offer: f.Offer
    like: int
    manual: int
    num: int
    half: int

    def most(self, dearest: int) -> tuple[int, int]:
        """What prices that add up to `dearest` come to at most, before they are divided: for nothing, and per unit."""
        return self.num * price.DENOMINATOR * dearest + self.half, self.num * max(price.RATES) * dearest


Seen = tuple[int, int]
"""An offer as the rules see it: the number of what it is like, and that of its licensor among the names of the set."""


@dataclass(slots=True)
class Fitter:
    """Fits sets of rights for one use, each different one once.

    The rules ask of organisations only whether two are the same. They are numbered by first appearance in a set, so
    that the rights of one are those of another under other names.
    """

    use: f.Use
    at: datetime
    fits: list[rules.Fit] = field(default_factory=list)
    sure: set[int] = field(default_factory=set)
    _over: control.Over = field(default_factory=lambda: cache(control.over))
    _likes: dict[f.Offer, int] = field(default_factory=dict)
    _offers: dict[int, f.Offer] = field(default_factory=dict)
    _lists: dict[tuple[Any, ...], int] = field(default_factory=dict)
    _told: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def of_class(self, name: int, version: f.Offer) -> Class:
        """The class of the number `name`, clipped as SQL clipped it; which version stands for it no longer matters."""
        use, to = self.use, version.audience_organisation
        offer = replace(
            version, key=name, actions=version.actions & use.box.actions,
            territories=version.territories & use.box.territories,
            audience_organisation=to if to == use.licensee_id else None,
        )  # fmt: skip
        bare = replace(
            offer, key=name & (1 << sets_sql.DAYS) - 1, licensor=0, start=0, end=0, training_days=None,
            retention_days=None, released=None,
            price=f.Price(flat=int(not offer.price.free), needs=offer.price.needs),
        )  # fmt: skip
        like = self._likes.setdefault(bare, len(self._likes))
        num, den = price.factor(offer.price.multipliers, use)
        self._offers.setdefault(like, offer)
        return Class(offer, like, manual([offer]), 2 * num, price.DENOMINATOR * den)

    def listed(self, items: Iterable[tuple[str, Any]]) -> Listed:
        """Rights in their order, with their organisations numbered."""
        names: dict[int, int] = {}
        facts = []
        for kind, fact in items:
            who = getattr(fact, "licensor", None)
            facts.append((kind, fact if who is None else replace(fact, licensor=names.setdefault(who, len(names)))))
        told = tuple(facts)
        return Listed(self._lists.setdefault(told, len(self._lists)), told, names)

    def fit(self, listed: Listed, known: int, offers: Sequence[Class]) -> tuple[int, list[Seen]]:
        """The number of the fit, and the offers as the rules saw them."""
        names = dict(listed.names)
        seen = [(one.like, names.setdefault(one.offer.licensor, len(names))) for one in offers]
        distinct = sorted(set(seen))
        told = (listed.no, known, *distinct)
        if told not in self._told:
            here = tuple(replace(self._offers[like], licensor=who) for like, who in distinct)
            found = rules.fit(_rights(listed.facts, here, known), self.use, self.at, self._over)
            self._told[told] = len(self.fits)
            if rules.surely(found, here):
                self.sure.add(len(self.fits))
            self.fits.append(found)
        return self._told[told], seen


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of rights: its number, its facts, and the numbers of the organisations in it."""

    no: int
    facts: tuple[tuple[str, Any], ...]
    names: dict[int, int]


@dataclass(frozen=True)
class Reduced:
    """A distinct reduced set: its key in SQL, its offers in their order, and what the rules said of it.

    `seen`: its offers as the rules saw them. `dearest`: what the prices of an offer of such sets add up to at most.
    """

    no: int
    key: tuple[int, int, int]
    offers: Sequence[Class]
    seen: Sequence[Seen]
    dearest: int
    fit: int
    found: rules.Fit

    def places(self, need: price.Need) -> list[int]:
        """Where in the set the offers stand that may be chosen for a need, in the order that settles equal prices.

        Those that come after others at any price are left out.
        """
        distinct = sorted(set(self.seen))
        wanted = {distinct[place] for place in need.candidates}
        here = [place for place, name in enumerate(self.seen) if name in wanted]
        first = min(self.offers[place].manual & 6 for place in here)
        rivals = [place for place in here if self.offers[place].manual & 6 == first]
        return sorted(rivals, key=lambda place: (len(self.offers[place].offer.conditions), place))

    @cached_property
    def mode(self) -> int:
        """How works of such sets are priced."""
        needs = () if self.found.refused else self.found.needs
        if not needs:
            return NOTHING
        if len({need.regions for need in needs}) > 1 or any(need.contested for need in needs):
            return BY_RULES
        alone = len(needs) == 1 and len(self.places(needs[0])) <= 2 and self._most(needs[0])[0] <= LARGEST
        return PAIR if alone else SEVERAL

    def ready(self) -> tuple[Any, ...]:
        """The row of sets_sql.READY."""
        found = self.found
        root, safe = None, LARGEST
        share, free = (None, None) if found.refused or self.mode != NOTHING else (f.WHOLE, 0)
        columns: list[tuple[int | None, ...]] = [(None, REFUSED if found.refused else CLEARED, None, None, None)]
        if self.mode == PAIR:
            need = found.needs[0]
            whole, rate = self._most(need)
            root, share, safe = need.root, need.share, (LARGEST - whole) // max(1, rate)
            columns = [self._column(place) for place in self.places(need)]
        first, second = (*columns, (None,) * 5)[:2]
        return *self.key, self.no, self.fit, self.mode, found.past, root, share, safe, free, *first, *second

    def _column(self, place: int) -> tuple[int, ...]:
        one = self.offers[place]
        waits = one.manual & 1 or (self.found.past and one.manual & 4)
        return place + 1, NEEDS_APPROVAL if waits else CLEARED, one.manual, one.num, one.half

    def _most(self, need: price.Need) -> tuple[int, int]:
        each = [self.offers[place].most(self.dearest) for place in self.places(need)]
        return max(whole for whole, _ in each), max(rate for _, rate in each)

    def needs(self) -> Iterable[tuple[Any, ...]]:
        """The rows of sets_sql.NEED: each offer that may be chosen for each need."""
        for order, need in enumerate(self.found.needs):
            for place in self.places(need):
                one = self.offers[place]
                ranks = (one.manual, len(one.offer.conditions), one.num, one.half)
                yield self.no, order, need.root, need.share, place + 1, *ranks


def classes(offered: int) -> list[int]:
    """The classes of at most two offers out of the number that says them (sets_sql._offered)."""
    return [name for name in (offered & (1 << sets_sql.PLACE) - 1, offered >> sets_sql.PLACE) if name]


def manual(offers: Iterable[f.Offer]) -> int:
    """Bit 0: somebody must approve; bit 1: an offer not made to the licensee by name; bit 2: no release of the past."""
    bits = 0
    for offer in offers:
        bits |= int(offer.manual) | (offer.audience != "named") << 1 | (offer.released is None) << 2
    return bits


def _rights(items: Sequence[tuple[str, Any]], offers: tuple[f.Offer, ...], known: int) -> f.Rights:
    of: dict[str, list[Any]] = {}
    for kind, value in items:
        of.setdefault(kind, []).append(value)
    return f.Rights(
        claims=tuple(of.get("claim", ())),
        withholds=tuple(of.get("withhold", ())),
        reserves=tuple(of.get("reserve", ())),
        encumbrances=tuple(of.get("encumbrance", ())),
        conflicts=tuple(of.get("conflict", ())),
        licences=tuple(of.get("licence", ())),
        status=next(iter(of.get("status", ())), None),
        offers=offers,
        known=known,
    )


def item(row: Sequence[Any]) -> tuple[str, Any]:
    """Kind and fact of a row of sets_sql.READ_ITEMS."""
    (_, kind, licensor, parent, ppm, actions, mask, unknown, empty, start, end, flags, word, until, members, yes) = row
    box = Box(actions, territories.from_bits(mask), start.toordinal(), BEGINNING if empty else end.toordinal())
    value: Any = box
    if kind == "claim":
        value = f.Claim(licensor, ppm, box, flags, parent, word)
    elif kind == "withhold":
        value = f.Withhold(box, bool(flags & 1))
    elif kind == "encumbrance":
        value = f.Encumbrance(box, bool(flags & 1), word, until)
    elif kind == "conflict":
        value = f.Conflict(box, tuple(members), tuple(place for place in yes if place >= 0))
    elif kind == "licence":
        value = f.Licence(box, licensor, flags)
    elif kind == "status":
        value = f.Status(box.territories, territories.from_bits(unknown), box.start, bool(flags & 1))
    return kind, value
