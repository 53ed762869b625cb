"""What an offer asks for a work, and which offers are chosen (docs/algorithms/pricing.md). Pure integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from licensing.clearing.facts import CEILING, MEASURES, WHOLE, Offer, Price, Use
from licensing.kernel.money import half_up

DENOMINATOR = 60_000
"""Common denominator of all price rules: per 1,000 units and per 60 seconds."""
RATES = (60, 60, 60, 1000)
"""What one unit of each of MEASURES takes of it: a character, word or token of 1,000, a second of 60."""


@dataclass(frozen=True, slots=True)
class Need:
    """One root share that must be licensed: places of claims and offers in the rights.

    `regions` are numbers of regions in which one choice must do; `contested` shares are taken at the whole, and of
    them only the dearest counts.
    """

    root: int
    share: int
    regions: tuple[int, ...]
    candidates: tuple[int, ...]
    contested: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen offer per need, by place, and the price of the work in micro."""

    price: int
    picks: tuple[int, ...]


def factor(multipliers: Mapping[str, Any] | None, use: Use) -> tuple[int, int]:
    """The multiplier of an offer for a use as (numerator, denominator) in lowest terms."""
    if not multipliers:
        return 1, 1
    total = Fraction(1)
    if use.commercial and "commercial" in multipliers:
        total *= Fraction(*multipliers["commercial"])
    if use.exclusive and "exclusive" in multipliers:
        total *= Fraction(*multipliers["exclusive"])
    if use.size_band in multipliers.get("size", {}):
        total *= Fraction(*multipliers["size"][use.size_band])
    if multipliers.get("per_year"):
        total *= -(-use.window_days // 365)
    return total.numerator, total.denominator


def of_offer(price: Price, measures: Mapping[str, int], use: Use) -> int:
    """Micro for the whole of one work, rounded half up once, CEILING + 1 for anything above.
    KeyError when a needed measure is unknown.
    """
    whole = DENOMINATOR * price.flat
    if price.needs:
        rates = (price.characters, price.words, price.tokens, price.minutes)
        needed = (place for place in range(len(MEASURES)) if price.needs >> place & 1)
        whole += sum(RATES[place] * rates[place] * measures[MEASURES[place]] for place in needed)
    numerator, denominator = factor(price.multipliers, use)
    return min(CEILING + 1, max(price.minimum, half_up(whole * numerator, DENOMINATOR * denominator)))


def choose(needs: Sequence[Need], offers: Sequence[Offer], measures: Mapping[str, int], use: Use) -> Choice:
    """Choose by (answer about the past, made to us by name, price, number of conditions, key) for each need, and price
    the work.
    """
    prices: dict[int, int] = {}
    picks = []
    for need in needs:
        for place in need.candidates:
            if place not in prices:
                prices[place] = of_offer(offers[place].price, measures, use)
        picks.append(min(need.candidates, key=lambda place: _rank(offers[place], prices[place])))
    return Choice(_total(needs, picks, prices, offers), tuple(picks))


def _rank(offer: Offer, price: int) -> tuple[bool, bool, int, int, int]:
    """The holder's answer to an approval goes first, one about the past before others, then an offer by name."""
    return offer.released is None, offer.audience != "named", price, len(offer.conditions), offer.key


def _total(
    needs: Sequence[Need], picks: Sequence[int], prices: Mapping[int, int], offers: Sequence[Offer]
) -> int:
    """Per region and offer the shares add up; per offer the largest sum of any region counts."""
    sums: dict[tuple[int, int], int] = {}
    for need, pick in zip(needs, picks, strict=True):
        if not need.contested:
            for region in need.regions:
                sums[region, pick] = sums.get((region, pick), 0) + need.share
    for pick in _dearest(needs, picks, {pick: (prices[pick], -offers[pick].key) for pick in picks}):
        sums[-1, pick] = WHOLE
    shares: dict[int, int] = {}
    for (_, pick), share in sums.items():
        shares[pick] = max(shares.get(pick, 0), share)
    return half_up(sum(prices[pick] * share for pick, share in shares.items()), WHOLE)


def _dearest(needs: Sequence[Need], picks: Sequence[int], ranks: Mapping[int, tuple[int, int]]) -> set[int]:
    """Per contested region the offer with the highest price, the older one among equals."""
    found: dict[int, int] = {}
    for need, pick in zip(needs, picks, strict=True):
        for region in need.regions if need.contested else ():
            if region not in found or ranks[pick] > ranks[found[region]]:
                found[region] = pick
    return set(found.values())
