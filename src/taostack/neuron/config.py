"""Settings of a neuron, with the flag names that Bittensor operators know.

``--wallet.name``, ``--subtensor.network`` and the others are the dotted names of
this tree. A system adds its own by inheriting:

    class MySettings(NeuronSettings, frozen=True, kw_only=True):
        backend: BackendSettings = BackendSettings()
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Amount = Annotated[float, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class WalletSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which keys the neuron signs with."""

    name: str = "default"
    """The wallet (coldkey) name."""
    hotkey: str = "default"
    """The hotkey's name in the wallet."""
    path: str = "~/.bittensor/wallets"
    """The folder with wallets."""


class SubtensorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which chain, and how patient the neuron is with it."""

    network: str = "finney"
    """``finney``, ``test``, ``local``, or a ws:// or wss:// URL."""
    chain_endpoint: tuple[str, ...] = ()
    """URLs in order of preference; used instead of ``network`` when given."""
    deadline_seconds: Seconds = 30.0
    """How long one request may take, over all endpoints."""
    silence_seconds: Seconds = 0.0
    """Without a new block for so long, the next endpoint is tried; 0: five block times, at least 12 s."""

    @property
    def endpoints(self) -> tuple[str, ...]:
        """What ``Chain.connect`` gets."""
        return self.chain_endpoint or (self.network,)


class AxonSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a miner listens, and what address it publishes."""

    ip: str = "0.0.0.0"  # noqa: S104 - peers must reach a miner
    """The address to bind."""
    port: Port = 8091
    """The port to bind; 0 takes a free one."""
    external_ip: str = ""
    """The address to publish; empty: ``ip``, unless that is 0.0.0.0 or ::."""
    external_port: Port = 0
    """The port to publish; 0: the bound one."""


class GateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may call a miner; ``deny`` wins over ``allow``, ``allow`` over everything else."""

    require_registered: bool = True
    """Only hotkeys of the subnet may call."""
    require_permit: bool = False
    """Only holders of a validator permit may call."""
    min_stake_tao: Amount = 0.0
    """Only hotkeys with this stake (alpha and TAO as consensus weighs them) may call."""
    allow: frozenset[str] = frozenset()
    """Hotkeys that may call in any case."""
    deny: frozenset[str] = frozenset()
    """Hotkeys that never may."""
    calls_per_second: Amount = 0.0
    """Calls a hotkey may make a second; 0: no limit."""
    burst: Count = 10
    """Calls that a hotkey may save up."""
    max_in_flight: Count = 256
    """Calls handled at once."""
    max_waiting: Annotated[int, msgspec.Meta(ge=0)] = 256
    """Calls that wait for a slot, drawn by stake."""


class LoggingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is logged, and how."""

    level: str = "info"
    """``debug``, ``info``, ``warning`` or ``error``."""
    format: Literal["console", "json"] = "console"
    """For people or for machines."""


class HealthSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where /healthz, /readyz and /metrics answer."""

    host: str = "127.0.0.1"
    """The address to bind."""
    port: Port | None = None
    """The port; none: no health server. 0 takes a free one."""


class StateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the neuron keeps what it must not forget."""

    path: str = "~/.taostack/state"
    """A folder (one file a neuron is made in it), or a postgresql:// URL for this neuron alone."""

    def database(self, role: str, netuid: int, hotkey: str) -> str | Path:
        """The database of one neuron."""
        if "://" in self.path:
            return self.path
        return Path(self.path).expanduser() / f"{role}-{netuid}-{hotkey}.sqlite"

    def replay_file(self, netuid: int, hotkey: str) -> Path | None:
        """Where a miner remembers nonces over a restart; None when the state is not in files."""
        if "://" in self.path:
            return None
        return Path(self.path).expanduser() / f"replay-{netuid}-{hotkey}.sqlite"


class RegistrationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens when the hotkey holds no uid."""

    when_missing: Literal["stop", "wait"] = "stop"
    """``stop`` with an error, or ``wait`` until somebody registers it (at the start and mid-run alike)."""


class MetagraphSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How fresh the neuron's picture of the subnet is."""

    every_blocks: Count = 25
    """Read again after so many blocks."""
    max_age_seconds: Seconds = 1800.0
    """From this age on the neuron is not ready, and a miner's gate lets nobody in."""


class EpochSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a validator deals with an epoch that fails or takes too long."""

    attempts: Count = 3
    """How often one epoch is tried, restarts included, before it is abandoned."""
    overrun_tempos: Amount = 1.0
    """How long work may go on after its epoch's end, in tempos; then it is cancelled and abandoned."""
    retry_seconds: Seconds = 2.0
    """Base of the growing, jittered pause between two attempts."""


class WeightSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a validator sends to the chain."""

    when_empty: Literal["skip", "burn"] = "skip"
    """When nobody scored above zero: send nothing, or everything to the subnet's owner (which burns it)."""
    version_key: Annotated[int, msgspec.Meta(ge=0)] = 0
    """The version that the subnet's owner asks validators to state."""


class ShutdownSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the neuron ends."""

    grace_seconds: Seconds = 10.0
    """After SIGTERM or SIGINT the process is gone within this time (and half a second)."""


class NeuronSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a neuron's runner needs to know."""

    netuid: Annotated[int, msgspec.Meta(ge=0, le=65_535)]
    """The subnet."""
    wallet: WalletSettings = WalletSettings()
    subtensor: SubtensorSettings = SubtensorSettings()
    axon: AxonSettings = AxonSettings()
    gate: GateSettings = GateSettings()
    logging: LoggingSettings = LoggingSettings()
    health: HealthSettings = HealthSettings()
    state: StateSettings = StateSettings()
    registration: RegistrationSettings = RegistrationSettings()
    metagraph: MetagraphSettings = MetagraphSettings()
    epoch: EpochSettings = EpochSettings()
    weights: WeightSettings = WeightSettings()
    shutdown: ShutdownSettings = ShutdownSettings()
