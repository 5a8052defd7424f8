from typing import Any

import pytest

from taostack.devnet.pallets.admin_utils.table import CHAIN_SETTERS, OWNER_SETTERS, ROOT_SETTERS, SETTERS, Setter
from taostack.devnet.profile import load_profile
from tests.support.ledger_chain import ALICE, BOB, RAO, SUBTENSOR, address
from tests.support.subnet_chain import ROOT, SubnetChain

ADMIN = "AdminUtils"
ONE = 1 << 64


@pytest.fixture
def chain() -> SubnetChain:
    return SubnetChain()


@pytest.fixture
def netuid(chain: SubnetChain) -> int:
    return chain.subnet(BOB)


def acceptable(setter: Setter) -> Any:
    """A value that the setter's rule allows, of the storage item's type."""
    given = {
        "MaxAllowedUids": 128,
        "MaxAllowedValidators": 32,
        "ActivityCutoff": 4_000,
        "ActivityCutoffFactorMilli": 2_000,
        "MinBurn": 1_000,
        "MaxBurn": 5 * RAO,
        "MinAllowedUids": 0,
        "RecycleOrBurn": "Recycle",
        "LiquidAlphaConsensusMode": "Current",
        "BurnIncreaseMult": {"bits": 2 * ONE},
        "CollateralDrainRatio": {"bits": ONE},
        "NetworkPowRegistrationAllowed": False,
        "RevealPeriodEpochs": 3,
    }
    if setter.item in given:
        return given[setter.item]
    default = load_profile().codec
    item = default.item(setter.pallet, setter.item)
    value = default.decode(item.value_type, item.default)
    if isinstance(value, bool):
        return not value
    if isinstance(value, dict):
        return {"bits": 12_345}
    return 7


@pytest.mark.parametrize("setter", SETTERS, ids=lambda setter: setter.call)
def test_root_sets_everything(chain: SubnetChain, netuid: int, setter: Setter) -> None:
    value = acceptable(setter)
    arguments = {setter.argument: value} | ({"netuid": netuid} if setter.per_subnet else {})
    names = chain.event_ids(ROOT, f"{ADMIN}.{setter.call}", **arguments)
    stored = chain.state.get(setter.pallet, setter.item, *([netuid] if setter.per_subnet else []))
    assert stored == value
    assert names == ([setter.event[1]] if setter.event else [])


@pytest.mark.parametrize("setter", OWNER_SETTERS, ids=lambda setter: setter.call)
def test_an_owner_sets_its_own_subnet_and_nobody_else_does(chain: SubnetChain, netuid: int, setter: Setter) -> None:
    arguments = {setter.argument: acceptable(setter), "netuid": netuid}
    assert chain.refused(ALICE, f"{ADMIN}.{setter.call}", **arguments) == "BadOrigin"
    chain.run(BOB, f"{ADMIN}.{setter.call}", **arguments)
    if setter.limit is not None:
        assert chain.refused(BOB, f"{ADMIN}.{setter.call}", **arguments) == "TxRateLimitExceeded"


@pytest.mark.parametrize("setter", ROOT_SETTERS + CHAIN_SETTERS, ids=lambda setter: setter.call)
def test_what_is_root_s_is_not_the_owner_s(chain: SubnetChain, netuid: int, setter: Setter) -> None:
    arguments = {setter.argument: acceptable(setter)} | ({"netuid": netuid} if setter.per_subnet else {})
    assert chain.refused(BOB, f"{ADMIN}.{setter.call}", **arguments) == "BadOrigin"


