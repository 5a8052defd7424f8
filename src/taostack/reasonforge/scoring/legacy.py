"""The requirement's dimension heuristics, word for word, and why they do not score here.

They read the miner's own confidence, step count and clock, so a template
without content reaches a CMS of 0.82 to 0.999. Nothing in this package pays by
them: they serve conformance and the negative tests.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from taostack.reasonforge.errors import ScoringInputError


class HeuristicStep(NamedTuple):
    """The fields of a step that the heuristics look at."""

    reasoning: str
    confidence: float
    has_evidence: bool = False
    has_proof_fragment: bool = False


def heuristic_quality(steps: Sequence[HeuristicStep], difficulty: int, *, upstream_confidence: bool = False) -> float:
    """Requirement 3.2, Q; 0 without steps.

    Raises ``ScoringInputError`` for a confidence outside [0, 1] or not finite.
    ``upstream_confidence=True`` takes anything, as the public code does: one
    NaN or 10⁹ then gives the full 1.0.
    """
    if not steps:
        return 0.0
    if not upstream_confidence:
        for step in steps:
            if not (math.isfinite(step.confidence) and 0 <= step.confidence <= 1):
                raise ScoringInputError(f"a confidence was {step.confidence}", remedy="give a number in [0, 1]")
    count = len(steps)
    raw = (
        0.3 * min(1.0, count / max(3, difficulty))
        + 0.3 * (sum(step.confidence for step in steps) / count)
        + 0.2 * (sum(step.has_evidence for step in steps) / count)
        + 0.2
        + (0.1 if any(step.has_proof_fragment for step in steps) else 0.0)
    )
    # ``raw < 1`` is false for NaN: that is the public code's hole, kept behind its own argument.
    return raw if raw < 1.0 else 1.0


def heuristic_novelty(steps: Sequence[str]) -> float:
    """Requirement 3.2, N: length and share of distinct lower-cased words; 0 without steps."""
    if not steps:
        return 0.0
    words = [word for step in steps for word in step.lower().split()]
    mean_length = sum(len(step) for step in steps) / len(steps)
    distinct = len(set(words)) / len(words) if words else 0.0
    return min(1.0, 0.5 * min(1.0, mean_length / 500) + 0.5 * distinct)


def heuristic_efficiency(time_taken_ms: float | None, timeout_seconds: float) -> float:
    """Requirement 3.2, Eff; a missing time counts as the full timeout (0.5)."""
    if timeout_seconds <= 0:
        raise ScoringInputError(f"the timeout was {timeout_seconds} s", remedy="give a positive timeout")
    ratio = 1.0 if time_taken_ms is None else time_taken_ms / 1000 / timeout_seconds
    if not math.isfinite(ratio) or ratio > 1:
        return 0.0
    return 0.2 if ratio < 0.01 else 1.0 - 0.5 * ratio
