"""Scores as a validator computed them, and what is left of them by the time they are sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from taostack.chain.metagraph import Metagraph
from taostack.process.errors import UsageError


@dataclass(frozen=True, slots=True)
class ComputedScores:
    """The result of one scoring: who got what, at which block, by which rules.

    Parallel tuples over the scored uids. ``block`` is the block of the metagraph
    that the scoring saw, ``rules_digest`` names the rules it ran by. Nothing else
    may become weights, and this is never saved: after a restart the rules must run
    again.
    """

    netuid: int
    block: int
    rules_digest: str
    uids: tuple[int, ...]
    hotkeys: tuple[str, ...]
    values: tuple[float, ...]

    @classmethod
    def of(cls, metagraph: Metagraph, scores: Mapping[int, float] | ArrayLike, *, rules_digest: str) -> Self:
        """Bind ``scores`` (uid → score, or one per uid) to the hotkeys they were computed for.

        Raises UsageError for a uid that the metagraph does not have.
        """
        if isinstance(scores, Mapping):
            pairs = sorted((int(uid), float(score)) for uid, score in scores.items())
        else:
            column = np.asarray(scores, dtype=np.float64)
            if column.shape != (len(metagraph),):
                raise UsageError(
                    f"scores have shape {column.shape}, the metagraph has {len(metagraph)} uids",
                    remedy="give one score per uid, or a mapping from uid to score",
                )
            pairs = list(enumerate(column.tolist()))
        unknown = [uid for uid, _ in pairs if not 0 <= uid < len(metagraph)]
        if unknown:
            raise UsageError(
                f"uids {unknown[:8]} are not in the metagraph of block {metagraph.block}",
                remedy="score only uids of the metagraph that the scores belong to",
            )
        return cls(
            netuid=metagraph.netuid,
            block=metagraph.block,
            rules_digest=rules_digest,
            uids=tuple(uid for uid, _ in pairs),
            hotkeys=tuple(metagraph.hotkeys[uid] for uid, _ in pairs),
            values=tuple(score for _, score in pairs),
        )


@dataclass(frozen=True, slots=True)
class Remapped:
    """Scores on today's uids; ``moved`` and ``dropped`` name hotkeys whose uid changed or is gone."""

    scores: dict[int, float]
    moved: tuple[str, ...]
    dropped: tuple[str, ...]


def remap(scores: ComputedScores, metagraph: Metagraph) -> Remapped:
    """Carry scores over to a newer metagraph, by hotkey.

    A hotkey that moved takes its score along. One that is gone, or that registered
    anew after the scoring, loses it: the newcomer on its uid has earned nothing yet.
    """
    kept: dict[int, float] = {}
    moved: list[str] = []
    dropped: list[str] = []
    for uid, hotkey, value in zip(scores.uids, scores.hotkeys, scores.values, strict=True):
        current = metagraph.uid_of(hotkey)
        if current is None or int(metagraph.registered_at[current]) > scores.block:
            dropped.append(hotkey)
            continue
        if current != uid:
            moved.append(hotkey)
        kept[current] = value
    return Remapped(kept, tuple(moved), tuple(dropped))
