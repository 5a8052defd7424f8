import pytest

from taostack.devnet.pallets.neurons import ZERO_ACCOUNT
from taostack.devnet.pallets.schedule import EpochClock
from taostack.devnet.pallets.subnet_defaults import LAPTOP_DIFFERENCES, first_epoch_base, median, network_cost
from taostack.devnet.pallets.symbols import SYMBOLS
from tests.support.ledger_chain import ALICE, BOB, RAO, SUBTENSOR, address
from tests.support.subnet_chain import ROOT, SubnetChain

CREATE = f"{SUBTENSOR}.register_network"
LOCK = 1_000 * RAO


@pytest.fixture
def chain() -> SubnetChain:
    return SubnetChain()


def test_genesis_has_root_and_a_subnet_of_nobody(chain: SubnetChain) -> None:
    assert chain.get("TotalNetworks") == 2
    assert chain.get("Tempo", 0) == chain.get("Tempo", 1) == 100
    assert chain.get("SubnetworkN", 0) == 0
    assert chain.get("MaxAllowedUids", 0) == 64
    assert chain.get("Keys", 1, 0) == chain.get("SubnetOwner", 1) == ZERO_ACCOUNT
    assert chain.get("TotalHotkeyAlpha", ZERO_ACCOUNT, 1) == RAO
    assert not chain.get("SubtokenEnabled", 1)
    assert chain.discrepancies() == {}


def test_every_difference_from_upstream_is_named(chain: SubnetChain) -> None:
    assert set(LAPTOP_DIFFERENCES) == {"CommitRevealWeightsEnabled", "AdminFreezeWindow", "NetworkRateLimit"}
    assert chain.get("AdminFreezeWindow") == chain.get("NetworkRateLimit") == 0


def test_creating_a_subnet_locks_its_price_in_the_pool(chain: SubnetChain) -> None:
    before = chain.state.get("System", "Account", BOB)["data"]["free"]
    events = chain.run(BOB, CREATE, hotkey=address("owner"))
    assert before - chain.state.get("System", "Account", BOB)["data"]["free"] == LOCK
    assert events[-1]["event_id"] == "NetworkAdded"
    assert tuple(events[-1]["attributes"]) == (2, 1)
    assert chain.get("SubnetOwner", 2) == BOB
    assert chain.get("SubnetOwnerHotkey", 2) == chain.get("Keys", 2, 0) == address("owner")
    assert chain.get("SubnetLocked", 2) == chain.get("SubnetTAO", 2) == LOCK
    assert chain.get("SubnetAlphaIn", 2) == LOCK  # the only other subnet's price is 1
    assert chain.get("TokenSymbol", 2) == "β"
    assert chain.discrepancies() == {}


def test_a_new_subnet_has_upstream_s_defaults(chain: SubnetChain) -> None:
    chain.run(BOB, CREATE, hotkey=address("owner"))
    expected = {
        "Tempo": 10,
        "MaxAllowedUids": 256,
        "MaxAllowedValidators": 64,
        "MinAllowedWeights": 1,
        "ImmunityPeriod": 5_000,
        "Burn": RAO,
        "Yuma3On": True,
        "SubnetEmissionEnabled": False,
        "SubtokenEnabled": False,
        "CommitRevealWeightsEnabled": False,
        "WeightsSetRateLimit": 100,
    }
    assert {item: chain.get(item, 2) for item in expected} == expected


def test_creating_is_refused_for_the_chain_s_reasons(chain: SubnetChain) -> None:
    poor = chain.fund(address("poor"), 999)
    assert chain.refused(poor, CREATE, hotkey=address("x")) == "CannotAffordLockCost"
    chain.run(BOB, CREATE, hotkey=address("owner"))
    assert chain.refused(ALICE, CREATE, hotkey=address("owner")) == "NonAssociatedColdKey"
    chain.put("NetworkRegistrationStartBlock", value=1_000)
    assert chain.refused(ALICE, CREATE, hotkey=address("x")) == "SubNetRegistrationDisabled"


def test_the_rate_of_new_subnets_is_limited_in_the_pool_and_in_the_block(chain: SubnetChain) -> None:
    chain.run(ROOT, "AdminUtils.sudo_set_network_rate_limit", rate_limit=5)
    assert chain.pool_code(BOB, CREATE, hotkey=address("owner")) is None
    chain.run(BOB, CREATE, hotkey=address("owner"))
    assert chain.pool_code(BOB, CREATE, hotkey=address("other")) == 6
    assert chain.refused(BOB, CREATE, hotkey=address("other")) == "NetworkTxRateLimitExceeded"
    chain.mine(5)
    assert chain.pool_code(BOB, CREATE, hotkey=address("other")) is None


