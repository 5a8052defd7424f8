"""What a Yuma epoch takes and gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from taostack.devnet.economics.fixed import Bits

Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

NEVER: Final = np.iinfo(np.int64).max
"""A commit block of a validator that has no commit waiting."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of an n×n matrix: sparse in rows (validators), dense in columns.

    ``uids`` (shape v) are ascending; ``values`` and ``present`` have shape (v, n).
    An entry of value 0 that is present is not the same as an absent one: liquid
    alpha keeps bonds only where a weight, be it zero, is present.
    """

    uids: Ints
    values: Ints
    present: Mask

    @classmethod
    def empty(cls, n: int) -> "Rows":
        """No rows."""
        return cls(np.zeros(0, np.int64), np.zeros((0, n), np.int64), np.zeros((0, n), np.bool_))

    @classmethod
    def of(cls, rows: Mapping[int, Sequence[tuple[int, int]]], n: int) -> "Rows":
        """From ``{uid: [(uid, value), ...]}``; uids from ``n`` on are left out, as the chain does."""
        uids = sorted(uid for uid in rows if uid < n)
        values = np.zeros((len(uids), n), np.int64)
        present = np.zeros((len(uids), n), np.bool_)
        for position, uid in enumerate(uids):
            pairs = np.asarray(rows[uid], np.int64).reshape(-1, 2)
            pairs = pairs[pairs[:, 0] < n]
            values[position, pairs[:, 0]] = pairs[:, 1]
            present[position, pairs[:, 0]] = True
        return cls(np.array(uids, np.int64), values, present)

    def spread(self, uids: Ints) -> "Rows":
        """The same entries with a row for each of ``uids`` (ascending; others are dropped)."""
        n = self.values.shape[1]
        values, present = np.zeros((len(uids), n), np.int64), np.zeros((len(uids), n), np.bool_)
        kept = np.isin(self.uids, uids)
        places = np.searchsorted(uids, self.uids[kept])
        values[places], present[places] = self.values[kept], self.present[kept]
        return Rows(uids, values, present)

    def pairs(self) -> dict[int, list[tuple[int, int]]]:
        """``{uid: [(uid, value), ...]}`` of the present entries, by ascending uid."""
        result: dict[int, list[tuple[int, int]]] = {}
        for uid, values, present in zip(self.uids.tolist(), self.values, self.present, strict=True):
            columns = np.nonzero(present)[0]
            result[uid] = list(zip(columns.tolist(), values[columns].tolist(), strict=True))
        return result


@dataclass(frozen=True, slots=True)
class LiquidAlpha:
    """Bounds (of 65535) and steepness (percent) of the bonds' moving average per edge."""

    low: int = 45_875
    high: int = 58_982
    steepness: int = 1_000


@dataclass(frozen=True, slots=True)
class EpochInputs:
    """One mechanism of one subnet at the block of its epoch; every vector has a place per uid."""

    block: int
    tempo: int
    activity_cutoff: int
    """Blocks after which a uid without a weight update is inactive."""
    stake: Sequence[int]
    """Stake weight in I64F64 bits (unbounded integers)."""
    last_update: Ints
    registered: Ints
    """Block at which the uid's present holder registered."""
    permits: Mask
    """Validator permits as the last epoch left them."""
    weights: Rows
    bonds: Rows
    """As stored, 0..65535."""
    max_validators: int
    min_stake: int = 0
    """Rao of stake weight below which a uid counts as having none."""
    owner_uid: int | None = None
    commit_blocks: Ints | None = None
    """Block of the earliest weight commit still waiting (``NEVER`` for none); None when commit-reveal is off."""
    kappa: int = 32_767
    bonds_penalty: int = 65_535
    bonds_moving_average: int = 900_000
    """Of a million."""
    yuma3: bool = True
    liquid_alpha: LiquidAlpha | None = None
    last_step: int = 0
    """Block of the epoch before; 0 when unknown (then ``block - tempo`` is taken)."""
    rao_emission: int = 0

    @property
    def n(self) -> int:
        """Number of uids."""
        return len(self.stake)


@dataclass(frozen=True, slots=True)
class EpochOutputs:
    """What the chain stores after an epoch (u16 of 65535 unless said otherwise), per uid."""

    active: Mask
    stake_weight: Ints
    consensus: Ints
    incentive: Ints
    dividends: Ints
    validator_trust: Ints
    permits: Mask
    """For the next epoch."""
    bonds: Rows
    """Rows to store for permitted uids; all others are empty."""
    server_emission: tuple[int, ...]
    """Rao."""
    validator_emission: tuple[int, ...]
    """Rao."""
    emission: tuple[int, ...]
    """Rao, both kinds together."""
    exact: "ExactScores"


@dataclass(frozen=True, slots=True)
class ExactScores:
    """The same scores before they are rounded to u16, I32F32 bits."""

    stake: Bits
    active_stake: Bits
    consensus: Bits
    incentive: Bits
    dividends: Bits
    validator_trust: Bits
    bonds: Rows
