"""Pure rules of registration: the price after a registration, and who leaves a full subnet."""

from collections.abc import Sequence
from dataclasses import dataclass

_U64F64_ONE = 1 << 64


@dataclass(frozen=True, slots=True)
class Candidate:
    """A uid of a full subnet. ``registered`` is a block, ``emission`` rao of the last epoch."""

    uid: int
    emission: int
    registered: int
    immune: bool
    immortal: bool


def bump_burn(burn: int, factor_bits: int, floor: int, ceiling: int) -> int:
    """The price (rao) after one more registration; ``factor_bits`` is U64F64."""
    return min(max(burn * factor_bits // _U64F64_ONE, floor), ceiling)


def choose_uid_to_prune(candidates: Sequence[Candidate], min_non_immune: int) -> int | None:
    """The uid that leaves: least emission, then oldest, then lowest uid.

    Immortal uids never leave. Those past their immunity leave first, as long as
    more than ``min_non_immune`` of them are there; otherwise an immune one leaves.
    None when nobody may be removed. Spec page, section 7.5.
    """
    mortal = [each for each in candidates if not each.immortal]
    open_ones = [each for each in mortal if not each.immune]
    pick_from = open_ones if len(open_ones) > min_non_immune else [each for each in mortal if each.immune]
    if not pick_from:
        return None
    return min(pick_from, key=lambda each: (each.emission, each.registered, each.uid)).uid
