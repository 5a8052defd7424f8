"""Who plays in the tour: two validators, four honest miners of falling skill, a copier and a spammer."""

from dataclasses import dataclass
from random import Random
from typing import Literal

from taostack.reasonforge.backends.base import Backend
from taostack.reasonforge.backends.dishonest import CopierBackend, Grapevine, SpammerBackend, TalkativeBackend
from taostack.reasonforge.backends.symbolic import SymbolicBackend


@dataclass(frozen=True, slots=True)
class ValidatorRole:
    """A validator, with the TAO that it stakes on itself."""

    name: str
    stake_tao: int


@dataclass(frozen=True, slots=True)
class MinerRole:
    """A miner: what it does, and for honest ones how often it errs and how long it thinks at difficulty 5."""

    name: str
    character: str
    behaviour: Literal["honest", "copier", "spammer"] = "honest"
    error_rate: float = 0.0
    think_seconds: float = 0.0

    @property
    def honest(self) -> bool:
        """Whether it solves its tasks."""
        return self.behaviour == "honest"


@dataclass(frozen=True, slots=True)
class Cast:
    """All neurons of the tour; the founder of the subnet is nobody's miner."""

    validators: tuple[ValidatorRole, ...]
    miners: tuple[MinerRole, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Every neuron's wallet name, validators first."""
        return (*(role.name for role in self.validators), *(role.name for role in self.miners))


CAST = Cast(
    validators=(ValidatorRole("validator-1", 300), ValidatorRole("validator-2", 200)),
    miners=(
        MinerRole("ace", "exact and quick", error_rate=0.0, think_seconds=0.05),
        MinerRole("steady", "nearly exact, slower", error_rate=0.05, think_seconds=0.4),
        MinerRole("average", "errs now and then", error_rate=0.25, think_seconds=0.3),
        MinerRole("careless", "errs every other time", error_rate=0.5, think_seconds=0.2),
        MinerRole("copier", "replays what it overhears", behaviour="copier"),
        MinerRole("spammer", "confident templates", behaviour="spammer"),
    ),
)


def backends(cast: Cast, seed: int) -> dict[str, Backend]:
    """Each miner's engine; all honest miners talk within the copier's hearing."""
    grapevine = Grapevine()
    engines: dict[str, Backend] = {}
    for number, role in enumerate(cast.miners):
        rng = Random(f"{seed}/{number}/{role.name}")  # noqa: S311 - slips of a demo miner, no secret
        match role.behaviour:
            case "copier":
                engines[role.name] = CopierBackend(grapevine)
            case "spammer":
                engines[role.name] = SpammerBackend(rng)
            case "honest":
                inner = SymbolicBackend(rng, error_rate=role.error_rate, think_seconds=role.think_seconds)
                engines[role.name] = TalkativeBackend(inner, grapevine)
    return engines
