"""The unmodified bittensor 11 stakes on the devnet: plan, protect from slippage, read back, be refused."""

from collections.abc import AsyncIterator, Iterator

import pytest
from bittensor import Client, calls
from bittensor.intents.staking import AddStake, MoveStake, RemoveStake, SwapStake, TransferStake, UnstakeAll

from taostack.chain.wallet import Wallet, dev_wallet
from taostack.devnet import Devnet

TAO = 10**9
NETUID = 2


@pytest.fixture(scope="module")
def devnet() -> Iterator[Devnet]:
    with Devnet(seal="instant") as node:
        yield node


@pytest.fixture
async def client(devnet: Devnet) -> AsyncIterator[Client]:
    async with Client(devnet.url) as opened:
        yield opened


OWNER = dev_wallet("//Alice", hotkey="//Alice//owner")


async def a_validator(client: Client, devnet: Devnet, name: str) -> Wallet:
    """A hotkey registered on a started subnet, whose coldkey has 10,000 TAO."""
    if not devnet.state.has("SubtensorModule", "NetworksAdded", NETUID):
        for call in (
            calls.SubtensorModule.register_network(hotkey=OWNER.hotkey_address),
            calls.SubtensorModule.start_call(netuid=NETUID),
        ):
            assert (await client.submit_call(call, OWNER)).success
        # An epoch in the middle of a test would pay dividends into the stake that it measures.
        devnet.set_storage("SubtensorModule", "Tempo", NETUID, value=50_000)
    wallet = dev_wallet(f"//{name}", hotkey=f"//{name}//validator")
    devnet.set_balance(wallet.coldkey_address, 10_000 * TAO)
    register = calls.SubtensorModule.burned_register(netuid=NETUID, hotkey=wallet.hotkey_address)
    assert (await client.submit_call(register, wallet)).success
    return wallet


async def stake_of(client: Client, wallet: Wallet, hotkey: str | None = None, netuid: int = NETUID) -> int:
    read = await client.read(
        "stake",
        coldkey_ss58=wallet.coldkey_address,
        hotkey_ss58=hotkey or wallet.hotkey_address,
        netuid=netuid,
    )
    return int(read.rao)


async def test_a_plan_quotes_what_the_stake_then_gives(client: Client, devnet: Devnet) -> None:
    wallet = await a_validator(client, devnet, "Planner")
    quote = await client.read("quote_stake", netuid=NETUID, amount_tao=10.0)
    intent = AddStake(hotkey_ss58=wallet.hotkey_address, netuid=NETUID, amount_tao=10)
    plan = await client.plan(intent, wallet)
    before = await stake_of(client, wallet)
    assert plan.violations == []
    assert plan.spend.rao == 10 * TAO
    result = await client.execute(intent, wallet)
    assert result.success, result.error
    assert await stake_of(client, wallet) - before == quote.alpha.rao


async def test_stake_is_added_moved_swapped_transferred_and_removed(client: Client, devnet: Devnet) -> None:
    wallet = await a_validator(client, devnet, "Mover")
    own, owners = wallet.hotkey_address, OWNER.hotkey_address
    for intent in (
        AddStake(hotkey_ss58=own, netuid=NETUID, amount_tao=20),
        RemoveStake(hotkey_ss58=own, netuid=NETUID, amount_alpha=2),
        MoveStake(
            origin_hotkey_ss58=own,
            dest_hotkey_ss58=owners,
            origin_netuid=NETUID,
            dest_netuid=NETUID,
            amount_alpha=3,
        ),
        SwapStake(hotkey_ss58=own, origin_netuid=NETUID, dest_netuid=0, amount_alpha=4),
        TransferStake(
            dest_coldkey_ss58=OWNER.coldkey_address,
            hotkey_ss58=own,
            origin_netuid=NETUID,
            dest_netuid=NETUID,
            amount_alpha=1,
        ),
    ):
        result = await client.execute(intent, wallet)
        assert result.success, (intent, result.error)
    assert await stake_of(client, wallet, owners) in (3 * TAO, 3 * TAO - 1)
    assert await stake_of(client, wallet, netuid=0) > 3.5 * TAO
    assert await stake_of(client, OWNER, own) in (TAO, TAO - 1)
    positions = await client.read("stake_for_coldkey", coldkey_ss58=wallet.coldkey_address)
    assert {(each.hotkey, each.netuid) for each in positions} == {(own, 0), (own, NETUID), (owners, NETUID)}
    availability = await client.read("stake_availability", coldkey_ss58=wallet.coldkey_address, netuid=NETUID)
    assert availability["locked"].rao == 0
    result = await client.execute(UnstakeAll(hotkey_ss58=own), wallet)
    assert result.success, result.error
    assert await stake_of(client, wallet) == await stake_of(client, wallet, netuid=0) == 0


@pytest.mark.parametrize(
    ("amount", "netuid", "error"),
    [(0.001, NETUID, "AmountTooLow"), (900, NETUID, "SlippageTooHigh"), (5, 77, "SubnetNotExists")],
)
async def test_the_chains_refusals_come_by_name(
    client: Client, devnet: Devnet, amount: float, netuid: int, error: str
) -> None:
    wallet = await a_validator(client, devnet, f"Refused{error}")
    intent = AddStake(
        hotkey_ss58=wallet.hotkey_address, netuid=netuid, amount_tao=amount, slippage_protection=netuid == NETUID
    )
    result = await client.execute(intent, wallet)
    assert not result.success
    assert result.error is not None
    assert result.error.name == error


async def test_an_unknown_hotkey_cannot_be_staked_to(client: Client, devnet: Devnet) -> None:
    wallet = await a_validator(client, devnet, "Stranger")
    unknown = dev_wallet("//Nobody").hotkey_address
    result = await client.execute(AddStake(hotkey_ss58=unknown, netuid=NETUID, amount_tao=1), wallet)
    assert result.error is not None
    assert result.error.name == "HotKeyAccountNotExists"


async def test_stake_reads_at_an_older_block_show_what_was_then(client: Client, devnet: Devnet) -> None:
    wallet = await a_validator(client, devnet, "Historian")
    before = devnet.block
    assert (
        await client.execute(AddStake(hotkey_ss58=wallet.hotkey_address, netuid=NETUID, amount_tao=5), wallet)
    ).success
    view = await client.at(before)
    arguments = {"coldkey_ss58": wallet.coldkey_address, "hotkey_ss58": wallet.hotkey_address, "netuid": NETUID}
    assert (await view.read("stake", **arguments)).rao == 0
    assert await stake_of(client, wallet) > 0
