"""Bonds: how early a validator backed a miner, as a moving average of its weights.

Yuma2 keeps bonds column-normalised; Yuma3 keeps each within 0..1 by itself, with
a rate of change per edge when liquid alpha is on. All arrays are I32F32 of shape
(v, n), rows being validators.
"""

from typing import NamedTuple

import numpy as np

from taostack.devnet.economics.fixed import I32F32, I64F64, ONE, U16_MAX, Bits, div, exp, mul
from taostack.devnet.economics.yuma.model import LiquidAlpha, Mask

_HALF = ONE // 2
_MILLION = 1_000_000


class Bonds(NamedTuple):
    """New bonds, where they exist, and each validator's share of the miners' incentive (not normalised)."""

    values: Bits
    present: Mask
    dividends: Bits


def column_normalise(values: Bits) -> Bits:
    """Each column divided by its sum, whatever its unit; columns of zeros stay."""
    return div(values, values.sum(axis=0))


def interpolate(weights: Bits, present: Mask, clipped: Bits, clipped_present: Mask, penalty: int) -> tuple[Bits, Mask]:
    """Weights for bonds: ``weights + penalty * (clipped - weights)``, ``penalty`` I32F32.

    At 0 and 1 the matrix itself is taken, with its zeros; between, only positive entries exist.
    """
    if penalty == 0:
        return weights, present
    if penalty == ONE:
        return clipped, clipped_present
    blended = weights + mul(clipped - weights, penalty)
    positive = blended > 0
    return np.where(positive, blended, 0), positive


def fixed_rate(moving_average: int) -> int:
    """``1 - moving_average / 1e6`` as I32F32."""
    share = I32F32.convert(I64F64.ratio(moving_average, _MILLION), I64F64)
    return ONE - share


def yuma2(weights: Bits, stored: Bits, stake: Bits, incentive: Bits, rate: int) -> Bonds:
    """Column-normalised bonds.

    ``stored`` are whole numbers 0..65535, ``stake`` the active stake of the rows.
    """
    bonds = column_normalise(stored)
    bought = column_normalise(mul(weights, stake[:, np.newaxis]))
    moved = column_normalise(mul(bought, rate) + mul(bonds, ONE - rate))
    dividends = mul(moved, incentive[np.newaxis, :]).sum(axis=1)
    present = moved > 0
    return Bonds(div(moved, moved.max(axis=0, initial=0)), present, dividends)


def yuma3(
    weights: Bits,
    present: Mask,
    stored: Bits,
    consensus: Bits,
    stake: Bits,
    incentive: Bits,
    rate: int,
    liquid: LiquidAlpha | None,
) -> Bonds:
    """Bonds of 0..1 each; with ``liquid`` and any consensus, at a rate per edge."""
    bonds = div(stored, U16_MAX)
    if liquid is not None and consensus.any():
        rates = edge_rates(weights, bonds, consensus, liquid)
        moved = np.minimum(mul(bonds, ONE - rates) + mul(weights, rates), ONE)
        kept = present & (moved > 0)
        moved = np.where(kept, moved, 0)
    else:
        moved = mul(weights, rate) + mul(bonds, ONE - rate)
        kept = moved > 0
    shares = mul(column_normalise(moved), incentive[np.newaxis, :]).sum(axis=1)
    return Bonds(moved, kept, mul(shares, stake))


def edge_rates(weights: Bits, bonds: Bits, consensus: Bits, liquid: LiquidAlpha) -> Bits:
    """Liquid alpha: how fast each bond may move, between ``low`` and ``high``.

    A sigmoid of how far a purchase exceeds consensus, or a sale falls below the bond.
    """
    low, high = (I32F32.ratio(bound, U16_MAX) for bound in (liquid.low, liquid.high))
    difference = np.where(weights >= bonds, weights - consensus[np.newaxis, :], bonds - weights)
    difference = np.clip(difference, 0, ONE)
    slope = I32F32.div(I32F32.of(liquid.steepness), I32F32.of(-100))
    sigmoid = div(np.full_like(difference, ONE), ONE + exp(mul(difference - _HALF, slope)))
    rates: Bits = np.clip(low + mul(sigmoid, high - low), low, high)
    return rates
