"""Every plain setter of AdminUtils, as data: call, storage, who may, what is checked, which event."""

from dataclasses import dataclass
from typing import Literal

from taostack.devnet.pallets.admin_utils import checks
from taostack.devnet.pallets.admin_utils.checks import ADMIN, Check
from taostack.devnet.pallets.schedule import SUBTENSOR

Who = Literal["owner", "root"]


@dataclass(frozen=True, slots=True)
class Setter:
    """One setter.

    ``argument`` is the call's parameter that holds the value; ``per_subnet`` says
    whether the call has a ``netuid`` as well. ``limit`` is the variant of the
    chain's ``Hyperparameter`` under which an owner's changes are counted.
    ``event`` is (pallet, name); AdminUtils events have named fields, those of
    SubtensorModule are positional unless ``fields`` names them.
    """

    call: str
    item: str
    argument: str
    who: Who = "root"
    per_subnet: bool = True
    limit: str | None = None
    check: Check | None = None
    event: tuple[str, str] | None = None
    fields: tuple[str, ...] = ()
    pallet: str = SUBTENSOR


def _owner(
    call: str,
    item: str,
    argument: str,
    limit: str | None,
    event: str | None = None,
    check: Check | None = None,
) -> Setter:
    named = (SUBTENSOR, event) if event else None
    return Setter(f"sudo_set_{call}", item, argument, "owner", True, limit, check, named)


def _root(call: str, item: str, argument: str, event: str | None = None, check: Check | None = None) -> Setter:
    named = (SUBTENSOR, event) if event else None
    return Setter(f"sudo_set_{call}", item, argument, "root", True, None, check, named)


def _chain(call: str, item: str, argument: str, event: str | None = None) -> Setter:
    named = (SUBTENSOR, event) if event else None
    return Setter(f"sudo_set_{call}", item, argument, "root", False, None, None, named)


def _admin(setter: Setter, event: str, *fields: str) -> Setter:
    return Setter(
        setter.call,
        setter.item,
        setter.argument,
        setter.who,
        setter.per_subnet,
        setter.limit,
        setter.check,
        (ADMIN, event),
        fields,
    )


