"""The unmodified bittensor 11 against a devnet: subnets, registration, serving, weights, hyperparameters."""

import gc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import bittensor
import pytest
from bittensor import calls, intents, storage

from taostack.chain.wallet import Wallet, dev_wallet
from taostack.devnet import Devnet

# The SDK leaves the transport of a lost connection to the collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

OWNER = dev_wallet("//Alice", hotkey="//Alice//owner")
VALIDATOR = dev_wallet("//Bob", hotkey="//Bob//validator")
MINER = dev_wallet("//Charlie", hotkey="//Charlie//miner")
NETUID = 2
TAO = 10**9


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def devnet() -> Iterator[Devnet]:
    with Devnet(seal="instant") as node:
        yield node


@pytest.fixture
async def client(devnet: Devnet) -> AsyncIterator[bittensor.Client]:
    async with bittensor.Client(devnet.url) as opened:
        yield opened


async def do(devnet: Devnet, intent: Any, wallet: Wallet) -> Any:
    """Execute on a connection of its own: after a shielded call the SDK's own nonce cache is stale."""
    async with bittensor.Client(devnet.url) as client:
        return await client.execute(intent, wallet)


async def done(devnet: Devnet, intent: Any, wallet: Wallet) -> Any:
    result = await do(devnet, intent, wallet)
    assert result.success, result.error
    return result


async def refusal(devnet: Devnet, intent: Any, wallet: Wallet) -> str:
    result = await do(devnet, intent, wallet)
    assert not result.success
    return str(result.error.name)


@pytest.fixture
async def subnet(devnet: Devnet) -> Devnet:
    """A started subnet with owner, validator and miner."""
    await done(devnet, intents.RegisterSubnet(), OWNER)
    await done(devnet, intents.StartCall(netuid=NETUID), OWNER)
    for wallet in (VALIDATOR, MINER):
        await done(devnet, intents.BurnedRegister(netuid=NETUID), wallet)
    return devnet


async def test_a_subnet_is_created_started_and_listed(devnet: Devnet, client: bittensor.Client) -> None:
    assert [each.netuid for each in await client.subnets.all()] == [0, 1]
    cost = await client.read("subnet_registration_cost")
    result = await done(devnet, intents.RegisterSubnet(), OWNER)
    assert result.data["netuid"] == NETUID
    assert result.data["registration_mode"] == "immediate"
    assert result.data["registration_price_rao"] == cost.rao == 1_000 * TAO
    await done(devnet, intents.StartCall(netuid=NETUID), OWNER)
    assert await refusal(devnet, intents.StartCall(netuid=NETUID), OWNER) == "FirstEmissionBlockNumberAlreadySet"
    assert await refusal(devnet, intents.StartCall(netuid=NETUID), MINER) == "BadOrigin"
    (created,) = [each for each in await client.subnets.all() if each.netuid == NETUID]
    assert (created.tempo, created.neuron_count) == (10, 1)


async def test_hotkeys_register_through_the_mev_shield(devnet: Devnet, client: bittensor.Client) -> None:
    await done(devnet, intents.RegisterSubnet(), OWNER)
    result = await done(devnet, intents.BurnedRegister(netuid=NETUID), MINER)
    assert result.data["shielded"]
    assert await client.query(storage.SubtensorModule.Uids, [NETUID, MINER.hotkey_address]) == 1
    again = intents.BurnedRegister(netuid=NETUID)
    assert await refusal(devnet, again, MINER) == "HotKeyAlreadyRegisteredInSubNet"
    assert await refusal(devnet, intents.BurnedRegister(netuid=77), MINER) == "SubnetNotExists"
    assert devnet.state.get("SubtensorModule", "SubnetworkN", NETUID) == 2


async def test_a_plan_tells_the_price_before_anything_is_sent(devnet: Devnet, client: bittensor.Client) -> None:
    await done(devnet, intents.RegisterSubnet(), OWNER)
    before = devnet.block
    plan = await client.plan(intents.BurnedRegister(netuid=NETUID), MINER)
    assert any("destroyed" in each for each in plan.effects)
    assert devnet.block == before


