"""From verified facts to the four dimensions and CMS (specification section 9).

Correctness gates everything: a wrong answer has Q = N = Eff = 0 and A only
what its declared checks give. Times are the validator's own.
"""

import math
import statistics
from collections.abc import Mapping, Sequence

import msgspec

from taostack.reasonforge.rules import DEFAULT, Rules
from taostack.reasonforge.scoring import formulas
from taostack.reasonforge.scoring.similarity import similarity_factor


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What verifiers found in one answer; nothing in it is the miner's own word."""

    correct: float
    """The answer check, in [0, 1]; the gate opens at the task's threshold."""
    claims_checked: int = 0
    claims_true: int = 0
    checks: dict[str, float] = {}
    """Results of the task's further declared checks (Eq. 11), each in [0, 1]."""
    earlier_same: int = 0
    """Correct submissions to the same statement with the same signature that were committed earlier."""
    solve_seconds: float = 0.0
    """Validator's monotonic time from sending to the reply, less the miner's health-check round trip."""
    similarity: float = 0.0


class Dimensions(msgspec.Struct, frozen=True, kw_only=True):
    """Q, A, N and Eff in [0, 1], and their CMS."""

    quality: float
    accuracy: float
    novelty: float
    efficiency: float
    cms: float


NOTHING = Dimensions(quality=0.0, accuracy=0.0, novelty=0.0, efficiency=0.0, cms=0.0)
"""The score of an absent or refused answer."""


def solve_seconds(elapsed: float, health_round_trips: Sequence[float], *, most: float = math.inf) -> float:
    """Elapsed time less the miner's median health-check round trip, floor 0 (section 9.3).

    At most ``most`` seconds are credited: a miner that answers health checks
    slowly on purpose would otherwise buy thinking time with it.
    """
    usual = [trip for trip in health_round_trips if math.isfinite(trip) and trip >= 0]
    credit = min(most, statistics.median(usual)) if usual else 0.0
    return max(0.0, elapsed - credit)


def efficiency(seconds: float, timeout_seconds: float) -> float:
    """1 − ½·min(1, τ/T), before the gate: 1 for an instant answer, ½ at the timeout."""
    if timeout_seconds <= 0 or not math.isfinite(seconds):
        return 0.0
    return 1.0 - 0.5 * min(1.0, max(0.0, seconds) / timeout_seconds)


def dimensions(
    evidence: Evidence,
    *,
    domain: str,
    answer_check: str,
    declared_checks: Sequence[str],
    threshold: float,
    timeout_seconds: float,
    rules: Rules = DEFAULT,
) -> Dimensions:
    """Sections 9.2 and 9.3: Q = g·V, A = Eq. 11 over the declared checks, N = g·1/√(1+earlier), Eff gated.

    ``answer_check`` names the Eq. 11 check that the answer itself decides.
    """
    correct = formulas.unit(evidence.correct)
    gate = 1.0 if correct >= threshold > 0 else 0.0
    checks: Mapping[str, float] = {**evidence.checks, answer_check: correct}
    verified = evidence.claims_true / evidence.claims_checked if evidence.claims_checked > 0 else 1.0
    factor = similarity_factor(evidence.similarity, rules=rules)
    quality = gate * formulas.unit(verified) * factor
    accuracy = formulas.objective_score(domain, checks, applicable=declared_checks, rules=rules) * factor
    novelty = gate / math.sqrt(1 + max(0, evidence.earlier_same)) * factor
    quick = gate * efficiency(evidence.solve_seconds, timeout_seconds)
    return Dimensions(
        quality=quality,
        accuracy=accuracy,
        novelty=novelty,
        efficiency=quick,
        cms=formulas.cms(quality, accuracy, novelty, quick, rules=rules),
    )
