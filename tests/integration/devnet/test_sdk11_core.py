"""The unmodified bittensor 11 against a devnet: connect, blocks, balances, transfers, fees, events, history."""

import asyncio
import contextlib
import gc
from collections.abc import Iterator
from typing import Any

import bittensor
import pytest
from bittensor.sp_core import Keypair

from taostack.devnet import Devnet
from taostack.devnet.genesis import DEV_ACCOUNTS, DEV_BALANCE_RAO

ALICE, BOB = DEV_ACCOUNTS["//Alice"], DEV_ACCOUNTS["//Bob"]
WAIT_SECONDS = 20

# The SDK leaves the transport of a lost connection, and its synchronous client an event loop, to the collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


class DevWallet:
    """A wallet on a well-known key, as the SDK wants one."""

    def __init__(self, uri: str) -> None:
        self.name = self.hotkey_str = uri
        self.coldkey = self.hotkey = self.coldkeypub = Keypair.create_from_uri(uri)


@pytest.fixture
def chain() -> Iterator[Devnet]:
    with Devnet(block_time=0.1) as devnet:
        yield devnet


async def test_connect_and_read(chain: Devnet) -> None:
    async with bittensor.Client(chain.url) as client:
        assert await client.spec_version() == 461
        assert await client.block_time() == pytest.approx(0.1)
        assert (await client.balances.get(ALICE)).rao == DEV_BALANCE_RAO
        assert await client.block() <= chain.block
        assert (await client.timestamp()) is not None


async def test_the_block_stream_is_without_gaps(chain: Devnet) -> None:
    async with bittensor.Client(chain.url) as client, asyncio.timeout(WAIT_SECONDS):
        seen = []
        # Closed before the client: left to the collector, its unsubscribing would open the session anew.
        async with contextlib.aclosing(client.blocks()) as headers:
            async for header in headers:
                seen.append(header.number)
                if len(seen) == 4:
                    break
        assert seen == list(range(seen[0], seen[0] + 4))
        target = await client.block() + 2
        assert (await client.wait_for_block(target)).number >= target


async def test_a_transfer_with_its_estimated_fee_and_events(chain: Devnet) -> None:
    wallet: Any = DevWallet("//Alice")
    async with bittensor.Client(chain.url) as client:
        intent = bittensor.Transfer(dest_ss58=BOB, amount_tao=1.5)
        plan = await client.plan(intent, wallet)
        assert plan.fee is not None
        assert plan.warnings == []
        result = await client.execute(intent, wallet)
        assert result.success
        assert result.fee.rao == pytest.approx(plan.fee.rao, abs=16)
        assert [f"{each['module_id']}.{each['event_id']}" for each in result.events] == [
            "Balances.Withdraw",
            "Balances.Transfer",
            "Balances.Deposit",
            "TransactionPayment.TransactionFeePaid",
            "System.ExtrinsicSuccess",
        ]
        assert (await client.balances.get(BOB)).rao == DEV_BALANCE_RAO + 1_500_000_000
        assert (await client.balances.get(ALICE)).rao == DEV_BALANCE_RAO - 1_500_000_000 - result.fee.rao


async def test_a_transfer_of_too_much_is_an_error_with_the_chain_s_code(chain: Devnet) -> None:
    async with bittensor.Client(chain.url) as client:
        wallet: Any = DevWallet("//Alice")
        result = await client.execute(bittensor.Transfer(dest_ss58=BOB, amount_tao=10_000_000), wallet)
        assert not result.success
        assert result.error.code == bittensor.ErrorCode.INSUFFICIENT_BALANCE


async def test_an_older_block_is_read_as_it_was(chain: Devnet) -> None:
    async with bittensor.Client(chain.url) as client:
        wallet: Any = DevWallet("//Alice")
        before = await client.block()
        await client.execute(bittensor.Transfer(dest_ss58=BOB, amount_tao=1), wallet)
        now = await client.query(bittensor.storage.System.Account, [BOB])
        then = await client.query(bittensor.storage.System.Account, [BOB], block=before)
        assert now["data"]["free"] - then["data"]["free"] == 10**9
        info = await client.block_info(before)
        assert info is not None
        assert info.number == before
        accounts = dict(await client.query_map(bittensor.storage.System.Account, block=before))
        assert accounts[BOB]["data"]["free"] == DEV_BALANCE_RAO


async def test_many_transfers_in_flight_on_one_client(chain: Devnet) -> None:
    async with bittensor.Client(chain.url) as client:
        wallet: Any = DevWallet("//Alice")
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(client.execute(bittensor.Transfer(dest_ss58=BOB, amount_tao=1), wallet))
                for _ in range(5)
            ]
        assert all(each.result().success for each in running)
        assert (await client.balances.get(BOB)).rao == DEV_BALANCE_RAO + 5 * 10**9


async def test_root_calls_need_the_key(chain: Devnet) -> None:
    async with bittensor.Client(chain.url) as client:
        codec = chain.call(lambda node: node.chain.profile.codec)
        inner = codec.compose_call("Balances", "force_set_balance", {"who": BOB, "new_free": 77_777})
        call = ("Sudo", "sudo", {"call": inner})
        alice: Any = DevWallet("//Alice")
        bob: Any = DevWallet("//Bob")
        refused = await client.submit_call(call, bob)
        assert not refused.success
        assert refused.error.code == bittensor.ErrorCode.NOT_AUTHORIZED
        assert (await client.submit_call(call, alice)).success
        assert (await client.balances.get(BOB)).rao == 77_777


async def test_the_client_survives_dropped_connections(chain: Devnet) -> None:
    async with bittensor.Client(chain.url) as client, asyncio.timeout(WAIT_SECONDS):
        await client.block()
        chain.drop_connections()
        assert (await client.balances.get(ALICE)).rao == DEV_BALANCE_RAO


def test_the_synchronous_client_works_too(chain: Devnet) -> None:
    with bittensor.SyncClient(chain.url) as client:
        assert client.balances.get(ALICE).rao == DEV_BALANCE_RAO
