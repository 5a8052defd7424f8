from itertools import pairwise

import pytest

from taostack.devnet.pallets.registration import immortal_uids
from taostack.devnet.pallets.registration_rules import Candidate, bump_burn, choose_uid_to_prune
from tests.support.ledger_chain import ALICE, BOB, RAO, SUBTENSOR, address
from tests.support.subnet_chain import ROOT, SubnetChain

REGISTER = f"{SUBTENSOR}.burned_register"


@pytest.fixture
def chain() -> SubnetChain:
    return SubnetChain()


@pytest.fixture
def netuid(chain: SubnetChain) -> int:
    return chain.subnet()


def test_a_registration_pays_the_burn_and_burns_the_alpha_it_buys(chain: SubnetChain, netuid: int) -> None:
    price, tao = chain.get("Burn", netuid), chain.get("SubnetTAO", netuid)
    before = chain.state.get("System", "Account", BOB)["data"]["free"]
    events = chain.run(BOB, REGISTER, netuid=netuid, hotkey=address("miner"))
    assert before - chain.state.get("System", "Account", BOB)["data"]["free"] == price
    assert chain.get("SubnetTAO", netuid) == tao + price
    assert chain.state.get("AlphaAssets", "AlphaBurned", netuid) > 0
    assert chain.get("TotalHotkeyAlpha", address("miner"), netuid) == 0
    assert events[-1]["event_id"] == "NeuronRegistered"
    assert tuple(events[-1]["attributes"]) == (netuid, 1, address("miner"))


def test_the_price_rises_by_26_percent_with_every_registration(chain: SubnetChain, netuid: int) -> None:
    prices = [chain.get("Burn", netuid)]
    for each in range(3):
        chain.join(netuid, f"miner {each}")
        prices.append(chain.get("Burn", netuid))
    assert all(after == pytest.approx(before * 1.26, rel=1e-9) for before, after in pairwise(prices))
    assert chain.get("RegistrationsThisInterval", netuid) == 3


def test_a_neuron_starts_active_without_permit_and_with_the_block_of_its_registration(
    chain: SubnetChain, netuid: int
) -> None:
    (miner,) = chain.join(netuid, "miner")
    uid = chain.uid(netuid, miner)
    assert uid == 1
    assert chain.get("Keys", netuid, uid) == miner
    assert chain.get("IsNetworkMember", miner, netuid)
    assert chain.get("BlockAtRegistration", netuid, uid) == chain.block + 1
    assert chain.get("LastUpdate", netuid)[uid] == chain.block + 1
    assert chain.get("Active", netuid)[uid] is True
    assert chain.get("ValidatorPermit", netuid)[uid] is False
    assert chain.get("Owner", miner) == ALICE
    assert miner in chain.get("OwnedHotkeys", ALICE)


def test_registrations_are_refused_for_the_chain_s_reasons(chain: SubnetChain, netuid: int) -> None:
    (miner,) = chain.join(netuid, "miner")
    poor = chain.fund(address("poor"), 0)
    assert chain.refused(ALICE, REGISTER, netuid=0, hotkey=address("x")) == "RegistrationNotPermittedOnRootSubnet"
    assert chain.refused(ALICE, REGISTER, netuid=77, hotkey=address("x")) == "SubnetNotExists"
    assert chain.refused(ALICE, REGISTER, netuid=netuid, hotkey=miner) == "HotKeyAlreadyRegisteredInSubNet"
    assert chain.refused(poor, REGISTER, netuid=netuid, hotkey=address("x")) == "NotEnoughBalanceToStake"
    second = chain.subnet(hotkey="owner 2")
    assert chain.refused(BOB, REGISTER, netuid=second, hotkey=miner) == "NonAssociatedColdKey"
    chain.put("NetworkRegistrationAllowed", netuid, value=False)
    assert chain.refused(ALICE, REGISTER, netuid=netuid, hotkey=address("x")) == "SubNetRegistrationDisabled"


