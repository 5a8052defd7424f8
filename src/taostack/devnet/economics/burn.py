"""The registration price's fall from block to block.

Every block the price is multiplied by a factor with 32 fraction bits whose
power to the half-life is one half, found by bisection on integers, so that
every node finds the same (spec page, section 7.5).
"""

import functools
from typing import Final

Q32: Final = 1 << 32


def decay(burn: int, half_life: int, floor: int, ceiling: int) -> int:
    """The price (rao) one block later, kept within ``floor`` and ``ceiling``; no fall for half-life 0."""
    return min(max(burn * decay_factor(half_life) >> 32, floor), ceiling)


@functools.lru_cache(maxsize=256)
def decay_factor(half_life: int) -> int:
    """The largest factor (Q32) whose ``half_life``-th power is at most one half; one for half-life 0."""
    if half_life == 0:
        return Q32
    low, high = 0, Q32
    while low + 1 < high:
        middle = (low + high) >> 1
        if power(middle, half_life) > Q32 >> 1:
            high = middle
        else:
            low = middle
    return low


def power(base: int, exponent: int) -> int:
    """``base^exponent`` in Q32 by squaring, every product floored."""
    result = Q32
    while exponent:
        if exponent & 1:
            result = result * base >> 32
        base = base * base >> 32
        exponent >>= 1
    return result