async def test_axons_are_published_where_others_can_reach_them(subnet: Devnet, client: bittensor.Client) -> None:
    await done(subnet, intents.ServeAxon(netuid=NETUID, ip="127.0.0.2", port=8091), MINER)
    graph = await client.read("metagraph", netuid=NETUID)
    assert graph["axons"][2]["port"] == 8091
    again = intents.ServeAxon(netuid=NETUID, ip="127.0.0.2", port=8092)
    assert await refusal(subnet, again, MINER) == "ServingRateLimitExceeded"
    loopback = intents.ServeAxon(netuid=NETUID, ip="127.0.0.1", port=8091)
    assert await refusal(subnet, loopback, VALIDATOR) == "InvalidIpAddress"
    assert await refusal(subnet, intents.ServeAxon(netuid=NETUID, ip="127.0.0.2", port=0), VALIDATOR) == "InvalidPort"


async def test_commitments_are_set_and_read(subnet: Devnet, client: bittensor.Client) -> None:
    call = calls.Commitments.set_commitment(netuid=NETUID, info={"fields": [{"Raw5": b"hello"}]})
    result = await client.submit_call(call, MINER, signer="hotkey")
    assert result.success, result.error
    found = await bittensor.metagraph.fetch_commitments(client, NETUID)
    assert found[MINER.hotkey_address].data == "hello"
    graph = await client.subnets.metagraph(NETUID)
    assert graph is not None


async def test_weights_are_set_once_the_rate_limit_has_gone_by(subnet: Devnet, client: bittensor.Client) -> None:
    with pytest.raises(bittensor.ChainError, match="rate limit"):
        await do(subnet, intents.SetWeights(netuid=NETUID, weights={1: 1.0, 2: 0.5}), OWNER)
    raw = calls.SubtensorModule.set_mechanism_weights(NETUID, 0, [1, 2], [2, 1], 0)
    too_soon = await client.submit_call(raw, OWNER, signer="hotkey")
    assert too_soon.error.name == "RateLimitExceeded"
    subnet.mine(100)
    await done(subnet, intents.SetWeights(netuid=NETUID, weights={1: 1.0, 2: 0.5}), OWNER)
    rows = await client.read("weights", netuid=NETUID)
    assert rows[0] == {1: pytest.approx(2 / 3, abs=1e-4), 2: pytest.approx(1 / 3, abs=1e-4)}
    others = intents.SetWeights(netuid=NETUID, weights={0: 1.0})
    assert await refusal(subnet, others, MINER) == "NeuronNoValidatorPermit"


async def test_timelocked_weights_wait_and_are_revealed_by_the_developer(
    subnet: Devnet, client: bittensor.Client
) -> None:
    await done(
        subnet, intents.SetHyperparameter(netuid=NETUID, name="commit_reveal_weights_enabled", value=True), OWNER
    )
    subnet.mine(100)
    result = await done(subnet, intents.SetWeights(netuid=NETUID, weights={1: 1.0, 2: 0.25}), OWNER)
    assert result.data["reveal_round"] > 0
    waiting = await client.read("timelocked_weight_commits", netuid=NETUID)
    ((commit,),) = waiting.values()
    assert commit["hotkey"] == OWNER.hotkey_address
    answer = subnet.reveal(NETUID, OWNER.hotkey_address, [1, 2], [4, 1])
    assert answer["revealed"]
    rows = await client.read("weights", netuid=NETUID)
    assert rows[0] == {1: pytest.approx(0.8, abs=1e-4), 2: pytest.approx(0.2, abs=1e-4)}
    assert await client.read("timelocked_weight_commits", netuid=NETUID) == {}


