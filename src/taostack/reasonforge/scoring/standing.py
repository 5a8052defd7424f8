"""From a miner's epoch to its standing: S with its error, rank, streak, trap window, payout factor.

Pure folds over frozen values; the store keeps what they return, keyed by
(hotkey, registration block), so a recycled uid starts from nothing.
"""

import math
from collections.abc import Sequence

import msgspec

from taostack.reasonforge.rules import DEFAULT, Rules
from taostack.reasonforge.scoring import formulas


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What a miner carries from epoch to epoch."""

    streak: int = 0
    audits: tuple[float, ...] = ()
    """Verified correctness of its last audited tasks, oldest first, at most ``trap_window``."""


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """One miner's epoch: CMS and multiplier of every task assigned, and its audited outcomes in order."""

    hotkey: str
    registered_at: int
    uid: int
    scores: tuple[float, ...]
    multipliers: tuple[float, ...]
    audited: tuple[float, ...] = ()
    correct: int = 0
    answered: int = 0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One miner's place after an epoch."""

    hotkey: str
    registered_at: int
    uid: int
    rank: int
    s_epoch: float
    standard_error: float
    trap_penalty: float
    probation: float
    streak: int
    peb: float
    weight: float
    """Share of the weight vector; 0 when it earned nothing."""
    assigned: int
    answered: int
    correct: int
    history: History


def standard_error(scores: Sequence[float], multipliers: Sequence[float]) -> float:
    """Standard error of the mean of CMS·D; 0 with fewer than two tasks."""
    count = len(scores)
    if count < 2:
        return 0.0
    values = [score * multiplier for score, multiplier in zip(scores, multipliers, strict=True)]
    mean = math.fsum(values) / count
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1) / count)


def audit_window(history: Sequence[float], audited: Sequence[float], *, rules: Rules = DEFAULT) -> tuple[float, ...]:
    """The last ``trap_window`` audited outcomes, oldest first."""
    return tuple([*history, *audited][-rules.trap_window :])


def probation(outcomes: int, *, rules: Rules = DEFAULT) -> float:
    """The payout factor of section 9.5: reduced until ``trap_minimum`` outcomes are known."""
    return rules.probation_factor if outcomes < rules.trap_minimum else 1.0


def settle(
    performances: Sequence[Performance], histories: Sequence[History], *, rules: Rules = DEFAULT
) -> list[Standing]:
    """Section 5.2 steps 5 and 6 for real miners: Eq. 9, 3, rank, streak, Eq. 4, weights; best first.

    Ties go to the earlier registration, then to the hotkey. A miner that
    answered nothing has S = 0, loses its streak and earns nothing.
    """
    drafts = []
    for performance, history in zip(performances, histories, strict=True):
        window = audit_window(history.audits, performance.audited, rules=rules)
        penalty = formulas.trap_penalty(window, rules=rules) if len(window) >= rules.trap_minimum else 1.0
        score = formulas.epoch_score(performance.scores, performance.multipliers, penalty)
        error = standard_error(performance.scores, performance.multipliers) * penalty
        drafts.append((score, error, penalty, window, performance, history))
    drafts.sort(key=lambda draft: (-draft[0], draft[4].registered_at, draft[4].hotkey))
    outside = drafts[rules.peb_top_ranks][0] if len(drafts) > rules.peb_top_ranks else 0.0

    placed = []
    for rank, (score, error, penalty, window, performance, history) in enumerate(drafts, start=1):
        clears = score - rules.streak_confidence_z * error > outside or len(drafts) <= rules.peb_top_ranks
        excels = rank <= rules.peb_top_ranks and score > 0 and clears
        streak = history.streak + 1 if excels else 0
        placed.append(
            Standing(
                hotkey=performance.hotkey,
                registered_at=performance.registered_at,
                uid=performance.uid,
                rank=rank,
                s_epoch=score,
                standard_error=error,
                trap_penalty=penalty,
                probation=probation(len(window), rules=rules),
                streak=streak,
                peb=formulas.peb(rank, streak, rules=rules),
                weight=0.0,
                assigned=len(performance.scores),
                answered=performance.answered,
                correct=performance.correct,
                history=History(streak=streak, audits=window),
            )
        )
    # Keyed by rank, not by uid: a uid that changed hands mid-epoch stands here twice.
    shares = formulas.weight_vector(
        {row.rank: formulas.MinerShare(row.s_epoch, row.peb, row.probation) for row in placed}
    )
    return [msgspec.structs.replace(row, weight=shares.get(row.rank, 0.0)) for row in placed]
