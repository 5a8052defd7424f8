"""Every constant of the mechanism as one frozen, versioned record.

``DEFAULT`` is what runs; ``COMPAT`` reproduces the public code where that
differs from the documented rule and is used for conformance only. Equation
numbers are those of the requirement (specification section 2).
"""

import hashlib
from typing import Literal

import msgspec

Domain = Literal["mathematics", "code", "scientific", "strategic", "causal", "ethical"]

_CHECK_WEIGHTS: dict[str, dict[str, float]] = {
    "mathematics": {"proof": 0.60, "steps": 0.25, "numerical": 0.15},
    "code": {"tests": 0.50, "static_analysis": 0.20, "formal": 0.30},
    "scientific": {"simulation": 0.40, "statistics": 0.35, "citations": 0.25},
    "strategic": {"solver": 0.50, "constraints": 0.30, "equilibrium": 0.20},
    "causal": {"docalculus": 0.40, "bootstrap": 0.35, "dag": 0.25},
    "ethical": {"coverage": 0.30, "logic": 0.70},
}


def _check_weights() -> dict[str, dict[str, float]]:
    return {domain: dict(weights) for domain, weights in _CHECK_WEIGHTS.items()}


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mechanism's constants; unit and equation stand beside each group."""

    version: str = "rf-rules-1"
    holds_from: str = "2026-11-01"
    """First UTC day on which these rules score an epoch."""

    # Eq. 1: shares of an epoch's emission.
    miner_share: float = 0.90

    # Eq. 2: weights of the composite miner score; they sum to one.
    quality_weight: float = 0.40
    accuracy_weight: float = 0.30
    novelty_weight: float = 0.15
    efficiency_weight: float = 0.15

    # Eq. 3: D for difficulty 1 … 10.
    difficulty_multipliers: tuple[float, ...] = (1.0, 1.0, 1.25, 1.25, 1.5, 1.5, 1.75, 1.75, 2.0, 2.0)

    # Eq. 4: persistent excellence bonus.
    peb_alpha: float = 0.20
    peb_top_ranks: int = 10
    peb_streak_cap: int = 10
    streak_confidence_z: float = 1.645
    """A streak grows only when S minus this many standard errors clears the first rank outside the top (section 7)."""

    # Eq. 5 and 8: what happens when nobody has earned anything.
    when_nobody_earned: Literal["burn", "equal"] = "burn"

    # Eq. 6: breakthrough.
    breakthrough_multiplier: float = 2.0
    breakthrough_threshold: float = 0.8

    # Eq. 7, 8, 10: validators.
    vas_short_entries: int = 7
    vas_long_entries: int = 30
    reputation_threshold: float = 0.80
    reputation_max: float = 1.5
    slash_threshold: float = 0.60
    slash_gamma: float = 0.05
    leave_one_out: bool = True
    """Consensus for a validator leaves its own score out (section 9.7)."""
    slash_on: Literal["skill", "vas"] = "skill"
    """Slash on skill (a random scorer has 0) or on plain VAS (as the public code, which never slashes)."""

    # Eq. 9: traps.
    trap_rate: float = 0.15
    trap_threshold: float = 0.30
    trap_window: int = 20
    """Audited outcomes per hotkey that the penalty looks back on (section 9.5: 20 … 50)."""
    trap_minimum: int = 5
    """With fewer outcomes the penalty is 1 and the payout is multiplied by ``probation_factor``."""
    probation_factor: float = 0.5

    # Eq. 11: weights of the checks of each domain.
    check_weights: dict[str, dict[str, float]] = msgspec.field(default_factory=_check_weights)

    # Eq. 12, 13: consensus among validators.
    consensus_mode: Literal["median", "mean"] = "median"
    consensus_trim: float = 0.10
    consensus_trim_from: int = 5
    objective_share: float = 0.60

    # Similarity (un-numbered).
    similarity_threshold: float = 0.95
    similarity_factor: float = 0.5

    # The epoch.
    tasks_per_epoch: int = 12
    validators_per_task: int = 3
    task_timeout_ms: int = 300_000
    rounds_in_flight: int = 4
    """Tasks that one miner has open at the same time; the flag of the miner has the same default."""

    health_checks: int = 3
    """Health checks per miner and epoch; their median round trip is not counted as solving time."""
    health_credit_ms: int = 500
    """The most that is subtracted, so that slow health checks buy no time."""

    # Sanitiser limits (section 3); the total is enforced first, by the wire.
    max_reply_bytes: int = 1_000_000
    max_steps: int = 50
    max_step_characters: int = 10_000
    max_answer_characters: int = 50_000
    max_claims: int = 20
    """Claims of a reply beyond this number are sampled (section 9.3)."""

    def fingerprint(self) -> str:
        """Eight hex digits that differ whenever a number differs."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:8]


DEFAULT = Rules()

COMPAT = Rules(
    version="upstream-compat",
    when_nobody_earned="equal",
    streak_confidence_z=0.0,
    leave_one_out=False,
    slash_on="vas",
    consensus_mode="mean",
    trap_minimum=0,
    probation_factor=1.0,
)
"""The public code's behaviour where it differs; for conformance, never for pay."""
