"""The tour's result as plain rows: what each miner scored, was paid, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from taostack.chain.metagraph import Metagraph
from taostack.demo.cast import Cast
from taostack.reasonforge.leaderboard import Leaderboard


@dataclass(frozen=True, slots=True)
class Earned:
    """One miner over the whole tour.

    ``score`` is the mean S of all epochs and validators; ``weight`` and
    ``incentive`` (0 … 1) are those of the last epoch, off and on chain;
    ``earned_rao`` is the alpha that the chain paid it, in rao.
    """

    rank: int
    name: str
    hotkey: str
    correct: int
    assigned: int
    score: float
    weight: float
    incentive: float
    earned_rao: int
    reason: str


def tally(
    cast: Cast, hotkeys: Mapping[str, str], boards: Sequence[Leaderboard], metagraph: Metagraph
) -> tuple[Earned, ...]:
    """Every miner of the cast, best paid first (ties: by score, then by the cast's order).

    ``hotkeys`` maps names to ss58; ``boards`` holds every closed epoch of every validator.
    """
    newest = max((board.epoch for board in boards), default=0)
    rows = []
    for order, role in enumerate(cast.miners):
        hotkey = hotkeys[role.name]
        mine = [(board, row) for board in boards for row in board.rows if row.hotkey == hotkey]
        last = [row for board, row in mine if board.epoch == newest]
        uid = metagraph.uid_of(hotkey)
        earned = Earned(
            rank=0,
            name=role.name,
            hotkey=hotkey,
            correct=sum(row.correct for _, row in mine),
            assigned=sum(row.assigned for _, row in mine),
            score=_mean([row.s_epoch for _, row in mine]),
            weight=_mean([row.weight for row in last]),
            incentive=0.0 if uid is None else float(metagraph.incentive[uid]),
            earned_rao=0 if uid is None else int(metagraph.alpha_stake_rao[uid]),
            reason=last[0].reason if last else "was never asked",
        )
        rows.append((-earned.earned_rao, -earned.score, order, earned))
    rows.sort(key=lambda each: each[:3])
    return tuple(replace(earned, rank=place) for place, (*_, earned) in enumerate(rows, 1))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
