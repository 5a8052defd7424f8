"""A real local chain, and a way to it."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from bittensor import calls

from taostack.chain.client import Chain
from taostack.chain.operations import add_stake, register, register_subnet, set_parameter, start_subnet, sudo
from taostack.chain.wallet import Wallet, dev_wallet
from taostack.devnet import Devnet

TAO = 10**9


@pytest.fixture
def devnet(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Devnet]:
    """A fresh chain; one with a started subnet for tests that ask for ``subnet``."""
    state = None
    if "subnet" in request.fixturenames:
        state = tmp_path / "chain.state"
        shutil.copy(request.getfixturevalue("started_subnet")[0], state)
    with Devnet(block_time=0.1, state_file=state) as node:
        yield node


@pytest.fixture(scope="session")
def started_subnet(tmp_path_factory: pytest.TempPathFactory, alice: Wallet) -> "tuple[Path, Subnet]":
    """A subnet made once by extrinsics, and the state of its chain in a file."""
    path = tmp_path_factory.mktemp("chain") / "started.state"

    async def make() -> Subnet:
        with Devnet(block_time=0.1) as node:
            async with Chain.connect(node.url, deadline_seconds=10.0) as chain:
                made = await make_subnet(node, chain, alice)
            node.save(path)
            return made

    return path, asyncio.run(make())


@pytest.fixture
async def chain(devnet: Devnet) -> AsyncIterator[Chain]:
    async with Chain.connect(devnet.url, deadline_seconds=10.0) as opened:
        yield opened


@pytest.fixture(scope="session")
def alice() -> Wallet:
    """Funded, and the sudo key."""
    return dev_wallet("//Alice")


@dataclass(frozen=True)
class Subnet:
    """A started subnet with one validator that may set weights, and two miners."""

    netuid: int
    owner: Wallet
    validator: Wallet
    miners: tuple[Wallet, Wallet]


@pytest.fixture
def subnet(started_subnet: tuple[Path, Subnet]) -> Subnet:
    return started_subnet[1]


async def make_subnet(devnet: Devnet, chain: Chain, alice: Wallet) -> Subnet:
    """Make a subnet by extrinsics alone, wait until its validator holds a permit."""
    owner = dev_wallet("//Bob", hotkey="//Bob//owner")
    validator = dev_wallet("//Charlie", hotkey="//Charlie//validator")
    miners = (dev_wallet("//Dave", hotkey="//Dave//miner"), dev_wallet("//Eve", hotkey="//Eve//miner"))
    for wallet in (owner, validator, *miners):
        devnet.set_balance(wallet.coldkey_address, 100_000 * TAO)
    await sudo(chain, "start without delay", calls.AdminUtils.sudo_set_start_call_delay(delay=0), alice)
    netuid = await register_subnet(chain, owner)
    for name, value in {
        "tempo": 10,
        "weights_set_rate_limit": 0,
        "commit_reveal_weights_enabled": False,
        "max_registrations_per_block": 16,
    }.items():
        await set_parameter(chain, netuid, name, value, alice, as_root=True)
    await start_subnet(chain, netuid, owner)
    for wallet in (validator, *miners):
        await register(chain, netuid, wallet)
    await add_stake(chain, netuid, validator.hotkey_address, 100 * TAO, validator, tolerance=0.5)
    for _ in range(60):
        graph = await chain.metagraph(netuid)
        uid = graph.uid_of(validator.hotkey_address)
        if uid is not None and graph.permit[uid]:
            return Subnet(netuid, owner, validator, miners)
        devnet.mine(1)
    raise AssertionError("the validator never got its permit")
