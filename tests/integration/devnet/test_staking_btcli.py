"""The unmodified btcli stakes, lists and unstakes on the devnet, through the MEV shield."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bittensor import Client, calls
from bittensor import Wallet as KeyfileWallet

from taostack.chain.wallet import dev_wallet
from taostack.devnet import Devnet

TAO = 10**9
NETUID = 2


class Shell:
    """btcli with a home and a wallet of its own."""

    def __init__(self, home: Path, url: str) -> None:
        self._home, self._url = home, url
        self.wallet = KeyfileWallet("staker", "default", str(home / ".bittensor" / "wallets"))
        self.wallet.create_new_coldkey(use_password=False, suppress=True)
        self.wallet.create_new_hotkey(use_password=False, suppress=True)

    def run(self, *arguments: str) -> str:
        """The output of a command that must succeed."""
        done = subprocess.run(
            [str(Path(sys.executable).with_name("btcli")), *arguments, "-w", "staker", "-n", self._url, "--json"],
            env={"HOME": str(self._home), "PATH": os.environ["PATH"], "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
        return done.stdout

    def positions(self) -> list[dict[str, Any]]:
        """``btcli stake list``."""
        rows: list[dict[str, Any]] = json.loads(self.run("stake", "list"))
        return rows


@pytest.fixture
def devnet() -> Iterator[Devnet]:
    with Devnet(block_time=0.2) as node:
        yield node


async def test_stake_add_list_and_remove(devnet: Devnet, tmp_path: Path) -> None:
    owner = dev_wallet("//Alice", hotkey="//Alice//owner")
    async with Client(devnet.url) as client:
        for call in (
            calls.SubtensorModule.register_network(hotkey=owner.hotkey_address),
            calls.SubtensorModule.start_call(netuid=NETUID),
        ):
            assert (await client.submit_call(call, owner)).success
    shell = Shell(tmp_path, devnet.url)
    devnet.set_balance(shell.wallet.coldkeypub.ss58_address, 1_000 * TAO)
    hotkey = ("--hotkey", owner.hotkey_address, "--netuid", str(NETUID))
    shell.run("stake", "add", *hotkey, "--amount-tao", "15", "--yes")
    (added,) = shell.positions()
    assert added["netuid"] == NETUID
    assert added["hotkey"] == owner.hotkey_address
    coldkey = shell.wallet.coldkeypub.ss58_address
    before = devnet.state.get("System", "Account", coldkey)["data"]["free"]
    shell.run("stake", "remove", *hotkey, "--amount-alpha", "5", "--yes")
    gained = devnet.state.get("System", "Account", coldkey)["data"]["free"] - before
    # the price has been pushed up a little by the stake and by emission
    assert 4.9 * TAO < gained < 6 * TAO