def test_the_price_doubles_then_falls_to_its_floor(chain: SubnetChain) -> None:
    assert network_cost(LOCK, 0, 50, 100, LOCK) == LOCK
    assert network_cost(LOCK, 10, 10, 100, LOCK) == 2 * LOCK
    assert network_cost(LOCK, 10, 60, 100, LOCK) == LOCK + LOCK // 2
    assert network_cost(LOCK, 10, 400, 100, LOCK) == LOCK
    chain.run(BOB, CREATE, hotkey=address("owner"))
    cost = chain.api("SubnetRegistrationRuntimeApi.get_network_registration_cost")
    assert cost == pytest.approx(2 * LOCK, rel=1e-4)


def test_an_identity_can_be_given_at_birth_and_later(chain: SubnetChain) -> None:
    fields = {
        name: b""
        for name in ["github_repo", "subnet_contact", "subnet_url", "discord", "description", "logo_url", "additional"]
    }
    call = f"{SUBTENSOR}.register_network_with_identity"
    too_long = {"subnet_name": b"x" * 257, **fields}
    assert chain.refused(BOB, call, hotkey=address("owner"), identity=too_long) == "InvalidIdentity"
    names = chain.event_ids(BOB, call, hotkey=address("owner"), identity={"subnet_name": b"forge", **fields})
    assert names[-2:] == ["SubnetIdentitySet", "NetworkAdded"]
    assert bytes(chain.api("SubnetInfoRuntimeApi.get_dynamic_info", netuid=2)["subnet_name"]) == b"forge"
    change = f"{SUBTENSOR}.set_subnet_identity"
    assert chain.refused(ALICE, change, netuid=2, subnet_name=b"mine", **fields) == "BadOrigin"
    chain.run(BOB, change, netuid=2, subnet_name=b"anvil", **fields)
    assert chain.get("SubnetIdentitiesV3", 2)["subnet_name"] == "anvil"
    chain.run(ROOT, change, netuid=2, subnet_name=b"hammer", **fields)


def test_a_subnet_starts_once_by_its_owner_after_the_delay(chain: SubnetChain) -> None:
    chain.run(BOB, CREATE, hotkey=address("owner"))
    call = f"{SUBTENSOR}.start_call"
    assert chain.refused(BOB, call, netuid=77) == "SubnetNotExists"
    assert chain.refused(ALICE, call, netuid=2) == "BadOrigin"
    chain.run(ROOT, "AdminUtils.sudo_set_start_call_delay", delay=3)
    assert chain.refused(BOB, call, netuid=2) == "NeedWaitingMoreBlocksToStarCall"
    chain.mine(3)
    assert chain.event_ids(BOB, call, netuid=2) == ["FirstEmissionBlockNumberSet"]
    assert chain.get("SubtokenEnabled", 2)
    assert chain.get("FirstEmissionBlockNumber", 2) == chain.block + 2
    assert chain.refused(BOB, call, netuid=2) == "FirstEmissionBlockNumberAlreadySet"


def test_at_the_limit_the_subnet_with_the_lowest_price_makes_room(chain: SubnetChain) -> None:
    chain.run(ROOT, "AdminUtils.sudo_set_subnet_limit", max_subnets=2)
    chain.run(BOB, CREATE, hotkey=address("owner"))
    assert chain.refused(ALICE, CREATE, hotkey=address("other")) == "SubnetLimitReached"
    chain.run(ROOT, "AdminUtils.sudo_set_network_immunity_period", immunity_period=0)
    chain.mine()
    chain.put("SubnetMovingPrice", 1, value={"bits": 1 << 40})
    assert chain.api("SubnetInfoRuntimeApi.get_subnet_to_prune") == 2
    chain.run(ALICE, CREATE, hotkey=address("other"))
    assert chain.get("SubnetOwner", 2) == ALICE
    assert chain.get("TotalNetworks") == 3


def test_a_dissolved_subnet_pays_its_stakers_and_leaves_nothing(chain: SubnetChain) -> None:
    netuid = chain.subnet(BOB)
    chain.join(netuid, "miner")
    chain.run(ALICE, f"{SUBTENSOR}.add_stake", hotkey=address("miner"), netuid=netuid, amount_staked=100 * RAO)
    assert chain.refused(BOB, f"{SUBTENSOR}.root_dissolve_network", netuid=netuid) == "BadOrigin"
    assert chain.refused(ROOT, f"{SUBTENSOR}.root_dissolve_network", netuid=0) == "SubnetNotExists"
    dissolve = f"{SUBTENSOR}.dissolve_network"
    assert chain.refused(ROOT, dissolve, coldkey=ALICE, netuid=netuid) == "NotSubnetOwner"
    before = chain.state.get("System", "Account", ALICE)["data"]["free"]

    assert "NetworkRemoved" in chain.event_ids(ROOT, dissolve, coldkey=BOB, netuid=netuid)

    assert chain.state.get("System", "Account", ALICE)["data"]["free"] > before
    assert not chain.get("NetworksAdded", netuid)
    for item in ("Keys", "Uids", "BlockAtRegistration"):
        assert list(chain.state.items(SUBTENSOR, item, netuid)) == []
    assert not chain.state.has(SUBTENSOR, "Tempo", netuid)
    assert chain.discrepancies() == {}
    assert chain.subnet(BOB) == netuid


