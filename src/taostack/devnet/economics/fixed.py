"""Fixed-point arithmetic as the chain's runtime does it, on plain integers.

A number of type ``I32F32`` is an integer of units 2^-32 ("bits"); ``I64F64``
and the others alike. Rules of the Rust crates, kept here to the last bit:
products are floored, quotients are truncated (floored for the operands that
occur, none of which is negative), additions and products saturate at the limits
of the type, and ``safe`` division by zero gives zero.

Scalars are Python integers (``Format``). Whole vectors and matrices of I32F32
are ``int64`` arrays: ``mul`` and ``div`` compute the 128-bit intermediate from
halves, so that a matrix costs a few numpy passes and no bit is lost.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.int64]
"""An array of I32F32 numbers, in units of 2^-32."""

FRACTION: Final = 32
ONE: Final = 1 << FRACTION
I32F32_MAX: Final = (1 << 63) - 1
I32F32_MIN: Final = -(1 << 63)
U16_MAX: Final = 65_535
U64_MAX: Final = (1 << 64) - 1

_LOW = np.int64(ONE - 1)
_SHIFT = np.int64(FRACTION)
_SAFE_PRODUCT = 2.0**94  # below, |a*b / 2^32| < 2^62: no saturation possible
_EXACT_DIVISOR = 1 << 53
_EXACT_QUOTIENT = 2.0**51
_E_BITS: Final = 11_674_931_554
_LN2_BITS_64: Final = 12_786_308_645_202_655_659
_EXP_LIMIT: Final = 20


@dataclass(frozen=True, slots=True)
class Format:
    """A fixed-point type: ``integer`` and ``fraction`` bits, two's complement when ``signed``."""

    integer: int
    fraction: int
    signed: bool

    @property
    def one(self) -> int:
        """The bits of 1."""
        return 1 << self.fraction

    @property
    def max(self) -> int:
        """The bits of the largest number."""
        return (1 << (self.integer + self.fraction - self.signed)) - 1

    @property
    def min(self) -> int:
        """The bits of the smallest number."""
        return -self.max - 1 if self.signed else 0

    def saturate(self, bits: int) -> int:
        """The nearest bits that the type can hold."""
        return min(max(bits, self.min), self.max)

    def of(self, value: int) -> int:
        """The bits of a whole number."""
        return self.saturate(value << self.fraction)

    def ratio(self, numerator: int, denominator: int) -> int:
        """The bits of a fraction of whole numbers; zero when the denominator is."""
        return self.div(self.of(numerator), self.of(denominator))

    def mul(self, a: int, b: int) -> int:
        """Floor of the product, saturated."""
        return self.saturate((a * b) >> self.fraction)

    def div(self, a: int, b: int) -> int:
        """Truncated quotient, saturated; zero when ``b`` is (``safe_div``)."""
        if b == 0:
            return 0
        quotient = (abs(a) << self.fraction) // abs(b)
        return self.saturate(quotient if (a < 0) == (b < 0) else -quotient)

    def convert(self, bits: int, source: "Format") -> int:
        """The same number in this type; surplus fraction bits are cut (floor)."""
        shift = self.fraction - source.fraction
        return self.saturate(bits << shift if shift >= 0 else bits >> -shift)

    def whole(self, bits: int) -> int:
        """The whole part, rounded down."""
        return bits >> self.fraction


I32F32 = Format(32, 32, signed=True)
I64F64 = Format(64, 64, signed=True)
I96F32 = Format(96, 32, signed=True)
U64F64 = Format(64, 64, signed=False)
U96F32 = Format(96, 32, signed=False)


# --- vectors of I32F32 --------------------------------------------------------------------------


def mul(a: Bits, b: Bits | int) -> Bits:
    """Elementwise ``floor(a*b)``, saturated; shapes broadcast.

    With ``a = ah*2^32 + al`` (``al`` unsigned) the floor of ``a*b / 2^32`` is
    ``ah*bh*2^32 + ah*bl + al*bh + floor(al*bl / 2^32)``: every term fits 64 bits
    when the result does, and wrapping sums are exact then.
    """
    x, y = np.broadcast_arrays(np.asarray(a, np.int64), np.asarray(b, np.int64))
    x_high, x_low = x >> _SHIFT, x & _LOW
    y_high, y_low = y >> _SHIFT, y & _LOW
    low = (x_low.astype(np.uint64) * y_low.astype(np.uint64)) >> np.uint64(FRACTION)
    with np.errstate(over="ignore"):
        result = ((x_high * y_high) << _SHIFT) + x_high * y_low + x_low * y_high + low.astype(np.int64)
    estimate = x.astype(np.float64) * y.astype(np.float64)
    if estimate.size and float(np.abs(estimate).max()) >= _SAFE_PRODUCT:
        result = _saturate_products(x, y, estimate, result)
    return result