async def test_hyperparameters_are_the_owner_s_and_root_s(subnet: Devnet, client: bittensor.Client) -> None:
    change = intents.SetHyperparameter(netuid=NETUID, name="immunity_period", value=77)
    assert await refusal(subnet, change, MINER) == "BadOrigin"
    await done(subnet, change, OWNER)
    assert (await client.read("subnet_hyperparameters", netuid=NETUID))["immunity_period"] == 77
    assert await refusal(subnet, change, OWNER) == "TxRateLimitExceeded"
    low = intents.SetHyperparameter(netuid=NETUID, name="min_burn", value=2 * TAO)
    assert await refusal(subnet, low, OWNER) == "ValueNotInBounds"
    inner = await client.compose(calls.AdminUtils.sudo_set_weights_set_rate_limit(NETUID, 0))
    async with bittensor.Client(subnet.url) as fresh:
        result = await fresh.submit_call(calls.Sudo.sudo(call=inner), OWNER)
    assert result.success, result.error
    assert await client.read("weights_rate_limit", netuid=NETUID) == 0
    async with bittensor.Client(subnet.url) as fresh:
        denied = await fresh.submit_call(calls.Sudo.sudo(call=inner), MINER)
    assert denied.error.name == "RequireSudo"


async def test_an_older_block_is_read_as_it_was(subnet: Devnet, client: bittensor.Client) -> None:
    before = subnet.block
    await done(subnet, intents.ServeAxon(netuid=NETUID, ip="127.0.0.2", port=8091), MINER)
    then = await client.at(before)
    assert (await then.read("metagraph", netuid=NETUID))["axons"][2]["port"] == 0
    assert (await client.read("metagraph", netuid=NETUID))["axons"][2]["port"] == 8091


async def test_every_read_about_a_subnet_is_answered(subnet: Devnet, client: bittensor.Client) -> None:
    values = {"netuid": NETUID, "mechid": 0, "uid": 1, "hotkey_ss58": MINER.hotkey_address}
    values["coldkey_ss58"] = MINER.coldkey_address
    asked = 0
    for read in client.reads():
        parameters = read["parameters"] if "parameters" in read else read["params"]
        names = set(parameters.get("properties", parameters))
        if names and names <= set(values):
            await client.read(read["name"], **{name: values[name] for name in names})
            asked += 1
    assert asked > 40


async def test_a_root_seat_and_an_identity(subnet: Devnet, client: bittensor.Client) -> None:
    await done(subnet, intents.RootRegister(), VALIDATOR)
    assert await client.query(storage.SubtensorModule.Keys, [0, 0]) == VALIDATOR.hotkey_address
    await done(subnet, intents.SetSubnetIdentity(netuid=NETUID, subnet_name="forge"), OWNER)
    info = await client.read("subnet", netuid=NETUID)
    assert info is not None


async def test_children_takes_symbols_and_key_swaps(subnet: Devnet, client: bittensor.Client) -> None:
    child = dev_wallet("//Dave", hotkey="//Dave//child").hotkey_address
    await done(subnet, intents.SetChildren(netuid=NETUID, children=[(0.5, child)]), VALIDATOR)
    await done(subnet, intents.SetChildkeyTake(netuid=NETUID, take=0.1), VALIDATOR)
    await done(subnet, intents.SetTake(take=0.1), VALIDATOR)
    await done(subnet, intents.UpdateSymbol(netuid=NETUID, symbol="δ"), OWNER)
    await done(subnet, intents.SetSubnetEmissionEnabled(netuids=[NETUID], enabled=True), OWNER)
    subnet.mine(20)
    ((share, hotkey),) = await client.read("children", netuid=NETUID, hotkey_ss58=VALIDATOR.hotkey_address)
    assert (share, hotkey) == (2**63, child)
    newer = dev_wallet("//Bob", hotkey="//Bob//newer").hotkey_address
    await done(subnet, intents.SwapHotkey(new_hotkey_ss58=newer), VALIDATOR)
    assert await client.query(storage.SubtensorModule.Uids, [NETUID, newer]) == 1
    assert await client.read("children", netuid=NETUID, hotkey_ss58=newer) == [(share, child)]
