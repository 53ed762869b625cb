"""Money as integers: `minor` is the smallest unit of a currency, `micro` a millionth of it. Never a float."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

MICRO = 1_000_000
"""Micro in one minor unit."""

POOL_MAX_MINOR = 9_200_000_000_000
"""Largest sum divided in one run: its micro amount still fits a signed 64-bit integer."""

_EXPONENT_0 = "bif clp djf gnf isk jpy kmf krw pyg rwf ugx vnd vuv xaf xof xpf"
_EXPONENT_3 = "bhd iqd jod kwd lyd omr tnd"
_EXPONENT_2 = """
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd btn bwp byn bzd cad cdf chf
    cny cop crc cup cve czk dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gtq gyd hkd hnl htg huf
    idr ils inr irr jmd kes kgs khr kpw kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mru mur mvr
    mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sdg sek sgd
    shp sle sos srd ssp stn svc syp szl thb tjs tmt top try ttd twd tzs uah usd uyu uzs ved ves wst xcd xcg
    yer zar zmw zwg
"""

EXPONENTS: Mapping[str, int] = MappingProxyType(
    dict.fromkeys(_EXPONENT_0.split(), 0)
    | dict.fromkeys(_EXPONENT_2.split(), 2)
    | dict.fromkeys(_EXPONENT_3.split(), 3)
)
"""Lower-case ISO 4217 code -> digits after the point as ISO states them; CLDR and Stripe differ for some."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in whole minor units of one currency (lower-case ISO 4217); may be negative.

    Raises TypeError for an amount that is not an int, ValueError for an unknown currency.
    """

    amount: int
    currency: str

    def __post_init__(self) -> None:
        """Refuse what is not money."""
        if type(self.amount) is not int:
            raise TypeError(f"an amount is a whole number of minor units, not {self.amount!r}")
        exponent(self.currency)

    def __add__(self, other: Money) -> Money:
        """Return the sum; ValueError when the currencies differ."""
        self._same(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        """Return the difference; ValueError when the currencies differ."""
        self._same(other)
        return Money(self.amount - other.amount, self.currency)

    def __neg__(self) -> Money:
        """Return the same amount the other way round."""
        return Money(-self.amount, self.currency)

    @property
    def micro(self) -> int:
        """The amount in micro."""
        return self.amount * MICRO

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be mixed")


def exponent(currency: str) -> int:
    """Return the digits after the point of a lower-case ISO 4217 code: 0, 2 or 3; ValueError if unknown."""
    if currency not in EXPONENTS:
        raise ValueError(f"unknown currency {currency!r}: expected a lower-case ISO 4217 code")
    return EXPONENTS[currency]


def parse_minor(value: object) -> int:
    """Return `value` if it is a whole, non-negative number of minor units.

    Text, floats, booleans and negatives are refused with a ValueError that says which: nothing is coerced.
    """
    if type(value) is int and value >= 0:
        return value
    seen = f"{type(value).__name__} {str(value)[:40]!r}"
    raise ValueError(f"an amount is a whole number of minor units and not negative, not {seen}")


def half_up(numerator: int, denominator: int) -> int:
    """Return numerator / denominator rounded to the nearest integer, a half towards plus infinity.

    Raises ValueError unless the denominator is positive.
    """
    _positive(denominator)
    return (2 * numerator + denominator) // (2 * denominator)


def floor_div(numerator: int, denominator: int) -> int:
    """Return numerator / denominator rounded towards minus infinity; ValueError unless denominator > 0."""
    _positive(denominator)
    return numerator // denominator


def whole(micro: int) -> tuple[int, int]:
    """Return (whole minor units towards minus infinity, micro carried forward: 0 <= carry < MICRO)."""
    return divmod(micro, MICRO)


def _positive(denominator: int) -> None:
    if denominator <= 0:
        raise ValueError(f"the denominator must be positive, not {denominator}")
