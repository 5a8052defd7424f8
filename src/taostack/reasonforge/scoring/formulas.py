"""The thirteen formulas, pure.

Each function names its equation of the requirement and holds the edge cases
decided in the specification (section 2). Scores are floats in [0, 1] unless
stated; a score that is NaN or infinite counts as 0. ``rules`` carries the
constants. Where the public code does something else, an argument that names it
asks for it; the default never does.
"""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal, NamedTuple

from taostack.reasonforge.errors import ScoringInputError
from taostack.reasonforge.rules import DEFAULT, Rules


class EmissionSplit(NamedTuple):
    """Eq. 1: the miners' and the validators' pool; they sum to the emission."""

    miner: float
    validator: float


class MinerShare(NamedTuple):
    """What Eq. 5 and the weight vector know of a miner."""

    s_epoch: float
    peb: float
    factor: float = 1.0
    """Probation or any other payout factor in [0, 1]; 1 is the equation as printed."""


class ValidatorShare(NamedTuple):
    """What Eq. 8 knows of a validator; ``stake`` in any one unit."""

    vas: float
    stake: float
    reputation: float


def unit(value: float) -> float:
    """Clamp to [0, 1]; what is not a finite number is 0."""
    return min(1.0, max(0.0, value)) if math.isfinite(value) else 0.0


LARGEST = 1e100
"""Larger amounts count as this, so that no product or sum of them overflows."""


def non_negative(value: float) -> float:
    """Clamp to [0, 10¹⁰⁰]; what is not a finite number is 0."""
    return min(LARGEST, max(0.0, value)) if math.isfinite(value) else 0.0


def emission_split(total: float, *, rules: Rules = DEFAULT) -> EmissionSplit:
    """Eq. 1: split an epoch's emission into the miners' and the validators' pool.

    Raises ``ScoringInputError`` when ``total`` is negative or not finite.
    """
    if not math.isfinite(total) or total < 0:
        raise ScoringInputError(f"the emission was {total}", remedy="give a finite emission of 0 or more")
    miner = rules.miner_share * total
    return EmissionSplit(miner, total - miner)


def cms(
    quality: float,
    accuracy: float,
    novelty: float,
    efficiency: float,
    *,
    unchecked: bool = False,
    rules: Rules = DEFAULT,
) -> float:
    """Eq. 2: the composite miner score of one answer, in [0, 1]; each input is clamped to [0, 1].

    ``unchecked=True`` is the public code, which takes inputs as they are.
    """
    if not unchecked:
        quality, accuracy, novelty, efficiency = unit(quality), unit(accuracy), unit(novelty), unit(efficiency)
    total = (
        rules.quality_weight * quality
        + rules.accuracy_weight * accuracy
        + rules.novelty_weight * novelty
        + rules.efficiency_weight * efficiency
    )
    return total if unchecked else unit(total)


def difficulty_multiplier(
    difficulty: int, *, out_of_range: Literal["reject", "one"] = "reject", rules: Rules = DEFAULT
) -> float:
    """Eq. 3, D: the multiplier of difficulty 1 … 10.

    ``out_of_range="one"`` is the public code, which gives 1.0 to anything else.
    """
    if 1 <= difficulty <= len(rules.difficulty_multipliers):
        return rules.difficulty_multipliers[difficulty - 1]
    if out_of_range == "one":
        return 1.0
    raise ScoringInputError(f"the difficulty was {difficulty}", remedy=f"give 1 … {len(rules.difficulty_multipliers)}")


def epoch_score(scores: Sequence[float], multipliers: Sequence[float], trap_penalty: float = 1.0) -> float:
    """Eq. 3: S = mean(CMS·D)·penalty over the tasks *assigned*; 0 without tasks.

    ``scores`` holds 0 for an unanswered task; a task void by the validator's
    fault is left out of both sequences for everyone. Range 0 … 2, 4 with Eq. 6.
    """
    if len(scores) != len(multipliers):
        raise ScoringInputError(f"{len(scores)} scores came with {len(multipliers)} multipliers")
    if not scores:
        return 0.0
    total = math.fsum(
        non_negative(score) * non_negative(weight) for score, weight in zip(scores, multipliers, strict=True)
    )
    return total / len(scores) * unit(trap_penalty)


def peb(rank: int, streak: int, *, rules: Rules = DEFAULT) -> float:
    """Eq. 4: the persistent excellence bonus; 0 outside ranks 1 … K or without a streak."""
    if not 1 <= rank <= rules.peb_top_ranks or streak <= 0:
        return 0.0
    return rules.peb_alpha * (1 / rank) * math.sqrt(min(streak, rules.peb_streak_cap))


def _earning(miner: MinerShare) -> float:
    return non_negative(miner.s_epoch) * (1 + non_negative(miner.peb)) * unit(miner.factor)