def _saturate_products(x: Bits, y: Bits, estimate: npt.NDArray[np.float64], result: Bits) -> Bits:
    """Redo the few products that come near the limits with unbounded integers."""
    result = result.copy()
    for index in zip(*np.nonzero(np.abs(estimate) >= _SAFE_PRODUCT), strict=True):
        result[index] = I32F32.mul(int(x[index]), int(y[index]))
    return result


def div(a: Bits, b: Bits | int) -> Bits:
    """Elementwise ``floor(a/b)`` for ``a >= 0`` and ``b >= 0``; zero where ``b`` is; saturated.

    Both operands may be in any common unit: the quotient of whole numbers is that of their bits.
    A double estimates the quotient; the remainder, exact modulo 2^64, corrects it.
    """
    x, y = np.broadcast_arrays(np.asarray(a, np.int64), np.asarray(b, np.int64))
    divisor = np.where(y == 0, np.int64(1), y)
    estimate = x.astype(np.float64) / divisor.astype(np.float64) * float(ONE)
    if estimate.size and (float(estimate.max()) >= _EXACT_QUOTIENT or int(divisor.max()) >= _EXACT_DIVISOR):
        return _divide_slowly(x, y)
    quotient = estimate.astype(np.int64)
    with np.errstate(over="ignore"):
        remainder = (x << _SHIFT) - quotient * divisor
    quotient += remainder // divisor
    quotient[y == 0] = 0
    return quotient


def _divide_slowly(x: Bits, y: Bits) -> Bits:
    """Quotients too large for the estimate, with unbounded integers."""
    flat = [I32F32.div(int(p), int(q)) for p, q in zip(x.ravel(), y.ravel(), strict=True)]
    return np.array(flat, np.int64).reshape(x.shape)


def normalise(values: Bits) -> Bits:
    """Each value divided by the sum; unchanged when the sum is zero."""
    total = int(values.sum())
    return values if total == 0 else div(values, total)


def to_u16(values: Bits) -> npt.NDArray[np.int64]:
    """``floor(value * 65535)`` within 0..65535: how the chain stores proportions."""
    shares: npt.NDArray[np.int64] = np.clip(mul(values, U16_MAX << FRACTION) >> _SHIFT, 0, U16_MAX)
    return shares


def exp(values: Bits) -> Bits:
    """``e^x`` of I32F32 numbers, limited to -20..20 as the chain limits it.

    The power series of the runtime's fixed-point crate: terms
    ``t_k = floor(floor(t_(k-1) * |x|) / k)`` for k below 32, then the reciprocal
    for negative numbers; exactly 1 for 0, and the constant e for 1.
    """
    limited = np.clip(np.asarray(values, np.int64), -_EXP_LIMIT * ONE, _EXP_LIMIT * ONE)
    size = np.abs(limited)
    term = size.copy()
    total = size + ONE
    for k in range(2, FRACTION):
        term = mul(term, size) // k
        if not term.any():
            break
        total = total + term
    result = np.where(limited < 0, div(np.full_like(total, ONE), total), total)
    result[limited == ONE] = _E_BITS
    return result


# --- logarithms of scalars ----------------------------------------------------------------------


def log2(value: int, kind: Format) -> int:
    """Base-2 logarithm of a positive number of ``kind``, every bit of the fraction by squaring.

    Raises ValueError for a number that is not positive.
    """
    if value <= 0:
        raise ValueError("the logarithm needs a positive number")
    whole = value.bit_length() - 1 - kind.fraction
    mantissa = value >> whole if whole >= 0 else value << -whole
    fraction = 0
    for position in range(kind.fraction - 1, -1, -1):
        mantissa = (mantissa * mantissa) >> kind.fraction
        if mantissa >= kind.one << 1:
            mantissa >>= 1
            fraction |= 1 << position
    return (whole << kind.fraction) + fraction


def ln(value: int, kind: Format) -> int:
    """Natural logarithm of a positive number of ``kind``: ``log2(value) * ln 2``."""
    ln_2 = _LN2_BITS_64 >> (64 - kind.fraction) if kind.fraction <= 64 else _LN2_BITS_64 << (kind.fraction - 64)
    return kind.mul(log2(value, kind), ln_2)
