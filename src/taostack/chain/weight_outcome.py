"""What a ``WeightSetter`` is told, and what it tells."""

from dataclasses import dataclass
from typing import Literal

from taostack.chain.vector import WeightVector
from taostack.chain.weight_chain import HeldCommit
from taostack.chain.weight_rules import Refusal, WeightRules
from taostack.chain.weight_state import PendingCommit
from taostack.process.errors import TaostackError

WeightStatus = Literal["set", "committed", "nothing", "refused", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class SetterPolicy:
    """How the setter behaves.

    ``deadline_seconds`` bounds one ``submit`` with all its waiting; within it a rate
    limit is waited for. ``max_attempts`` counts extrinsics and failed looks, not
    waits. ``max_age_blocks`` is how old scores may be (None: one tempo).
    ``version_key`` is what this validator's rules have. ``burn_when_empty`` gives all
    weight to the subnet owner's uid when every score is zero, which burns that
    emission; otherwise nothing is set.
    """

    deadline_seconds: float = 120.0
    max_attempts: int = 4
    max_age_blocks: int | None = None
    version_key: int = 0
    burn_when_empty: bool = False
    retry_pause_seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try within a ``submit``: at which block, and why it did not suffice."""

    block: int | None
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Readback:
    """What the chain was seen to hold in the block of the extrinsic."""

    matches: bool
    held: WeightVector | None = None
    commit: HeldCommit | None = None


@dataclass(frozen=True, slots=True)
class WeightOutcome:
    """What one ``submit`` led to.

    ``status``: ``set`` and ``committed`` are included and dispatched; ``nothing`` means
    there was nothing to set; ``refused`` that the chain would not (or did not) take it;
    ``failed`` that it could not be brought there; ``unknown`` that an extrinsic is on
    its way and its fate is not known yet: the next ``submit`` finds out first.
    ``code`` is stable and ``ok`` only where all is well, the readback included.
    """

    status: WeightStatus
    code: str
    detail: str
    remedy: str = ""
    block: int | None = None
    vector: WeightVector | None = None
    readback: Readback | None = None
    retry_at_block: int | None = None
    next_epoch_block: int | None = None
    reveal_round: int | None = None
    moved: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the chain holds this vector, or its commit, and was seen to."""
        return self.code == "ok"


@dataclass(frozen=True, slots=True)
class Reveal:
    """What became of a commit: ``revealed``, ``superseded`` by a newer one, or ``lost``."""

    commit: PendingCommit
    result: Literal["revealed", "superseded", "lost"]


def outcome_of_error(status: WeightStatus, error: TaostackError) -> WeightOutcome:
    """The outcome that says what an error says."""
    return WeightOutcome(status, error.code, str(error), error.remedy)


def outcome_of_refusal(refusal: Refusal, rules: WeightRules) -> WeightOutcome:
    """The outcome of a look at the rules that found a reason not to send."""
    return WeightOutcome(
        "refused",
        refusal.code,
        refusal.detail,
        refusal.remedy,
        retry_at_block=refusal.retry_at_block,
        next_epoch_block=rules.schedule.next_epoch_block,
    )
