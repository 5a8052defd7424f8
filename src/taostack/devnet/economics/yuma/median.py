"""The stake-weighted median: the weight that a majority of stake supports."""

import numpy as np

from taostack.devnet.economics.fixed import Bits, normalise


def weighted_median(stake: Bits, scores: Bits, kappa: int) -> Bits:
    """Consensus of every column.

    ``stake`` (v) and ``scores`` (v, n) are I32F32; ``kappa`` is the majority.
    Rows without stake do not vote; the others' stake is normalised. With
    ``minority = sum - kappa`` the median of a column is the smallest score at
    which the stake of all scores up to it exceeds the minority, or the largest
    score when none does. The chain finds the same element by partitioning
    around pivots; sums of stake are exact, so the order does not matter.
    """
    voting = stake > 0
    if not voting.any():
        return np.zeros(scores.shape[1], np.int64)
    weight, voted = normalise(stake[voting]), scores[voting]
    minority = int(weight.sum()) - kappa
    order = np.argsort(voted, axis=0, kind="stable")
    ranked = np.take_along_axis(voted, order, axis=0)
    supported = np.cumsum(weight[order], axis=0) > minority
    place = np.where(supported[-1], supported.argmax(axis=0), len(weight) - 1)
    median: Bits = np.take_along_axis(ranked, place[np.newaxis, :], axis=0)[0]
    return median
