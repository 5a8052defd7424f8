"""Settings of reasonforge neurons; the flag names are those of the requirement.

Light to import: a command line reads this to print its help.
"""

from typing import Annotated, Literal

import msgspec

from taostack.neuron.config import GateSettings, NeuronSettings, Port
from taostack.reasonforge.rules import Domain

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class MinerOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the miner thinks with."""

    backend: Literal["openai", "symbolic", "spammer"] = "openai"
    """``openai`` (any compatible endpoint), ``symbolic`` (own exact solvers), or ``spammer`` (an attack, for tests)."""
    model: str = "gpt-4o"
    """The model's name at the endpoint."""
    api_key_env: str = "OPENAI_API_KEY"
    """Name of the environment variable that holds the key; the key itself is never a flag."""
    base_url: str = "https://api.openai.com/v1"
    """The endpoint."""
    max_tokens: Count = 2_048
    """Most tokens of one completion."""
    token_budget: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Tokens of the whole run; 0: no bound."""
    max_concurrent: Count = 4
    """Tasks worked on at a time."""
    port: Port | None = None
    """The same as axon.port."""
    domains: tuple[Domain, ...] = ("mathematics",)
    """Domains to answer."""
    error_rate: Share = 0.0
    """symbolic: share of tasks of difficulty 5 that it gets wrong on purpose."""
    think_seconds: Seconds = 0.0
    """symbolic: seconds that it takes for a task of difficulty 5."""
    seed: int = 0
    """symbolic and spammer: seed of their mistakes."""


class ValidatorOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the validator asks."""

    tasks_per_epoch: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 12
    """Tasks for each miner and epoch."""
    trap_rate: Share = 0.15
    """Share of tasks whose outcome enters the trap window."""
    timeout: Annotated[float, msgspec.Meta(gt=0, le=3_600)] = 300.0
    """Seconds that a miner has for a task."""
    rounds_in_flight: Count = 4
    """Tasks that one miner has open at the same time."""
    families: tuple[str, ...] = ()
    """Task families to draw from; none: all."""
    reserve_blocks: Annotated[int, msgspec.Meta(ge=0)] = 3
    """Blocks before the epoch's end in which no new round begins."""
    publish_commitments: bool = True
    """Write each epoch's seed commitment on chain before its first task."""


class ReasonforgeMinerSettings(NeuronSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reasonforge miner."""

    gate: GateSettings = GateSettings(require_permit=True)
    """Who may ask: registered validators, unless told otherwise."""
    miner: MinerOptions = MinerOptions()

    def with_port(self) -> "ReasonforgeMinerSettings":
        """``miner.port`` moved to where the runner looks for it."""
        if self.miner.port is None:
            return self
        return msgspec.structs.replace(self, axon=msgspec.structs.replace(self.axon, port=self.miner.port))


class ReasonforgeValidatorSettings(NeuronSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reasonforge validator."""

    validator: ValidatorOptions = ValidatorOptions()
