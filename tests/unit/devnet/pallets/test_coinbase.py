"""The block step: prices fall, emission flows, epochs run when due and pay whom they should."""

import pytest

from taostack.devnet.economics import burn
from taostack.devnet.economics.emission import OWNER_CUT
from taostack.devnet.economics.fixed import U96F32
from taostack.devnet.pallets import balances, coinbase
from taostack.devnet.pallets import stake_ledger as ledger
from tests.support.ledger_chain import ALICE, BOB, CHARLIE, DAVE, RAO, LedgerChain, address

OWNER, V1, V2, M1, M2 = (address(name) for name in ("owner", "v1", "v2", "m1", "m2"))
PENDING = ("PendingServerEmission", "PendingValidatorEmission", "PendingRootAlphaDivs", "PendingOwnerCut")


@pytest.fixture
def chain() -> LedgerChain:
    return LedgerChain()


@pytest.fixture
def netuid(chain: LedgerChain) -> int:
    """Alice's subnet with Bob's validators and Charlie's miners; Bob holds nearly all stake."""
    subnet = chain.subnet()
    chain.put("WeightsSetRateLimit", subnet, value=0)
    for who, hotkey in ((BOB, V1), (BOB, V2), (CHARLIE, M1), (CHARLIE, M2)):
        chain.call(who, "burned_register", netuid=subnet, hotkey=hotkey)
    for hotkey in (V1, V2):
        chain.call(BOB, "add_stake", hotkey=hotkey, netuid=subnet, amount_staked=500 * RAO)
    return subnet


def weigh(chain: LedgerChain, netuid: int, first: int = 1, second: int = 3) -> None:
    """Both validators weigh the miners."""
    for validator in (V1, V2):
        chain.call(validator, "set_weights", netuid=netuid, dests=[3, 4], weights=[first, second], version_key=0)


def past_epoch(chain: LedgerChain, netuid: int, epochs: int = 1) -> None:
    """Mine until that many epochs have run."""
    target = chain.get("SubnetEpochIndex", netuid) + epochs
    for _ in range(1_000):
        if chain.get("SubnetEpochIndex", netuid) == target:
            return
        chain.mine()
    raise AssertionError("no epoch in 1000 blocks")


def test_the_registration_price_falls_every_block(chain: LedgerChain, netuid: int) -> None:
    before = chain.get("Burn", netuid)
    chain.mine(3)
    expected = before
    for _ in range(3):
        expected = burn.decay(expected, 360, 500_000, 100 * RAO)
    assert chain.get("Burn", netuid) == expected < before