OWNER_SETTERS: tuple[Setter, ...] = (
    _owner("serving_rate_limit", "ServingRateLimit", "serving_rate_limit", "ServingRateLimit", "ServingRateLimitSet"),
    _owner("max_difficulty", "MaxDifficulty", "max_difficulty", "MaxDifficulty", "MaxDifficultySet"),
    _owner("adjustment_alpha", "AdjustmentAlpha", "adjustment_alpha", "AdjustmentAlpha", "AdjustmentAlphaSet"),
    _owner("immunity_period", "ImmunityPeriod", "immunity_period", "ImmunityPeriod", "ImmunityPeriodSet"),
    _owner(
        "min_allowed_weights", "MinAllowedWeights", "min_allowed_weights", "MinAllowedWeights", "MinAllowedWeightSet"
    ),
    _owner(
        "max_allowed_uids",
        "MaxAllowedUids",
        "max_allowed_uids",
        "MaxAllowedUids",
        "MaxAllowedUidsSet",
        checks.max_allowed_uids,
    ),
    _owner("rho", "Rho", "rho", "Rho", "RhoSet"),
    _owner(
        "activity_cutoff",
        "ActivityCutoff",
        "activity_cutoff",
        "ActivityCutoff",
        "ActivityCutoffSet",
        checks.activity_cutoff,
    ),
    _owner("min_burn", "MinBurn", "min_burn", "MinBurn", "MinBurnSet", checks.min_burn),
    _owner("max_burn", "MaxBurn", "max_burn", "MaxBurn", "MaxBurnSet", checks.max_burn),
    _owner("bonds_penalty", "BondsPenalty", "bonds_penalty", "BondsPenalty", "BondsPenaltySet"),
    _owner(
        "bonds_moving_average",
        "BondsMovingAverage",
        "bonds_moving_average",
        "BondsMovingAverage",
        "BondsMovingAverageSet",
        checks.bonds_moving_average,
    ),
    _owner(
        "network_registration_allowed",
        "NetworkRegistrationAllowed",
        "registration_allowed",
        None,
        "RegistrationAllowed",
    ),
    _owner(
        "network_pow_registration_allowed",
        "NetworkPowRegistrationAllowed",
        "registration_allowed",
        "PowRegistrationAllowed",
        "PowRegistrationAllowed",
        checks.pow_registration,
    ),
    _owner(
        "min_childkey_take_per_subnet",
        "MinChildkeyTakePerSubnet",
        "take",
        "MinChildkeyTake",
        "MinChildKeyTakePerSubnetSet",
        checks.childkey_take,
    ),
    _owner(
        "commit_reveal_weights_enabled",
        "CommitRevealWeightsEnabled",
        "enabled",
        "CommitRevealEnabled",
        "CommitRevealEnabled",
    ),
    _owner(
        "commit_reveal_weights_interval",
        "RevealPeriodEpochs",
        "interval",
        "WeightCommitInterval",
        "CommitRevealPeriodsSet",
        checks.reveal_period,
    ),
    _owner("liquid_alpha_enabled", "LiquidAlphaOn", "enabled", "LiquidAlphaEnabled"),
    _owner(
        "liquid_alpha_consensus_mode",
        "LiquidAlphaConsensusMode",
        "mode",
        "LiquidAlphaConsensusMode",
        "LiquidAlphaConsensusModeSet",
    ),
    _owner("toggle_transfer", "TransferToggle", "toggle", "TransferEnabled", "TransferToggle"),
    _owner("recycle_or_burn", "RecycleOrBurn", "recycle_or_burn", "RecycleOrBurn"),
    _owner(
        "alpha_sigmoid_steepness",
        "AlphaSigmoidSteepness",
        "steepness",
        "AlphaSigmoidSteepness",
        "AlphaSigmoidSteepnessSet",
        checks.sigmoid_steepness,
    ),
    _owner(
        "owner_immune_neuron_limit",
        "ImmuneOwnerUidsLimit",
        "immune_neurons",
        "ImmuneNeuronLimit",
        None,
        checks.owner_immune_neurons,
    ),
    _owner("owner_cut_enabled", "OwnerCutEnabled", "enabled", None),
    _owner("owner_cut_auto_lock_enabled", "OwnerCutAutoLockEnabled", "enabled", None),
    Setter(
        "sudo_set_activity_cutoff_factor",
        "ActivityCutoffFactorMilli",
        "factor_milli",
        "owner",
        True,
        "ActivityCutoffFactorMilli",
        checks.activity_cutoff_factor,
        (SUBTENSOR, "ActivityCutoffFactorMilliSet"),
        ("netuid", "factor_milli"),
    ),
    _admin(_owner("yuma3_enabled", "Yuma3On", "enabled", "Yuma3Enabled"), "Yuma3EnableToggled", "netuid", "enabled"),
    _admin(
        _owner("bonds_reset_enabled", "BondsResetOn", "enabled", "BondsResetEnabled"),
        "BondsResetToggled",
        "netuid",
        "enabled",
    ),
    _admin(
        _owner("burn_half_life", "BurnHalfLife", "burn_half_life", "BurnHalfLife", None, checks.burn_half_life),
        "BurnHalfLifeSet",
        "netuid",
        "burn_half_life",
    ),
    _admin(
        _owner(
            "burn_increase_mult",
            "BurnIncreaseMult",
            "burn_increase_mult",
            "BurnIncreaseMult",
            None,
            checks.burn_increase,
        ),
        "BurnIncreaseMultSet",
        "netuid",
        "burn_increase_mult",
    ),
    _admin(
        _owner(
            "collateral_lock_share",
            "CollateralLockShare",
            "lock_share",
            "CollateralLockShare",
            None,
            checks.collateral_share,
        ),
        "CollateralLockShareSet",
        "netuid",
        "lock_share",
    ),
    _admin(
        _owner(
            "collateral_drain_ratio",
            "CollateralDrainRatio",
            "drain_ratio",
            "CollateralDrainRatio",
            None,
            checks.collateral_drain,
        ),
        "CollateralDrainRatioSet",
        "netuid",
        "drain_ratio",
    ),
)
"""Setters of a subnet's owner; root may use them as well, without limits."""

ROOT_SETTERS: tuple[Setter, ...] = (
    _root("min_difficulty", "MinDifficulty", "min_difficulty", "MinDifficultySet"),
    _root("weights_set_rate_limit", "WeightsSetRateLimit", "weights_set_rate_limit", "WeightsSetRateLimitSet"),
    _root("adjustment_interval", "AdjustmentInterval", "adjustment_interval", "AdjustmentIntervalSet"),
    _root("kappa", "Kappa", "kappa", "KappaSet"),
    _root(
        "target_registrations_per_interval",
        "TargetRegistrationsPerInterval",
        "target_registrations_per_interval",
        "RegistrationPerIntervalSet",
    ),
    _root("difficulty", "Difficulty", "difficulty", "DifficultySet"),
    _root(
        "max_allowed_validators",
        "MaxAllowedValidators",
        "max_allowed_validators",
        "MaxAllowedValidatorsSet",
        checks.max_validators,
    ),
    _root(
        "max_registrations_per_block",
        "MaxRegistrationsPerBlock",
        "max_registrations_per_block",
        "MaxRegistrationsPerBlockSet",
    ),
    _root("rao_recycled", "RAORecycledForRegistration", "rao_recycled", "RAORecycledForRegistrationSet"),
    _root("ema_price_halving_period", "EMAPriceHalvingBlocks", "ema_halving"),
    _root("subtoken_enabled", "SubtokenEnabled", "subtoken_enabled"),
    _root("min_allowed_uids", "MinAllowedUids", "min_allowed_uids", "MinAllowedUidsSet", checks.min_allowed_uids),
    _root("min_non_immune_uids", "MinNonImmuneUids", "min", "MinNonImmuneUidsSet"),
    _admin(
        _root("subnet_emission_enabled", "SubnetEmissionEnabled", "enabled"),
        "SubnetEmissionEnabledSet",
        "netuid",
        "enabled",
    ),
)
"""Setters of one subnet that only root has."""

