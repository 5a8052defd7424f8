"""From scores to the u16 vector that a subnet accepts, without any chain.

The rules come from ``set_weights`` of the subtensor runtime (``subnets/weights.rs``,
specs/devnet.md 7.4): the chain upscales a vector so that its largest entry is 65535,
refuses it when ``max / sum`` exceeds ``max_weight_limit / 65535``, and refuses it when
it has fewer entries than ``min(min_allowed_weights, neurons)``. A single weight on
oneself is exempt from the last two.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taostack.chain.metagraph import U16_MAX
from taostack.process.errors import RefusedError


@dataclass(frozen=True, slots=True)
class Limits:
    """What a subnet asks of a weight vector.

    ``neurons`` is the number of uids, ``min_allowed_weights`` the least number of
    entries, ``max_weight_limit`` the largest share of one entry in 1/65535, and
    ``own_uid`` the setter's uid (None: the self-weight exemption does not apply).
    """

    neurons: int
    min_allowed_weights: int = 1
    max_weight_limit: int = U16_MAX
    own_uid: int | None = None


class VectorRefusedError(RefusedError):
    """These scores cannot become a vector that the chain accepts."""

    code = "vector-refused"
    remedy = "correct the scores"

    def __init__(self, message: str, *, code: str, remedy: str) -> None:
        super().__init__(message, remedy=remedy)
        self.code = code


@dataclass(frozen=True, slots=True)
class WeightVector:
    """Parallel tuples of uids (ascending) and u16 weights, as they go to the chain.

    Zero weights are there only to reach the subnet's least number of entries.
    """

    uids: tuple[int, ...]
    weights: tuple[int, ...]

    def digest(self) -> str:
        """Hex blake2b-128 of the non-zero part: equal digests weigh equally."""
        pairs = [(uid, weight) for uid, weight in zip(self.uids, self.weights, strict=True) if weight]
        state = hashlib.blake2b(digest_size=16)
        for uid, weight in sorted(pairs):
            state.update(uid.to_bytes(2, "little") + weight.to_bytes(2, "little"))
        return state.hexdigest()

    def shares(self) -> dict[int, float]:
        """The fraction of the whole that each uid with a weight gets."""
        total = sum(self.weights)
        return {uid: weight / total for uid, weight in zip(self.uids, self.weights, strict=True) if weight}

    @classmethod
    def from_row(cls, row: Sequence[tuple[int, int]]) -> "WeightVector":
        """The vector that the chain's ``Weights`` storage holds for one validator."""
        pairs = sorted((int(uid), int(weight)) for uid, weight in row)
        return cls(tuple(uid for uid, _ in pairs), tuple(weight for _, weight in pairs))


def prepare(scores: Mapping[int, float] | ArrayLike, limits: Limits) -> WeightVector:
    """Turn scores into the vector to send: checked, clipped, upscaled, padded.

    ``scores`` maps uid to score, or holds one score per uid (index = uid). Only
    ratios matter: scaling all scores by a positive factor changes nothing.

    Raises VectorRefusedError with code ``invalid-scores`` (not finite, negative, or a
    uid outside the subnet), ``all-zero``, or ``too-few-weights`` (so few scores above
    zero that even equal weights exceed ``max_weight_limit``).
    """
    uids, values = _as_columns(scores)
    _check(uids, values, limits)
    nonzero = values > 0
    uids, values = uids[nonzero], values[nonzero]
    if not len(values):
        raise VectorRefusedError(
            "all scores are zero: there is nothing to set",
            code="all-zero",
            remedy="score at least one neuron above zero, or configure burning to the owner",
        )
    if len(uids) == 1 and int(uids[0]) == limits.own_uid:
        return WeightVector((int(uids[0]),), (U16_MAX,))
    clipped = clip_to_share(values, limits.max_weight_limit)
    weights = quantise(clipped, limits.max_weight_limit)
    kept = {int(uid): int(weight) for uid, weight in zip(uids, weights, strict=True) if weight}
    _pad(kept, min(limits.min_allowed_weights, limits.neurons), limits.neurons)
    ordered = sorted(kept)
    return WeightVector(tuple(ordered), tuple(kept[uid] for uid in ordered))