def test_a_block_emits_alpha_in_the_four_pots(chain: LedgerChain, netuid: int) -> None:
    chain.mine()  # start_call lets emission begin with the next block
    before = [chain.get(item, netuid) for item in PENDING]
    chain.mine()
    server, validator, root, owner = (chain.get(item, netuid) - old for item, old in zip(PENDING, before, strict=True))
    assert owner == RAO * OWNER_CUT // 65_535
    assert (server, validator, root) == ((RAO - owner) // 2, RAO - owner - (RAO - owner) // 2, 0)
    assert chain.get("SubnetAlphaOutEmission", netuid) == RAO


def test_issuance_grows_by_what_enters_the_pools(chain: LedgerChain, netuid: int) -> None:
    chain.mine()
    before = chain.get("TotalIssuance")
    chain.mine()
    grown = chain.get("TotalIssuance") - before
    assert grown == chain.get("SubnetTaoInEmission", netuid) + chain.get("SubnetExcessTao", netuid) == RAO
    assert chain.get("BlockEmission") == RAO


def test_issuance_forgets_what_left_the_accounts(chain: LedgerChain, netuid: int) -> None:
    chain.mine(2)
    chain.chain.patch(lambda ctx: balances.burn(ctx, BOB, 5 * RAO))
    before = chain.get("TotalIssuance")
    chain.mine()
    assert chain.get("TotalIssuance") == before - 5 * RAO + RAO == chain.state.get("Balances", "TotalIssuance")


def test_root_stake_lets_liquidity_come_in_beside_the_purchase(chain: LedgerChain, netuid: int) -> None:
    chain.call(BOB, "add_stake", hotkey=V1, netuid=0, amount_staked=100_000 * RAO)
    chain.mine(2)
    proportion = chain.get("RootProp", netuid)["bits"] / U96F32.one
    assert 0.7 < proportion < 1
    assert chain.get("SubnetAlphaInEmission", netuid) > 0
    assert chain.get("SubnetTaoInEmission", netuid) > 0
    assert chain.discrepancies() == {}


def test_without_the_pool_side_no_tao_is_created(chain: LedgerChain, netuid: int) -> None:
    chain.put("SubnetEmissionEnabled", netuid, value=False)
    chain.mine()
    before = chain.get("TotalIssuance"), chain.get("PendingServerEmission", netuid)
    chain.mine()
    assert chain.get("TotalIssuance") == before[0]
    assert chain.get("PendingServerEmission", netuid) > before[1]


def test_a_subnet_emits_only_after_its_start(chain: LedgerChain) -> None:
    closed = chain.subnet(started=False)
    chain.mine(5)
    assert all(chain.get(item, closed) == 0 for item in PENDING)
    assert chain.get("SubnetMovingPrice", closed)["bits"] == 0


def test_a_subnet_that_takes_no_registrations_emits_nothing(chain: LedgerChain, netuid: int) -> None:
    chain.put("NetworkRegistrationAllowed", netuid, value=False)
    before = chain.get("PendingServerEmission", netuid)
    chain.mine()
    assert chain.get("PendingServerEmission", netuid) == before


def test_an_epoch_runs_every_tempo_blocks(chain: LedgerChain, netuid: int) -> None:
    past_epoch(chain, netuid)
    first = chain.get("LastEpochBlock", netuid)
    past_epoch(chain, netuid)
    assert chain.get("LastEpochBlock", netuid) == chain.get("LastMechansimStepBlock", netuid) == first + 10
    assert chain.get("BlocksSinceLastStep", netuid) == 0
    assert all(chain.get(item, netuid) == 0 for item in PENDING)
    chain.mine(3)
    assert chain.get("BlocksSinceLastStep", netuid) == 3


def test_tempo_zero_means_no_epochs(chain: LedgerChain, netuid: int) -> None:
    chain.put("Tempo", netuid, value=0)
    index = chain.get("SubnetEpochIndex", netuid)
    chain.mine(25)
    assert chain.get("SubnetEpochIndex", netuid) == index


def test_a_triggered_epoch_runs_when_it_was_set_to(chain: LedgerChain, netuid: int) -> None:
    chain.put("Tempo", netuid, value=500)
    chain.put("PendingEpochAt", netuid, value=chain.chain.number + 3)
    chain.mine(2)
    index = chain.get("SubnetEpochIndex", netuid)
    chain.mine()
    assert chain.get("SubnetEpochIndex", netuid) == index + 1
    assert chain.get("PendingEpochAt", netuid) == 0


def test_epochs_beyond_the_limit_of_a_block_are_put_off_by_one(chain: LedgerChain, netuid: int) -> None:
    other = chain.subnet(hotkey="second")
    chain.put("MaxEpochsPerBlock", value=1)
    due = chain.chain.number + 1
    for each in (netuid, other):
        chain.put("PendingEpochAt", each, value=due)
    chain.mine()
    assert chain.get("LastEpochBlock", netuid) == due
    assert chain.get("PendingEpochAt", other) == due + 1
    chain.mine()
    assert chain.get("LastEpochBlock", other) == due + 1


def test_weights_turn_into_incentive_dividends_and_stake(chain: LedgerChain, netuid: int) -> None:
    past_epoch(chain, netuid)  # gives the permits
    assert chain.get("ValidatorPermit", netuid) == [True, True, True, False, False]
    weigh(chain, netuid)
    past_epoch(chain, netuid)
    assert chain.get("Incentive", netuid) == [0, 0, 0, 16_383, 49_151]
    assert sum(chain.get("Dividends", netuid)) in range(65_530, 65_536)
    first, second = (ledger.alpha_of(chain.state, miner, CHARLIE, netuid) for miner in (M1, M2))
    assert second == pytest.approx(3 * first, abs=100)
    assert chain.get("LastHotkeyEmissionOnNetuid", M1, netuid) == first
    dividends = [chain.get("AlphaDividendsPerSubnet", netuid, hotkey) for hotkey in (V1, V2)]
    assert min(dividends) > 0
    assert chain.get("Active", netuid) == [True] * 5
    assert chain.discrepancies() == {}


def test_bonds_grow_from_epoch_to_epoch(chain: LedgerChain, netuid: int) -> None:
    past_epoch(chain, netuid)
    weigh(chain, netuid)
    past_epoch(chain, netuid)
    (uid, early), *_ = chain.get("Bonds", netuid, 1)
    past_epoch(chain, netuid)
    assert uid == 3
    assert dict(chain.get("Bonds", netuid, 1))[3] > early > 0


def test_without_incentive_validators_get_the_miners_part_too(chain: LedgerChain, netuid: int) -> None:
    before = ledger.total_alpha(chain.state, V1, netuid) + ledger.total_alpha(chain.state, V2, netuid)
    past_epoch(chain, netuid)
    chain.mine(10)
    gained = ledger.total_alpha(chain.state, V1, netuid) + ledger.total_alpha(chain.state, V2, netuid) - before
    assert ledger.total_alpha(chain.state, M1, netuid) == 0
    assert gained > 10 * RAO * 0.8


def test_the_owner_gets_eighteen_percent(chain: LedgerChain, netuid: int) -> None:
    past_epoch(chain, netuid)
    weigh(chain, netuid)
    past_epoch(chain, netuid)
    before = ledger.alpha_of(chain.state, OWNER, ALICE, netuid)
    past_epoch(chain, netuid)
    cut = ledger.alpha_of(chain.state, OWNER, ALICE, netuid) - before
    dividends = chain.get("AlphaDividendsPerSubnet", netuid, OWNER)
    assert cut - dividends == 10 * (RAO * OWNER_CUT // 65_535)
    chain.put("OwnerCutEnabled", netuid, value=False)
    past_epoch(chain, netuid)
    chain.mine()
    assert chain.get("PendingOwnerCut", netuid) == 0


def test_stakers_share_what_is_left_after_the_validators_take(chain: LedgerChain, netuid: int) -> None:
    chain.call(DAVE, "add_stake", hotkey=V1, netuid=netuid, amount_staked=400 * RAO)
    own, daves = (ledger.alpha_of(chain.state, V1, who, netuid) for who in (BOB, DAVE))
    past_epoch(chain, netuid)
    dividends = chain.get("AlphaDividendsPerSubnet", netuid, V1)
    take = dividends * 11_796 // 65_535
    gained = ledger.alpha_of(chain.state, V1, DAVE, netuid) - daves
    assert gained == pytest.approx((dividends - take) * daves / (own + take + daves), rel=1e-3)
    assert ledger.alpha_of(chain.state, V1, BOB, netuid) - own == pytest.approx(dividends - gained, abs=2)


def test_root_dividends_are_sold_for_the_stakers_on_root(chain: LedgerChain, netuid: int) -> None:
    chain.call(DAVE, "add_stake", hotkey=V1, netuid=0, amount_staked=50_000 * RAO)
    chain.put("SubnetMovingPrice", netuid, value={"bits": 2 * U96F32.one})  # root sells while prices add up to over 1
    past_epoch(chain, netuid, 2)
    assert chain.get("SubnetRootSellTao", netuid) > 0
    assert chain.get("RootAlphaDividendsPerSubnet", netuid, V1) > 0
    assert ledger.alpha_of(chain.state, V1, DAVE, 0) > 50_000 * RAO
    assert chain.discrepancies() == {}


def test_roots_part_is_recycled_while_prices_are_low(chain: LedgerChain, netuid: int) -> None:
    chain.call(DAVE, "add_stake", hotkey=V1, netuid=0, amount_staked=50_000 * RAO)
    past_epoch(chain, netuid, 2)
    assert chain.get("SubnetRootSellTao", netuid) == 0
    assert ledger.alpha_of(chain.state, V1, DAVE, 0) == 50_000 * RAO
    assert chain.state.get("AlphaAssets", "AlphaRecycled", netuid) > RAO
    assert chain.discrepancies() == {}


@pytest.mark.parametrize("choice", ["Burn", "Recycle"])
def test_the_owners_own_miners_get_nothing_and_cost_the_subnet_tao(
    chain: LedgerChain, netuid: int, choice: str
) -> None:
    own = address("own-miner")
    chain.call(ALICE, "burned_register", netuid=netuid, hotkey=own)
    chain.put("RecycleOrBurn", netuid, value=choice)
    past_epoch(chain, netuid)
    for validator in (V1, V2):
        chain.call(validator, "set_weights", netuid=netuid, dests=[4, 5], weights=[1, 3], version_key=0)
    item = "AlphaBurned" if choice == "Burn" else "AlphaRecycled"
    before = chain.state.get("AlphaAssets", item, netuid)
    past_epoch(chain, netuid)
    assert ledger.total_alpha(chain.state, own, netuid) == 0
    assert chain.state.get("AlphaAssets", item, netuid) - before > 2 * RAO
    assert chain.get("MinerBurned", netuid)["bits"] / U96F32.one == pytest.approx(0.75, abs=1e-3)
    assert chain.discrepancies() == {}


def test_incentive_follows_the_coldkeys_wish(chain: LedgerChain, netuid: int) -> None:
    chain.call(CHARLIE, "set_coldkey_auto_stake_hotkey", netuid=netuid, hotkey=V1)
    past_epoch(chain, netuid)
    weigh(chain, netuid)
    past_epoch(chain, netuid)
    assert ledger.total_alpha(chain.state, M1, netuid) == 0
    assert ledger.alpha_of(chain.state, V1, CHARLIE, netuid) > RAO


def test_a_parent_gets_dividends_of_its_child(chain: LedgerChain, netuid: int) -> None:
    half = 2**63
    chain.put("ChildKeys", V1, netuid, value=[(half, V2)])
    chain.put("ParentKeys", V2, netuid, value=[(half, V1)])
    assert ledger.inherited(chain.state, V1, netuid) == pytest.approx(
        ledger.total_alpha(chain.state, V1, netuid) / 2, abs=2
    )
    past_epoch(chain, netuid)
    weigh(chain, netuid)
    past_epoch(chain, netuid)
    assert chain.get("AlphaDividendsPerSubnet", netuid, V1) > 0
    assert chain.discrepancies() == {}


def test_two_mechanisms_share_the_emission(chain: LedgerChain, netuid: int) -> None:
    chain.put("MechanismCountCurrent", netuid, value=2)
    chain.put("LastUpdate", netuid + 4_096, value=[0] * 5)
    chain.put("Incentive", netuid + 4_096, value=[0] * 5)
    past_epoch(chain, netuid)
    weigh(chain, netuid, 1, 0)
    for validator in (V1, V2):
        chain.call(
            validator,
            "set_mechanism_weights",
            netuid=netuid,
            mecid=1,
            dests=[4],
            weights=[1],
            version_key=0,
        )
    past_epoch(chain, netuid)
    assert chain.get("Incentive", netuid) == [0, 0, 0, 65_535, 0]
    assert chain.get("Incentive", netuid + 4_096) == [0, 0, 0, 0, 65_535]
    first, second = (ledger.alpha_of(chain.state, miner, CHARLIE, netuid) for miner in (M1, M2))
    assert first == pytest.approx(second, rel=1e-6)
    assert chain.discrepancies() == {}


def test_a_waiting_commit_older_than_a_registration_hides_the_weight_on_it(chain: LedgerChain, netuid: int) -> None:
    from taostack.devnet.economics.yuma.model import NEVER
    from taostack.devnet.pallets.yuma_step import commit_blocks

    chain.put("WeightCommits", netuid, V1, value=[("0x" + "11" * 32, 7, 0, 10**6), ("0x" + "22" * 32, 9, 0, 10**6)])
    chain.put("TimelockedWeightCommits", netuid, 10**6, value=[(V2, 8, b"x", 5), (address("gone"), 1, b"y", 5)])
    blocks = commit_blocks(chain.state, netuid, netuid, 20)
    assert blocks.tolist() == [NEVER, 7, 8, NEVER, NEVER]


def test_the_moving_price_follows_slowly(chain: LedgerChain, netuid: int) -> None:
    chain.put("SubnetMovingAlpha", value={"bits": U96F32.one // 2})
    chain.put("EMAPriceHalvingBlocks", netuid, value=1)
    chain.mine(4)
    moving = chain.get("SubnetMovingPrice", netuid)["bits"] / U96F32.one
    assert moving == pytest.approx(1 - 0.75 * 2 / 3, abs=1e-6)


def test_emission_of_an_unknown_subnet_is_no_question(chain: LedgerChain) -> None:
    assert not coinbase.is_emitting(chain.state, 99, 10)