CHAIN_SETTERS: tuple[Setter, ...] = (
    _chain("default_take", "MaxDelegateTake", "default_take", "MaxDelegateTakeSet"),
    _chain("tx_rate_limit", "TxRateLimit", "tx_rate_limit", "TxRateLimitSet"),
    _chain("subnet_owner_cut", "SubnetOwnerCut", "subnet_owner_cut", "SubnetOwnerCutSet"),
    _chain("network_rate_limit", "NetworkRateLimit", "rate_limit", "NetworkRateLimitSet"),
    _chain("network_immunity_period", "NetworkImmunityPeriod", "immunity_period", "NetworkImmunityPeriodSet"),
    _chain("network_min_lock_cost", "NetworkMinLockCost", "lock_cost", "NetworkMinLockCostSet"),
    _chain("subnet_limit", "SubnetLimit", "max_subnets", "SubnetLimitSet"),
    _chain(
        "lock_reduction_interval", "NetworkLockReductionInterval", "interval", "NetworkLockCostReductionIntervalSet"
    ),
    _chain("stake_threshold", "StakeThreshold", "min_stake", "StakeThresholdSet"),
    _chain("nominator_min_required_stake", "NominatorMinRequiredStake", "min_stake"),
    _chain("tx_delegate_take_rate_limit", "TxDelegateTakeRateLimit", "tx_rate_limit", "TxDelegateTakeRateLimitSet"),
    _chain("min_delegate_take", "MinDelegateTake", "take", "MinDelegateTakeSet"),
    _chain(
        "dissolve_network_schedule_duration",
        "DissolveNetworkScheduleDuration",
        "duration",
        "DissolveNetworkScheduleDurationSet",
    ),
    _chain("subnet_moving_alpha", "SubnetMovingAlpha", "alpha"),
    _chain("commit_reveal_version", "CommitRevealWeightsVersion", "version", "CommitRevealVersionSet"),
    _chain("ck_burn", "CKBurn", "burn"),
    _chain("admin_freeze_window", "AdminFreezeWindow", "window", "AdminFreezeWindowSet"),
    _chain("owner_hparam_rate_limit", "OwnerHyperparamRateLimit", "epochs", "OwnerHyperparamRateLimitSet"),
    _chain("tao_flow_cutoff", "TaoFlowCutoff", "flow_cutoff"),
    _chain("tao_flow_normalization_exponent", "FlowNormExponent", "exponent"),
    _chain("emission_bar_quantile", "EmissionBarQuantile", "quantile"),
    _chain("emission_bar_rank", "EmissionBarRank", "rank"),
    _chain("emission_gate_exponent", "EmissionGateExponent", "exponent"),
    _chain("tao_flow_smoothing_factor", "FlowEmaSmoothingFactor", "smoothing_factor"),
    _chain("net_tao_flow_enabled", "NetTaoFlowEnabled", "enabled"),
    _chain("max_mechanism_count", "MaxMechanismCount", "max_mechanism_count"),
    _chain("start_call_delay", "StartCallDelay", "delay", "StartCallDelaySet"),
    _chain(
        "coldkey_swap_announcement_delay",
        "ColdkeySwapAnnouncementDelay",
        "duration",
        "ColdkeySwapAnnouncementDelaySet",
    ),
    _chain(
        "coldkey_swap_reannouncement_delay",
        "ColdkeySwapReannouncementDelay",
        "duration",
        "ColdkeySwapReannouncementDelaySet",
    ),
    _chain("max_epochs_per_block", "MaxEpochsPerBlock", "max_epochs_per_block", "MaxEpochsPerBlockSet"),
    _admin(_chain("basket_concentration_cap", "BasketConcentrationCap", "cap"), "BasketConcentrationCapSet", "cap"),
    _admin(_chain("basket_trading_enabled", "BasketTradingEnabled", "enabled"), "BasketTradingToggled", "enabled"),
    _admin(_chain("basket_daily_turnover_cap", "BasketDailyTurnoverCap", "cap"), "BasketDailyTurnoverCapSet", "cap"),
    _admin(_chain("basket_liquidity_cap", "BasketLiquidityCap", "cap"), "BasketLiquidityCapSet", "cap"),
)
"""Settings of the whole chain (root)."""

SETTERS: tuple[Setter, ...] = OWNER_SETTERS + ROOT_SETTERS + CHAIN_SETTERS