@pytest.mark.parametrize(
    ("call", "argument", "value", "error"),
    [
        ("max_allowed_uids", "max_allowed_uids", 0, "MaxAllowedUIdsLessThanCurrentUIds"),
        ("max_allowed_uids", "max_allowed_uids", 63, "MaxAllowedUidsLessThanMinAllowedUids"),
        ("max_allowed_uids", "max_allowed_uids", 257, "MaxAllowedUidsGreaterThanDefaultMaxAllowedUids"),
        ("min_allowed_uids", "min_allowed_uids", 256, "MinAllowedUidsGreaterThanMaxAllowedUids"),
        ("min_allowed_uids", "min_allowed_uids", 5, "MinAllowedUidsGreaterThanCurrentUids"),
        ("max_allowed_validators", "max_allowed_validators", 257, "MaxValidatorsLargerThanMaxUIds"),
        ("activity_cutoff", "activity_cutoff", 1, "ActivityCutoffTooLow"),
        ("activity_cutoff_factor", "factor_milli", 999, "ActivityCutoffFactorMilliOutOfBounds"),
        ("min_burn", "min_burn", RAO, "ValueNotInBounds"),
        ("max_burn", "max_burn", RAO // 10, "ValueNotInBounds"),
        ("commit_reveal_weights_interval", "interval", 0, "RevealPeriodTooSmall"),
        ("commit_reveal_weights_interval", "interval", 101, "RevealPeriodTooLarge"),
        ("min_childkey_take_per_subnet", "take", 20_000, "ValueNotInBounds"),
        ("owner_immune_neuron_limit", "immune_neurons", 0, "InvalidValue"),
        ("burn_half_life", "burn_half_life", 0, "InvalidValue"),
        ("burn_increase_mult", "burn_increase_mult", {"bits": ONE - 1}, "InvalidValue"),
        ("collateral_lock_share", "lock_share", 62_259, "CollateralLockShareTooHigh"),
        ("collateral_drain_ratio", "drain_ratio", {"bits": 0}, "CollateralDrainRatioOutOfBounds"),
        ("network_pow_registration_allowed", "registration_allowed", True, "POWRegistrationDisabled"),
        ("total_issuance", "total_issuance", 1, "Deprecated"),
    ],
)
def test_values_out_of_bounds_are_refused_by_name(
    chain: SubnetChain, netuid: int, call: str, argument: str, value: Any, error: str
) -> None:
    arguments = {argument: value} | ({} if call == "total_issuance" else {"netuid": netuid})
    assert chain.refused(ROOT, f"{ADMIN}.sudo_set_{call}", **arguments) == error


def test_an_unknown_subnet_is_refused_by_name(chain: SubnetChain) -> None:
    assert chain.refused(ROOT, f"{ADMIN}.sudo_set_kappa", netuid=77, kappa=1) == "SubnetDoesNotExist"
    assert chain.refused(BOB, f"{ADMIN}.sudo_set_rho", netuid=77, rho=1) == "BadOrigin"


def test_some_values_are_root_s_alone(chain: SubnetChain, netuid: int) -> None:
    average = f"{ADMIN}.sudo_set_bonds_moving_average"
    arguments = {"netuid": netuid, "bonds_moving_average": 975_001}
    assert chain.refused(BOB, average, **arguments) == "BondsMovingAverageMaxReached"
    chain.run(ROOT, average, **arguments)
    steepness = f"{ADMIN}.sudo_set_alpha_sigmoid_steepness"
    assert chain.refused(BOB, steepness, netuid=netuid, steepness=-1) == "NegativeSigmoidSteepness"
    chain.run(ROOT, steepness, netuid=netuid, steepness=-1)


def test_an_owner_waits_some_epochs_between_changes_of_one_hyperparameter(chain: SubnetChain, netuid: int) -> None:
    change = f"{ADMIN}.sudo_set_rho"
    chain.run(BOB, change, netuid=netuid, rho=1)
    chain.run(BOB, f"{ADMIN}.sudo_set_min_allowed_weights", netuid=netuid, min_allowed_weights=2)
    chain.mine(19)
    assert chain.refused(BOB, change, netuid=netuid, rho=2) == "TxRateLimitExceeded"
    chain.mine(1)
    chain.run(BOB, change, netuid=netuid, rho=2)
    chain.run(ROOT, change, netuid=netuid, rho=3)


def test_the_freeze_window_stops_owners_and_root_s_subnet_settings(chain: SubnetChain, netuid: int) -> None:
    chain.put("Tempo", netuid, value=100)
    chain.put("LastEpochBlock", netuid, value=chain.block)
    chain.run(ROOT, f"{ADMIN}.sudo_set_admin_freeze_window", window=10)
    chain.run(BOB, f"{ADMIN}.sudo_set_rho", netuid=netuid, rho=1)
    chain.mine(92)
    frozen = "AdminActionProhibitedDuringWeightsWindow"
    assert chain.refused(BOB, f"{ADMIN}.sudo_set_bonds_penalty", netuid=netuid, bonds_penalty=1) == frozen
    assert chain.refused(ROOT, f"{ADMIN}.sudo_set_kappa", netuid=netuid, kappa=1) == frozen
    chain.run(ROOT, f"{ADMIN}.sudo_set_rho", netuid=netuid, rho=2)


def test_tempo_is_bounded_for_owners_and_starts_the_epoch_anew(chain: SubnetChain, netuid: int) -> None:
    change = f"{ADMIN}.sudo_set_tempo"
    assert chain.refused(BOB, change, netuid=netuid, tempo=359) == "TempoOutOfBounds"
    assert chain.refused(BOB, change, netuid=netuid, tempo=50_401) == "TempoOutOfBounds"
    assert chain.refused(ALICE, change, netuid=netuid, tempo=360) == "BadOrigin"
    assert chain.event_ids(BOB, change, netuid=netuid, tempo=360) == ["TempoSet"]
    assert chain.get("LastEpochBlock", netuid) == chain.block + 1
    assert chain.refused(BOB, change, netuid=netuid, tempo=361) == "TxRateLimitExceeded"
    chain.run(ROOT, change, netuid=netuid, tempo=5)
    assert chain.get("Tempo", netuid) == 5


def test_the_version_key_may_be_changed_every_few_epochs(chain: SubnetChain, netuid: int) -> None:
    change = f"{ADMIN}.sudo_set_weights_version_key"
    assert chain.event_ids(BOB, change, netuid=netuid, weights_version_key=4) == ["WeightsVersionKeySet"]
    assert chain.refused(BOB, change, netuid=netuid, weights_version_key=5) == "TxRateLimitExceeded"
    chain.mine(50)
    chain.run(BOB, change, netuid=netuid, weights_version_key=5)


def test_alpha_values_need_liquid_alpha_and_a_range(chain: SubnetChain, netuid: int) -> None:
    change = f"{ADMIN}.sudo_set_alpha_values"

    def refused(low: int, high: int) -> str:
        return chain.refused(ROOT, change, netuid=netuid, alpha_low=low, alpha_high=high)

    assert refused(2_000, 50_000) == "LiquidAlphaDisabled"
    chain.put("LiquidAlphaOn", netuid, value=True)
    assert refused(2_000, 1_000) == "AlphaHighTooLow"
    assert refused(60_000, 50_000) == "AlphaLowOutOfRange"
    chain.run(BOB, change, netuid=netuid, alpha_low=2_000, alpha_high=50_000)
    assert chain.get("AlphaValues", netuid) == (2_000, 50_000)
    assert chain.refused(BOB, change, netuid=netuid, alpha_low=2_000, alpha_high=50_000) == "TxRateLimitExceeded"


def test_the_owner_s_hotkey_changes_once_a_week(chain: SubnetChain, netuid: int) -> None:
    change = f"{ADMIN}.sudo_set_sn_owner_hotkey"
    assert chain.event_ids(BOB, change, netuid=netuid, hotkey=address("new")) == ["SubnetOwnerHotkeySet"]
    assert chain.get("SubnetOwnerHotkey", netuid) == address("new")
    assert chain.refused(BOB, change, netuid=netuid, hotkey=address("newer")) == "TxRateLimitExceeded"
    chain.run(ROOT, change, netuid=netuid, hotkey=address("newer"))


def test_mechanisms_share_the_uids_and_split_the_emission(chain: SubnetChain, netuid: int) -> None:
    count, split = f"{ADMIN}.sudo_set_mechanism_count", f"{ADMIN}.sudo_set_mechanism_emission_split"
    assert chain.refused(BOB, count, netuid=netuid, mechanism_count=3) == "InvalidValue"
    assert chain.refused(BOB, count, netuid=netuid, mechanism_count=2) == "TooManyUIDsPerMechanism"
    chain.run(ROOT, f"{ADMIN}.sudo_set_max_allowed_uids", netuid=netuid, max_allowed_uids=128)
    chain.run(ROOT, count, netuid=netuid, mechanism_count=2)
    assert chain.get("LastUpdate", netuid + 4096) == [0]
    assert chain.refused(BOB, split, netuid=netuid, maybe_split=[1, 2]) == "InvalidValue"
    chain.run(BOB, split, netuid=netuid, maybe_split=[65_534, 1])
    assert chain.get("MechanismEmissionSplit", netuid) == [65_534, 1]
    chain.run(ROOT, split, netuid=netuid, maybe_split=None)
    assert chain.get("MechanismEmissionSplit", netuid) is None
    chain.put("Weights", netuid + 4096, 0, value=[(0, 1)])
    chain.run(ROOT, count, netuid=netuid, mechanism_count=1)
    assert chain.get("Weights", netuid + 4096, 0) == []


def test_trimming_keeps_the_best_and_numbers_them_anew(chain: SubnetChain, netuid: int) -> None:
    trim = f"{ADMIN}.sudo_trim_to_max_allowed_uids"
    a, b, c = chain.join(netuid, "a", "b", "c")
    chain.put("MinAllowedUids", netuid, value=2)
    assert chain.refused(BOB, trim, netuid=netuid, max_n=1) == "InvalidValue"
    assert chain.refused(ROOT, trim, netuid=netuid, max_n=3) == "TrimmingWouldExceedMaxImmunePercentage"
    chain.put("ImmunityPeriod", netuid, value=0)
    chain.put("Emission", netuid, value=[0, 5, 1, 9])
    chain.put("ConsensusByMechanism", netuid, value=[0, 5, 1, 9])
    chain.put("Weights", netuid, 3, value=[(0, 1), (1, 2), (2, 3)])
    chain.put("Bonds", netuid, 2, value=[(0, 1)])
    registered = chain.get("BlockAtRegistration", netuid, 3)

    chain.run(BOB, trim, netuid=netuid, max_n=3)

    assert [chain.get("Keys", netuid, uid) for uid in range(3)] == [address("owner"), a, c]
    assert [chain.uid(netuid, each) for each in (a, b, c)] == [1, None, 2]
    assert chain.get("Emission", netuid) == chain.get("ConsensusByMechanism", netuid) == [0, 5, 9]
    assert chain.get("Weights", netuid, 2) == [(0, 1), (1, 2)]
    assert chain.get("Bonds", netuid, 2) == []
    assert chain.get("BlockAtRegistration", netuid, 2) == registered
    assert chain.get("SubnetworkN", netuid) == chain.get("MaxAllowedUids", netuid) == 3


def test_settings_of_what_the_devnet_lacks_are_remembered(chain: SubnetChain) -> None:
    chain.run(ROOT, f"{ADMIN}.sudo_set_evm_chain_id", chain_id=42)
    assert chain.state.get("EVMChainId", "ChainId") == 42
    frozen = f"{ADMIN}.sudo_set_basket_trading_frozen"
    assert chain.event_ids(ROOT, frozen, hotkey=ALICE, frozen=True) == ["BasketTradingFrozenSet"]
    assert chain.state.has(SUBTENSOR, "BasketTradingFrozen", ALICE)
    chain.run(ROOT, frozen, hotkey=ALICE, frozen=False)
    assert not chain.state.has(SUBTENSOR, "BasketTradingFrozen", ALICE)
    toggle = f"{ADMIN}.sudo_toggle_evm_precompile"
    assert chain.event_ids(ROOT, toggle, precompile_id="Staking", enabled=False) == ["PrecompileUpdated"]
    assert chain.event_ids(ROOT, toggle, precompile_id="Staking", enabled=False) == []