def clip_to_share(values: NDArray[np.float64], limit: int) -> NDArray[np.float64]:
    """Lower the largest of positive ``values`` until none has more than ``limit / 65535`` of their sum.

    What is cut away is shared by the others in proportion. Returns values scaled
    to a largest of 1. Raises VectorRefusedError (``too-few-weights``) when there are
    so few values that even equal ones exceed the limit.
    """
    scaled = np.asarray(values / values.max(), dtype=np.float64)
    count = len(scaled)
    if limit >= U16_MAX:
        return scaled
    if count * limit < U16_MAX:
        raise VectorRefusedError(
            f"max_weight_limit {limit} allows no vector of {count} weights: equal ones already exceed it",
            code="too-few-weights",
            remedy=f"score at least {-(-U16_MAX // max(limit, 1))} neurons above zero",
        )
    share = limit / U16_MAX
    if scaled.max() <= share * scaled.sum():
        return scaled
    ordered = np.sort(scaled)[::-1]
    rest = np.concatenate((np.cumsum(ordered[::-1])[::-1][1:], [0.0]))
    # With the k largest cut to c: c = share * (k*c + rest_k), and every other value stays below c.
    for k in range(1, count):
        room = 1.0 - k * share
        if room <= 0:
            break
        cut = share * rest[k - 1] / room
        if ordered[k] <= cut:
            if cut < np.finfo(np.float64).tiny:
                break  # what is left beside the largest is nothing in float64: only equal weights remain
            return np.asarray(np.minimum(scaled, cut) / cut, dtype=np.float64)
    return np.ones(count, dtype=np.float64)


def quantise(scaled: NDArray[np.float64], limit: int) -> NDArray[np.int64]:
    """Values 0..1 (largest 1) as u16 with the largest at 65535, still within the limit.

    Rounds to nearest; where that would lift the largest share over the limit,
    rounds the smaller values up instead, which lowers it.
    """
    weights = np.rint(scaled * U16_MAX).astype(np.int64)
    if limit < U16_MAX and int(weights.max()) * U16_MAX > limit * int(weights.sum()):
        weights = np.minimum(np.ceil(scaled * U16_MAX), U16_MAX).astype(np.int64)
        # Float error in the cut can still leave the sum a few units short.
        while int(weights.max()) * U16_MAX > limit * int(weights.sum()):
            below = np.flatnonzero(weights < U16_MAX)
            weights[below] += 1
    return weights


def _as_columns(scores: Mapping[int, float] | ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    if isinstance(scores, Mapping):
        uids = sorted(scores)
        return np.array(uids, dtype=np.int64), np.array([scores[uid] for uid in uids], dtype=np.float64)
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1:
        raise VectorRefusedError(
            f"scores have shape {values.shape}",
            code="invalid-scores",
            remedy="give one score per uid, or a mapping from uid to score",
        )
    return np.arange(len(values), dtype=np.int64), values


def _check(uids: NDArray[np.int64], values: NDArray[np.float64], limits: Limits) -> None:
    outside = uids[(uids < 0) | (uids >= limits.neurons)]
    if len(outside):
        raise VectorRefusedError(
            f"uids {_some(outside)} do not exist on a subnet of {limits.neurons} neurons",
            code="invalid-scores",
            remedy="score only uids of the metagraph",
        )
    wrong = uids[~np.isfinite(values) | (values < 0)]
    if len(wrong):
        raise VectorRefusedError(
            f"scores of uids {_some(wrong)} are negative or not finite",
            code="invalid-scores",
            remedy="a score is a finite number, zero or more; find what produced these",
        )


def _some(uids: NDArray[np.int64]) -> str:
    shown = ", ".join(str(uid) for uid in uids[:8])
    return shown if len(uids) <= 8 else f"{shown} and {len(uids) - 8} more"


def _pad(kept: dict[int, int], wanted: int, neurons: int) -> None:
    """Add zero weights, lowest uids first, until there are ``wanted`` entries.

    The chain counts entries, not their size, so this changes no ratio.
    """
    for uid in range(neurons):
        if len(kept) >= wanted:
            return
        kept.setdefault(uid, 0)
