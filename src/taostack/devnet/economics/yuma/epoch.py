"""One Yuma epoch: a pure function, exact to the last bit of the chain's I32F32 arithmetic.

The order of steps, and of the roundings in them, is the runtime's
(``epoch_mechanism``, spec 425; spec page, section 7.2, whose numbers stand in
the comments). Products are floored one by one before they are summed.
"""

import numpy as np

from taostack.devnet.economics.fixed import (
    FRACTION,
    I32F32,
    I64F64,
    U16_MAX,
    Bits,
    div,
    mul,
    normalise,
    to_u16,
)
from taostack.devnet.economics.yuma import bonds as bonding
from taostack.devnet.economics.yuma.median import weighted_median
from taostack.devnet.economics.yuma.model import EpochInputs, EpochOutputs, ExactScores, Ints, Mask, Rows


def epoch(inputs: EpochInputs) -> EpochOutputs:
    """Run one epoch of one mechanism."""
    active = inputs.last_update + inputs.activity_cutoff >= inputs.block  # 1
    stake = normalised_stake(inputs)  # 2
    permits, new_permits = _permits(inputs, stake)  # 3
    active_stake = normalise(np.where(active & permits, stake, 0))  # 4

    rows = _rows(inputs, permits)
    voting = active_stake[rows]
    weights, present = _weights(inputs, rows, permits)  # 5
    kappa = I32F32.ratio(inputs.kappa, U16_MAX)
    consensus = weighted_median(voting, weights, kappa)  # 6
    clipped = np.minimum(weights, consensus[np.newaxis, :])  # 7
    clipped_present = present & ((weights <= consensus[np.newaxis, :]) | (consensus > 0)[np.newaxis, :])
    trust = _by_uid(clipped.sum(axis=1), rows, inputs.n)

    incentive = normalise(mul(clipped, voting[:, np.newaxis]).sum(axis=0))  # 8
    penalty = I32F32.ratio(inputs.bonds_penalty, U16_MAX)
    for_bonds, for_bonds_present = bonding.interpolate(weights, present, clipped, clipped_present, penalty)  # 9
    bonds = _bonds(inputs, rows, for_bonds, for_bonds_present, consensus, voting, incentive)  # 10
    dividends = normalise(_by_uid(bonds.dividends, rows, inputs.n))

    server, validator, combined = _emission(stake, active_stake, incentive, dividends)  # 11
    kept = new_permits[rows]  # 12: a uid without a new permit keeps no bonds
    exact_bonds = Rows(rows[kept], bonds.values[kept], bonds.present[kept])
    return EpochOutputs(
        active=active,
        stake_weight=to_u16(stake),
        consensus=to_u16(consensus),
        incentive=to_u16(incentive),
        dividends=to_u16(dividends),
        validator_trust=to_u16(trust),
        permits=new_permits,
        bonds=Rows(exact_bonds.uids, to_u16(exact_bonds.values), exact_bonds.present),
        server_emission=_in_rao(server, inputs.rao_emission),
        validator_emission=_in_rao(validator, inputs.rao_emission),
        emission=_in_rao(combined, inputs.rao_emission),
        exact=ExactScores(stake, active_stake, consensus, incentive, dividends, trust, exact_bonds),
    )


def normalised_stake(inputs: EpochInputs) -> Bits:
    """Each uid's part of all stake, divided in I64F64 and cut to I32F32."""
    stake = [
        0 if I64F64.whole(held) < inputs.min_stake and uid != inputs.owner_uid else held
        for uid, held in enumerate(inputs.stake)
    ]
    total = I64F64.saturate(sum(stake))
    if total:
        stake = [I64F64.div(held, total) for held in stake]
    return np.array([I32F32.convert(held, I64F64) for held in stake], np.int64)


def top_validators(stake: Bits, count: int) -> Mask:
    """The ``count`` uids of most stake, none without; of equals the later uid stays."""
    top: Mask = stake != 0
    top[np.argsort(stake, kind="stable")[: max(0, len(stake) - count)]] = False
    return top


def _permits(inputs: EpochInputs, stake: Bits) -> tuple[Mask, Mask]:
    permits, new_permits = inputs.permits.copy(), top_validators(stake, inputs.max_validators)
    if inputs.owner_uid is not None:
        permits[inputs.owner_uid] = True
        new_permits[inputs.owner_uid] = True
    return permits, new_permits


def _rows(inputs: EpochInputs, permits: Mask) -> Ints:
    """The uids that can have weights or bonds in this epoch, ascending."""
    used = permits.copy()
    used[inputs.bonds.uids] = True
    return np.nonzero(used)[0]


def _weights(inputs: EpochInputs, rows: Ints, permits: Mask) -> tuple[Bits, Mask]:
    """Weights of permitted rows without what must not count, each row normalised."""
    given = inputs.weights.spread(rows)
    present = given.present & permits[rows][:, np.newaxis]
    own = rows if inputs.owner_uid is None else rows[rows != inputs.owner_uid]
    present[np.searchsorted(rows, own), own] = False
    present &= inputs.last_update[rows][:, np.newaxis] > inputs.registered[np.newaxis, :]
    if inputs.commit_blocks is not None:
        present &= inputs.commit_blocks[rows][:, np.newaxis] >= inputs.registered[np.newaxis, :]
    values = np.where(present, given.values, 0)
    return div(values, values.sum(axis=1)[:, np.newaxis]), present


def _bonds(
    inputs: EpochInputs, rows: Ints, weights: Bits, present: Mask, consensus: Bits, stake: Bits, incentive: Bits
) -> bonding.Bonds:
    last_step = inputs.last_step + 1 if inputs.last_step else max(0, inputs.block - inputs.tempo)
    kept = last_step > inputs.registered
    stored = inputs.bonds.spread(rows).values * kept[np.newaxis, :]
    rate = bonding.fixed_rate(inputs.bonds_moving_average)
    if inputs.yuma3:
        return bonding.yuma3(weights, present, stored, consensus, stake, incentive, rate, inputs.liquid_alpha)
    return bonding.yuma2(weights, stored, stake, incentive, rate)


def _emission(stake: Bits, active_stake: Bits, incentive: Bits, dividends: Bits) -> tuple[Bits, Bits, Bits]:
    """Parts of the emission for miners, for validators, and together."""
    both = incentive + dividends
    total = int(both.sum())
    if total == 0:  # no weights, or all of them outdated or on oneself
        holders = active_stake if active_stake.any() else stake
        return incentive, holders, holders
    return div(incentive, total), div(dividends, total), div(both, total)


def _by_uid(values: Bits, rows: Ints, n: int) -> Bits:
    spread = np.zeros(n, np.int64)
    spread[rows] = values
    return spread


def _in_rao(parts: Bits, rao: int) -> tuple[int, ...]:
    return tuple((int(part) * rao) >> FRACTION for part in parts)
