"""What one block emits, and which part of it goes to which subnet.

TAO and every subnet's alpha follow the same halving curve by issuance. TAO goes
into the pools of started subnets in proportion to their moving price; alpha is
emitted by each subnet for its own miners, validators and owner (spec page,
section 7.3). All amounts are rao; fixed-point numbers are named by their type.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from taostack.devnet.economics.fixed import I96F32, U16_MAX, U96F32, log2
from taostack.devnet.economics.pools import Pool

TOTAL_SUPPLY: Final = 21_000_000_000_000_000
BLOCK_EMISSION: Final = 1_000_000_000
OWNER_CUT: Final = 11_796
"""Of 65535, that is 18 %."""


def block_emission(issuance: int, initial: int = BLOCK_EMISSION) -> int:
    """Rao emitted in a block when ``issuance`` rao exist: halved each time half of what was left has been issued."""
    if issuance >= TOTAL_SUPPLY:
        return 0
    issued = I96F32.div(I96F32.of(issuance), I96F32.of(TOTAL_SUPPLY))
    halvings = I96F32.whole(log2(I96F32.div(I96F32.one, I96F32.one - issued), I96F32))
    return initial >> halvings


@dataclass(frozen=True, slots=True)
class Demand:
    """What the share of a subnet in TAO emission depends on."""

    moving_price: int
    """I96F32."""
    miner_burned: int
    """U96F32: the part of the last epoch's incentive that was withheld from the owner's own miners."""


def tao_shares(demands: Mapping[int, Demand], emission: int) -> dict[int, int]:
    """Rao of ``emission`` for each netuid, by moving price less the burned part.

    Shares are equal while every moving price is still zero: on a chain that is
    a few blocks old the average has not left its last bit yet, and the runtime's
    rule alone would emit nothing. What rounding leaves over is not emitted.
    """
    worth = {
        netuid: I96F32.mul(demand.moving_price, I96F32.one - min(demand.miner_burned, I96F32.one))
        for netuid, demand in demands.items()
    }
    total = sum(worth.values())
    if total == 0:
        return {netuid: emission // len(worth) for netuid in worth}
    return {netuid: emission * part // total for netuid, part in worth.items()}


@dataclass(frozen=True, slots=True)
class Terms:
    """What one block does for one subnet (rao)."""

    tao_in: int
    """TAO into the pool together with ``alpha_in``, at the price."""
    alpha_in: int
    excess_tao: int
    """TAO that buys alpha from the pool instead."""
    alpha_out: int
    """Alpha for owner, miners, validators and root; the four parts below add up to it."""
    owner_cut: int
    server: int
    validator: int
    root: int


def terms(
    tao: int, pool: Pool, *, alpha_emission: int, root_proportion: int, pool_side: bool, owner_cut: int = OWNER_CUT
) -> Terms:
    """Split one block's ``tao`` and ``alpha_emission`` of a subnet.

    ``root_proportion`` is U96F32. ``pool_side`` is ``SubnetEmissionEnabled``: when
    it is false nothing goes into the pool, while alpha is emitted as before.
    ``owner_cut`` is of 65535.
    """
    tao_in = alpha_in = excess = 0
    if pool_side and tao and pool.tao and pool.alpha:
        limit = U96F32.whole(root_proportion * alpha_emission)
        alpha_in = min(tao * pool.alpha // pool.tao, limit)
        tao_in = min(tao, alpha_in * pool.tao // pool.alpha)
        excess = tao - tao_in
    cut = alpha_emission * owner_cut // U16_MAX
    rest = alpha_emission - cut
    server = rest // 2
    root = U96F32.whole(root_proportion * (rest - server))
    return Terms(tao_in, alpha_in, excess, alpha_emission, cut, server, rest - server - root, root)


def root_proportion(root_tao: int, tao_weight: int, alpha_issuance: int) -> int:
    """U96F32 part of root's weighed TAO in all stake weight; ``tao_weight`` is U96F32."""
    weighed = U96F32.mul(tao_weight, U96F32.of(root_tao))
    return U96F32.div(weighed, U96F32.saturate(weighed + U96F32.of(alpha_issuance)))


def moving_price(current: int, price: int, *, smoothing: int, blocks: int, halving_blocks: int) -> int:
    """The moving average after one more block (all I96F32, ``price`` capped at 1).

    ``smoothing`` is the final rate; it is approached as ``blocks / (blocks + halving_blocks)``
    while the subnet is young.
    """
    rate = I96F32.mul(smoothing, I96F32.div(I96F32.of(blocks), I96F32.of(blocks + halving_blocks)))
    capped = min(price, I96F32.one)
    return I96F32.saturate(I96F32.mul(rate, capped) + I96F32.mul(I96F32.one - rate, current))
