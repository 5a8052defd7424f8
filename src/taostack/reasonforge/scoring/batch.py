"""Eq. 12 over many panels at once, for the simulator: the same rule as ``formulas.consensus`` on arrays.

Sums are float64: exact for whole stakes below 2⁵³, which is what decides where
half of the stake lies.
"""

import math

import numpy as np
from numpy.typing import NDArray

from taostack.reasonforge.rules import DEFAULT, Rules

Floats = NDArray[np.float64]


def consensus(scores: Floats, stakes: Floats, *, rules: Rules = DEFAULT) -> Floats:
    """Stake-weighted trimmed median (or mean, by ``rules``) along the last axis; shape (…, n) → (…).

    Stakes are not negative; a panel without stake, or of nobody, has 0.
    """
    size = scores.shape[-1]
    if size == 0:
        return np.zeros(scores.shape[:-1])
    order = np.lexsort((stakes, scores), axis=-1)
    scores = np.take_along_axis(scores, order, axis=-1)
    stakes = np.take_along_axis(stakes, order, axis=-1)
    if size >= rules.consensus_trim_from:
        cut = max(1, math.floor(size * rules.consensus_trim))
        scores, stakes = scores[..., cut : size - cut], stakes[..., cut : size - cut]
    total = stakes.sum(axis=-1)
    if rules.consensus_mode == "mean":
        mean: Floats = np.divide((scores * stakes).sum(axis=-1), total, out=np.zeros_like(total), where=total > 0)
        return mean
    held = np.cumsum(stakes, axis=-1)
    # The last cumulated sum is the total to which the others are compared, so that rounding cannot pass it by.
    half = held[..., -1:] / 2
    at = np.argmax(held >= half, axis=-1)[..., None]
    low = np.take_along_axis(scores, at, axis=-1)[..., 0]
    beyond = np.argmax(held > half, axis=-1)[..., None]
    high = np.take_along_axis(scores, beyond, axis=-1)[..., 0]
    return np.where(total > 0, (low + high) / 2, 0.0)


def random_deviation(agreed: Floats) -> Floats:
    """Expected |U − c| of a scorer that draws uniformly from [0, 1]: (c² + (1 − c)²)/2 (section 9.7)."""
    return np.asarray((agreed**2 + (1 - agreed) ** 2) / 2, dtype=np.float64)