def _share_out(pool: float, weights: Sequence[float], when_zero: Literal["burn", "equal"]) -> list[float]:
    """Split ``pool`` in proportion; the parts sum to it exactly (the largest takes the rounding)."""
    if not math.isfinite(pool) or pool < 0:
        raise ScoringInputError(f"the pool was {pool}", remedy="give a finite pool of 0 or more")
    if not weights:
        return []
    total = math.fsum(weights)
    if total <= 0:
        return [pool / len(weights) if when_zero == "equal" else 0.0] * len(weights)
    parts = [pool * (weight / total) for weight in weights]
    largest = max(range(len(parts)), key=parts.__getitem__)
    parts[largest] += pool - math.fsum(parts)
    return parts


def miner_rewards(
    miners: Sequence[MinerShare],
    pool: float,
    *,
    when_zero: Literal["burn", "equal"] | None = None,
    rules: Rules = DEFAULT,
) -> list[float]:
    """Eq. 5: R = pool·w/Σw with w = S·(1+PEB), in the order given.

    When nobody earned anything nobody is paid; ``when_zero="equal"`` is the
    public code, which pays full emission for nothing.
    """
    return _share_out(pool, [_earning(miner) for miner in miners], when_zero or rules.when_nobody_earned)


def breakthrough(score: float, previously_unsolved: bool, *, rules: Rules = DEFAULT) -> float:
    """Eq. 6: twice the CMS for a first solution strictly above 0.8; applied before Eq. 3, so up to 2."""
    score = non_negative(score)
    doubled = previously_unsolved and score > rules.breakthrough_threshold
    return rules.breakthrough_multiplier * score if doubled else score


def vas(scores: Sequence[float], consensus: Sequence[float]) -> float:
    """Eq. 7: 1 − mean|score − consensus|, never below 0; 1 (neutral) without evaluations."""
    if len(scores) != len(consensus):
        raise ScoringInputError(f"{len(scores)} scores came with {len(consensus)} consensus values")
    if not scores:
        return 1.0
    distances = [abs(given - agreed) for given, agreed in zip(scores, consensus, strict=True)]
    mean = math.fsum(distance if math.isfinite(distance) else 1.0 for distance in distances) / len(distances)
    return max(0.0, 1.0 - mean)


def skill_vas(mean_deviation: float, random_deviation: float) -> float:
    """Section 9.7: 1 − deviation/deviation of a random scorer on the same items, never below 0.

    A random scorer has about 0. With nothing to compare (``random_deviation`` 0) it is 1.
    """
    if random_deviation <= 0 or not math.isfinite(random_deviation):
        return 1.0
    if not math.isfinite(mean_deviation):
        return 0.0
    return unit(1.0 - non_negative(mean_deviation) / random_deviation)


def validator_rewards(
    validators: Sequence[ValidatorShare], pool: float, *, when_zero: Literal["burn", "equal"] = "equal"
) -> list[float]:
    """Eq. 8: pool in proportion to VAS·stake·reputation; an equal split when all are 0."""
    weights = [
        non_negative(validator.vas) * non_negative(validator.stake) * non_negative(validator.reputation)
        for validator in validators
    ]
    return _share_out(pool, weights, when_zero)


def trap_penalty(trap_scores: Sequence[float], *, rules: Rules = DEFAULT) -> float:
    """Eq. 9: 1 from an average of θ on, avg/θ below it; 1 without traps."""
    if not trap_scores:
        return 1.0
    average = math.fsum(non_negative(score) for score in trap_scores) / len(trap_scores)
    if rules.trap_threshold <= 0 or average >= rules.trap_threshold:
        return 1.0
    return average / rules.trap_threshold


def slash(stake: float, vas_short: float, *, rules: Rules = DEFAULT) -> float:
    """Eq. 10: γ·stake·max(0, θ − VAS_7d)², in the unit of ``stake``; at most 1.8 % of it."""
    shortfall = max(0.0, rules.slash_threshold - unit(vas_short))
    return rules.slash_gamma * non_negative(stake) * shortfall**2


def objective_score(
    domain: str,
    checks: Mapping[str, float],
    *,
    applicable: Sequence[str] | None = None,
    weights: Mapping[str, float] | None = None,
    rules: Rules = DEFAULT,
) -> float:
    """Eq. 11: Σ ω_k·check_k of the domain's checks, in [0, 1].

    A missing check counts 0 and unknown names are ignored. With ``applicable``
    (section 9.2: the checks that the task declared) the weights are scaled to
    sum to 1 over those. ``weights`` replaces the domain's table.
    """
    table = weights if weights is not None else rules.check_weights.get(domain)
    if table is None:
        raise ScoringInputError(f"the domain was {domain!r}", remedy=f"use one of {', '.join(rules.check_weights)}")
    names = [name for name in table if applicable is None or name in applicable]
    total = math.fsum(table[name] * unit(checks.get(name, 0.0)) for name in names)
    if applicable is None:
        return unit(total)
    scale = math.fsum(table[name] for name in names)
    if scale <= 0:
        raise ScoringInputError(f"none of the checks {list(applicable)} belongs to {domain}")
    return unit(total / scale)


