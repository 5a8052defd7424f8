"""What the chain says, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from taostack.chain.errors import AnswerShapeError

RAO_PER_TAO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Head:
    """A block at the tip of the chain."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Registration:
    """A hotkey's place on a subnet: it lost the place when ``registered_at`` changes."""

    netuid: int
    hotkey: str
    uid: int
    registered_at: int
    block: int


@dataclass(frozen=True, slots=True)
class Commitment:
    """What a hotkey published through the Commitments pallet.

    ``data`` is the readable part (empty while a timelocked payload is sealed),
    ``status`` one of ``plain``, ``sealed``, ``revealed``, ``failed``; ``block`` is
    where it was published, or revealed.
    """

    hotkey: str
    uid: int | None
    block: int
    data: bytes
    status: str

    @property
    def text(self) -> str:
        """``data`` as UTF-8, undecodable bytes replaced."""
        return self.data.decode("utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class Receipt:
    """An extrinsic that was included and dispatched without error."""

    what: str
    block: int
    block_hash: str
    extrinsic_hash: str
    fee_rao: int = 0
    events: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """A subnet's settings at one block; ``values`` holds all that the chain lists, raw.

    The properties name what neurons use. Fractions stay in the chain's own unit
    (u16: 65535 is one); amounts are rao. A property raises AnswerShapeError when
    the runtime no longer lists its value.
    """

    netuid: int
    block: int
    values: Mapping[str, Any] = field(repr=False)

    def integer(self, name: str) -> int:
        """The setting ``name`` as an integer."""
        try:
            return int(self.values[name])
        except (KeyError, TypeError, ValueError) as error:
            raise AnswerShapeError(f"subnet {self.netuid} lists no integer setting {name!r}") from error

    def flag(self, name: str) -> bool:
        """The setting ``name`` as a truth value."""
        return bool(self.integer(name))

    @property
    def tempo(self) -> int:
        """Blocks per epoch."""
        return self.integer("tempo")

    @property
    def min_allowed_weights(self) -> int:
        """Least number of entries of a weight vector."""
        return self.integer("min_allowed_weights")

    @property
    def max_weight_limit(self) -> int:
        """Largest share of one weight, u16."""
        return self.integer("max_weights_limit")

    @property
    def weights_version(self) -> int:
        """Least version key of a weight vector."""
        return self.integer("weights_version")

    @property
    def weights_rate_limit(self) -> int:
        """Blocks between two weight vectors of one neuron."""
        return self.integer("weights_rate_limit")

    @property
    def commit_reveal(self) -> bool:
        """Whether weights are committed first and revealed later."""
        return self.flag("commit_reveal_weights_enabled")

    @property
    def commit_reveal_period(self) -> int:
        """Epochs from commit to reveal."""
        return self.integer("commit_reveal_period")

    @property
    def serving_rate_limit(self) -> int:
        """Blocks between two publications of an endpoint."""
        return self.integer("serving_rate_limit")

    @property
    def immunity_period(self) -> int:
        """Blocks for which a new neuron is not pruned."""
        return self.integer("immunity_period")

    @property
    def activity_cutoff(self) -> int:
        """Blocks after which a validator that sets no weights counts as inactive."""
        return self.integer("activity_cutoff")

    @property
    def max_validators(self) -> int:
        """Number of validator permits."""
        return self.integer("max_validators")

    @property
    def registration_allowed(self) -> bool:
        """Whether new neurons may register."""
        return self.flag("registration_allowed")