def test_a_price_limit_protects_the_payer(chain: SubnetChain, netuid: int) -> None:
    price = chain.get("Burn", netuid)
    call = f"{SUBTENSOR}.register_limit"
    assert (
        chain.refused(ALICE, call, netuid=netuid, hotkey=address("x"), limit_price=price - 1)
        == "RegistrationPriceLimitExceeded"
    )
    chain.run(ALICE, call, netuid=netuid, hotkey=address("x"), limit_price=price)
    assert chain.uid(netuid, address("x")) == 1
    refused = chain.refused(ALICE, call, netuid=0, hotkey=address("x"), limit_price=price)
    assert refused == "RegistrationNotPermittedOnRootSubnet"


def test_the_old_proof_of_work_call_ignores_its_work_and_takes_the_burn(chain: SubnetChain, netuid: int) -> None:
    arguments = {"netuid": netuid, "block_number": 1, "nonce": 2, "work": b"", "hotkey": address("x")}
    chain.run(BOB, f"{SUBTENSOR}.register", coldkey=BOB, **arguments)
    assert chain.uid(netuid, address("x")) == 1
    assert chain.refused(BOB, f"{SUBTENSOR}.register", coldkey=ALICE, **arguments) == "BadOrigin"
    arguments["netuid"] = 0
    refused = chain.refused(BOB, f"{SUBTENSOR}.register", coldkey=BOB, **arguments)
    assert refused == "RegistrationNotPermittedOnRootSubnet"


def test_a_full_subnet_gives_the_place_of_the_weakest_and_nothing_of_it_stays(chain: SubnetChain, netuid: int) -> None:
    miners = chain.join(netuid, "a", "b", "c")
    chain.put("MaxAllowedUids", netuid, value=4)
    chain.put("Emission", netuid, value=[9, 5, 1, 5])
    chain.put("Dividends", netuid, value=[9, 5, 7, 5])
    chain.put("ConsensusByMechanism", netuid, value=[9, 5, 7, 5])
    chain.put("ValidatorPermit", netuid, value=[True, True, True, True])
    for item in ("Weights", "Bonds"):
        chain.put(item, netuid, 2, value=[(0, 65_535)])
    axon = dict.fromkeys(["block", "version", "ip", "port", "ip_type", "protocol", "placeholder1", "placeholder2"], 1)
    chain.put("Axons", netuid, miners[1], value=axon)
    chain.mine(2)

    (newcomer,) = chain.join(netuid, "newcomer")

    assert chain.uid(netuid, newcomer) == 2
    assert chain.uid(netuid, miners[1]) is None
    assert not chain.get("IsNetworkMember", miners[1], netuid)
    assert chain.get("Axons", netuid, miners[1]) is None
    assert chain.get("Weights", netuid, 2) == []
    assert chain.get("Bonds", netuid, 2) == []
    assert chain.get("Emission", netuid) == [9, 5, 0, 5]
    assert chain.get("Dividends", netuid)[2] == 0
    assert chain.get("ConsensusByMechanism", netuid) == [9, 5, 0, 5]
    assert chain.get("ValidatorPermit", netuid) == [True, True, False, True]
    assert chain.get("BlockAtRegistration", netuid, 2) == chain.block + 1
    assert chain.get("SubnetworkN", netuid) == 4


def test_the_owner_s_hotkey_is_never_pruned(chain: SubnetChain, netuid: int) -> None:
    chain.put("MaxAllowedUids", netuid, value=1)
    assert chain.refused(ALICE, REGISTER, netuid=netuid, hotkey=address("x")) == "NoNeuronIdAvailable"


def test_the_owner_s_oldest_hotkeys_are_spared_up_to_a_limit(chain: SubnetChain, netuid: int) -> None:
    chain.join(netuid, "owned 1", "owned 2")
    assert immortal_uids(chain.state, netuid) == {0}
    chain.run(ROOT, "AdminUtils.sudo_set_owner_immune_neuron_limit", netuid=netuid, immune_neurons=2)
    assert immortal_uids(chain.state, netuid) == {0, 1}
    chain.put("SubnetOwnerHotkey", netuid, value=address("owned 2"))
    assert immortal_uids(chain.state, netuid) == {0, 1, 2}


