"""``get_subnet_hyperparams`` in its three forms."""

from typing import Any

from taostack.devnet.apis import facts
from taostack.devnet.pallets.dispatch import Context, runtime_api
from taostack.devnet.pallets.neurons import exists
from taostack.devnet.pallets.schedule import SUBTENSOR

_V1 = [
    "rho",
    "kappa",
    "immunity_period",
    "min_allowed_weights",
    "max_weights_limit",
    "tempo",
    "min_difficulty",
    "max_difficulty",
    "weights_version",
    "weights_rate_limit",
    "adjustment_interval",
    "activity_cutoff",
    "registration_allowed",
    "target_regs_per_interval",
    "min_burn",
    "max_burn",
    "bonds_moving_avg",
    "max_regs_per_block",
    "serving_rate_limit",
    "max_validators",
    "adjustment_alpha",
    "difficulty",
    "commit_reveal_period",
    "commit_reveal_weights_enabled",
    "alpha_high",
    "alpha_low",
    "liquid_alpha_enabled",
]
_I32F32_ONE = 1 << 32
_YUMA_2, _YUMA_3 = 2, 3

# Kinds of the values in the third form; everything else is a U16 or a Bool.
_U64 = frozenset(
    [
        "min_difficulty",
        "max_difficulty",
        "weights_version",
        "weights_rate_limit",
        "activity_cutoff",
        "bonds_moving_avg",
        "serving_rate_limit",
        "adjustment_alpha",
        "difficulty",
        "commit_reveal_period",
    ]
)
_TAO = frozenset(("min_burn", "max_burn"))
_U64F64 = frozenset(("burn_increase_mult", "collateral_drain_ratio"))
_EXTRA: tuple[tuple[str, str], ...] = (
    ("owner_cut_enabled", "OwnerCutEnabled"),
    ("owner_cut_auto_lock_enabled", "OwnerCutAutoLockEnabled"),
    ("min_childkey_take", "MinChildkeyTakePerSubnet"),
    ("owner_immune_neuron_limit", "ImmuneOwnerUidsLimit"),
    ("bonds_penalty", "BondsPenalty"),
    ("max_allowed_uids", "MaxAllowedUids"),
    ("burn_half_life", "BurnHalfLife"),
    ("burn_increase_mult", "BurnIncreaseMult"),
    ("activity_cutoff_factor", "ActivityCutoffFactorMilli"),
    ("network_pow_registration_allowed", "NetworkPowRegistrationAllowed"),
    ("collateral_lock_share", "CollateralLockShare"),
    ("collateral_drain_ratio", "CollateralDrainRatio"),
    ("subnet_emission_enabled", "SubnetEmissionEnabled"),
)


@runtime_api("SubnetInfoRuntimeApi.get_subnet_hyperparams")
def get_subnet_hyperparams(ctx: Context, netuid: int) -> dict[str, Any] | None:
    """The first form: a fixed struct."""
    if not exists(ctx.state, netuid):
        return None
    values = facts.hyperparameters(ctx.state, netuid) | {"tempo": ctx.state.get(SUBTENSOR, "Tempo", netuid)}
    return {name: values[name] for name in _V1}


@runtime_api("SubnetInfoRuntimeApi.get_subnet_hyperparams_v2")
def get_subnet_hyperparams_v2(ctx: Context, netuid: int) -> dict[str, Any] | None:
    """The second form: a longer struct."""
    first = get_subnet_hyperparams(ctx, netuid)
    return None if first is None else first | _second(ctx, netuid)


@runtime_api("SubnetInfoRuntimeApi.get_subnet_hyperparams_v3")
def get_subnet_hyperparams_v3(ctx: Context, netuid: int) -> list[dict[str, Any]] | None:
    """The third form: a list of named values, which clients show without knowing them."""
    second = get_subnet_hyperparams_v2(ctx, netuid)
    if second is None:
        return None
    values = second | {name: ctx.state.get(SUBTENSOR, item, netuid) for name, item in _EXTRA}
    return [{"name": name.encode(), "value": _tagged(name, value)} for name, value in values.items()]


def _second(ctx: Context, netuid: int) -> dict[str, Any]:
    state = ctx.state
    return {
        "alpha_sigmoid_steepness": {"bits": state.get(SUBTENSOR, "AlphaSigmoidSteepness", netuid) * _I32F32_ONE},
        "yuma_version": _YUMA_3 if state.get(SUBTENSOR, "Yuma3On", netuid) else _YUMA_2,
        "subnet_is_active": state.get(SUBTENSOR, "SubtokenEnabled", netuid),
        "transfers_enabled": state.get(SUBTENSOR, "TransferToggle", netuid),
        "bonds_reset_enabled": state.get(SUBTENSOR, "BondsResetOn", netuid),
        "user_liquidity_enabled": False,
    }


def _tagged(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"Bool": value}
    if name in _U64:
        return {"U64": value}
    if name in _TAO:
        return {"TaoBalance": value}
    if name in _U64F64:
        return {"U64F64": value}
    if isinstance(value, dict):
        return {"I32F32": value}
    return {"U32": value} if name == "activity_cutoff_factor" else {"U16": value}