def consensus(
    score_stake: Sequence[tuple[float, float]],
    *,
    mode: Literal["median", "mean"] | None = None,
    trim: float | None = None,
    ids: Sequence[str] | None = None,
    rules: Rules = DEFAULT,
) -> float:
    """Eq. 12: the stake-weighted trimmed median of (score, stake) pairs; 0 when empty or without stake.

    Sorted by (score, id); from five entries on max(1, ⌊n·δ⌋) fall off each
    end. The result is the smallest score whose cumulated stake reaches half;
    where it is exactly half, the mean of it and the next score that has stake.
    ``mode="mean"`` is the public code: the weighted mean of the same entries.
    Exact arithmetic, so the order of the pairs does not matter.
    """
    mode = rules.consensus_mode if mode is None else mode
    delta = rules.consensus_trim if trim is None else trim
    if not 0 <= delta < 0.5:
        raise ScoringInputError(f"the trim was {delta}", remedy="give a share in [0, 0.5) for each end")
    names = ids if ids is not None else [""] * len(score_stake)
    entries = sorted(
        (score, name, Fraction(non_negative(stake)))
        for (score, stake), name in zip(score_stake, names, strict=True)
        if math.isfinite(score)
    )
    if len(entries) >= rules.consensus_trim_from:
        cut = max(1, math.floor(len(entries) * delta))
        entries = entries[cut : len(entries) - cut]
    total = sum((stake for _, _, stake in entries), Fraction(0))
    if total <= 0:
        return 0.0
    if mode == "mean":
        return float(sum((Fraction(score) * stake for score, _, stake in entries), Fraction(0)) / total)
    held = Fraction(0)
    staked = [(score, stake) for score, _, stake in entries if stake > 0]
    for position, (score, stake) in enumerate(staked):
        held += stake
        if 2 * held == total:
            return (score + staked[position + 1][0]) / 2
        if 2 * held > total:
            return score
    raise AssertionError("cumulated stake reaches its total")


def final_score(objective: float, agreed: float, *, rules: Rules = DEFAULT) -> float:
    """Eq. 13: 0.60·O + 0.40·C."""
    return rules.objective_share * unit(objective) + (1 - rules.objective_share) * unit(agreed)


def mean_of_last(history: Sequence[float], entries: int) -> float:
    """Mean of the last ``entries`` values of a VAS history (one per epoch); 1 when it is empty."""
    recent = history[-entries:] if entries > 0 else ()
    return math.fsum(unit(value) for value in recent) / len(recent) if recent else 1.0


def reputation(vas_history: Sequence[float], *, rules: Rules = DEFAULT) -> float:
    """The multiplier of Eq. 8: 1 at a 30-entry VAS of 0.80, rising to 1.5 at 1."""
    above = max(0.0, mean_of_last(vas_history, rules.vas_long_entries) - rules.reputation_threshold)
    gain = (rules.reputation_max - 1) * above / (1 - rules.reputation_threshold)
    return min(rules.reputation_max, 1 + gain)


def average_api_reward(rewards: Sequence[float]) -> float:
    """Mean reward of the tasks that came in over the API; 0 without any."""
    return math.fsum(non_negative(reward) for reward in rewards) / len(rewards) if rewards else 0.0


def weight_vector(miners: Mapping[int, MinerShare]) -> dict[int, float]:
    """Section 2.2: w = S·(1+PEB) scaled to sum to 1 over the uids that earned something; else empty.

    An empty vector is never sent to the chain as zeros: the caller burns (all
    to the subnet owner's uid) or skips with an alert.
    """
    earned = {uid: weight for uid, miner in miners.items() if (weight := _earning(miner)) > 0}
    total = math.fsum(earned.values())
    return {uid: weight / total for uid, weight in earned.items()} if total > 0 else {}


def split_rao(pool_rao: int, weights: Sequence[float]) -> list[int]:
    """Eq. 5 in whole rao: floors first, then one rao each by largest remainder, ties by position.

    Sums to ``pool_rao`` exactly; all 0 when no weight is positive.
    """
    if pool_rao < 0:
        raise ScoringInputError(f"the pool was {pool_rao} rao")
    shares = [Fraction(non_negative(weight)) for weight in weights]
    total = sum(shares, Fraction(0))
    if total <= 0:
        return [0] * len(shares)
    exact = [pool_rao * share / total for share in shares]
    parts = [math.floor(part) for part in exact]
    order = sorted(range(len(parts)), key=lambda index: (parts[index] - exact[index], index))
    for index in order[: pool_rao - sum(parts)]:
        parts[index] += 1
    return parts