def test_symbols_are_of_the_list_and_of_one_subnet_each(chain: SubnetChain) -> None:
    netuid = chain.subnet(BOB)
    call = f"{SUBTENSOR}.update_symbol"
    assert chain.refused(BOB, call, netuid=netuid, symbol=b"Q") == "SymbolDoesNotExist"
    assert chain.refused(BOB, call, netuid=netuid, symbol=SYMBOLS[1].encode()) == "SymbolAlreadyInUse"
    chain.run(BOB, call, netuid=netuid, symbol=SYMBOLS[3].encode())
    assert chain.get("TokenSymbol", netuid) == SYMBOLS[3]
    assert chain.subnet(hotkey="next") == 3
    assert chain.get("TokenSymbol", 3) == SYMBOLS[2]
    assert len(set(SYMBOLS)) == len(SYMBOLS) > 128


def test_the_owner_may_ask_for_an_epoch(chain: SubnetChain) -> None:
    netuid = chain.subnet(BOB)
    chain.put("Tempo", netuid, value=100)
    call = f"{SUBTENSOR}.trigger_epoch"
    chain.run(ROOT, "AdminUtils.sudo_set_admin_freeze_window", window=3)
    events = chain.run(BOB, call, netuid=netuid)
    fires_at = events[-1]["attributes"]["fires_at"]
    assert fires_at == chain.block + 1 + 3
    assert chain.api("SubnetInfoRuntimeApi.get_next_epoch_start_block", netuid=netuid) == fires_at
    assert chain.refused(BOB, call, netuid=netuid) == "EpochTriggerAlreadyPending"
    index = chain.get("SubnetEpochIndex", netuid)
    chain.mine(5)
    assert chain.get("SubnetEpochIndex", netuid) == index + 1
    assert chain.get("PendingEpochAt", netuid) == 0
    assert chain.refused(BOB, call, netuid=netuid) == "TxRateLimitExceeded"
    chain.put("CommitRevealWeightsEnabled", netuid, value=True)
    assert chain.refused(BOB, call, netuid=netuid) == "DynamicTempoBlockedByCommitReveal"
    chain.put("CommitRevealWeightsEnabled", netuid, value=False)
    chain.put("Tempo", netuid, value=3)
    assert chain.refused(ROOT, call, netuid=netuid) == "AutoEpochAlreadyImminent"


def test_the_old_calls_of_owners_change_nothing(chain: SubnetChain) -> None:
    netuid = chain.subnet(BOB)
    chain.run(BOB, f"{SUBTENSOR}.set_activity_cutoff_factor", netuid=netuid, factor_milli=5)
    assert chain.get("ActivityCutoffFactorMilli", netuid) == 13_889
    chain.run(BOB, f"{SUBTENSOR}.set_tempo", netuid=netuid, tempo=777)
    assert chain.get("Tempo", netuid) == 10


@pytest.mark.parametrize(
    ("clock", "block", "due", "following"),
    [
        (EpochClock(tempo=10, last_epoch=100, pending_at=0, since_step=0, index=3), 109, False, 110),
        (EpochClock(tempo=10, last_epoch=100, pending_at=0, since_step=0, index=3), 110, True, 110),
        (EpochClock(tempo=10, last_epoch=100, pending_at=105, since_step=0, index=3), 105, True, 105),
        (EpochClock(tempo=0, last_epoch=100, pending_at=105, since_step=0, index=3), 105, False, None),
        (EpochClock(tempo=60_000, last_epoch=0, pending_at=0, since_step=50_401, index=3), 50_401, True, 60_000),
    ],
)
def test_an_epoch_is_due_by_any_of_three_clocks(
    clock: EpochClock, block: int, due: bool, following: int | None
) -> None:
    assert clock.due(block) is due
    assert clock.next_block() == following
    assert clock.index_at(block) == (4 if due else 3)


def test_epochs_of_subnets_are_staggered() -> None:
    assert [first_epoch_base(netuid, 10, 100) for netuid in (1, 2, 11)] == [99, 98, 99]
    assert first_epoch_base(9, 10, 3) == 0
    assert first_epoch_base(9, 0, 3) == 3


def test_the_median_of_prices() -> None:
    assert [median([]), median([4]), median([1, 9]), median([9, 1, 4])] == [0, 4, 5, 4]
