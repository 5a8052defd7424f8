"""The unmodified btcli creates, starts, joins and shows a subnet on the devnet."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from taostack.chain.wallet import create_wallet
from taostack.devnet import Devnet

NETUID = "2"


class Shell:
    """btcli with a home of its own and two wallets: ``owner`` (//Alice) and ``miner`` (//Bob)."""

    def __init__(self, home: Path, url: str) -> None:
        self._home, self._url = home, url
        wallets = home / ".bittensor" / "wallets"
        create_wallet("owner", path=wallets, coldkey_uri="//Alice", hotkey_uri="//Alice//owner")
        create_wallet("miner", path=wallets, coldkey_uri="//Bob", hotkey_uri="//Bob//miner")

    def run(self, *arguments: str, wallet: str | None = None) -> "subprocess.CompletedProcess[str]":
        """Run one command; ``wallet`` signs it without asking."""
        signing = ["-w", wallet, "--yes"] if wallet else []
        return subprocess.run(
            [str(Path(sys.executable).with_name("btcli")), *arguments, "-n", self._url, *signing, "--json"],
            env={"HOME": str(self._home), "PATH": os.environ["PATH"], "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def ok(self, *arguments: str, wallet: str | None = None) -> Any:
        """The answer of a command that must succeed."""
        done = self.run(*arguments, wallet=wallet)
        assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
        return json.loads(done.stdout)


@pytest.fixture
def devnet() -> Iterator[Devnet]:
    with Devnet(block_time=0.2) as node:
        yield node


def test_a_subnet_s_life_in_the_shell(devnet: Devnet, tmp_path: Path) -> None:
    shell = Shell(tmp_path, devnet.url)
    shell.ok("subnets", "create", wallet="owner")
    shell.ok("sudo", "start", "--netuid", NETUID, wallet="owner")
    shell.ok("subnets", "register", "--netuid", NETUID, wallet="miner")
    shell.ok("axon", "set", "--netuid", NETUID, "--ip", "127.0.0.2", "--port", "8091", wallet="miner")
    assert devnet.state.get("SubtensorModule", "SubnetworkN", 2) == 2
    refused = shell.run("sudo", "set", "--netuid", NETUID, "--name", "immunity_period", "--value", "77", wallet="miner")
    assert refused.returncode != 0
    assert "not_authorized" in refused.stdout + refused.stderr
    assert {each["netuid"] for each in shell.ok("subnets", "list")} == {0, 1, 2}
    shown = shell.ok("subnets", "metagraph", NETUID)
    assert "8091" in json.dumps(shown)