def candidate(uid: int, emission: int = 0, *, immune: bool = False, immortal: bool = False) -> Candidate:
    return Candidate(uid, emission, registered=uid, immune=immune, immortal=immortal)


def test_pruning_takes_the_least_emission_then_the_oldest() -> None:
    crowd = [candidate(uid, 10) for uid in range(11)]
    assert choose_uid_to_prune(crowd, 10) == 0
    assert choose_uid_to_prune([*crowd, candidate(11, 9)], 10) == 11
    assert choose_uid_to_prune([*crowd, candidate(11, 9, immortal=True)], 10) == 0


def test_pruning_spares_the_immune_while_enough_others_are_there() -> None:
    crowd = [candidate(uid, 10) for uid in range(11)]
    immune = candidate(11, 0, immune=True)
    assert choose_uid_to_prune([*crowd, immune], 10) == 0
    assert choose_uid_to_prune([*crowd[1:], immune], 10) == 11
    assert choose_uid_to_prune(crowd[1:], 10) is None


def test_the_price_stays_between_its_bounds() -> None:
    one = 1 << 64
    assert bump_burn(100, 2 * one, 10, 150) == 150
    assert bump_burn(100, one // 100, 10, 150) == 10


def test_a_seat_on_root_is_recycled_not_burned_and_limited_per_block(chain: SubnetChain) -> None:
    call = f"{SUBTENSOR}.root_register"
    issued = chain.state.get("Balances", "TotalIssuance")
    price = chain.get("Burn", 0)
    chain.run(BOB, call, hotkey=address("validator"))
    assert chain.uid(0, address("validator")) == 0
    assert issued - chain.state.get("Balances", "TotalIssuance") == price
    assert chain.refused(BOB, call, hotkey=address("other")) == "TooManyRegistrationsThisBlock"
    chain.mine()
    assert chain.refused(BOB, call, hotkey=address("validator")) == "HotKeyAlreadyRegisteredInSubNet"
    assert chain.refused(ALICE, call, hotkey=address("validator")) == "HotKeyAlreadyRegisteredInSubNet"
    for each in ("second", "third"):
        chain.run(BOB, call, hotkey=address(each))
        chain.mine()
    assert chain.refused(BOB, call, hotkey=address("fourth")) == "TooManyRegistrationsThisInterval"


def test_a_full_root_gives_the_seat_with_the_least_stake_once_it_is_not_immune(chain: SubnetChain) -> None:
    call = f"{SUBTENSOR}.root_register"
    chain.put("MaxAllowedUids", 0, value=2)
    chain.put("MaxRegistrationsPerBlock", 0, value=9)
    chain.put("TargetRegistrationsPerInterval", 0, value=9)
    for each in ("rich", "poor"):
        chain.run(BOB, call, hotkey=address(each))
    chain.put("TotalHotkeyAlpha", address("rich"), 0, value=5 * RAO)
    assert chain.refused(BOB, call, hotkey=address("new")) == "NoNeuronIdAvailable"
    chain.put("ImmunityPeriod", 0, value=0)
    chain.run(BOB, call, hotkey=address("new"))
    assert chain.uid(0, address("poor")) is None
    assert chain.uid(0, address("new")) == 1


def test_counters_start_anew_with_every_interval(chain: SubnetChain, netuid: int) -> None:
    chain.join(netuid, "a")
    chain.put("AdjustmentInterval", netuid, value=2)
    chain.mine(3)
    assert chain.get("RegistrationsThisBlock", netuid) == 0
    assert chain.get("RegistrationsThisInterval", netuid) == 0


def test_root_sets_nothing_here(chain: SubnetChain, netuid: int) -> None:
    assert chain.refused(ROOT, REGISTER, netuid=netuid, hotkey=address("x")) == "BadOrigin"
