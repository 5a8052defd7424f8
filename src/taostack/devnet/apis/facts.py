"""The single values of a subnet, under the names that the runtime APIs use."""

from typing import Any

from taostack.devnet.codec import byte_string
from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.store import Reader

_HYPERPARAMETERS: tuple[tuple[str, str], ...] = (
    ("rho", "Rho"),
    ("kappa", "Kappa"),
    ("min_allowed_weights", "MinAllowedWeights"),
    ("max_weights_limit", "MaxWeightsLimit"),
    ("weights_version", "WeightsVersionKey"),
    ("weights_rate_limit", "WeightsSetRateLimit"),
    ("max_validators", "MaxAllowedValidators"),
    ("num_uids", "SubnetworkN"),
    ("max_uids", "MaxAllowedUids"),
    ("burn", "Burn"),
    ("difficulty", "Difficulty"),
    ("registration_allowed", "NetworkRegistrationAllowed"),
    ("pow_registration_allowed", "NetworkPowRegistrationAllowed"),
    ("immunity_period", "ImmunityPeriod"),
    ("min_difficulty", "MinDifficulty"),
    ("max_difficulty", "MaxDifficulty"),
    ("min_burn", "MinBurn"),
    ("max_burn", "MaxBurn"),
    ("adjustment_alpha", "AdjustmentAlpha"),
    ("adjustment_interval", "AdjustmentInterval"),
    ("target_regs_per_interval", "TargetRegistrationsPerInterval"),
    ("max_regs_per_block", "MaxRegistrationsPerBlock"),
    ("serving_rate_limit", "ServingRateLimit"),
    ("commit_reveal_weights_enabled", "CommitRevealWeightsEnabled"),
    ("commit_reveal_period", "RevealPeriodEpochs"),
    ("liquid_alpha_enabled", "LiquidAlphaOn"),
    ("bonds_moving_avg", "BondsMovingAverage"),
)
_ECONOMY: tuple[tuple[str, str], ...] = (
    ("tempo", "Tempo"),
    ("last_step", "LastMechansimStepBlock"),
    ("blocks_since_last_step", "BlocksSinceLastStep"),
    ("alpha_in", "SubnetAlphaIn"),
    ("alpha_out", "SubnetAlphaOut"),
    ("tao_in", "SubnetTAO"),
    ("alpha_out_emission", "SubnetAlphaOutEmission"),
    ("alpha_in_emission", "SubnetAlphaInEmission"),
    ("tao_in_emission", "SubnetTaoInEmission"),
    ("subnet_volume", "SubnetVolume"),
    ("network_registered_at", "NetworkRegisteredAt"),
    ("moving_price", "SubnetMovingPrice"),
)


def owners(state: Reader, netuid: int) -> dict[str, Any]:
    """The subnet's two owner keys."""
    return {
        "owner_hotkey": state.get(SUBTENSOR, "SubnetOwnerHotkey", netuid),
        "owner_coldkey": state.get(SUBTENSOR, "SubnetOwner", netuid),
    }


def economy(state: Reader, netuid: int) -> dict[str, Any]:
    """Pool, emission and schedule."""
    values = {name: state.get(SUBTENSOR, item, netuid) for name, item in _ECONOMY}
    values["pending_alpha_emission"] = state.get(SUBTENSOR, "PendingValidatorEmission", netuid) + state.get(
        SUBTENSOR, "PendingServerEmission", netuid
    )
    values["pending_root_emission"] = 0
    return values


def hyperparameters(state: Reader, netuid: int) -> dict[str, Any]:
    """Hyperparameters, as stored."""
    values = {name: state.get(SUBTENSOR, item, netuid) for name, item in _HYPERPARAMETERS}
    values["alpha_low"], values["alpha_high"] = state.get(SUBTENSOR, "AlphaValues", netuid)
    values["activity_cutoff"] = activity_cutoff(state, netuid)
    return values


def activity_cutoff(state: Reader, netuid: int) -> int:
    """Blocks without an update after which a neuron counts as inactive."""
    factor = state.get(SUBTENSOR, "ActivityCutoffFactorMilli", netuid)
    return max(1, int(factor * state.get(SUBTENSOR, "Tempo", netuid) // 1000))


def symbol(state: Reader, netuid: int) -> list[int]:
    """The token symbol's bytes."""
    data = state.get_bytes(SUBTENSOR, "TokenSymbol", netuid)
    return list(byte_string(state.get(SUBTENSOR, "TokenSymbol", netuid)) if data is None else data)


def identity(state: Reader, netuid: int) -> dict[str, Any] | None:
    """What the owner published about the subnet."""
    value: dict[str, Any] | None = state.get(SUBTENSOR, "SubnetIdentitiesV3", netuid)
    return value


def name(state: Reader, netuid: int) -> list[int]:
    """The subnet's name as bytes: from its identity, else a plain one."""
    published = identity(state, netuid)
    chosen = byte_string(published["subnet_name"]) if published is not None else b""
    return list(chosen or (b"root" if netuid == 0 else f"subnet {netuid}".encode()))
