"""The unmodified bittensor 10.5.0, synchronous and asynchronous, against a devnet."""

import json
from collections.abc import Callable, Iterator

import pytest

from taostack.devnet import Devnet
from taostack.devnet.genesis import DEV_ACCOUNTS, DEV_BALANCE_RAO

ALICE, BOB = DEV_ACCOUNTS["//Alice"], DEV_ACCOUNTS["//Bob"]

COMMON = """
import asyncio, json, sys
import bittensor
from bittensor_wallet import Keypair

class DevWallet:
    def __init__(self, uri):
        self.name = self.hotkey_str = uri
        self.coldkey = self.hotkey = self.coldkeypub = Keypair.create_from_uri(uri)
    def unlock_coldkey(self):
        return None

url, alice, bob = sys.argv[1:4]
found = {}
"""

SYNCHRONOUS = (
    COMMON
    + """
chain = bittensor.Subtensor(network=url)
before = chain.block
found["version"] = bittensor.__version__
found["alice"] = chain.get_balance(alice).rao
wallet, amount = DevWallet("//Alice"), bittensor.Balance.from_tao(2)
found["estimate"] = chain.get_transfer_fee(wallet, bob, amount).rao
response = chain.transfer(wallet=wallet, destination_ss58=bob, amount=amount)
found["sent"] = response.success
found["fee"] = response.extrinsic_fee.rao
found["bob"] = chain.get_balance(bob).rao
found["bob_then"] = chain.get_balance(bob, block=before).rao
events = response.extrinsic_receipt.triggered_events
found["events"] = [each["event"]["module_id"] + "." + each["event"]["event_id"] for each in events]
too_much = chain.transfer(wallet=wallet, destination_ss58=bob, amount=bittensor.Balance.from_tao(10**8))
found["too_much"] = too_much.success
number = chain.block
chain.wait_for_block(number + 2)
found["waited"] = chain.block - number
info = chain.get_block_info(number)
found["info"] = [info.number == number, len(info.extrinsics) >= 1]
print(json.dumps(found))
"""
)

ASYNCHRONOUS = (
    COMMON
    + """
async def main():
    async with bittensor.AsyncSubtensor(network=url) as chain:
        number = await chain.block
        found["alice"] = (await chain.get_balance(alice)).rao
        response = await chain.transfer(
            wallet=DevWallet("//Alice"), destination_ss58=bob, amount=bittensor.Balance.from_tao(2)
        )
        found["sent"] = response.success
        found["bob"] = (await chain.get_balance(bob)).rao
        found["bob_then"] = (await chain.get_balance(bob, block=number)).rao
        await chain.wait_for_block(number + 3)
        found["waited"] = (await chain.block) - number
        heads = []
        async def on_head(message):
            heads.append(message["header"]["number"])
            return True if len(heads) == 3 else None
        head = await chain.substrate.get_chain_head()
        await asyncio.wait_for(chain.substrate.subscribe_block_headers(on_head), 20)
        found["heads"] = [each - heads[0] for each in heads]
    print(json.dumps(found))
asyncio.run(main())
"""
)


@pytest.fixture
def chain() -> Iterator[Devnet]:
    with Devnet(block_time=0.1) as devnet:
        yield devnet


def test_the_synchronous_client(chain: Devnet, run_v10: Callable[..., str]) -> None:
    found = json.loads(run_v10(SYNCHRONOUS, chain.url, ALICE, BOB).splitlines()[-1])
    assert found["version"] == "10.5.0"
    assert found["alice"] == DEV_BALANCE_RAO
    assert found["sent"] is True
    assert abs(found["fee"] - found["estimate"]) <= 16
    assert found["bob"] == DEV_BALANCE_RAO + 2 * 10**9
    assert found["bob_then"] == DEV_BALANCE_RAO
    assert found["events"][-1] == "System.ExtrinsicSuccess"
    assert "Balances.Transfer" in found["events"]
    assert found["too_much"] is False
    assert found["waited"] >= 2
    assert found["info"] == [True, True]


def test_the_asynchronous_client(chain: Devnet, run_v10: Callable[..., str]) -> None:
    found = json.loads(run_v10(ASYNCHRONOUS, chain.url, ALICE, BOB).splitlines()[-1])
    assert found["alice"] == DEV_BALANCE_RAO
    assert found["sent"] is True
    assert found["bob"] == DEV_BALANCE_RAO + 2 * 10**9
    assert found["bob_then"] == DEV_BALANCE_RAO
    assert found["waited"] >= 3
    assert found["heads"] == [0, 1, 2]
