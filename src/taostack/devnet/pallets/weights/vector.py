"""Pure rules of a weight vector (spec page, section 7.4)."""

from collections.abc import Sequence

U16_MAX = 65_535
_ONE = 1 << 32
_HALF = 1 << 31
_SPLIT = 32_768


def is_self_weight(uid: int, uids: Sequence[int]) -> bool:
    """True when the vector holds one entry, and it points to its own setter."""
    return len(uids) == 1 and uids[0] == uid


def max_upscale(values: Sequence[int]) -> list[int]:
    """The u16 vector scaled so that its largest entry is 65535.

    Bit-exact with the chain's 32.32 fixed point: above 32768 the chain multiplies
    by a truncated ratio, below it divides the product; both round half up.
    """
    largest = max(values, default=0)
    if largest == 0:
        return [0] * len(values)
    if largest > _SPLIT:
        ratio = U16_MAX * _ONE // largest
        return [min(U16_MAX, (value * ratio + _HALF) // _ONE) for value in values]
    return [(value * U16_MAX * _ONE // largest + _HALF) // _ONE for value in values]


def within_limit(values: Sequence[int], limit: int) -> bool:
    """True when no entry, as a share of the sum, exceeds ``limit`` / 65535."""
    total = sum(values)
    if limit >= U16_MAX or total == 0:
        return True
    return max(values) * U16_MAX <= limit * total
