"""The share pool of one hotkey on one subnet: who owns which part of its alpha.

The chain stores a hotkey's alpha once, and for every coldkey a number of shares,
so that dividends reach all stakers by one addition. Shares are the runtime's
``SafeFloat``: a decimal ``mantissa * 10^exponent`` with at most 21 digits.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

_LARGEST_MANTISSA: Final = 10**21
_DIGITS: Final = 21
_READING_SLACK: Final = Fraction(1, 10**6)
"""Added before a value is floored, so that a cut in the 21st digit of a share costs no rao.

Far below 1/n for any number n of stakers, so that the floors never exceed the total.
"""


@dataclass(frozen=True, slots=True)
class SafeFloat:
    """``mantissa * 10^exponent``."""

    mantissa: int = 0
    exponent: int = 0

    @classmethod
    def of(cls, value: Fraction) -> "SafeFloat":
        """The nearest representable number of a fraction that is not negative (rounded down)."""
        if value <= 0:
            return ZERO
        magnitude = len(str(value.numerator)) - len(str(value.denominator))
        exponent = magnitude - _DIGITS
        mantissa = _scale(value, -exponent)
        while mantissa >= _LARGEST_MANTISSA:
            mantissa //= 10
            exponent += 1
        while mantissa % 10 == 0:
            mantissa //= 10
            exponent += 1
        return cls(mantissa, exponent)

    @property
    def value(self) -> Fraction:
        """The exact number."""
        return self.mantissa * Fraction(10) ** self.exponent


ZERO = SafeFloat()


def _scale(value: Fraction, power: int) -> int:
    scaled = value * Fraction(10) ** power
    return scaled.numerator // scaled.denominator


@dataclass(frozen=True, slots=True)
class SharePool:
    """``alpha`` (rao) owned by all holders of ``shares`` together."""

    alpha: int
    shares: SafeFloat

    def worth(self, held: SafeFloat) -> int:
        """The alpha (rao) that ``held`` shares are worth, rounded down."""
        if held.mantissa == 0 or self.shares.mantissa == 0:
            return 0
        if held == self.shares:
            return self.alpha
        worth = self.alpha * held.value / self.shares.value + _READING_SLACK
        return min(self.alpha, worth.numerator // worth.denominator)

    def deposit(self, held: SafeFloat, amount: int) -> "tuple[SharePool, SafeFloat]":
        """The pool and the holder's shares after ``amount`` rao came in for that holder."""
        if self.shares.mantissa == 0 or self.alpha == 0:
            issued = Fraction(self.alpha + amount)
        else:
            issued = amount * self.shares.value / self.alpha
        return (
            SharePool(self.alpha + amount, SafeFloat.of(self.shares.value + issued)),
            SafeFloat.of(held.value + issued),
        )

    def withdraw(self, held: SafeFloat, amount: int) -> "tuple[SharePool, SafeFloat]":
        """The pool and the holder's shares after the holder took ``amount`` rao (at most ``worth(held)``)."""
        worth = self.worth(held)
        if amount > worth:
            raise ValueError(f"{amount} rao were asked of a position of {worth}")
        if amount == self.alpha:
            return SharePool(0, ZERO), ZERO
        if amount == worth:
            return SharePool(self.alpha - amount, SafeFloat.of(self.shares.value - held.value)), ZERO
        cancelled = min(held.value, amount * self.shares.value / self.alpha)
        return (
            SharePool(self.alpha - amount, SafeFloat.of(self.shares.value - cancelled)),
            SafeFloat.of(held.value - cancelled),
        )

    def grow(self, amount: int) -> "SharePool":
        """The pool after ``amount`` rao came in for all holders."""
        return SharePool(self.alpha + amount, self.shares)
